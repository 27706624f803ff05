#include "clients/bench/application.h"

#include "base/whole.h"
#include "clients/bench/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const application_outcome_names[APPLICATION_OUTCOMES] = {
    [APPLICATION_GOOD] = "good",
    [APPLICATION_ENDED] = "ended at once",
    [APPLICATION_UNCONNECTED] = "never connected",
    [APPLICATION_HUNG] = "hung",
    [APPLICATION_FAILED] = "failed",
    [APPLICATION_INVALID] = "invalid",
    [APPLICATION_UNCOUNTED] = "not counted",
};

int bench_application_check(const struct bench_result *r, const char *clients, const char *unfit, struct diag *diag)
{
    if (r->options.scenario == NULL)
        return diag_fail(diag, DIAG_USAGE, "-- COMMAND needs a scenario, as in caplay bench ten-thousand -- python my_app.py");
    if (clients != NULL)
        return diag_fail(diag, DIAG_USAGE, "--client %s: the client is the command behind --", clients);
    if (unfit != NULL)
        return diag_fail(diag, DIAG_USAGE, "--%s does not go with a command behind --", unfit);
    if (r->nservers == 1 && (r->servers[0].kind == BENCH_SIM || r->servers[0].kind == BENCH_REPLAY))
        return 0;
    return diag_fail(diag, DIAG_USAGE, "--server %s: a command is observed by one server of ours, sim or replay:FILE",
                     r->servers[r->nservers - 1].name);
}

/* ---- what they tell ---- */

static bool is_sample(const struct application_run *run)
{
    return run->outcome == APPLICATION_GOOD && !run->warmup && run->tool == COUNTING_NONE;
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

size_t application_kinds(const struct application *a, unsigned way, unsigned command, double *at)
{
    size_t n = 0;
    bool any = false;
    for (unsigned i = 0; i < a->nruns; i++)
        if (is_sample(&a->runs[i])) {
            at[n++] = a->runs[i].seen.kinds[way][command];
            any |= at[n - 1] > 0;
        }
    return any ? n : 0;
}

size_t application_counted(const struct application *a, enum counting_tool tool, double *at)
{
    size_t n = 0;
    for (unsigned i = 0; i < a->nruns; i++)
        if (a->runs[i].outcome == APPLICATION_GOOD && a->runs[i].tool == tool)
            at[n++] = a->runs[i].counted;
    return n;
}

/* What it cannot do under a tool is an invalid measurement, not a client that failed. */
static int exit_code(const struct application *a)
{
    bool invalid = bench_interrupted(), failed = false;
    for (unsigned i = 0; i < a->nruns; i++) {
        const enum application_outcome outcome = a->runs[i].outcome;
        const bool is_invalid = outcome == APPLICATION_INVALID || outcome == APPLICATION_UNCOUNTED;
        invalid |= is_invalid && !a->runs[i].repeated;
        failed |= outcome != APPLICATION_GOOD && !is_invalid;
    }
    return invalid ? DIAG_INVALID : failed ? DIAG_CLIENT : DIAG_GOOD;
}

static int write_json(const struct application *a, const char *path, struct diag *diag)
{
    struct whole file;
    if (whole_open(&file, path, diag) < 0)
        return -1;
    json_t *json = application_json(a);
    json_dumpf(json, file.file, JSON_INDENT(1));
    json_decref(json);
    return whole_close(&file, diag);
}

static int write_files(const struct application *a, struct diag *diag)
{
    const struct bench_options *o = &a->r->options;
    char path[512];
    snprintf(path, sizeof path, "%.450s/observed.json", o->output);
    if (write_json(a, path, diag) < 0)
        return -1;
    return o->save != NULL ? write_json(a, o->save, diag) : 0;
}

/* ---- all runs ---- */

/* What is told of it meanwhile. */
static void show_outcome(const struct application *a, enum application_outcome outcome)
{
    static const enum bench_outcome shown[APPLICATION_OUTCOMES] = {
        [APPLICATION_GOOD] = BENCH_GOOD,         [APPLICATION_ENDED] = BENCH_FAILED,  [APPLICATION_UNCONNECTED] = BENCH_FAILED,
        [APPLICATION_HUNG] = BENCH_TIMEOUT,      [APPLICATION_FAILED] = BENCH_FAILED, [APPLICATION_INVALID] = BENCH_INVALID,
        [APPLICATION_UNCOUNTED] = BENCH_INVALID,
    };
    a->r->runs[a->r->nruns - 1].outcome = shown[outcome];
    bench_live_judged(a->r->live);
}

/* One more run, that of a plan: is it a warm-up, and under which tool? What an invalid server served is done again. An
 * interrupted run is none. */
static int run_valid(struct application *a, const struct application_run *plan, struct bench_progress *progress,
                     struct diag *diag)
{
    for (unsigned attempt = 0; attempt <= BENCH_RETRIES; attempt++) {
        struct application_run *run = &a->runs[a->nruns];
        *run = *plan;
        bench_add_run(a->r);
        bench_progress_step(progress, a->command[0]);
        if (application_run_once(a, run, diag) < 0)
            return bench_interrupted() ? 0 : -1;
        show_outcome(a, run->outcome);
        if (bench_interrupted())
            return 0;
        a->nruns++;
        run->repeated = run->outcome == APPLICATION_INVALID && attempt < BENCH_RETRIES;
        if (!run->repeated)
            return 0;
    }
    return 0;
}

/* Under a tool it had its time-out already, COUNTING_SLOWER times its own: no further run is waited for. */
static bool has_hung(const struct application *a, enum counting_tool tool)
{
    const struct application_run *last = a->nruns > 0 ? &a->runs[a->nruns - 1] : NULL;
    return tool != COUNTING_NONE && last != NULL && last->tool == tool && last->killed;
}

static int run_all(struct application *a, enum counting_tool tool, unsigned runs, struct diag *diag)
{
    const unsigned warmup = tool == COUNTING_NONE ? a->r->options.warmup : 0;
    struct bench_progress progress = {.live = a->r->live};
    char name[60];
    int failed = 0;
    snprintf(name, sizeof name, "any command%s%s", tool != COUNTING_NONE ? ", under " : "", counting_by[tool]);
    bench_progress_begin(&progress, name, 1, runs + warmup);
    for (unsigned i = 0; i < runs + warmup && failed == 0 && !bench_interrupted() && !has_hung(a, tool); i++)
        failed = run_valid(a, &(struct application_run){.tool = tool, .warmup = i < warmup, .counted = NAN}, &progress, diag);
    bench_progress_end(&progress);
    return failed;
}

static bool has_sample(const struct application *a)
{
    for (unsigned i = 0; i < a->nruns; i++)
        if (is_sample(&a->runs[i]))
            return true;
    return false;
}

/* A command that does not do without a tool what it is for has nothing to count. */
static int count(struct application *a, struct diag *diag)
{
    const unsigned *runs = a->r->options.counting;
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS && has_sample(a); tool++)
        if (runs[tool] > 0 && run_all(a, (enum counting_tool)tool, runs[tool], diag) < 0)
            return -1;
    return 0;
}

unsigned bench_application_steps(const struct bench_options *o)
{
    unsigned steps = 1;
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        steps += o->counting[tool] > 0;
    return steps;
}

static size_t most_runs(const struct bench_options *o, unsigned runs)
{
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        runs += o->counting[tool];
    return (size_t)(runs + o->warmup) * (BENCH_RETRIES + 1);
}

int bench_application(struct bench_result *r, char *const *command, unsigned runs, struct diag *diag)
{
    struct application a = {.r = r, .command = command, .runs = calloc(most_runs(&r->options, runs), sizeof *a.runs)};
    if (a.runs == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u runs", runs);
    int code = run_all(&a, COUNTING_NONE, runs, diag) < 0 || count(&a, diag) < 0 ? -1 : 0;
    bench_live_close(r->live);
    r->live = NULL;
    if (code == 0) {
        application_print(&a, stdout);
        code = write_files(&a, diag) < 0 ? -1 : exit_code(&a);
    }
    free(a.runs);
    return code;
}
