#include "clients/bench/cells.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_in(const struct bench_run *run, const struct bench_cell *cell)
{
    return run->server == cell->server && run->client == cell->client && run->step == cell->step && !run->warmup;
}

void bench_tally(const struct bench_result *r, const struct bench_cell *cell, struct bench_tally *t)
{
    *t = (struct bench_tally){.good = 0};
    for (size_t i = 0; i < r->nruns; i++) {
        const struct bench_run *run = &r->runs[i];
        if (!is_in(run, cell))
            continue;
        t->good += run->outcome == BENCH_GOOD;
        t->invalid += run->outcome == BENCH_INVALID;
        t->failed += run->outcome != BENCH_GOOD && run->outcome != BENCH_INVALID;
        t->died_at_exit += run->died_at_exit;
        t->udp_drops += run->udp_drops;
        t->udp_unknown += !run->udp_known;
    }
}

/* ---- samples ---- */

/* One call collects at most every run's every sample. */
struct values {
    double *at;
    size_t n;
};

static struct values new_values(const struct bench_result *r)
{
    struct values v = {malloc((r->nruns + 1) * BENCH_SAMPLES_MAX * sizeof *v.at), 0};
    assert(v.at != NULL);
    return v;
}

static void add(struct values *v, double value)
{
    if (!isnan(value))
        v->at[v->n++] = value;
}

static double take_median(struct values *v)
{
    struct bench_summary s;
    bench_summarize(v->at, v->n, &s);
    v->n = 0;
    return s.n > 0 ? s.median : NAN;
}

static double member(const struct bench_run *run, size_t offset)
{
    double value;
    memcpy(&value, (const char *)run + offset, sizeof value);
    return value;
}

void bench_stage(const struct bench_result *r, const struct bench_cell *cell, size_t offset, struct bench_summary *s)
{
    struct values v = new_values(r);
    for (size_t i = 0; i < r->nruns; i++)
        if (is_in(&r->runs[i], cell) && r->runs[i].outcome == BENCH_GOOD)
            add(&v, member(&r->runs[i], offset));
    bench_summarize(v.at, v.n, s);
    free(v.at);
}

/* ---- figures ---- */

const char *const bench_figure_names[BENCH_FIGURES] = {
    [BENCH_FIGURE_CONNECT] = "connect_s",
    [BENCH_FIGURE_GET1] = "get_1_s",
    [BENCH_FIGURE_GET2] = "get_2_s",
    [BENCH_FIGURE_PUT] = "put_s",
    [BENCH_FIGURE_CPU] = "cpu_s",
    [BENCH_FIGURE_LOAD] = "cpu_percent",
    [BENCH_FIGURE_RSS] = "rss_peak_bytes",
    [BENCH_FIGURE_INSTRUCTIONS] = "instructions",
    [BENCH_FIGURE_CONNECT_INSTRUCTIONS] = "connect_instructions",
    [BENCH_FIGURE_CALLS] = "system_calls",
    [BENCH_FIGURE_CONNECT_CALLS] = "connect_system_calls",
};

static double load_of(const struct bench_run *run)
{
    double at[BENCH_SAMPLES_MAX];
    struct bench_summary s;
    memcpy(at, run->cpu.at, sizeof at);
    bench_summarize(at, run->cpu.n, &s);
    return s.n > 0 ? s.median : NAN;
}

static double figure_of(const struct bench_run *run, enum bench_figure figure)
{
    switch (figure) {
    case BENCH_FIGURE_CONNECT:
        return run->connect;
    case BENCH_FIGURE_GET1:
        return run->get1;
    case BENCH_FIGURE_GET2:
        return run->get2;
    case BENCH_FIGURE_PUT:
        return run->put;
    case BENCH_FIGURE_CPU:
        return run->cpu_s;
    case BENCH_FIGURE_LOAD:
        return load_of(run);
    case BENCH_FIGURE_RSS:
        return run->rss_peak > 0 ? run->rss_peak : NAN;
    case BENCH_FIGURE_INSTRUCTIONS:
        return run->counts.at[BENCH_INSTRUCTIONS];
    case BENCH_FIGURE_CONNECT_INSTRUCTIONS:
    case BENCH_FIGURE_CALLS:
    case BENCH_FIGURE_CONNECT_CALLS:
    case BENCH_FIGURES:
        break;
    }
    return NAN;
}

/* A figure of runs under a tool: whole, or of the connect stage. */
static const struct counted_figure {
    enum counting_tool tool; /* COUNTING_NONE: no such figure */
    bool connect;
} counted_figures[BENCH_FIGURES] = {
    [BENCH_FIGURE_INSTRUCTIONS] = {COUNTING_CALLGRIND, false},
    [BENCH_FIGURE_CONNECT_INSTRUCTIONS] = {COUNTING_CALLGRIND, true},
    [BENCH_FIGURE_CALLS] = {COUNTING_SYSCALLS, false},
    [BENCH_FIGURE_CONNECT_CALLS] = {COUNTING_SYSCALLS, true},
};

/* Room for one value of every run. */
static struct bench_values new_figure(const struct bench_result *r)
{
    struct bench_values v = {malloc((r->nruns + r->ncounting + 1) * sizeof *v.at), 0};
    assert(v.at != NULL);
    return v;
}

static void collect_counted(const struct bench_result *r, const struct bench_cell *cell, struct counted_figure f,
                            struct bench_values *v)
{
    for (size_t i = 0; i < r->ncounting; i++) {
        const struct bench_counting *c = &r->counting[i];
        const double value = f.connect ? c->stage[BENCH_STAGE_CONNECT] : c->total;
        if (c->tool == f.tool && is_in(&c->run, cell) && c->run.outcome == BENCH_GOOD && !isnan(value))
            v->at[v->n++] = value;
    }
}

const char *bench_counted_by(const struct bench_result *r, const struct bench_cell *cell)
{
    struct bench_values v = new_figure(r);
    collect_counted(r, cell, counted_figures[BENCH_FIGURE_INSTRUCTIONS], &v);
    const size_t by_tool = v.n;
    free(v.at);
    v = bench_counted_values(r, cell, BENCH_INSTRUCTIONS);
    free(v.at);
    return by_tool > 0 ? counting_by[COUNTING_CALLGRIND] : v.n > 0 ? "perf" : NULL;
}

/* Instructions have two sources, and a cell's are all from one. */
struct bench_values bench_values(const struct bench_result *r, const struct bench_cell *cell, enum bench_figure figure)
{
    struct bench_values v = new_figure(r);
    if (counted_figures[figure].tool != COUNTING_NONE)
        collect_counted(r, cell, counted_figures[figure], &v);
    if (v.n > 0)
        return v;
    for (size_t i = 0; i < r->nruns; i++) {
        const struct bench_run *run = &r->runs[i];
        const double value = is_in(run, cell) && run->outcome == BENCH_GOOD ? figure_of(run, figure) : NAN;
        if (!isnan(value))
            v.at[v.n++] = value;
    }
    return v;
}

struct bench_values bench_counted_values(const struct bench_result *r, const struct bench_cell *cell, enum bench_counted which)
{
    struct bench_values v = new_figure(r);
    for (size_t i = 0; i < r->nruns; i++) {
        const struct bench_run *run = &r->runs[i];
        if (is_in(run, cell) && run->outcome == BENCH_GOOD && !isnan(run->counts.at[which]))
            v.at[v.n++] = run->counts.at[which];
    }
    return v;
}

/* ---- monitors ---- */

static double slope_of(const struct bench_samples *samples)
{
    double seconds[BENCH_SAMPLES_MAX];
    struct bench_line line = {.slope = NAN};
    for (unsigned i = 0; i < samples->n; i++)
        seconds[i] = i;
    bench_fit(seconds, samples->at, samples->n, &line);
    return line.slope;
}

/* Start, end or slope of a run's resident memory. */
enum rss_what { RSS_START, RSS_END, RSS_SLOPE };

static double rss_of(const struct bench_run *run, enum rss_what what)
{
    if (run->rss.n == 0)
        return NAN;
    return what == RSS_START ? run->rss.at[0] : what == RSS_END ? run->rss.at[run->rss.n - 1] : slope_of(&run->rss);
}

static double rss_median(const struct bench_result *r, const struct bench_cell *cell, enum rss_what what, struct values *v)
{
    for (size_t i = 0; i < r->nruns; i++)
        if (is_in(&r->runs[i], cell) && r->runs[i].outcome == BENCH_GOOD)
            add(v, rss_of(&r->runs[i], what));
    return take_median(v);
}

static void add_frames(struct bench_frames *sum, const struct bench_frames *f)
{
    sum->delivered += f->delivered;
    sum->lost += f->lost;
    sum->merged += f->merged;
    sum->doubled += f->doubled;
    sum->misordered += f->misordered;
}

static void add_run(const struct bench_run *run, struct bench_monitor_cell *m, struct values *cpu)
{
    for (unsigned k = 0; k < run->cpu.n; k++)
        add(cpu, run->cpu.at[k]);
    if (run->rss_peak > m->rss_peak)
        m->rss_peak = run->rss_peak;
    add_frames(&m->frames, &run->frames);
    m->events_known = run->report.events_known && !run->step->at_once;
    m->events_off += run->report.events_off;
    m->events_off_ns += run->report.events_off_ns;
}

void bench_monitor_cell(const struct bench_result *r, const struct bench_cell *cell, struct bench_monitor_cell *m)
{
    struct values v = new_values(r);
    *m = (struct bench_monitor_cell){.rss_peak = 0};
    m->rss_start = rss_median(r, cell, RSS_START, &v);
    m->rss_end = rss_median(r, cell, RSS_END, &v);
    m->rss_slope = rss_median(r, cell, RSS_SLOPE, &v);
    for (size_t i = 0; i < r->nruns; i++)
        if (is_in(&r->runs[i], cell) && r->runs[i].outcome == BENCH_GOOD)
            add_run(&r->runs[i], m, &v);
    bench_summarize(v.at, v.n, &m->cpu);
    free(v.at);
}

/* ---- cost ---- */

/* Connect times over the numbers of PVs. */
static void collect_line(const struct bench_result *r, unsigned server, unsigned client, bool one_by_one, struct values *pvs,
                         struct values *seconds)
{
    for (size_t i = 0; i < r->nruns; i++) {
        const struct bench_run *run = &r->runs[i];
        if (run->step->kind != BENCH_CONNECT || run->step->one_by_one != one_by_one || run->outcome != BENCH_GOOD ||
            !is_in(run, &(struct bench_cell){server, client, run->step}))
            continue;
        add(pvs, run->step->pvs);
        add(seconds, run->connect);
    }
}

bool bench_slope(const struct bench_result *r, unsigned server, unsigned client, bool one_by_one, struct bench_line *line)
{
    struct values pvs = new_values(r), seconds = new_values(r);
    collect_line(r, server, client, one_by_one, &pvs, &seconds);
    bool good = bench_fit(pvs.at, seconds.at, pvs.n, line);
    free(pvs.at);
    free(seconds.at);
    return good;
}

bool bench_slope_estimate(const struct bench_result *r, unsigned server, unsigned client, bool one_by_one,
                          struct infer_estimate *slope)
{
    struct values pvs = new_values(r), seconds = new_values(r);
    collect_line(r, server, client, one_by_one, &pvs, &seconds);
    bool good = infer_slope(pvs.at, seconds.at, pvs.n, slope);
    free(pvs.at);
    free(seconds.at);
    return good;
}

bool bench_cost(const struct bench_result *r, unsigned server, unsigned client, struct bench_cost *cost)
{
    struct bench_line line;
    struct bench_summary get = {.n = 0};
    for (size_t i = 0; i < r->nsteps && get.n == 0; i++)
        if (r->steps[i].kind == BENCH_CONNECT && r->steps[i].pvs == 1)
            bench_stage(r, &(struct bench_cell){server, client, &r->steps[i]}, offsetof(struct bench_run, get1), &get);
    if (get.n == 0 || !bench_slope(r, server, client, false, &line))
        return false;
    *cost = (struct bench_cost){line.slope, get.median};
    return true;
}
