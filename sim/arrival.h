/* When a client's bytes arrived: the kernel's receive stamps (CLOCK_REALTIME) on the clock of our deadlines, and which stamp
 * belongs to which byte of a circuit's stream. Pure. Source: design, rule 1; a delay counts from its request's last byte.
 *
 * A stamp that cannot be true (from the future, very old, from before a step of the clock) is replaced by the time of the read;
 * so is one that is missing. Both are counted. */
#ifndef CAPLAY_SIM_ARRIVAL_H
#define CAPLAY_SIM_ARRIVAL_H

#include "base/clock.h"

#define ARRIVAL_OLDEST_NS (60 * CLOCK_NS) /* what waited longer in a socket counts from its read */
#define ARRIVAL_MARKS     16u

/* How reads got their times. A zeroed one is ready. */
struct arrivals {
    uint64_t kernel, read; /* reads whose time is the kernel's stamp, or that of the read */
    uint64_t steps;        /* of CLOCK_REALTIME that were noticed */
    struct clock_pair last;
    uint64_t stepped_ns; /* CLOCK_REALTIME when the last step was noticed: stamps before it mean nothing */
};

/* The time on CLOCK_MONOTONIC for bytes that were read at `now`; stamp_ns: the kernel's, CLOCK_REALTIME, or 0 for none. At most
 * now->monotonic_ns. */
uint64_t arrivals_ns(struct arrivals *a, const struct clock_pair *now, uint64_t stamp_ns);

/* The reads of a stream whose bytes are still to be handled, in order. A zeroed one is ready. */
struct arrival_marks {
    struct {
        uint64_t end, at_ns; /* the bytes before offset `end`, behind those of the mark before, arrived then */
    } mark[ARRIVAL_MARKS];
    unsigned count;
};

/* A read ended at offset `end`; bytes before `begin` have been handled and are forgotten. Where there is no room, the last two
 * reads become one, with the later time. */
void arrival_mark(struct arrival_marks *m, uint64_t begin, uint64_t end, uint64_t at_ns);

/* When the byte before offset `end` arrived; of what has not come yet: when the last byte that has did. 0: nothing has come. */
uint64_t arrival_of(const struct arrival_marks *m, uint64_t end);

#endif
