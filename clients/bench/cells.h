/* All runs of one client on one server at one step, as the tables and the report show them. */
#ifndef CAPLAY_CLIENTS_BENCH_CELLS_H
#define CAPLAY_CLIENTS_BENCH_CELLS_H

#include "clients/bench/bench.h"
#include "clients/bench/infer.h"
#include "clients/bench/stats.h"

struct bench_cell {
    unsigned server, client;
    const struct bench_step *step;
};

/* What became of a cell's runs. */
struct bench_tally {
    unsigned good, failed, invalid, died_at_exit;
    uint64_t udp_drops;
    unsigned udp_unknown; /* runs that ended before their sockets could be looked at */
};

void bench_tally(const struct bench_result *r, const struct bench_cell *cell, struct bench_tally *tally);

/* A stage's seconds, of good runs: offset is that of the member of struct bench_run. */
void bench_stage(const struct bench_result *r, const struct bench_cell *cell, size_t offset, struct bench_summary *s);

/* What is compared and has intervals: one value a good run. */
enum bench_figure {
    BENCH_FIGURE_CONNECT,
    BENCH_FIGURE_GET1,
    BENCH_FIGURE_GET2,
    BENCH_FIGURE_PUT,
    BENCH_FIGURE_CPU,                  /* seconds of a run */
    BENCH_FIGURE_LOAD,                 /* a monitor's: percent of a core, the run's median second */
    BENCH_FIGURE_RSS,                  /* a monitor's peak, bytes */
    BENCH_FIGURE_INSTRUCTIONS,         /* of the whole process; these four: as often as they were counted */
    BENCH_FIGURE_CONNECT_INSTRUCTIONS, /* of its connect stage alone */
    BENCH_FIGURE_CALLS,                /* system calls, alike */
    BENCH_FIGURE_CONNECT_CALLS,
    BENCH_FIGURES
};

extern const char *const bench_figure_names[BENCH_FIGURES]; /* as in the result file: "connect_s" */

struct bench_values {
    double *at; /* free() it */
    size_t n;
};

/* By what a cell's instructions were counted: "perf" (the processor's counter, in the runs themselves), "callgrind"; NULL: by
 * nothing. */
const char *bench_counted_by(const struct bench_result *r, const struct bench_cell *cell);

struct bench_values bench_values(const struct bench_result *r, const struct bench_cell *cell, enum bench_figure figure);

struct bench_values bench_counted_values(const struct bench_result *r, const struct bench_cell *cell, enum bench_counted which);

struct bench_monitor_cell {
    struct bench_summary cpu;            /* of all seconds of all good runs */
    double rss_start, rss_end, rss_peak; /* bytes: medians; the highest peak */
    double rss_slope;                    /* bytes a second: the median of the runs' */
    struct bench_frames frames;          /* sums */
    bool events_known;                   /* the server reports, and served this client alone */
    uint64_t events_off, events_off_ns;  /* sums */
};

void bench_monitor_cell(const struct bench_result *r, const struct bench_cell *cell, struct bench_monitor_cell *m);

/* Seconds a PV that a client costs on a server: the slope of connect over all steps with this order, and the first get of one PV.
 * False: not enough good runs. */
bool bench_slope(const struct bench_result *r, unsigned server, unsigned client, bool one_by_one, struct bench_line *line);
bool bench_slope_estimate(const struct bench_result *r, unsigned server, unsigned client, bool one_by_one,
                          struct infer_estimate *slope);
bool bench_cost(const struct bench_result *r, unsigned server, unsigned client, struct bench_cost *cost);

#endif
