/* What the synthesized scenarios have in common: named PVs. Only synth*.c include this. */
#ifndef CAPLAY_SIM_SYNTH_PARTS_H
#define CAPLAY_SIM_SYNTH_PARTS_H

#include "base/lookup.h"
#include "sim/synth.h"

#include <stdlib.h>

#define SYNTH_NAME_BYTES 64

struct synth_pv {
    struct sim_pv pv;
    char name[SYNTH_NAME_BYTES];
};

struct synth {
    struct sim_source source;
    struct synth_pv *pvs;
    struct lookup names; /* -> pvs[] */
    uint32_t npvs;
    uint64_t now_ns;      /* of the first stamps, since 1970 */
    uint64_t realtime_ns; /* what stamps show - CLOCK_MONOTONIC */
    struct wire_meta meta;
    struct images *images;   /* area-detector */
    struct scalars *scalars; /* ten-thousand, names of a file */
};

/* Room for n PVs. 0, or -1 without memory. */
int synth_reserve(struct synth *synth, uint32_t n, struct diag *diag);

/* Give the next PV its name; everything else of it is the scenario's to set. DIAG_USAGE for a name that is empty, too long or
 * given twice.
 */
struct synth_pv *synth_add(struct synth *synth, const char *name, struct diag *diag);

/* The calls that need no scenario. */
struct sim_pv *synth_find(void *self, const char *name, size_t length);

/* EPICS stamp of a CLOCK_REALTIME time. */
struct wire_stamp synth_stamp(uint64_t realtime_ns);

/* The scenarios; 0 or -1. */
int scalars_make(struct synth *synth, const struct synth_config *config, struct diag *diag);
int images_make(struct synth *synth, const struct synth_config *config, struct diag *diag);
void scalars_free(struct scalars *scalars);
void images_free(struct images *images);

#endif
