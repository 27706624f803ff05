#include "clients/bench/journal.h"

#include "clients/bench/counting_run.h"
#include "clients/bench/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make_path(const struct bench_result *r, char *path, size_t room)
{
    snprintf(path, room, "%.450s/runs.jsonl", r->options.output);
}

/* A line that could not be written whole may be cut: nothing may follow it, or two lines would be one. */
static void write_line(struct bench_result *r, json_t *json)
{
    errno = 0;
    if (r->journal_errno == 0 &&
        (json_dumpf(json, r->journal, JSON_COMPACT) < 0 || fputc('\n', r->journal) == EOF || fflush(r->journal) != 0))
        r->journal_errno = errno != 0 ? errno : EIO;
    json_decref(json);
}

/* ---- what is measured ---- */

static json_t *names_json(const struct bench_result *r, bool servers)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < (servers ? r->nservers : r->nclients); i++)
        json_array_append_new(array, json_string(servers ? r->servers[i].name : r->clients[i].name));
    return array;
}

static json_t *head_json(const struct bench_result *r)
{
    json_t *head = report_configuration(r), *steps = json_array();
    for (size_t i = 0; i < r->nsteps; i++)
        json_array_append_new(steps, report_step(&r->steps[i]));
    json_object_set_new(head, "format", json_string(BENCH_FORMAT "-runs"));
    json_object_set_new(head, "version", json_integer(BENCH_FORMAT_VERSION));
    json_object_set_new(head, "servers", names_json(r, true));
    json_object_set_new(head, "clients", names_json(r, false));
    json_object_set_new(head, "steps", steps);
    json_object_set_new(head, "begun", json_string(r->begun));
    return head;
}

/* Limits of how long it goes on may change, and it goes on later than it began. */
static bool may_differ(const char *key)
{
    return strcmp(key, "begun") == 0 || strcmp(key, "time_limit_s") == 0 || strcmp(key, "max_runs") == 0 ||
           strcmp(key, "precision") == 0;
}

static int check_head(const struct bench_result *r, const char *path, const json_t *head, struct diag *diag)
{
    json_t *wanted = head_json(r), *value;
    const char *key, *differs = NULL;
    json_object_foreach(wanted, key, value) if (differs == NULL && !may_differ(key) &&
                                                !json_equal(value, json_object_get(head, key))) differs = key;
    if (differs == NULL) {
        json_decref(wanted);
        return 0;
    }
    json_t *before = json_object_get(head, differs);
    char *was = before != NULL ? json_dumps(before, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    char *is = json_dumps(json_object_get(wanted, differs), JSON_COMPACT | JSON_ENCODE_ANY);
    diag_fail(diag, DIAG_USAGE, "--resume: %s is of another configuration: %s was %.120s, and is %.120s now", path, differs,
              was != NULL ? was : "not there", is);
    free(was);
    free(is);
    json_decref(wanted);
    return -1;
}

/* ---- runs ---- */

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static uint64_t count_of(const json_t *object, const char *key)
{
    const json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static void read_samples(const json_t *array, struct bench_samples *s)
{
    for (size_t i = 0; i < json_array_size(array) && s->n < BENCH_SAMPLES_MAX; i++)
        s->at[s->n++] = json_number_value(json_array_get(array, i));
}

static void read_stages(const json_t *json, struct bench_run *run)
{
    const json_t *connect = json_object_get(json, "connect"), *monitor = json_object_get(json, "monitor");
    const json_t *frames = json_object_get(monitor, "frames");
    run->setup = number_of(json, "setup_s");
    run->cpu_s = number_of(json, "cpu_s");
    run->connect = number_of(connect, "connect_s");
    run->get1 = number_of(connect, "get_1_s");
    run->get2 = number_of(connect, "get_2_s");
    run->put = number_of(connect, "put_s");
    run->rss_peak = monitor != NULL ? number_of(monitor, "rss_peak_bytes") : 0;
    read_samples(json_object_get(monitor, "cpu_percent"), &run->cpu);
    read_samples(json_object_get(monitor, "rss_bytes"), &run->rss);
    bench_stages_read(&run->stages, json_object_get(json, "stages"));
    bench_counts_read(&run->counts, json_object_get(json, "process"));
    run->frames = (struct bench_frames){.delivered = count_of(frames, "delivered"),
                                        .lost = count_of(frames, "lost"),
                                        .merged = count_of(frames, "merged"),
                                        .doubled = count_of(frames, "doubled"),
                                        .misordered = count_of(frames, "misordered"),
                                        .unknown = count_of(frames, "unknown"),
                                        .wrong_sums = count_of(frames, "wrong_sums")};
}

static void read_lateness(const json_t *json, struct bench_lateness *l)
{
    *l = (struct bench_lateness){.count = count_of(json, "count"),
                                 .p50_ns = count_of(json, "p50_ns"),
                                 .p99_ns = count_of(json, "p99_ns"),
                                 .max_ns = count_of(json, "max_ns")};
}

static void read_report(const json_t *json, struct bench_server_report *s)
{
    const json_t *lateness = json_object_get(json, "lateness"), *machine = json_object_get(json, "machine");
    s->known = lateness != NULL;
    s->valid = !s->known || json_is_true(json_object_get(json, "valid"));
    s->died = json_is_true(json_object_get(json, "died"));
    s->udp_drops = count_of(json, "udp_drops");
    s->events_known = json_object_get(json, "events_off") != NULL;
    s->events_off = count_of(json, "events_off");
    s->events_off_ns = count_of(json, "events_off_ns");
    s->steal_ns = count_of(machine, "steal_ns");
    s->run_queue_ns = count_of(machine, "run_queue_ns");
    read_lateness(json_object_get(lateness, "self"), &s->self);
}

static bool find_client(const struct bench_result *r, const char *name, unsigned *client)
{
    for (*client = 0; *client < r->nclients; (*client)++)
        if (strcmp(r->clients[*client].name, name) == 0)
            return true;
    return false;
}

static const struct bench_step *find_step(const struct bench_result *r, const char *name)
{
    char known[80];
    for (size_t i = 0; i < r->nsteps; i++) {
        bench_name_step(&r->steps[i], known, sizeof known);
        if (strcmp(known, name) == 0)
            return &r->steps[i];
    }
    return NULL;
}

static bool find_server(const struct bench_result *r, const char *name, unsigned *server)
{
    for (*server = 0; *server < r->nservers; (*server)++)
        if (strcmp(r->servers[*server].name, name) == 0)
            return true;
    return false;
}

static bool find_outcome(const char *name, enum bench_outcome *outcome)
{
    for (unsigned i = 0; i < BENCH_OUTCOMES; i++)
        if (strcmp(bench_outcome_names[i], name) == 0) {
            *outcome = (enum bench_outcome)i;
            return true;
        }
    return false;
}

/* False: not a run of this benchmark. */
static bool read_run(const struct bench_result *r, json_t *json, struct bench_run *run)
{
    const char *step, *client, *server, *outcome, *why;
    int round, attempt, start, warmup, died, repeated, exit_code;
    if (json_unpack(json, "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:b, s:b, s:i}", "step", &step, "client", &client,
                    "server", &server, "outcome", &outcome, "why", &why, "round", &round, "attempt", &attempt, "server_start",
                    &start, "warmup", &warmup, "died_at_exit", &died, "repeated", &repeated, "exit_code", &exit_code) != 0)
        return false;
    *run = (struct bench_run){.step = find_step(r, step),
                              .round = (unsigned)round,
                              .attempt = (unsigned)attempt,
                              .start = (unsigned)start,
                              .warmup = warmup,
                              .died_at_exit = died,
                              .repeated = repeated,
                              .exit_code = exit_code};
    snprintf(run->why, sizeof run->why, "%s", why);
    if (run->step == NULL || !find_outcome(outcome, &run->outcome) || !find_server(r, server, &run->server) ||
        !find_client(r, client, &run->client))
        return false;
    run->udp_known = json_is_integer(json_object_get(json, "udp_drops"));
    run->udp_drops = count_of(json, "udp_drops");
    read_stages(json, run);
    read_report(json_object_get(json, "server_report"), &run->report);
    run->kept = json_incref(json);
    return true;
}

static void keep_counting(struct bench_result *r, json_t *json)
{
    const char *step, *client, *server, *outcome, *why;
    struct bench_run run = {.kept = NULL};
    int round;
    if (json_unpack(json, "{s:s, s:s, s:s, s:s, s:s, s:i}", "step", &step, "client", &client, "server", &server, "outcome",
                    &outcome, "why", &why, "round", &round) != 0)
        return;
    run.step = find_step(r, step);
    run.round = (unsigned)round;
    snprintf(run.why, sizeof run.why, "%s", why);
    if (run.step == NULL || !find_outcome(outcome, &run.outcome) || run.outcome == BENCH_INVALID ||
        !find_server(r, server, &run.server) || !find_client(r, client, &run.client))
        return;
    struct bench_counting *c = bench_add_counting(r);
    c->run = run;
    bench_counting_read(c, json);
}

/* Seconds of a file that somebody may have edited. */
static uint64_t ns_of(const json_t *object, const char *key)
{
    const double s = number_of(object, key);
    return s > 0 && s < 1e9 ? (uint64_t)(s * 1e9) : 0;
}

/* Each run has the sum until then: the last one stays. */
static void keep_own(struct bench_result *r, const json_t *own)
{
    r->own = (struct bench_own){.cpu_ns = ns_of(own, "cpu_s"), .wall_ns = ns_of(own, "wall_s")};
    r->earlier = (struct bench_own){.cpu_ns = ns_of(own, "all_cpu_s"), .wall_ns = ns_of(own, "all_wall_s")};
}

static void keep_run(struct bench_result *r, json_t *line)
{
    struct bench_run run;
    json_t *json = json_object_get(line, "run");
    const char *version = json_string_value(json_object_get(line, "client_version"));
    keep_own(r, json_object_get(line, "orchestrator"));
    if (json == NULL)
        keep_counting(r, json_object_get(line, "counting"));
    if (json == NULL || !read_run(r, json, &run))
        return;
    *bench_add_run(r) = run;
    snprintf(r->clients[run.client].version, sizeof r->clients->version, "%s", version != NULL ? version : "?");
    if (run.start >= r->nstarts)
        r->nstarts = run.start + 1;
}

/* ---- the file ---- */

static void keep_begun(struct bench_result *r, const json_t *head)
{
    const char *begun = json_string_value(json_object_get(head, "begun"));
    uint64_t ns;
    if (begun != NULL && strlen(begun) < sizeof r->begun && options_time(begun, &ns) == 0)
        memcpy(r->begun, begun, strlen(begun) + 1);
}

/* Whole lines only: the last one may have been cut, and is measured again. Where they end. */
static int read_lines(struct bench_result *r, FILE *file, const char *path, long *end, struct diag *diag)
{
    char *text = NULL;
    size_t room = 0, lines = 0;
    int failed = 0;
    for (ssize_t length; failed == 0 && (length = getline(&text, &room, file)) > 0 && text[length - 1] == '\n'; lines++) {
        json_t *line = json_loads(text, 0, NULL);
        if (lines == 0) {
            failed = check_head(r, path, line, diag);
            keep_begun(r, line);
        } else if (line != NULL)
            keep_run(r, line);
        json_decref(line);
        *end = ftell(file);
    }
    free(text);
    if (lines == 0)
        return diag_fail(diag, DIAG_USAGE, "--resume: %s has no whole line", path);
    return failed;
}

static int resume(struct bench_result *r, const char *path, struct diag *diag)
{
    long end = 0;
    r->journal = fopen(path, "r+e");
    if (r->journal == NULL)
        return diag_errno(diag, DIAG_USAGE, "--resume: nothing to go on from: cannot open %s", path);
    if (read_lines(r, r->journal, path, &end, diag) < 0)
        return -1;
    if (fseek(r->journal, end, SEEK_SET) < 0 || ftruncate(fileno(r->journal), end) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write to %s", path);
    return 0;
}

int bench_journal_open(struct bench_result *r, struct diag *diag)
{
    char path[512];
    make_path(r, path, sizeof path);
    if (r->options.resume)
        return resume(r, path, diag);
    r->journal = fopen(path, "we");
    if (r->journal == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", path);
    write_line(r, head_json(r));
    if (r->journal_errno != 0) {
        errno = r->journal_errno;
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", path);
    }
    return 0;
}

void bench_journal_add(struct bench_result *r, size_t first, size_t counting)
{
    json_t *own = report_own(r);
    for (size_t i = first; i < r->nruns; i++)
        write_line(r, json_pack("{s:s, s:o, s:O}", "client_version", r->clients[r->runs[i].client].version, "run",
                                report_run(r, &r->runs[i]), "orchestrator", own));
    for (size_t i = counting; i < r->ncounting; i++)
        write_line(r, json_pack("{s:o, s:O}", "counting", bench_counting_write(r, &r->counting[i]), "orchestrator", own));
    json_decref(own);
}

int bench_journal_check(const struct bench_result *r, struct diag *diag)
{
    char path[512];
    if (r->journal_errno == 0)
        return 0;
    make_path(r, path, sizeof path);
    errno = r->journal_errno;
    return diag_errno(diag, DIAG_ENVIRONMENT,
                      "%s lacks runs, --resume would make them again; the result has all: cannot write it", path);
}

void bench_journal_close(struct bench_result *r)
{
    for (size_t i = 0; i < r->nruns; i++)
        json_decref(r->runs[i].kept);
    if (r->journal != NULL)
        fclose(r->journal);
    r->journal = NULL;
}

static bool has_counting(const struct bench_result *r, const struct bench_run *run)
{
    for (size_t i = 0; i < r->ncounting; i++) {
        const struct bench_run *k = &r->counting[i].run;
        if (k->outcome != BENCH_INVALID && r->counting[i].tool == run->tool && k->step == run->step && k->server == run->server &&
            k->client == run->client && k->round == run->round)
            return true;
    }
    return false;
}

bool bench_journal_has(const struct bench_result *r, const struct bench_run *run)
{
    if (run->tool != COUNTING_NONE)
        return r->options.resume && has_counting(r, run);
    for (size_t i = 0; r->options.resume && i < r->nruns; i++) {
        const struct bench_run *k = &r->runs[i];
        if (k->kept != NULL && !k->repeated && k->step == run->step && k->server == run->server && k->client == run->client &&
            k->round == run->round && k->warmup == run->warmup)
            return true;
    }
    return false;
}
