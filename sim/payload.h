/* The values of a large array as they travel, encoded once for each (PV, change, base type, count) and shared by all circuits
 * that send them: their updates differ only in header, stamp and alarm, which come in front. Where the values are asked for in
 * the PV's own type they are not even copied: the payload borrows the source's bytes, until a circuit cannot send all of them at
 * once. Memory is reserved when a subscription is made: one payload each, but no more than there are circuits, for a circuit
 * sends one at a time. */
#ifndef CAPLAY_SIM_PAYLOAD_H
#define CAPLAY_SIM_PAYLOAD_H

#include "sim/limits.h"
#include "sim/source.h"

#include <stdbool.h>

/* Arrays below this size are encoded straight into the outbox. */
#define PAYLOAD_SHARED_BYTES 4096u

/* Pools of one PV, one for each type and count; clients that ask for more kinds than these get their arrays unshared. */
#define PAYLOAD_POOLS 64u

struct payload {
    struct payload_pool *pool;
    struct payload *next;
    const uint8_t *bytes; /* the source's, or own */
    uint64_t length;      /* bytes of values, zeros beyond the PV's count included */
    uint64_t version;     /* the PV's, when they were taken */
    uint64_t room;        /* bytes of its own */
    uint32_t refs;
    uint32_t status; /* ECA: not every type can be converted */
    uint8_t own[];
};

/* Is there such a pool, or room for one? */
bool payload_is_shared(const struct sim_pv *pv, uint8_t base, uint32_t count);

struct payload_request {
    uint8_t base;
    uint32_t count;        /* 0: dynamic */
    uint32_t circuits;     /* that there are now */
    struct memory *memory; /* what payloads count to; the same for all of a PV, or NULL */
};

/* The pool that a subscription draws from, with a payload for it. NULL without memory. */
struct payload_pool *payload_join(struct sim_pv *pv, const struct payload_request *request);

/* A subscription leaves. With the last one the payloads are freed, those that are still being sent when that is done. */
void payload_leave(struct payload_pool *pool);

/* The PV's present values, referenced for the caller. */
struct payload *payload_take(struct payload_pool *pool);
void payload_unref(struct payload *payload);

/* Copy borrowed values: the source may change them from now on. */
void payload_settle(struct payload *payload);

#endif
