/* Beacons, by which a server tells that it is there: what they say, and when they are due. Rule: ca-protocol 9.1. Pure. */
#ifndef CAPLAY_SIM_BEACON_H
#define CAPLAY_SIM_BEACON_H

#include <stdint.h>

#define BEACON_BYTES             16u
#define BEACON_FIRST_INTERVAL_NS (20 * UINT64_C(1000000)) /* then twice that, and so on */
#define BEACON_LONGEST_S         15                       /* where nobody says otherwise */

struct beacon {
    uint64_t interval_ns, longest_ns, due_ns;
    uint32_t sent;
};

/* The first one is due now. longest: the text of EPICS_CAS_BEACON_PERIOD, in seconds, or NULL; what is no positive number counts
 * as unset. */
void beacon_init(struct beacon *b, const char *longest, uint64_t now_ns);

/* The beacon that is due; tcp_port: where the server listens. The next one is due at b->due_ns. */
void beacon_next(struct beacon *b, uint16_t tcp_port, uint8_t bytes[BEACON_BYTES]);

#endif
