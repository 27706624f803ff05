/* When a server's time 0 is: --start-when. Pure. */
#ifndef CAPLAY_SIM_START_H
#define CAPLAY_SIM_START_H

#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>

enum sim_start_kind { SIM_START_READY, SIM_START_SEARCH, SIM_START_SUBSCRIPTIONS, SIM_START_SIGNAL };

struct sim_start {
    enum sim_start_kind kind;
    uint64_t subscriptions; /* SUBSCRIPTIONS: so many have been made */
    bool begun;
    uint64_t t0_ns;
};

/* "ready", "search", "subscriptions", "subscriptions=N", "signal"; NULL: subscriptions=1. 0, or -1 with DIAG_USAGE. */
int sim_start_parse(struct sim_start *start, const char *text, struct diag *diag);

#endif
