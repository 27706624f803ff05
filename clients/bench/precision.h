/* --precision: how long a step's runs go on. */
#ifndef CAPLAY_CLIENTS_BENCH_PRECISION_H
#define CAPLAY_CLIENTS_BENCH_PRECISION_H

#include "clients/bench/bench.h"

/* Give another round, number `round`, to those of a group's steps that have a cell whose median is not known well enough, unless
 * --max-runs or --time-limit is reached. True: at least one has it. */
bool bench_want_more(struct bench_result *r, const struct bench_step *steps, size_t n, unsigned round);

#endif
