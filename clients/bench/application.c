#include "clients/bench/application.h"

#include "base/child.h"
#include "base/whole.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_HERTZ 120u

const char *const application_outcome_names[APPLICATION_OUTCOMES] = {
    [APPLICATION_GOOD] = "good", [APPLICATION_ENDED] = "ended at once", [APPLICATION_UNCONNECTED] = "never connected",
    [APPLICATION_HUNG] = "hung", [APPLICATION_FAILED] = "failed",       [APPLICATION_INVALID] = "invalid",
};

int bench_application_check(const struct bench_result *r, const char *clients, struct diag *diag)
{
    if (r->options.scenario == NULL)
        return diag_fail(diag, DIAG_USAGE, "-- COMMAND needs a scenario, as in caplay bench ten-thousand -- python my_app.py");
    if (clients != NULL)
        return diag_fail(diag, DIAG_USAGE, "--client %s: the client is the command behind --", clients);
    if (r->options.resume || r->options.precision > 0)
        return diag_fail(diag, DIAG_USAGE, "--%s does not go with a command behind --",
                         r->options.resume ? "resume" : "precision");
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        if (r->options.counting[tool] > 0)
            return diag_fail(diag, DIAG_USAGE,
                             "--count %s does not go with a command behind --; name it with --client cmd:COMMAND",
                             counting_names[tool]);
    if (r->nservers == 1 && (r->servers[0].kind == BENCH_SIM || r->servers[0].kind == BENCH_REPLAY))
        return 0;
    return diag_fail(diag, DIAG_USAGE, "--server %s: a command is observed by one server of ours, sim or replay:FILE",
                     r->servers[r->nservers - 1].name);
}

/* ---- one run ---- */

enum application_outcome application_judge(const struct observed_run *seen, bool timed_out, int exit_code)
{
    if (!seen->connected)
        return seen->searched || timed_out ? APPLICATION_UNCONNECTED : APPLICATION_ENDED;
    return timed_out ? APPLICATION_HUNG : exit_code != 0 ? APPLICATION_FAILED : APPLICATION_GOOD;
}

static size_t say_end(const struct bench_process *p, const struct application_run *run, char *text, size_t room)
{
    int n = run->outcome == APPLICATION_INVALID ? 0
            : p->timed_out                      ? snprintf(text, room, "killed after %.1f s", (double)p->spec.timeout_ns / 1e9)
                                                : snprintf(text, room, "exit code %d after %.3f s", run->exit_code, run->life_s);
    return (size_t)n;
}

/* How it ended, then its last lines, each plain for a terminal. */
static void explain(struct application_run *run, const struct bench_process *p)
{
    size_t n = say_end(p, run, run->why, sizeof run->why);
    for (unsigned i = 0; i < BENCH_TAIL_LINES; i++)
        if (p->tail[i][0] != '\0')
            n += (size_t)snprintf(run->why + n, sizeof run->why - n, "%s%s", n > 0 ? " | " : "", p->tail[i]);
    for (char *at = run->why; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

static void judge(struct application_run *run, const struct bench_process *p, const struct bench_server_report *report)
{
    run->exit_code = child_exit_code(p->status);
    run->cpu_s = (double)(p->used.ru_utime.tv_sec + p->used.ru_stime.tv_sec) +
                 (double)(p->used.ru_utime.tv_usec + p->used.ru_stime.tv_usec) / 1e6;
    bench_counts_take(&run->counts, &p->used, &p->held, p->instructions);
    run->outcome = application_judge(&run->seen, p->timed_out, run->exit_code);
    if (!report->valid) {
        run->outcome = APPLICATION_INVALID;
        snprintf(run->why, sizeof run->why, "the server: %s", report->died ? "it died" : report->why);
    } else if (run->outcome != APPLICATION_GOOD)
        explain(run, p);
}

/* With the environment that makes it find this server; the rest of ours is the command's own business. */
static int start_command(const struct bench_result *r, char *const *command, const struct bench_target *target,
                         struct bench_process *p, struct diag *diag)
{
    struct child_env env;
    child_client_env(&(struct child_ports){target->address, target->udp, r->options.repeater_port}, &env);
    return bench_process_start(p,
                               &(struct bench_process_spec){.argv = command,
                                                            .env = env.entries,
                                                            .cores = r->options.client_cores,
                                                            .timeout_ns = r->options.timeout_ns,
                                                            .unseen = r->options.unseen},
                               diag);
}

static int run_on(const struct bench_result *r, char *const *command, struct bench_target *target, struct application_run *run,
                  struct diag *diag)
{
    struct bench_process p;
    struct bench_server_report report;
    const uint64_t start_ns = clock_monotonic_ns();
    if (start_command(r, command, target, &p, diag) < 0) {
        bench_server_stop(target, &report);
        return -1;
    }
    bench_process_wait(&p, 1, NULL);
    run->life_s = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    bench_server_stop(target, &report);
    json_t *json = json_load_file(target->report, 0, NULL);
    observe_read(&run->seen, json, start_ns);
    json_decref(json);
    judge(run, &p, &report);
    bench_process_fini(&p);
    return 0;
}

static int run_once(const struct bench_result *r, char *const *command, struct application_run *run, struct diag *diag)
{
    const bool monitors = strcmp(r->options.scenario, "area-detector") == 0;
    const struct bench_image image = {r->options.pv, {640, 480}, IMAGE_HERTZ};
    const struct bench_server_start start = {.image = monitors ? &image : NULL,
                                             .folder = r->options.folder,
                                             .cores = r->options.server_cores,
                                             .realtime = r->options.realtime,
                                             .repeater_port = r->options.repeater_port,
                                             .budget = monitors ? "p99=8333333ns" : "p99=10ms"};
    struct bench_target target;
    if (bench_server_start(&r->servers[0], &start, &target, diag) < 0)
        return -1;
    return run_on(r, command, &target, run, diag);
}

/* ---- all runs ---- */

static bool is_sample(const struct application_run *run)
{
    return run->outcome == APPLICATION_GOOD && !run->warmup;
}

size_t application_values(const struct application *a, enum observe_figure figure, double *at)
{
    size_t n = 0;
    for (unsigned i = 0; i < a->nruns; i++)
        if (is_sample(&a->runs[i]) && !isnan(a->runs[i].seen.at[figure]))
            at[n++] = a->runs[i].seen.at[figure];
    return n;
}

size_t application_counts(const struct application *a, enum bench_counted which, double *at)
{
    size_t n = 0;
    for (unsigned i = 0; i < a->nruns; i++)
        if (is_sample(&a->runs[i]) && !isnan(a->runs[i].counts.at[which]))
            at[n++] = a->runs[i].counts.at[which];
    return n;
}

static int exit_code(const struct application *a)
{
    bool invalid = bench_interrupted(), failed = false;
    for (unsigned i = 0; i < a->nruns; i++) {
        invalid |= a->runs[i].outcome == APPLICATION_INVALID && !a->runs[i].repeated;
        failed |= a->runs[i].outcome != APPLICATION_GOOD && a->runs[i].outcome != APPLICATION_INVALID;
    }
    return invalid ? DIAG_INVALID : failed ? DIAG_CLIENT : DIAG_GOOD;
}

static int write_json(const struct application *a, const char *scenario, const char *path, struct diag *diag)
{
    struct whole file;
    if (whole_open(&file, path, diag) < 0)
        return -1;
    json_t *json = application_json(a, scenario);
    json_dumpf(json, file.file, JSON_INDENT(1));
    json_decref(json);
    return whole_close(&file, diag);
}

static int write_files(const struct bench_result *r, const struct application *a, struct diag *diag)
{
    char path[512];
    snprintf(path, sizeof path, "%.450s/observed.json", r->options.output);
    if (write_json(a, r->options.scenario, path, diag) < 0)
        return -1;
    return r->options.save != NULL ? write_json(a, r->options.scenario, r->options.save, diag) : 0;
}

/* What an invalid server served is done again. An interrupted run is none. */
static int run_valid(const struct bench_result *r, struct application *a, bool warmup, struct diag *diag)
{
    for (unsigned attempt = 0; attempt <= BENCH_RETRIES; attempt++) {
        struct application_run *run = &a->runs[a->nruns];
        run->warmup = warmup;
        if (run_once(r, a->command, run, diag) < 0)
            return bench_interrupted() ? 0 : -1;
        if (bench_interrupted())
            return 0;
        a->nruns++;
        run->repeated = run->outcome == APPLICATION_INVALID && attempt < BENCH_RETRIES;
        if (!run->repeated)
            return 0;
    }
    return 0;
}

static int run_all(const struct bench_result *r, struct application *a, unsigned runs, struct diag *diag)
{
    for (unsigned i = 0; i < runs + r->options.warmup && !bench_interrupted(); i++)
        if (run_valid(r, a, i < r->options.warmup, diag) < 0)
            return -1;
    return 0;
}

int bench_application(const struct bench_result *r, char *const *command, unsigned runs, struct diag *diag)
{
    struct application a = {.command = command, .runs = calloc((runs + r->options.warmup) * (BENCH_RETRIES + 1), sizeof *a.runs)};
    if (a.runs == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u runs", runs);
    int code = run_all(r, &a, runs, diag);
    if (code == 0) {
        application_print(&a, stdout);
        code = write_files(r, &a, diag) < 0 ? -1 : exit_code(&a);
    }
    free(a.runs);
    return code;
}
