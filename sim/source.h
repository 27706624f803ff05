/* What the server asks of whoever knows the PVs: a channel by name, the delay of an answer, what changes next.
 * Two sources exist: replay/ (a recording) and sim/synth (a scenario). The server does not know which. */
#ifndef CAPLAY_SIM_SOURCE_H
#define CAPLAY_SIM_SOURCE_H

#include "base/clock.h"
#include "wire/value.h"

struct sim_subscription;

/* One served PV. Made by the source before serving; its address is stable until the source is freed. */
struct sim_pv {
    const char *name;
    uint32_t count;  /* native (maximum) element count */
    uint8_t native;  /* enum wire_base */
    uint8_t rights;  /* bits of ACCESS_RIGHTS */
    struct wire_value value; /* now; data is the source's and stays valid and unchanged until the next change of this PV */
    const struct wire_meta *meta;
    uint32_t index;  /* the source's own number for it */

    /* The server's: subscriptions on this PV, and a count that grows with each post. */
    struct sim_subscription *subscriptions;
    uint64_t posts;
};

/* Classes of requests that have service times of their own. */
enum sim_class { SIM_SEARCH, SIM_CREATE, SIM_READ, SIM_WRITE, SIM_FIRST_UPDATE, SIM_ECHO, SIM_CLASSES };

struct sim_source_calls {
    /* The PV of this record or alias name, or NULL. The server has cut ".VAL" off. No allocation. */
    struct sim_pv *(*find)(void *self, const char *name, size_t length);

    /* Service time of the next request of a class for a PV (NULL for ECHO), in ns; 0: as soon as possible. Called once a request. */
    uint64_t (*delay_ns)(void *self, struct sim_pv *pv, enum sim_class class);

    /* Time 0 has come: every due time below is t0_ns plus an offset. stamp_ns is t0 as Unix time (CLOCK_REALTIME). */
    void (*start)(void *self, uint64_t t0_ns, uint64_t stamp_ns);

    /* When the next change is due (CLOCK_MONOTONIC ns), CLOCK_NEVER if none. Cheap; called after each change(). */
    uint64_t (*next_ns)(void *self);

    /* Make that change: pv->value is new. Returns the PV and sets *mask to the DBE bits to post. Nothing slow here: the bytes have been prepared. */
    struct sim_pv *(*change)(void *self, unsigned *mask);

    /* The server has time until about `until_ns`: synthesize or page in what is needed next. May be NULL. */
    void (*prepare)(void *self, uint64_t until_ns);

    /* A put. Returns the ECA status; on success pv->value is new and *mask says what to post (0: nothing). */
    uint32_t (*put)(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                    uint64_t now_ns, unsigned *mask);
};

struct sim_source {
    const struct sim_source_calls *calls;
    void *self;
};

#endif
