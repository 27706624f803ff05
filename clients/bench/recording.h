/* What the servers' images post: a rate, or, on a replay, the recording's own serials and times, which tell what was lost from
 * what was never recorded. */
#ifndef CAPLAY_CLIENTS_BENCH_RECORDING_H
#define CAPLAY_CLIENTS_BENCH_RECORDING_H

#include "clients/bench/bench.h"

/* Fill r->posts for all servers and steps, before anything runs. 0, or -1 with DIAG_USAGE: a recording cannot be read, or lacks
 * what a step needs. */
int bench_prepare_posts(struct bench_result *r, struct diag *diag);
void bench_free_posts(struct bench_result *r);

#endif
