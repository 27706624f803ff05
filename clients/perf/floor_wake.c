#include "clients/perf/floor.h"

#include <inttypes.h>
#include <stdio.h>

#define EVERY_NS (2 * (CLOCK_NS / 1000))

int floor_wake(const struct floor_options *o, struct diag *diag)
{
    struct floor_pace requests, replies;
    struct floor_log log;
    if (floor_log_init(&log, o->count, diag) < 0 || floor_pace_init(&requests, false, diag) < 0 ||
        floor_pace_init(&replies, !o->never_spins, diag) < 0)
        return -1;
    uint64_t every_ns = EVERY_NS + o->delay_ns, anchor_ns = clock_monotonic_ns() + every_ns;
    for (uint64_t k = 0; k < o->count; k++) {
        uint64_t due_ns = floor_pace_until(&requests, anchor_ns + k * every_ns) + o->delay_ns;
        floor_log_add(&log, floor_pace_until(&replies, due_ns) - due_ns);
    }
    floor_pace_fini(&requests);
    floor_pace_fini(&replies);
    printf("{\"deadlines\": %" PRIu64 "}\n", o->count);
    return floor_log_write(&log, o->samples, diag);
}
