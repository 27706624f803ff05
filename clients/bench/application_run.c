/* One run of a command: on a fresh server, alone or under a tool that counts; and how it ended. */
#include "clients/bench/application.h"

#include "base/child.h"
#include "clients/bench/counting_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_HERTZ 120u

/* ---- how a run ended ---- */

enum application_outcome application_judge(const struct observed_run *seen, bool timed_out, int exit_code)
{
    if (!seen->connected)
        return seen->searched || timed_out ? APPLICATION_UNCONNECTED : APPLICATION_ENDED;
    return timed_out ? APPLICATION_HUNG : exit_code != 0 ? APPLICATION_FAILED : APPLICATION_GOOD;
}

/* What comes first, how it ended, then its last lines, all plain for a terminal. */
static void explain(struct application_run *run, const struct bench_process *p, const char *first)
{
    char end[60], words[BENCH_WORDS_BYTES];
    bench_process_words(p, words);
    if (p->timed_out)
        snprintf(end, sizeof end, "killed after %.1f s", (double)p->spec.timeout_ns / 1e9);
    else
        snprintf(end, sizeof end, "exit code %d after %.3f s", run->exit_code, run->life_s);
    snprintf(run->why, sizeof run->why, "%s%s%s%s", first, end, words[0] != '\0' ? " | " : "", words);
    for (char *at = run->why; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

/* What a command cannot do under a tool says nothing of the command. */
static void judge_counted(struct application_run *run, const struct bench_process *p)
{
    char first[80];
    if (run->outcome == APPLICATION_GOOD && !isnan(run->counted))
        return;
    snprintf(first, sizeof first, "under %s: %s: ", counting_by[run->tool],
             run->outcome == APPLICATION_GOOD ? "it wrote no count" : application_outcome_names[run->outcome]);
    run->outcome = APPLICATION_UNCOUNTED;
    explain(run, p, first);
}

/* How late the server was changes no count. */
static void judge(struct application_run *run, const struct bench_process *p, const struct bench_server_report *report)
{
    const bool counts = run->tool != COUNTING_NONE;
    run->exit_code = child_exit_code(p->status);
    run->killed = p->timed_out;
    run->cpu_s = (double)(p->used.ru_utime.tv_sec + p->used.ru_stime.tv_sec) +
                 (double)(p->used.ru_utime.tv_usec + p->used.ru_stime.tv_usec) / 1e6;
    bench_counts_take(&run->counts, &p->used, &p->held, p->instructions);
    run->outcome = application_judge(&run->seen, p->timed_out, run->exit_code);
    if (counts ? report->died : !report->valid) {
        run->outcome = APPLICATION_INVALID;
        snprintf(run->why, sizeof run->why, "the server: %s", report->died ? "it died" : report->why);
    } else if (counts)
        judge_counted(run, p);
    else if (run->outcome != APPLICATION_GOOD)
        explain(run, p, "");
}

/* ---- one run ---- */

static char counting_entry[] = COUNTING_ENVIRONMENT;

/* What makes it find this server; the rest of our environment is the command's own business. */
struct environment {
    struct child_env env;
    char *entries[CHILD_ENV_LINES + 2];
};

static void make_environment(const struct application *a, const struct bench_target *target, enum counting_tool tool,
                             struct environment *e)
{
    unsigned n = 0;
    child_client_env(&(struct child_ports){target->address, target->udp, a->r->options.repeater_port}, &e->env);
    for (char **entry = e->env.entries; *entry != NULL; entry++)
        e->entries[n++] = *entry;
    if (tool != COUNTING_NONE)
        e->entries[n++] = counting_entry;
    e->entries[n] = NULL;
}

/* The command behind the words of a tool; to be freed. */
static char **make_line(char *const *command, const struct counting_words *tool)
{
    size_t words = 0;
    while (command[words] != NULL)
        words++;
    char **line = calloc(tool->n + words + 1, sizeof *line);
    if (line == NULL)
        abort(); /* some hundred bytes */
    for (unsigned i = 0; i < tool->n; i++)
        line[i] = (char *)(uintptr_t)tool->at[i]; /* execvp() changes none */
    memcpy(line + tool->n, command, words * sizeof *line);
    return line;
}

static int start_command(const struct application *a, const struct bench_target *target, enum counting_tool tool,
                         struct bench_process *p, struct diag *diag)
{
    const struct bench_options *o = &a->r->options;
    struct environment environment;
    struct counting_words words;
    char path[COUNTING_PATH];
    bench_counted_path(o, 0, path);
    counting_words(tool, path, false, &words);
    make_environment(a, target, tool, &environment);
    char **line = make_line(a->command, &words);
    const struct bench_process_spec spec = {.argv = line,
                                            .env = environment.entries,
                                            .cores = o->client_cores,
                                            .timeout_ns = o->timeout_ns * (tool != COUNTING_NONE ? COUNTING_SLOWER : 1),
                                            .unseen = o->unseen || tool != COUNTING_NONE};
    const int failed = bench_process_start(p, &spec, diag);
    free(line);
    return failed;
}

/* Of the whole process: a command tells no stages. */
static double take_count(const struct application *a, enum counting_tool tool, pid_t pid)
{
    struct bench_counting c = {.tool = tool, .total = NAN};
    if (tool != COUNTING_NONE)
        bench_counting_gather(&c, &a->r->options, pid);
    return c.total;
}

static int run_on(const struct application *a, struct bench_target *target, struct application_run *run, struct diag *diag)
{
    struct bench_process p;
    struct bench_server_report report;
    const uint64_t start_ns = clock_monotonic_ns();
    if (start_command(a, target, run->tool, &p, diag) < 0) {
        bench_server_stop(target, &report);
        return -1;
    }
    bench_process_wait(&p, 1, NULL);
    run->life_s = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    run->counted = take_count(a, run->tool, p.pid);
    bench_server_stop(target, &report);
    json_t *json = json_load_file(target->report, 0, NULL);
    observe_read(&run->seen, json, start_ns);
    json_decref(json);
    judge(run, &p, &report);
    bench_process_fini(&p);
    return 0;
}

int application_run_once(const struct application *a, struct application_run *run, struct diag *diag)
{
    const struct bench_options *o = &a->r->options;
    const bool monitors = strcmp(o->scenario, "area-detector") == 0;
    const struct bench_image image = {o->pv, {640, 480}, IMAGE_HERTZ};
    const struct bench_server_start start = {.image = monitors ? &image : NULL,
                                             .folder = o->folder,
                                             .cores = o->server_cores,
                                             .realtime = o->realtime,
                                             .repeater_port = o->repeater_port,
                                             .budget = monitors ? "p99=8333333ns" : "p99=10ms"};
    struct bench_target target;
    if (bench_server_start(&a->r->servers[0], &start, &target, diag) < 0)
        return -1;
    return run_on(a, &target, run, diag);
}
