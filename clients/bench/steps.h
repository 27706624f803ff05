/* Which steps a benchmark has. */
#ifndef CAPLAY_CLIENTS_BENCH_STEPS_H
#define CAPLAY_CLIENTS_BENCH_STEPS_H

#include "clients/bench/bench.h"

enum bench_kinds { BENCH_KINDS_ALL, BENCH_KINDS_CONNECT, BENCH_KINDS_MONITOR };

struct bench_wish {
    enum bench_kinds kinds;
    unsigned runs; /* of each step; 0: the profile's */
    unsigned pvs;  /* one connect step of so many; 0: the profile's */
};

/* "ten-thousand" or "area-detector" into wish->kinds; -1 with DIAG_USAGE that lists them. */
int bench_set_scenario(const char *scenario, struct bench_wish *wish, struct diag *diag);

/* r->steps, of r->options.profile. */
void bench_set_steps(struct bench_result *r, const struct bench_wish *wish);

#endif
