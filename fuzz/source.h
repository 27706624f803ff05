/* A source of PVs of every kind, for the targets that speak to the server's core: numbers, an enum, a string, arrays below and
 * above the size that circuits share, one that nobody may write. Service times and changes are the fuzzer's. */
#ifndef CAPLAY_FUZZ_SOURCE_H
#define CAPLAY_FUZZ_SOURCE_H

#include "sim/core.h"

enum { SOURCE_PVS = 8 };

struct fuzz_source {
    struct sim_source source;
    struct sim_pv pv[SOURCE_PVS];
    struct wire_meta meta;
    uint8_t *bytes[SOURCE_PVS];
    uint64_t delay_ns[SIM_CLASSES];
    unsigned changes;
};

/* The one core of this process, as new but for its histograms, which are large and of no interest here. */
struct sim *fuzz_sim(void);

void fuzz_source_init(struct fuzz_source *s);
void fuzz_source_fini(struct fuzz_source *s);

/* A PV's value is new: post it. */
void fuzz_source_change(struct fuzz_source *s, struct sim *sim, uint64_t now_ns);

#endif
