/* Lines about what clients do wrong, so few that no client can fill a disk or a pipe with them. Pure. */
#ifndef CAPLAY_SIM_NOTICES_H
#define CAPLAY_SIM_NOTICES_H

#include <stdbool.h>
#include <stdint.h>

#define NOTICES_AT_ONCE 10u /* after that, one a second */

struct notices {       /* a zeroed one has said nothing */
    uint64_t since_ns; /* when the first of `said` was said */
    unsigned said;
    uint64_t left_out;
};

/* May a line be printed now? Then *left_out is how many were not since the last one. */
bool notices_may(struct notices *notices, uint64_t now_ns, uint64_t *left_out);

#endif
