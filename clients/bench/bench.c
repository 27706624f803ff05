/* `caplay bench`: the command line, and what is around the procedure: cores, files, our own repeater. */
#include "clients/bench/bench.h"

#include "base/child.h"
#include "clients/bench/application.h"
#include "clients/bench/journal.h"
#include "clients/bench/live.h"
#include "clients/bench/recording.h"
#include "clients/bench/repeater.h"
#include "clients/bench/steps.h"
#include "clients/command.h"
#include "sim/http.h"
#include "traces/show.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct settings {
    struct option_list servers, count;
    const char *clients, *output, *save, *pv, *http, *precision;
    bool status, resume, unseen;
    unsigned profile, only;
    uint64_t runs, pvs, timeout_ns, seed, warmup, max_runs, time_limit_ns;
};

enum { PROFILE_QUICK, PROFILE_FULL, PROFILE_CI, PROFILE_UNSET };
static const char *const profile_names[] = {"quick", "full", "ci", NULL};

/* As enum bench_kinds. */
static const char *const only_names[] = {"all", "connect", "monitor", NULL};

static const struct option options[] = {
    {"server", 's', OPTION_LIST, offsetof(struct settings, servers), "SERVER", NULL, 0, 0,
     "ioc:FILE.db, replay:FILE, sim[:SCENARIO] or HOST:PORT; may be repeated (default sim)"},
    {"client", 'c', OPTION_STRING, offsetof(struct settings, clients), "A,B,...", NULL, 0, 0,
     "names as `caplay clients` lists them, or cmd:COMMAND, or all (default: libca, pyca, psp, pyepics, caproto)"},
    {"profile", 0, OPTION_CHOICE, offsetof(struct settings, profile), "PROFILE", profile_names, 0, 0,
     "quick, full or ci, see above (default quick; ci where a scenario is named)"},
    {"only", 0, OPTION_CHOICE, offsetof(struct settings, only), "WHAT", only_names, 0, 0, "connect or monitor (default all)"},
    {"runs", 0, OPTION_COUNT, offsetof(struct settings, runs), "N", NULL, 1, 1000, "runs of each step, instead of the profile's"},
    {"pvs", 0, OPTION_COUNT, offsetof(struct settings, pvs), "N", NULL, 1, BENCH_PVS_MAX,
     "one connect step of N PVs, instead of the profile's"},
    {"warmup", 0, OPTION_COUNT, offsetof(struct settings, warmup), "N", NULL, 0, 100,
     "runs of each client on each server, at the first connect step, that are kept and are no samples (default 1)"},
    {"precision", 0, OPTION_STRING, offsetof(struct settings, precision), "P%", NULL, 0, 0,
     "more runs until the 95% interval of each median is within P% of it, as in 5%"},
    {"max-runs", 0, OPTION_COUNT, offsetof(struct settings, max_runs), "N", NULL, 1, 1000,
     "with --precision: at most so many of each step (default 50)"},
    {"time-limit", 0, OPTION_DURATION, offsetof(struct settings, time_limit_ns), "TIME", NULL, 1, 0,
     "with --precision: no further round is begun after so long"},
    {"seed", 0, OPTION_COUNT, offsetof(struct settings, seed), "N", NULL, 0, 4294967295,
     "of the order of clients and servers in each round, and of the intervals (default 1)"},
    {"pv", 0, OPTION_STRING, offsetof(struct settings, pv), "NAME", NULL, 0, 0,
     "the image to monitor (default: area-detector:image, -680, -10hz, as the server has them)"},
    {"timeout", 0, OPTION_DURATION, offsetof(struct settings, timeout_ns), "TIME", NULL, 1, 0,
     "what a client may take to connect and read (default 60s)"},
    {"output", 'o', OPTION_STRING, offsetof(struct settings, output), "DIR", NULL, 0, 0,
     "folder for bench.json (every run, all samples), runs.jsonl (as they end) and tables.txt (default report)"},
    {"save", 0, OPTION_STRING, offsetof(struct settings, save), "FILE", NULL, 0, 0,
     "bench.json also under this name, for `caplay compare`"},
    {"count", 0, OPTION_LIST, offsetof(struct settings, count), "WHAT", NULL, 0, 0,
     "callgrind[:N] counts instructions, syscalls[:N] system calls, in N more runs (6) of each client at each connect step,\n"
     "or of the COMMAND, under valgrind or strace: 10 to 60 times slower, and no time of theirs is a sample; may be repeated"},
    {"no-looks", 0, OPTION_FLAG, offsetof(struct settings, unseen), NULL, NULL, 0, 0,
     "leave clients' processes alone while they run: no threads, files, memory, drops are known of them"},
    {"resume", 0, OPTION_FLAG, offsetof(struct settings, resume), NULL, NULL, 0, 0,
     "go on with what OUTPUT/runs.jsonl holds, after an interrupt"},
    {"status", 0, OPTION_FLAG, offsetof(struct settings, status), NULL, NULL, 0, 0,
     "a line on stderr while it runs: step, run, runs a minute, what failed"},
    HTTP_OPTION(struct settings, http),
};

static const struct option_command command = {
    .name = "bench",
    .synopsis = "[SCENARIO] [options] [-- COMMAND...]",
    .about =
        "Measures Channel Access clients on servers, and prints for each server what it costs to connect and to read, and what "
        "a\n"
        "120 Hz image costs, with a verdict for each pair of clients.\n"
        "\n"
        "Every run is a fresh process. Its stages are timed apart: import and set-up (recorded, left out of the tables); "
        "create,\n"
        "connect, verify; first get; second get; put with callback. A wrong value, a crash or a time-out is a failed run: it\n"
        "is shown and never a sample. A crash after the last stage keeps its sample: `died at exit`. Runs whose server died,\n"
        "dropped datagrams or was late itself (p99 over a period of the image, else 10 ms) are invalid, and done again up to 3\n"
        "times.\n"
        "\n"
        "Servers are pinned to the first core that this process may use, clients to the rest; nofile is 1,024 for all; one CA\n"
        "repeater of our own runs for all; clients and servers alternate in rounds.\n"
        "\n"
        "  quick  1 PV x 10 runs; 10, 100 and 1,000 PVs x 3; 10,000 x 5; 1, 10, 100 one by one x 1; the image at 120 Hz for 7 "
        "s\n"
        "         (2 s with EPICS_CA_MAX_ARRAY_BYTES unset) and, all clients at once, at 10 Hz for 5 s. Under 8 minutes.\n"
        "  full   30 runs of each step; monitors of 60 s, also of a 680x480 image. More than a day.\n"
        "  ci     20 runs of 1, 100 and 1,000 PVs; the image at 120 Hz for 3 s x 6. A minute or two.\n"
        "\n"
        "SCENARIO is ten-thousand (connects only) or area-detector (monitors only). Each round meets the servers, and on each\n"
        "the clients, in an order of its own, drawn by --seed. The first run of each client on each server is a warm-up."
        "\n"
        "SCENARIO -- COMMAND: any command is the client, with the environment that makes it find the server. Each run has a\n"
        "server of its own, which tells what it saw of it (docs/observe.md); table, and OUTPUT/observed.json.\n"
        "\n"
        "A client is a program that reads one job (a JSON file, its last argument) and prints one JSON line; "
        "clients/adapters/adapter.py "
        "says\n"
        "which. HOST:PORT is a server that runs already and has the PVs of `caplay ioc build/bench.db`. `sim` is "
        "sim:ten-thousand to\n"
        "connect to and sim:area-detector to monitor.",
    .examples = "caplay bench\n"
                "caplay bench ten-thousand --count callgrind -- python my_app.py\n"
                "caplay bench --server ioc:build/bench.db --server replay:build/bench.catrace --server sim\n"
                "caplay bench --client pyca,psp --only connect --runs 5\n"
                "caplay bench ten-thousand --client pyepics,caproto --save base.json\n"
                "caplay bench ten-thousand --client libca --pvs 1000 --precision 5% --time-limit 1min --save new.json\n"
                "caplay bench --client libca,'cmd:./my-client --fast' --only monitor\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .max_operands = 1,
};

/* ---- set-up ---- */

static int set_cores(struct bench_options *o, struct diag *diag)
{
    cpu_set_t set;
    uint64_t allowed = 0;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot tell which cores may be used");
    for (unsigned i = 0; i < 64; i++)
        if (CPU_ISSET(i, &set))
            allowed |= UINT64_C(1) << i;
    if (allowed == 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "none of the first 64 cores may be used");
    o->server_cores = allowed & -allowed;
    o->client_cores = allowed & ~o->server_cores;
    o->realtime = o->client_cores != 0 && child_realtime_granted();
    if (o->client_cores == 0)
        o->client_cores = allowed; /* one core only: the tables' head says so */
    return 0;
}

static int set_servers(struct bench_result *r, const struct option_list *list, struct diag *diag)
{
    if (list->count > BENCH_SERVERS)
        return diag_fail(diag, DIAG_USAGE, "--server: %u servers given, at most %d can be", list->count, BENCH_SERVERS);
    for (unsigned i = 0; i < list->count; i++)
        if (bench_parse_server(list->at[i], &r->servers[r->nservers++], diag) < 0)
            return -1;
    return list->count > 0 ? 0 : bench_parse_server("sim", &r->servers[r->nservers++], diag);
}

/* Now, not after minutes of measuring. */
static int make_output(const char *folder, struct diag *diag)
{
    struct stat status;
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return diag_errno(diag, DIAG_ENVIRONMENT, "--output: cannot make folder %s", folder);
    if (stat(folder, &status) == 0 && !S_ISDIR(status.st_mode))
        return diag_fail(diag, DIAG_ENVIRONMENT, "--output: %s exists, and is no folder", folder);
    if (access(folder, W_OK | X_OK) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "--output: cannot write to folder %s", folder);
    return 0;
}

/* "5%" */
static int set_precision(const struct settings *s, double *precision, struct diag *diag)
{
    char *end = NULL;
    double percent = s->precision != NULL ? strtod(s->precision, &end) : 0;
    if (s->precision != NULL && (end == s->precision || strcmp(end, "%") != 0 || !(percent > 0 && percent < 100)))
        return diag_fail(diag, DIAG_USAGE, "--precision: '%s' is no share above 0%% and below 100%%, as in 5%%", s->precision);
    if (s->precision == NULL && s->time_limit_ns + s->max_runs > 0)
        return diag_fail(diag, DIAG_USAGE, "%s needs --precision, as in --precision 5%%",
                         s->max_runs > 0 ? "--max-runs" : "--time-limit");
    *precision = percent / 100;
    return 0;
}

static int set_options(struct bench_options *o, const struct settings *s, const struct option_result *parsed, struct diag *diag)
{
    const char *scenario = parsed->operands.count > 0 ? parsed->operands.at[0] : NULL;
    const unsigned standard = scenario != NULL ? PROFILE_CI : PROFILE_QUICK;
    *o = (struct bench_options){.profile = &bench_profiles[s->profile == PROFILE_UNSET ? standard : s->profile],
                                .scenario = scenario,
                                .pv = s->pv,
                                .output = s->output,
                                .save = s->save,
                                .seed = s->seed,
                                .warmup = (unsigned)s->warmup,
                                .max_runs = s->max_runs > 0 ? (unsigned)s->max_runs : BENCH_MAX_RUNS,
                                .time_limit_ns = s->time_limit_ns,
                                .begun_ns = clock_monotonic_ns(),
                                .resume = s->resume,
                                .unseen = s->unseen,
                                .timeout_ns = s->timeout_ns};
    return counting_parse(&s->count, o->counting, diag) < 0 ? -1 : set_precision(s, &o->precision, diag);
}

/* An option that was given and means nothing to a command behind --. */
static const char *find_unfit(const struct settings *s)
{
    return s->resume                     ? "resume"
           : s->precision != NULL        ? "precision"
           : s->profile != PROFILE_UNSET ? "profile"
           : s->only != 0                ? "only"
           : s->pvs > 0                  ? "pvs"
                                         : NULL;
}

static int set_up(struct bench_result *r, const struct settings *s, const struct option_result *parsed, struct diag *diag)
{
    struct bench_options *o = &r->options;
    struct bench_wish wish = {s->only, (unsigned)s->runs, (unsigned)s->pvs};
    if (set_options(o, s, parsed, diag) < 0 || (o->scenario != NULL && bench_set_scenario(o->scenario, &wish, diag) < 0))
        return -1;
    int n = bench_parse_clients(s->clients, r->clients, diag);
    if (n < 0 || set_servers(r, &s->servers, diag) < 0 || set_cores(o, diag) < 0)
        return -1;
    r->nclients = (unsigned)n;
    if (parsed->command != NULL && bench_application_check(r, s->clients, find_unfit(s), diag) < 0)
        return -1;
    bench_read_machine(&r->machine);
    const uint64_t now_ns = clock_realtime_ns();
    show_time(now_ns / CLOCK_NS, (uint32_t)(now_ns % CLOCK_NS), r->begun);
    bench_set_steps(r, &wish);
    if (bench_prepare_posts(r, diag) < 0)
        return -1;
    if (make_output(o->output, diag) < 0)
        return -1;
    const char *tmp = getenv("TMPDIR");
    snprintf(o->folder, sizeof o->folder, "%.200s/caplay-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (mkdtemp(o->folder) == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot make folder %s", o->folder);
    const unsigned steps = parsed->command != NULL ? bench_application_steps(o) : (unsigned)r->nsteps;
    r->live = bench_live_open(r, steps, &(struct bench_live_wish){s->status, s->http}, diag);
    if (r->live == NULL)
        return -1;
    if (parsed->command == NULL && bench_journal_open(r, diag) < 0) /* without a procedure there is no journal of one */
        return -1;
    return bench_repeater_start(o, diag);
}

/* What the tools of runs that were interrupted wrote: a file a process. */
static void remove_counts(const char *folder)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "counted-", 8) == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
}

static void remove_folder(const char *folder)
{
    static const char *const files[] = {"server.json", "server.json.part", "server.log"};
    char path[BENCH_PATH_BYTES + 24];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    for (unsigned i = 0; i < BENCH_CLIENTS; i++) {
        snprintf(path, sizeof path, "%s/job-%u.json", folder, i);
        unlink(path);
    }
    remove_counts(folder);
    rmdir(folder);
}

/* ---- the end ---- */

/* What a run that was done again says is not the last word. A missing part comes before an invalid measurement, and that before a
 * client that failed. */
static int exit_code(const struct bench_result *r)
{
    bool failed = false, invalid = r->interrupted, missing = false;
    for (size_t i = 0; i < r->nruns; i++) {
        failed |= r->runs[i].outcome != BENCH_GOOD && r->runs[i].outcome != BENCH_INVALID;
        invalid |= r->runs[i].outcome == BENCH_INVALID && !r->runs[i].repeated;
    }
    for (size_t i = 0; i < r->ncounting; i++) /* what a client cannot do under a tool says nothing of the client */
        invalid |= r->counting[i].run.outcome != BENCH_GOOD;
    for (unsigned i = 0; i < r->nclients; i++)
        missing |= r->clients[i].asked && r->clients[i].missing[0] != '\0';
    return missing ? DIAG_ENVIRONMENT : invalid ? DIAG_INVALID : failed ? DIAG_CLIENT : DIAG_GOOD;
}

static int observe(struct bench_result *r, char **application, unsigned runs, struct diag *diag)
{
    const int code = bench_application(r, application, runs > 0 ? runs : APPLICATION_RUNS, diag);
    bench_repeater_stop(&r->options);
    return code;
}

/* What was measured is written down, also after a failure. */
static int measure(struct bench_result *r, struct diag *diag)
{
    struct diag later;
    int failed = bench_procedure(r, diag);
    bench_repeater_stop(&r->options);
    bench_live_close(r->live);
    r->live = NULL;
    bench_print_tables(r, stdout);
    if (bench_write_report(r, failed ? &later : diag) < 0 || failed || bench_journal_check(r, diag) < 0)
        return -1;
    return exit_code(r);
}

int clients_bench(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {
        .output = "report", .timeout_ns = 60 * CLOCK_NS, .profile = PROFILE_UNSET, .seed = 1, .warmup = 1};
    struct option_result parsed;
    if (options_parse(&command, argc, argv, &settings, &parsed, diag) < 0)
        return -1;
    if (parsed.help)
        return DIAG_GOOD;
    struct bench_result *r = calloc(1, sizeof *r);
    if (r == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot start");
    bench_interrupt_catch();
    int code = set_up(r, &settings, &parsed, diag);
    r->options.argv = argv;
    if (code == 0)
        code = parsed.command != NULL ? observe(r, parsed.command, (unsigned)settings.runs, diag) : measure(r, diag);
    if (r->options.folder[0] != '\0')
        remove_folder(r->options.folder);
    bench_live_close(r->live);
    bench_free_posts(r);
    bench_journal_close(r);
    free(r->runs);
    free(r->counting);
    free(r);
    return code;
}
