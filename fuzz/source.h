/* What the targets that speak to the server's core serve: source.c's PVs of every kind, or records.c's database. Service times
 * and changes are the fuzzer's. */
#ifndef CAPLAY_FUZZ_SOURCE_H
#define CAPLAY_FUZZ_SOURCE_H

#include "sim/core.h"

/* The one core of this process over its source, as new but for its histograms, which are large and of no interest here.
 * delay_ns: service times by class; borrowed until fuzz_source_end(). */
struct sim *fuzz_source_begin(const uint64_t delay_ns[SIM_CLASSES]);
void fuzz_source_end(void);

/* A PV's value is new: post it. */
void fuzz_source_change(struct sim *sim, uint64_t now_ns);

#endif
