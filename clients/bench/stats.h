/* The benchmark's arithmetic: summaries, the slope per PV, the field's verdict on a pair of clients, and what became of each
 * frame of a monitor. Pure: no I/O, no clock. */
#ifndef CAPLAY_CLIENTS_BENCH_STATS_H
#define CAPLAY_CLIENTS_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

struct bench_summary {
    size_t n; /* 0: the rest is not set */
    double median, q1, q3, min, max, mean;
};

/* Sorts `values` in place. Quartiles are interpolated between neighbours. */
void bench_summarize(double *values, size_t n, struct bench_summary *s);

struct bench_line {
    double slope, start; /* y = start + slope * x */
};

/* Least squares. False, and *line untouched, unless x has two different values. */
bool bench_fit(const double *x, const double *y, size_t n, struct bench_line *line);

/* The field's own rule. An application holds 10,000 PVs and reads 1% of them; more than 1 s more than another client takes is
 * not acceptable. */
#define BENCH_APPLICATION_PVS 1e4
#define BENCH_READ_FRACTION   1e-2
#define BENCH_ACCEPTABLE_S    1.0
#define BENCH_CONNECT_LIMIT   (BENCH_ACCEPTABLE_S / BENCH_APPLICATION_PVS)                         /* 1e-4 s a PV */
#define BENCH_GET_LIMIT       (BENCH_ACCEPTABLE_S / (BENCH_APPLICATION_PVS * BENCH_READ_FRACTION)) /* 1e-2 s a PV */

struct bench_cost { /* seconds a PV */
    double connect, get;
};

enum bench_choice { BENCH_FIRST, BENCH_SECOND };

struct bench_verdict {
    double connect, get;      /* second's cost less the first's, seconds a PV */
    enum bench_choice faster; /* in connect + get of an application */
    double worth_pvs;         /* an application of this many PVs waits 1 s longer with the slower one; INFINITY if equal */
};

void bench_judge(const struct bench_cost *first, const struct bench_cost *second, struct bench_verdict *v);

#endif
