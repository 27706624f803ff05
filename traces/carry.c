/* From one part of a recording to the next: what is open is told again at the beginning of the next, so that it can be replayed
 * by itself. The order in a circuit is that in which a client would have said it. Rule: FORMAT.md, "EVENTS". */
#include "traces/conversation.h"

#include <stdlib.h>
#include <string.h>

struct carrying {
    struct dialogue *d;
    struct trace_writer *from, *to;
    struct circuit *circuit;
};

/* The same PV in the next part. What is known of it goes along. */
static uint32_t carry_pv(const struct carrying *c, uint32_t pv)
{
    if (pv == TRACE_NONE)
        return TRACE_NONE;
    const struct trace_pv known = *trace_writer_pv_at(c->from, pv);
    const char *name = trace_writer_text(c->from, known.name);
    const uint32_t next = trace_writer_pv(c->to, name, strlen(name));
    if (next == TRACE_NONE)
        return TRACE_NONE;
    struct trace_pv *record = trace_writer_pv_at(c->to, next);
    record->native = known.native;
    record->count = known.count;
    record->rights = known.rights;
    return next;
}

struct told {
    uint32_t pv, peer;
    unsigned flags;
};

/* Returns the message's event. */
static uint32_t tell(const struct carrying *c, const struct wire_header *h, const void *payload, const struct told *told)
{
    struct trace_event e = conversation_event(c->circuit, h, told->flags | TRACE_CARRIED);
    e.pv = told->pv;
    e.peer = told->peer;
    return trace_writer_event(c->to, &e, payload);
}

static uint32_t tell_kept(const struct carrying *c, const struct ledger_kept *kept, const struct told *told)
{
    return kept->is_there ? tell(c, &kept->header, kept->payload, told) : TRACE_NONE;
}

/* A client's message that is nothing but a name, as libca pads it. */
static uint32_t tell_name(const struct carrying *c, struct wire_header h, const char *name, uint32_t pv)
{
    const size_t n = strlen(name);
    h.size = (uint32_t)(n + 8) & ~7u;
    char *payload = calloc(1, h.size);
    if (payload == NULL)
        return TRACE_NONE;
    memcpy(payload, name, n);
    const uint32_t event = tell(c, &h, payload, &(struct told){.pv = pv, .peer = TRACE_NONE});
    free(payload);
    return event;
}

/* ---- the circuit itself ---- */

static uint32_t carry_text(const struct carrying *c, uint32_t string)
{
    if (string == TRACE_NONE)
        return TRACE_NONE;
    const char *text = trace_writer_text(c->from, string);
    return trace_writer_string(c->to, text, strlen(text));
}

/* false: no memory. */
static bool carry_record(const struct carrying *c)
{
    struct trace_circuit record = *trace_writer_circuit_at(c->from, c->circuit->index);
    record.begin_ns = record.end_ns = 0;
    record.user = carry_text(c, record.user);
    record.host = carry_text(c, record.host);
    record.flags = (record.flags & (TRACE_TCP | TRACE_MIDWAY | TRACE_GAP)) | TRACE_CONTINUED;
    c->circuit->index = trace_writer_circuit(c->to);
    if (c->circuit->index == TRACE_NONE)
        return false;
    *trace_writer_circuit_at(c->to, c->circuit->index) = record;
    if (record.flags & TRACE_MIDWAY)
        trace_writer_loss(c->to, &(struct trace_loss){.count = 1, .circuit = c->circuit->index, .kind = TRACE_LOSS_MIDWAY});
    return true;
}

static void tell_client(const struct carrying *c)
{
    const struct trace_circuit record = *trace_writer_circuit_at(c->to, c->circuit->index);
    const struct wire_header version = {.command = WIRE_VERSION, .type = record.priority, .count = record.minor};
    if (c->circuit->has_version)
        tell(c, &version, NULL, &(struct told){.pv = TRACE_NONE, .peer = TRACE_NONE});
    if (record.host != TRACE_NONE)
        tell_name(c, (struct wire_header){.command = WIRE_HOST_NAME}, trace_writer_text(c->to, record.host), TRACE_NONE);
    if (record.user != TRACE_NONE)
        tell_name(c, (struct wire_header){.command = WIRE_CLIENT_NAME}, trace_writer_text(c->to, record.user), TRACE_NONE);
}

/* ---- what is open on it ---- */

/* A read as it was asked, and its answer. */
static void tell_read(const struct carrying *c, const struct ledger_channel *channel, const struct ledger_kept *answer)
{
    if (!answer->is_there)
        return;
    struct wire_header request = answer->header;
    request.size = 0;
    request.p1 = channel->sid;
    struct told told = {.pv = channel->pv, .peer = TRACE_NONE};
    told.peer = tell(c, &request, NULL, &told);
    told.flags = TRACE_FROM_SERVER;
    tell_kept(c, answer, &told);
}

static void carry_channel(const struct carrying *c, struct ledger_channel *channel)
{
    channel->pv = carry_pv(c, channel->pv);
    channel->write = channel->create = TRACE_NONE;
    if (channel->pv != TRACE_NONE) {
        const char *name = trace_writer_text(c->to, trace_writer_pv_at(c->to, channel->pv)->name);
        const struct wire_header h = {.command = WIRE_CREATE_CHAN, .p1 = channel->cid, .p2 = c->circuit->minor};
        channel->create = tell_name(c, h, name, channel->pv);
    }
    struct told told = {.pv = channel->pv, .peer = channel->create, .flags = TRACE_FROM_SERVER | TRACE_RIGHTS_OF};
    tell_kept(c, &channel->rights, &told);
    told.flags = TRACE_FROM_SERVER;
    tell_kept(c, &channel->created, &told);
    tell_read(c, channel, &channel->read[1]);
    tell_read(c, channel, &channel->read[0]);
}

/* A cancel that is not confirmed yet stays one: its confirmation looks like an update. */
static uint32_t tell_cancel(const struct carrying *c, const struct ledger_subscription *s)
{
    struct wire_header h = s->request.header;
    h.command = WIRE_EVENT_CANCEL;
    h.size = 0;
    h.p2 = s->subid;
    return tell(c, &h, NULL, &(struct told){.pv = s->pv, .peer = TRACE_NONE});
}

static void carry_subscription(const struct carrying *c, struct ledger_subscription *s)
{
    s->pv = s->channel != NULL ? s->channel->pv : carry_pv(c, s->pv);
    s->add = tell_kept(c, &s->request, &(struct told){.pv = s->pv, .peer = TRACE_NONE});
    tell_kept(c, &s->update,
              &(struct told){.pv = s->pv, .peer = s->add, .flags = TRACE_FROM_SERVER | TRACE_UPDATE | TRACE_FIRST});
    if (s->cancel != TRACE_NONE)
        s->cancel = tell_cancel(c, s);
}

static void carry_ledger(const struct carrying *c)
{
    struct ledger *l = &c->circuit->ledger;
    struct ledger_channel *channel, *next_channel;
    HASH_ITER(by_cid, l->by_cid, channel, next_channel)
    {
        carry_channel(c, channel);
    }
    struct ledger_subscription *s, *next_s;
    HASH_ITER(hh, l->subscriptions, s, next_s)
    {
        carry_subscription(c, s);
    }
    struct ledger_request *request, *next_request;
    HASH_ITER(hh, l->requests, request, next_request)
    {
        request->event = TRACE_NONE;
        request->pv = carry_pv(c, request->pv);
    }
}

/* ---- all of them ---- */

/* Whoever searches by UDP becomes a new circuit when it says something again. */
static void forget_datagrams(struct dialogue *d)
{
    struct client *client, *next;
    HASH_ITER(hh, d->clients, client, next)
    {
        HASH_DEL(d->clients, client);
        conversation_forget(d, client->circuit);
        free(client);
    }
}

void dialogue_keep(struct dialogue *d)
{
    d->is_keeping = true;
}

void dialogue_continue(struct dialogue *d, struct trace_writer *writer, uint64_t start_ns)
{
    struct carrying c = {.d = d, .from = d->writer, .to = writer};
    forget_datagrams(d);
    for (uint32_t i = 0; i < d->ncircuits; i++) {
        c.circuit = d->circuits[i];
        if (c.circuit == NULL)
            continue;
        if (!carry_record(&c)) {
            conversation_forget(d, c.circuit);
            continue;
        }
        tell_client(&c);
        carry_ledger(&c);
    }
    d->writer = writer;
    d->start_ns = start_ns;
}
