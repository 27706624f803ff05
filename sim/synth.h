/* Synthesized PVs: the scenarios that `caplay sim` knows by name, as sources for the server. */
#ifndef CAPLAY_SIM_SYNTH_H
#define CAPLAY_SIM_SYNTH_H

#include "base/options.h"
#include "sim/source.h"

struct synth_config {         /* all zero: the scenario's defaults */
    uint64_t count;           /* scalars */
    const char *file;         /* or their names; the scenario's name does not count then */
    struct option_list names; /* images */
    struct clock_rate rate;
    bool asap; /* frames as fast as the server goes; their stamps are those of the rate */
    struct option_size size;
    struct clock_pair now; /* what stamps take for now; realtime_ns 0: the clock */
};

struct synth;

/* NULL with DIAG_USAGE: no such scenario (the text lists those there are), or a value that it does not take. */
struct synth *synth_new(const char *scenario, const struct synth_config *config, struct diag *diag);
void synth_free(struct synth *synth);
const struct sim_source *synth_source(const struct synth *synth);

#endif
