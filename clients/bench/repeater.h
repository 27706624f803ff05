/* One CA repeater for all clients of a benchmark, on a port of its own, so that no client starts one. */
#ifndef CAPLAY_CLIENTS_BENCH_REPEATER_H
#define CAPLAY_CLIENTS_BENCH_REPEATER_H

#include "clients/bench/bench.h"

/* Sets o->repeater and o->repeater_port once it answers. 0, or -1 with DIAG_ENVIRONMENT. */
int bench_repeater_start(struct bench_options *o, struct diag *diag);
void bench_repeater_stop(struct bench_options *o); /* sets o->repeater_drops */

#endif
