/* Lateness and its owner: from when a message was due to when its first byte was handed to the kernel. Pure.
 * Source: design, rule 3. Only what is our own can make a run invalid. */
#ifndef CAPLAY_SIM_LATENESS_H
#define CAPLAY_SIM_LATENESS_H

#include "base/histogram.h"

#include <stdbool.h>

enum sim_owner {
    /* From when it was due, and its client took messages, to our send. */
    SIM_LATE_SELF,
    /* It was due behind an earlier reply of its lane, by so much. */
    SIM_LATE_ORDER,
    /* Its client took no more, or had sent EVENTS_OFF: from the due time until it was ready again; the wait of what a short send
     * left over; and, for each send behind bytes that had not even left this machine, since when these were there (by
     * SIOCOUTQNSD: SIOCOUTQ counts what a client's kernel has, too, since that acknowledges up to 40 ms later). */
    SIM_LATE_PEER,
    /* What of self passed while our thread waited for its core and the command's own threads ran there. */
    SIM_LATE_CONTENTION,
    SIM_OWNERS
};

extern const char *const lateness_owners[SIM_OWNERS];

#define LATENESS_SUSPECT_NS 100000u /* from here on self may turn out to be contention */
#define LATENESS_SUSPECTS   64u

struct lateness {
    struct histogram of[SIM_OWNERS];
    bool is_shared; /* somebody tells by lateness_settle() what was contention; else all is self at once */
    unsigned suspects;
    uint64_t suspect_ns[LATENESS_SUSPECTS];
};

/* A message that was due at due_ns was handed over at now_ns; its client has taken messages since free_ns. */
void lateness_count(struct lateness *late, uint64_t due_ns, uint64_t free_ns, uint64_t now_ns);

/* Of what came late since the last call at most contention_ns was contention; the rest was self. */
void lateness_settle(struct lateness *late, uint64_t contention_ns);

#endif
