#include "clients/perf/floor.h"

#include <inttypes.h>
#include <stdio.h>

/* From a reply to the next request, as a client on another core needs it. A request that came by a grid of its own would meet the
 * kernel's tick (every 4 ms, some 40 us on a virtual machine) always or never, by the luck of its phase. */
#define THINK_NS 25000u

int floor_wake(const struct floor_options *o, struct diag *diag)
{
    struct floor_pace requests, replies;
    struct floor_log log;
    if (floor_log_init(&log, o->count, diag) < 0 || floor_pace_init(&requests, false, diag) < 0 ||
        floor_pace_init(&replies, !o->never_spins, diag) < 0)
        return -1;
    uint64_t reply_ns = clock_monotonic_ns();
    for (uint64_t k = 0; k < o->count; k++) {
        const uint64_t due_ns = floor_pace_until(&requests, reply_ns + THINK_NS) + o->delay_ns;
        reply_ns = floor_pace_until(&replies, due_ns);
        floor_log_add(&log, reply_ns - due_ns);
    }
    floor_pace_fini(&requests);
    floor_pace_fini(&replies);
    printf("{\"deadlines\": %" PRIu64 "}\n", o->count);
    return floor_log_write(&log, o->samples, diag);
}
