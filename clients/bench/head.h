#ifndef CAPLAY_CLIENTS_BENCH_HEAD_H
#define CAPLAY_CLIENTS_BENCH_HEAD_H

#include "clients/bench/bench.h"

/* Machine, cores, versions, pinning, profile, the servers' own lateness. */
void bench_print_head(const struct bench_result *r, FILE *out);

#endif
