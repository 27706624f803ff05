/* What a benchmark tells while it runs: --status, a line on stderr, and --http, a page and Prometheus' text. Both are made where
 * a run begins, never while one is measured; HTTP has a thread of its own, which is asked once a second at most by a page. */
#ifndef CAPLAY_CLIENTS_BENCH_LIVE_H
#define CAPLAY_CLIENTS_BENCH_LIVE_H

#include "clients/bench/bench.h"

#include <stdio.h>

#define BENCH_LIVE_LINE 400u

/* Where it is. */
struct bench_view {
    char group[80];                    /* "connect 10 to 10000 PVs"; "" before the first */
    char what[2 * BENCH_NAME_BYTES];   /* "pyca on sim" */
    unsigned step, steps, done, of;    /* steps begun, of how many; runs of this one begun, of how many */
    unsigned outcomes[BENCH_OUTCOMES]; /* runs that are over */
    uint64_t begun_ns;
};

/* Pure. "12 s | step 3/9 connect 100 PVs | run 4/15 pyca on sim | 27.0 runs/min | 1 crashed" */
void bench_view_line(const struct bench_view *view, uint64_t now_ns, char line[BENCH_LIVE_LINE]);
void bench_view_json(const struct bench_view *view, uint64_t now_ns, FILE *out);
void bench_view_metrics(const struct bench_view *view, uint64_t now_ns, FILE *out);

struct bench_live;

struct bench_live_wish {
    bool status;      /* a line */
    const char *http; /* "[ADDRESS:]PORT", or NULL */
};

/* Of so many steps. NULL with diag: DIAG_USAGE, or DIAG_ENVIRONMENT for a port that is taken. Borrows the result, whose runs it
 * counts. */
struct bench_live *bench_live_open(const struct bench_result *result, unsigned steps, const struct bench_live_wish *wish,
                                   struct diag *diag);
void bench_live_close(struct bench_live *live); /* NULL: nothing; so below */

/* Does it show where it is on stderr, so that nothing else should? */
bool bench_live_shows(const struct bench_live *live);

/* A group of so many steps (0: a warm-up) and, at first, runs begins; its next run does, which is the result's last; all that
 * were begun are judged. */
void bench_live_group(struct bench_live *live, const char *name, unsigned steps, unsigned runs);
void bench_live_run(struct bench_live *live, const char *what);
void bench_live_judged(struct bench_live *live);

#endif
