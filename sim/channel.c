#include "sim/channel.h"

#include "sim/core.h"

#include <stdlib.h>

struct sim_channel *channel_new(struct sim_circuit *c, struct sim_pv *pv, uint32_t cid)
{
    struct sim *sim = c->sim;
    struct sim_channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->circuit = c;
    channel->pv = pv;
    channel->cid = cid;
    channel->sid = sim->next_sid++;
    HASH_ADD(hh, sim->channels, sid, sizeof channel->sid, channel);
    channel->next = c->channels;
    channel->link = &c->channels;
    if (c->channels != NULL)
        c->channels->link = &channel->next;
    c->channels = channel;
    sim->counts.channels++;
    return channel;
}

static void cancel_put(struct sim_channel *channel)
{
    struct lane *puts = &channel->circuit->puts;
    for (uint32_t i = 0; i < puts->count; i++) {
        struct reply *reply = lane_at(puts, i);
        if (reply->writing == channel) {
            reply->writing = NULL;
            reply->cancelled = true;
        }
    }
}

void channel_free(struct sim_channel *channel)
{
    while (channel->subscriptions != NULL)
        subscription_free(channel->subscriptions);
    if (channel->is_writing)
        cancel_put(channel);
    HASH_DELETE(hh, channel->circuit->sim->channels, channel);
    *channel->link = channel->next;
    if (channel->next != NULL)
        channel->next->link = channel->link;
    free(channel);
}

struct sim_channel *channel_find_any(struct sim *sim, uint32_t sid)
{
    struct sim_channel *channel;
    HASH_FIND(hh, sim->channels, &sid, sizeof sid, channel);
    return channel;
}

struct sim_channel *channel_find(struct sim_circuit *c, uint32_t sid)
{
    struct sim_channel *channel = channel_find_any(c->sim, sid);
    return channel != NULL && channel->circuit == c ? channel : NULL;
}

/* Scalars travel through the queue by value; arrays and strings do not (ca-protocol 6.5). */
static bool is_copied(const struct sim_pv *pv)
{
    return pv->count == 1 && pv->native != WIRE_STRING && !pv->by_reference;
}

static bool is_shared(const struct sim_pv *pv, const struct subscription_request *r, uint64_t limit)
{
    uint64_t size = wire_dbr_padded(r->type, r->count != 0 ? r->count : pv->count);
    return !is_copied(pv) && r->type < WIRE_PUT_ACKT && size >= PAYLOAD_SHARED_BYTES && size + WIRE_EXTENDED_BYTES <= limit;
}

static void link_subscription(struct sim_subscription *s)
{
    struct sim_subscription **at = &s->channel->subscriptions;
    while (*at != NULL)
        at = &(*at)->next;
    *at = s;
    struct sim_pv *pv = s->channel->pv;
    s->link_of_pv = pv->subscriptions != NULL ? pv->subscriptions_end : &pv->subscriptions;
    *s->link_of_pv = s;
    pv->subscriptions_end = &s->next_of_pv;
}

struct sim_subscription *subscription_new(struct sim_channel *channel, const struct subscription_request *r)
{
    struct sim_pv *pv = channel->pv;
    struct sim_subscription *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->channel = channel;
    s->subid = r->subid;
    s->count = r->count;
    s->size = r->size;
    s->type = r->type;
    s->mask = r->mask;
    s->slot.copies = is_copied(pv);
    bool shared = is_shared(pv, r, channel->circuit->sim->message_limit);
    if (shared && (s->payloads = payload_join(pv, wire_types[r->type].base, r->count)) == NULL) {
        free(s);
        return NULL;
    }
    if (queue_add(&channel->circuit->events, &s->slot) < 0) {
        if (shared)
            payload_leave(s->payloads);
        free(s);
        return NULL;
    }
    link_subscription(s);
    return s;
}

void subscription_free(struct sim_subscription *s)
{
    struct sim_subscription **at = &s->channel->subscriptions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    *s->link_of_pv = s->next_of_pv;
    if (s->next_of_pv != NULL)
        s->next_of_pv->link_of_pv = s->link_of_pv;
    else
        s->channel->pv->subscriptions_end = s->link_of_pv;
    queue_remove(&s->slot);
    if (s->payloads != NULL)
        payload_leave(s->payloads);
    free(s);
}

struct sim_subscription *subscription_find(const struct sim_channel *channel, uint32_t subid)
{
    struct sim_subscription *s = channel->subscriptions;
    while (s != NULL && s->subid != subid)
        s = s->next;
    return s;
}
