/* Channels and subscriptions of the fake server: a client's uses of PVs. Allocated at CREATE_CHAN and EVENT_ADD, freed by
 * CLEAR_CHANNEL, EVENT_CANCEL or with their circuit. */
#ifndef CAPLAY_SIM_CHANNEL_H
#define CAPLAY_SIM_CHANNEL_H

#include "sim/filter.h"
#include "sim/queue.h"
#include "sim/source.h"

#include <stdbool.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1 /* out of memory while its table grows: hh.tbl is NULL then */
#include <uthash.h>

struct sim;
struct sim_circuit;

struct sim_subscription {
    struct queue_slot slot; /* first: an entry of the queue leads back here */
    struct sim_channel *channel;
    struct sim_subscription *next, **link; /* of the channel, in the order they were made */
    struct sim_subscription *next_of_pv, **link_of_pv;
    struct payload_pool *payloads; /* large arrays; else NULL */
    uint32_t subid, count, size;   /* as asked; count 0: dynamic */
    uint32_t number;               /* its place in the order of the circuit's subscriptions */
    uint16_t type, mask;
};

struct sim_channel {
    struct sim_circuit *circuit;
    struct sim_pv *pv;
    struct filters *filters;                                     /* or NULL */
    struct sim_channel *next, **link;                            /* of the circuit */
    struct sim_subscription *subscriptions, **subscriptions_end; /* the end of an empty list: NULL */
    uint32_t cid, sid;
    uint64_t put;      /* the number of a WRITE_NOTIFY's reply in the lane of puts, while */
    bool is_writing;   /* it has not been answered yet */
    UT_hash_handle hh; /* sim->channels, by sid */
};

/* NULL without memory, or with LIMIT_CHANNELS reached. The filters, which may be none, are copied. */
struct sim_channel *channel_new(struct sim_circuit *c, struct sim_pv *pv, uint32_t cid, const struct filters *filters);

/* Frees the channel and its subscriptions. Who reaches it: the hash of sids, its circuit's list, a pending put's reply in the
 * lane of puts (which is cancelled), and its subscriptions. */
void channel_free(struct sim_channel *channel);

/* The result of its pending put will not be sent. What it would have been. */
struct reply channel_cancel_put(struct sim_channel *channel);

/* The channel of this circuit with this sid, or NULL. */
struct sim_channel *channel_find(struct sim_circuit *c, uint32_t sid);

/* The same of any circuit of the server. */
struct sim_channel *channel_find_any(struct sim *sim, uint32_t sid);

struct subscription_request {
    uint32_t subid, count, size;
    uint16_t type, mask;
};

/* NULL without memory, or with LIMIT_SUBSCRIPTIONS or LIMIT_PV_SUBSCRIPTIONS reached. */
struct sim_subscription *subscription_new(struct sim_channel *channel, const struct subscription_request *request);

/* Frees it. Who reaches it: its PV's list, its channel's list, entries of the event queue (which are cancelled). */
void subscription_free(struct sim_subscription *subscription);

/* The first one of the channel with this subid, or NULL. */
struct sim_subscription *subscription_find(const struct sim_channel *channel, uint32_t subid);

#endif
