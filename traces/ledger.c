#include "traces/ledger.h"

#include "traces/trace.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

/* ---- messages ---- */

static void drop_kept(struct ledger *l, struct ledger_kept *kept)
{
    if (kept->payload == NULL)
        return;
    l->kept_bytes -= kept->room;
    free(kept->payload);
    kept->payload = NULL;
    kept->room = 0;
}

/* Room for a longer payload than the one before. */
static void make_room(struct ledger *l, struct ledger_kept *kept, uint32_t size)
{
    drop_kept(l, kept);
    if (size > LEDGER_KEPT_BYTES - l->kept_bytes)
        return;
    kept->payload = malloc(size);
    kept->room = kept->payload != NULL ? size : 0;
    l->kept_bytes += kept->room;
}

void ledger_keep(struct ledger *l, struct ledger_kept *kept, const struct wire_header *header, const uint8_t *payload)
{
    if (header->size > kept->room)
        make_room(l, kept, header->size);
    kept->is_there = header->size <= kept->room;
    kept->header = *header;
    if (kept->is_there && header->size > 0)
        memcpy(kept->payload, payload, header->size);
}

/* ---- channels ---- */

struct ledger_channel *ledger_channel_by_cid(struct ledger *l, uint32_t cid)
{
    struct ledger_channel *channel;
    HASH_FIND(by_cid, l->by_cid, &cid, sizeof cid, channel);
    return channel;
}

struct ledger_channel *ledger_channel_by_sid(struct ledger *l, uint32_t sid)
{
    struct ledger_channel *channel;
    HASH_FIND(by_sid, l->by_sid, &sid, sizeof sid, channel);
    return channel;
}

static void unbind(struct ledger *l, struct ledger_channel *channel)
{
    if (channel->has_sid)
        HASH_DELETE(by_sid, l->by_sid, channel);
    channel->has_sid = false;
}

static void drop_channel_kept(struct ledger *l, struct ledger_channel *channel)
{
    drop_kept(l, &channel->created);
    drop_kept(l, &channel->rights);
    drop_kept(l, &channel->read[0]);
    drop_kept(l, &channel->read[1]);
}

void ledger_channel_drop(struct ledger *l, struct ledger_channel *channel)
{
    struct ledger_subscription *s, *next;
    DL_FOREACH_SAFE(channel->subscriptions, s, next)
    {
        ledger_subscription_drop(l, s);
    }
    unbind(l, channel);
    HASH_DELETE(by_cid, l->by_cid, channel);
    drop_channel_kept(l, channel);
    slab_give_back(&l->channel_records, channel);
}

struct ledger_channel *ledger_channel_add(struct ledger *l, uint32_t cid, uint32_t pv)
{
    struct ledger_channel *channel = ledger_channel_by_cid(l, cid);
    if (channel != NULL)
        ledger_channel_drop(l, channel);
    if (HASH_CNT(by_cid, l->by_cid) >= LEDGER_CHANNELS_MAX)
        ledger_channel_drop(l, l->by_cid);
    channel = slab_take(&l->channel_records, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->cid = cid;
    channel->pv = pv;
    channel->create = channel->write = TRACE_NONE;
    HASH_ADD(by_cid, l->by_cid, cid, sizeof channel->cid, channel);
    if (channel->by_cid.tbl == NULL) {
        slab_give_back(&l->channel_records, channel);
        return NULL;
    }
    return channel;
}

void ledger_channel_bind(struct ledger *l, struct ledger_channel *channel, uint32_t sid)
{
    struct ledger_channel *older = ledger_channel_by_sid(l, sid);
    if (older != NULL)
        unbind(l, older);
    unbind(l, channel);
    channel->sid = sid;
    HASH_ADD(by_sid, l->by_sid, sid, sizeof channel->sid, channel);
    channel->has_sid = channel->by_sid.tbl != NULL;
}

/* ---- subscriptions ---- */

struct ledger_subscription *ledger_subscription_find(struct ledger *l, uint32_t subid)
{
    struct ledger_subscription *s;
    HASH_FIND(hh, l->subscriptions, &subid, sizeof subid, s);
    return s;
}

void ledger_subscription_drop(struct ledger *l, struct ledger_subscription *s)
{
    if (s->channel != NULL)
        DL_DELETE(s->channel->subscriptions, s);
    HASH_DEL(l->subscriptions, s);
    drop_kept(l, &s->request);
    drop_kept(l, &s->update);
    slab_give_back(&l->subscription_records, s);
}

struct ledger_subscription *ledger_subscription_add(struct ledger *l, struct ledger_channel *channel, uint32_t subid)
{
    struct ledger_subscription *s = ledger_subscription_find(l, subid);
    if (s != NULL)
        ledger_subscription_drop(l, s);
    if (HASH_COUNT(l->subscriptions) >= LEDGER_SUBSCRIPTIONS_MAX)
        ledger_subscription_drop(l, l->subscriptions);
    s = slab_take(&l->subscription_records, sizeof *s);
    if (s == NULL)
        return NULL;
    s->subid = subid;
    s->pv = channel != NULL ? channel->pv : TRACE_NONE;
    s->add = s->cancel = TRACE_NONE;
    HASH_ADD(hh, l->subscriptions, subid, sizeof s->subid, s);
    if (s->hh.tbl == NULL) {
        slab_give_back(&l->subscription_records, s);
        return NULL;
    }
    s->channel = channel;
    if (channel != NULL)
        DL_APPEND(channel->subscriptions, s);
    return s;
}

/* ---- requests ---- */

struct ledger_request *ledger_request_find(struct ledger *l, uint32_t command, uint32_t id)
{
    struct ledger_key key = {command, id};
    struct ledger_request *request;
    HASH_FIND(hh, l->requests, &key, sizeof key, request);
    return request;
}

static struct ledger_request *new_request(struct ledger *l, uint32_t command, uint32_t id)
{
    struct ledger_request *request = slab_take(&l->request_records, sizeof *request);
    if (request == NULL)
        return NULL;
    request->key = (struct ledger_key){command, id};
    request->event = request->pv = TRACE_NONE;
    HASH_ADD(hh, l->requests, key, sizeof request->key, request);
    if (request->hh.tbl != NULL)
        return request;
    slab_give_back(&l->request_records, request);
    return NULL;
}

void ledger_request_drop(struct ledger *l, struct ledger_request *request)
{
    HASH_DEL(l->requests, request);
    slab_give_back(&l->request_records, request);
}

struct ledger_request *ledger_request_add(struct ledger *l, uint32_t command, uint32_t id, uint32_t pv)
{
    struct ledger_request *request = ledger_request_find(l, command, id);
    if (l->requests == NULL && new_request(l, TRACE_NONE, 0) == NULL)
        return NULL;
    if (request != NULL)
        ledger_request_drop(l, request); /* the newest comes last, also where it repeats one */
    else if (HASH_COUNT(l->requests) > LEDGER_REQUESTS_MAX)
        ledger_request_drop(l, l->requests->hh.next); /* the guard is the first */
    request = new_request(l, command, id);
    if (request != NULL)
        request->pv = pv;
    return request;
}

/* ---- all of it ---- */

static void free_kept(struct ledger *l)
{
    for (struct ledger_channel *channel = l->by_cid; channel != NULL; channel = channel->by_cid.next)
        drop_channel_kept(l, channel);
    for (struct ledger_subscription *s = l->subscriptions; s != NULL; s = s->hh.next) {
        drop_kept(l, &s->request);
        drop_kept(l, &s->update);
    }
}

void ledger_fini(struct ledger *l)
{
    if (l->kept_bytes > 0)
        free_kept(l);
    HASH_CLEAR(by_sid, l->by_sid);
    HASH_CLEAR(by_cid, l->by_cid);
    HASH_CLEAR(hh, l->subscriptions);
    HASH_CLEAR(hh, l->requests);
    slab_fini(&l->channel_records);
    slab_fini(&l->subscription_records);
    slab_fini(&l->request_records);
    *l = (struct ledger){0};
}
