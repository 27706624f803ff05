#include "sim/channel.h"

#include "sim/core.h"

#include <stdlib.h>
#include <string.h>

struct sim_channel *channel_find_any(struct sim *sim, uint32_t sid)
{
    struct sim_channel *channel;
    HASH_FIND(hh, sim->channels, &sid, sizeof sid, channel);
    return channel;
}

/* Numbers come round after 2^32 channels; what is still in use is left out. */
static uint32_t next_sid(struct sim *sim)
{
    while (channel_find_any(sim, sim->next_sid) != NULL)
        sim->next_sid++;
    return sim->next_sid++;
}

/* Scalars travel through the queue by value; arrays and strings do not (ca-protocol 6.5). */
static bool is_copied(const struct sim_pv *pv)
{
    return pv->by_value || (pv->count == 1 && pv->native != WIRE_STRING && !pv->by_reference);
}

static void free_filters(struct sim *sim, struct filters *filters)
{
    if (filters == NULL)
        return;
    memory_give(&sim->memory, filters_bytes(filters->n));
    free(filters);
}

/* NULL without memory. */
static struct filters *copy_filters(struct sim *sim, const struct filters *filters)
{
    struct filters *copy = NULL;
    const size_t bytes = filters_bytes(filters->n);
    if (memory_take(&sim->memory, bytes) && (copy = malloc(bytes)) == NULL)
        memory_give(&sim->memory, bytes);
    if (copy != NULL)
        memcpy(copy, filters, bytes);
    return copy;
}

static struct sim_channel *make_channel(struct sim *sim)
{
    struct sim_channel *channel = NULL;
    if (memory_take(&sim->memory, sizeof *channel) && (channel = calloc(1, sizeof *channel)) == NULL)
        memory_give(&sim->memory, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->sid = next_sid(sim);
    HASH_ADD(hh, sim->channels, sid, sizeof channel->sid, channel);
    if (channel->hh.tbl != NULL)
        return channel;
    free(channel);
    memory_give(&sim->memory, sizeof *channel);
    return NULL;
}

struct sim_channel *channel_new(struct sim_circuit *c, struct sim_pv *pv, uint32_t cid, const struct filters *filters)
{
    struct filters *own = NULL;
    if (c->nchannels >= LIMIT_CHANNELS || (filters->n > 0 && (own = copy_filters(c->sim, filters)) == NULL))
        return NULL;
    struct sim_channel *channel = make_channel(c->sim);
    if (channel == NULL) {
        free_filters(c->sim, own);
        return NULL;
    }
    channel->filters = own;
    if (own != NULL)
        own->is_number = is_copied(pv);
    channel->circuit = c;
    channel->pv = pv;
    channel->cid = cid;
    channel->next = c->channels;
    channel->link = &c->channels;
    if (c->channels != NULL)
        c->channels->link = &channel->next;
    c->channels = channel;
    c->nchannels++;
    c->sim->counts.channels++;
    return channel;
}

struct reply channel_cancel_put(struct sim_channel *channel)
{
    struct reply *reply = lane_numbered(&channel->circuit->puts, channel->put);
    reply->writing = NULL;
    reply->cancelled = true;
    channel->is_writing = false;
    return *reply;
}

void channel_free(struct sim_channel *channel)
{
    while (channel->subscriptions != NULL)
        subscription_free(channel->subscriptions);
    if (channel->is_writing)
        channel_cancel_put(channel);
    HASH_DELETE(hh, channel->circuit->sim->channels, channel);
    *channel->link = channel->next;
    if (channel->next != NULL)
        channel->next->link = channel->link;
    channel->circuit->nchannels--;
    free_filters(channel->circuit->sim, channel->filters);
    memory_give(&channel->circuit->sim->memory, sizeof *channel);
    free(channel);
}

struct sim_channel *channel_find(struct sim_circuit *c, uint32_t sid)
{
    struct sim_channel *channel = channel_find_any(c->sim, sid);
    return channel != NULL && channel->circuit == c ? channel : NULL;
}

static bool is_shared(const struct sim *sim, const struct sim_channel *channel, const struct subscription_request *r)
{
    const struct sim_pv *pv = channel->pv;
    if (channel->filters != NULL)
        return false;
    uint64_t size = wire_dbr_padded(r->type, r->count != 0 ? r->count : pv->count);
    return !is_copied(pv) && r->type < WIRE_PUT_ACKT && size >= PAYLOAD_SHARED_BYTES && sim_fits(sim, pv, r->type, r->count) &&
           payload_is_shared(pv, wire_types[r->type].base, r->count);
}

static void link_subscription(struct sim_subscription *s)
{
    struct sim_channel *channel = s->channel;
    s->link = channel->subscriptions != NULL ? channel->subscriptions_end : &channel->subscriptions;
    *s->link = s;
    channel->subscriptions_end = &s->next;
    struct sim_pv *pv = channel->pv;
    s->link_of_pv = pv->subscriptions != NULL ? pv->subscriptions_end : &pv->subscriptions;
    *s->link_of_pv = s;
    pv->subscriptions_end = &s->next_of_pv;
    pv->nsubscriptions++;
    channel->circuit->nsubscriptions++;
}

static void unlink_subscription(struct sim_subscription *s)
{
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    else
        s->channel->subscriptions_end = s->link;
    *s->link_of_pv = s->next_of_pv;
    if (s->next_of_pv != NULL)
        s->next_of_pv->link_of_pv = s->link_of_pv;
    else
        s->channel->pv->subscriptions_end = s->link_of_pv;
    s->channel->pv->nsubscriptions--;
    s->channel->circuit->nsubscriptions--;
}

static struct sim_subscription *make_subscription(struct sim_circuit *c, const struct sim_pv *pv)
{
    struct sim_subscription *s = NULL;
    bool is_full = c->nsubscriptions >= LIMIT_SUBSCRIPTIONS || pv->nsubscriptions >= LIMIT_PV_SUBSCRIPTIONS;
    if (is_full || !memory_take(&c->sim->memory, sizeof *s))
        return NULL;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        memory_give(&c->sim->memory, sizeof *s);
    return s;
}

static void discard(struct sim_circuit *c, struct sim_subscription *s)
{
    if (s->payloads != NULL)
        payload_leave(s->payloads);
    memory_give(&c->sim->memory, sizeof *s);
    free(s);
}

struct sim_subscription *subscription_new(struct sim_channel *channel, const struct subscription_request *r)
{
    struct sim_circuit *c = channel->circuit;
    struct sim_pv *pv = channel->pv;
    struct sim_subscription *s = make_subscription(c, pv);
    if (s == NULL)
        return NULL;
    s->channel = channel;
    s->subid = r->subid;
    s->count = r->count;
    s->size = r->size;
    s->type = r->type;
    s->mask = r->mask;
    s->slot.copies = is_copied(pv) || (channel->filters != NULL && filters_copy(channel->filters));
    const struct payload_request payload = {
        .base = wire_types[r->type].base, .count = r->count, .circuits = c->sim->ncircuits, .memory = &c->sim->memory};
    bool shared = is_shared(c->sim, channel, r);
    if ((shared && (s->payloads = payload_join(pv, &payload)) == NULL) || queue_add(&c->events, &s->slot) < 0) {
        discard(c, s);
        return NULL;
    }
    link_subscription(s);
    return s;
}

void subscription_free(struct sim_subscription *s)
{
    unlink_subscription(s);
    queue_remove(&s->slot);
    discard(s->channel->circuit, s);
}

struct sim_subscription *subscription_find(const struct sim_channel *channel, uint32_t subid)
{
    struct sim_subscription *s = channel->subscriptions;
    while (s != NULL && s->subid != subid)
        s = s->next;
    return s;
}
