#include "sim/request_value.h"

#include "sim/answer.h"
#include "sim/core.h"

#define UNKNOWN_TYPE "an unknown DBR type"
#define MASK_MOST    255u
#define MASK_OFFSET  12u /* in EVENT_ADD's payload */

/* ---- reads and puts ---- */

/* A reply's value passes its channel's filters when it is asked for: the channel may be gone when the reply leaves. */
static struct reply value_reply(const struct request *r, const struct sim_channel *channel, enum reply_kind kind)
{
    struct reply reply = {.kind = kind, .header = r->header, .pv = channel->pv, .cid = channel->cid};
    if (channel->filters != NULL)
        reply.show = filters_read(channel->filters, &channel->pv->value, r->now_ns);
    return reply;
}

enum request_outcome request_on_read(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = answer_channel(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES)
        answer_fault(c, r, FAULT_TYPE);
    else
        answer_timed(c, r, value_reply(r, channel, REPLY_READ), SIM_READ);
    return REQUEST_DONE;
}

enum request_outcome request_on_read_notify(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = answer_channel(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES)
        answer_end(c, r->now_ns, UNKNOWN_TYPE);
    else
        answer_timed(c, r, value_reply(r, channel, REPLY_VALUE), SIM_READ);
    return REQUEST_DONE;
}

/* Alarm acknowledgement belongs to every record, whatever its source (ca-protocol 6.4). */
static uint32_t acknowledge(const struct sim_source *source, struct sim_pv *pv, const struct request *r, unsigned *mask)
{
    uint16_t value = r->header.size >= 2 ? wire_get16(r->payload) : 0;
    if (source->calls->acknowledge != NULL) {
        source->calls->acknowledge(source->self, pv, r->header.type, value);
        return WIRE_ECA_NORMAL;
    }
    if (r->header.type == WIRE_PUT_ACKT)
        pv->value.ackt = value != 0;
    else if (value >= pv->value.acks)
        pv->value.acks = 0;
    *mask = WIRE_MASK_ALARM;
    return WIRE_ECA_NORMAL;
}

/* Its updates are due at post_ns, or now. */
static uint32_t put(struct sim_circuit *c, struct sim_pv *pv, const struct request *r, uint64_t post_ns)
{
    const struct sim_source *source = c->sim->source;
    const struct wire_header *h = &r->header;
    unsigned mask = 0;
    uint32_t status;
    if (h->type == WIRE_PUT_ACKT || h->type == WIRE_PUT_ACKS)
        status = acknowledge(source, pv, r, &mask);
    else
        status = source->calls->put(source->self, pv, h->type, h->count, r->payload, h->size, r->now_ns, &mask);
    if (status == WIRE_ECA_NORMAL)
        sim_post(c->sim, pv, mask, post_ns, post_ns > r->now_ns);
    sim_post_also(c->sim, post_ns, post_ns > r->now_ns);
    return status;
}

/* The value is kept at once; who watches it hears of it after the delay. */
static uint32_t put_silently(struct sim_circuit *c, struct sim_pv *pv, const struct request *r)
{
    const uint64_t delay_ns = sim_delay_ns(c, pv, SIM_WRITE);
    return put(c, pv, r, delay_ns > 0 ? r->arrived_ns + delay_ns : r->now_ns);
}

/* A reply that waits for its time shows the value that there is then: a put may not change it before, as requests are served in
 * order. */
static bool owes_replies(const struct sim_circuit *c)
{
    return c->direct.count > 0;
}

enum request_outcome request_on_write(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = answer_channel(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES)
        answer_fault(c, r, FAULT_TYPE);
    else if (!(channel->pv->rights & WIRE_RIGHT_WRITE))
        answer_fault(c, r, FAULT_WRITE_ACCESS);
    else if (owes_replies(c))
        return REQUEST_WAIT;
    else if (put_silently(c, channel->pv, r) != WIRE_ECA_NORMAL)
        answer_fault(c, r, FAULT_WRITE);
    return REQUEST_DONE;
}

static struct reply put_result(const struct request *r, const struct sim_channel *channel, uint32_t status)
{
    struct reply reply = {.kind = REPLY_HEADER, .header = r->header, .pv = channel->pv};
    reply.header.size = 0;
    reply.header.p1 = status;
    return reply;
}

static bool is_structure(unsigned type)
{
    return type >= WIRE_BASES && type < WIRE_PUT_ACKT;
}

static void tell_failed(struct sim_circuit *c, struct sim_pv *pv, uint64_t now_ns)
{
    const struct sim_source *source = c->sim->source;
    if (source->calls->failed == NULL)
        return;
    source->calls->failed(source->self, pv, now_ns);
    sim_post_also(c->sim, now_ns, false);
}

/* Must the put wait for the channel's last one? That is given up when it takes too long. */
static bool must_wait(struct sim_circuit *c, struct sim_channel *channel, const struct request *r)
{
    if (!channel->is_writing)
        return false;
    if (c->wait_ns == 0)
        c->wait_ns = r->now_ns;
    if (r->now_ns - c->wait_ns < CIRCUIT_PUT_NS)
        return true;
    struct reply result = channel_cancel_put(channel);
    result = (struct reply){.kind = REPLY_HEADER, .header = result.header, .pv = channel->pv};
    result.header.p1 = WIRE_ECA_PUTCBINPROG;
    answer_now(c, r, result);
    return false;
}

enum request_outcome request_on_write_notify(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = answer_channel(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES) {
        answer_now(c, r, put_result(r, channel, WIRE_ECA_BADTYPE));
        answer_end(c, r->now_ns, UNKNOWN_TYPE);
    } else if (!(channel->pv->rights & WIRE_RIGHT_WRITE)) {
        answer_now(c, r, put_result(r, channel, WIRE_ECA_NOWTACCESS));
    } else if (owes_replies(c) || must_wait(c, channel, r)) {
        return REQUEST_WAIT;
    } else {
        uint32_t status = is_structure(r->header.type) ? WIRE_ECA_PUTFAIL : put(c, channel->pv, r, r->now_ns);
        if (status != WIRE_ECA_NORMAL)
            tell_failed(c, channel->pv, r->now_ns);
        struct reply reply = put_result(r, channel, status);
        reply.writing = channel;
        channel->is_writing = true;
        channel->put = answer_put(c, r, reply);
    }
    return REQUEST_DONE;
}

/* ---- subscriptions ---- */

static void post_first(struct sim_circuit *c, struct sim_subscription *s, const struct request *r)
{
    struct sim_pv *pv = s->channel->pv;
    const struct sim_start *start = &c->sim->start;
    if (++c->sim->counts.subscriptions >= start->subscriptions && start->kind == SIM_START_SUBSCRIPTIONS)
        sim_begin(c->sim, r->now_ns); /* sets stamps: the first update bears them */
    uint64_t delay_ns = sim_delay_ns(c, pv, SIM_FIRST_UPDATE);
    s->number = (uint32_t)c->requests[SIM_FIRST_UPDATE];
    struct queue_update update = {
        .value = &pv->value, .asked_ns = r->arrived_ns, .own_ns = r->arrived_ns + delay_ns, .first = true, .timed = delay_ns > 0};
    struct filter_event event;
    if (sim_passes(s, s->mask, &update, &event))
        queue_post(&c->events, &s->slot, &update);
}

enum request_outcome request_on_event_add(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = answer_channel(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES) {
        answer_end(c, r->now_ns, UNKNOWN_TYPE);
        return REQUEST_DONE;
    }
    uint16_t mask = r->header.size >= MASK_OFFSET + 2 ? wire_get16(r->payload + MASK_OFFSET) : 0;
    struct subscription_request wanted = {
        .subid = r->header.p2, .count = r->header.count, .size = r->header.size, .type = r->header.type, .mask = mask};
    struct sim_subscription *s = mask > 0 && mask <= MASK_MOST ? subscription_new(channel, &wanted) : NULL;
    if (s == NULL)
        answer_fault(c, r, FAULT_MASK);
    else
        post_first(c, s, r);
    return REQUEST_DONE;
}

enum request_outcome request_on_event_cancel(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = answer_channel(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    struct sim_subscription *s = subscription_find(channel, r->header.p2);
    if (s == NULL) {
        answer_fault(c, r, FAULT_SUBID);
        return REQUEST_DONE;
    }
    struct wire_header confirmed = {
        .command = WIRE_EVENT_ADD, .type = s->type, .count = s->count, .p1 = channel->sid, .p2 = s->subid};
    subscription_free(s);
    answer_now(c, r, (struct reply){.kind = REPLY_HEADER, .header = confirmed});
    return REQUEST_DONE;
}
