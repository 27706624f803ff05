#include "sim/request.h"

#include "sim/core.h"
#include "sim/reply.h"

#include <string.h>

#define NAME_MOST     512u /* CLIENT_NAME and HOST_NAME, with the NUL */
#define OLDEST_MINOR  4u   /* that is served (ca-protocol 1.2) */
#define LAST_PRIORITY 99u
#define MASK_MOST     255u
#define MASK_OFFSET   12u /* in EVENT_ADD's payload */

static void push(struct lane *lane, struct reply reply, const struct request *r, uint64_t delay_ns)
{
    reply.own_ns = r->now_ns + delay_ns;
    reply.timed = delay_ns > 0;
    lane_push(lane, &reply);
}

static void answer(struct sim_circuit *c, const struct request *r, struct reply reply, enum sim_class class)
{
    push(&c->direct, reply, r, sim_delay_ns(c->sim, reply.pv, class));
}

static void answer_at_once(struct sim_circuit *c, const struct request *r, struct reply reply)
{
    push(&c->direct, reply, r, 0);
}

/* The request's own header as reply, without payload. */
static void reflect(struct sim_circuit *c, const struct request *r)
{
    struct reply reply = {.kind = REPLY_HEADER, .header = r->header};
    reply.header.size = 0;
    answer_at_once(c, r, reply);
}

void request_end(struct sim_circuit *c, uint64_t now_ns)
{
    lane_push(&c->direct, &(struct reply){.kind = REPLY_END, .own_ns = now_ns});
    c->is_deaf = true;
}

static void end(struct sim_circuit *c, const struct request *r)
{
    request_end(c, r->now_ns);
}

static void fail(struct sim_circuit *c, const struct request *r, enum fault fault, const struct sim_channel *channel)
{
    answer_at_once(c, r,
                   (struct reply){.kind = REPLY_ERROR,
                                  .fault = fault,
                                  .header = r->header,
                                  .pv = channel != NULL ? channel->pv : NULL,
                                  .cid = channel != NULL ? channel->cid : UINT32_MAX});
    if (fault_ends(fault))
        end(c, r);
}

void request_misaligned(struct sim_circuit *c, const struct request *r)
{
    fail(c, r, FAULT_MISALIGNED, NULL);
}

void request_too_large(struct sim_circuit *c, const struct request *r)
{
    fail(c, r, FAULT_REQUEST_SIZE, NULL);
}

/* ---- the circuit itself ---- */

static enum request_outcome on_version(struct sim_circuit *c, const struct request *r)
{
    if (r->header.count < OLDEST_MINOR || r->header.type > LAST_PRIORITY)
        end(c, r);
    else
        c->minor = r->header.count;
    return REQUEST_DONE;
}

static enum request_outcome check_name(struct sim_circuit *c, const struct request *r, enum fault late, enum fault bad)
{
    size_t length = strnlen((const char *)r->payload, r->header.size);
    if (c->channels != NULL) {
        fail(c, r, late, NULL);
    } else if (length + 1 > NAME_MOST || length == r->header.size) {
        fail(c, r, bad, NULL);
    }
    return REQUEST_DONE;
}

static enum request_outcome on_client_name(struct sim_circuit *c, const struct request *r)
{
    return check_name(c, r, FAULT_LATE_USER, FAULT_USER);
}

static enum request_outcome on_host_name(struct sim_circuit *c, const struct request *r)
{
    return check_name(c, r, FAULT_LATE_HOST, FAULT_HOST);
}

static enum request_outcome on_echo(struct sim_circuit *c, const struct request *r)
{
    answer(c, r, (struct reply){.kind = r->header.size > 0 ? REPLY_ECHO : REPLY_HEADER, .header = r->header}, SIM_ECHO);
    return r->header.size > 0 ? REQUEST_HELD : REQUEST_DONE;
}

static enum request_outcome on_read_sync(struct sim_circuit *c, const struct request *r)
{
    reflect(c, r);
    return REQUEST_DONE;
}

static enum request_outcome on_events_off(struct sim_circuit *c, const struct request *r)
{
    if (!c->events.off) {
        c->sim->counts.events_off++;
        c->off_ns = r->now_ns;
    }
    queue_set_off(&c->events, true);
    return REQUEST_DONE;
}

static enum request_outcome on_events_on(struct sim_circuit *c, const struct request *r)
{
    if (c->events.off) {
        c->sim->counts.events_off_ns += r->now_ns - c->off_ns;
        c->free_ns = r->now_ns;
    }
    queue_set_off(&c->events, false);
    return REQUEST_DONE;
}

/* ---- search over TCP, channels ---- */

static enum request_outcome on_search(struct sim_circuit *c, const struct request *r)
{
    if (r->header.count < OLDEST_MINOR) {
        end(c, r);
        return REQUEST_DONE;
    }
    if (r->header.size <= 1)
        return REQUEST_DONE;
    struct sim_pv *pv = sim_find(c->sim, (const char *)r->payload, wire_name_length(r->payload, r->header.size));
    sim_count_search(c->sim, pv, c->number << 32 | r->header.p2);
    if (pv != NULL) {
        struct wire_header found = {.command = WIRE_SEARCH, .type = c->sim->tcp_port, .p1 = UINT32_MAX, .p2 = r->header.p2};
        answer(c, r, (struct reply){.kind = REPLY_HEADER, .header = found, .pv = pv}, SIM_SEARCH);
        if (c->sim->start.kind == SIM_START_SEARCH)
            sim_begin(c->sim, r->now_ns);
    } else if (r->header.type == WIRE_DO_REPLY) {
        struct wire_header unknown = r->header;
        unknown.command = WIRE_NOT_FOUND;
        unknown.size = 0;
        answer_at_once(c, r, (struct reply){.kind = REPLY_HEADER, .header = unknown});
    }
    return REQUEST_DONE;
}

/* A client below 4.9 has no room for a larger count (ca-protocol 7.3). */
static uint32_t shown_count(const struct sim_circuit *c, const struct sim_pv *pv)
{
    return pv->count >= 0xffff && c->minor < WIRE_MINOR_EXTENDED ? 0xfffe : pv->count;
}

static enum request_outcome on_create_chan(struct sim_circuit *c, const struct request *r)
{
    if (r->header.p2 < OLDEST_MINOR) {
        end(c, r);
        return REQUEST_DONE;
    }
    c->minor = r->header.p2;
    if (r->header.size <= 1)
        return REQUEST_DONE;
    struct sim_pv *pv = sim_find(c->sim, (const char *)r->payload, wire_name_length(r->payload, r->header.size));
    const struct sim_channel *channel = pv != NULL ? channel_new(c, pv, r->header.p1) : NULL;
    if (channel == NULL) {
        struct wire_header refused = {.command = WIRE_CREATE_CH_FAIL, .p1 = r->header.p1};
        answer_at_once(c, r, (struct reply){.kind = REPLY_HEADER, .header = refused});
        return REQUEST_DONE;
    }
    struct wire_header made = {
        .command = WIRE_CREATE_CHAN, .type = pv->native, .count = shown_count(c, pv), .p1 = channel->cid, .p2 = channel->sid};
    answer(c, r, (struct reply){.kind = REPLY_CREATED, .header = made, .pv = pv}, SIM_CREATE);
    return REQUEST_DONE;
}

/* The request's channel; an unknown sid ends the circuit. (A real server would serve a channel of another circuit: ca-protocol
 * 5.2. No client does that; here it is unknown.) */
static struct sim_channel *channel_of(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = channel_find(c, r->header.p1);
    if (channel == NULL)
        fail(c, r, FAULT_SID, NULL);
    return channel;
}

static enum request_outcome on_clear_channel(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = channel_of(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    channel_free(channel);
    reflect(c, r);
    return REQUEST_DONE;
}

/* ---- reads and puts ---- */

static enum request_outcome on_read(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = channel_of(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES)
        fail(c, r, FAULT_TYPE, channel);
    else
        answer(c, r, (struct reply){.kind = REPLY_READ, .header = r->header, .pv = channel->pv, .cid = channel->cid}, SIM_READ);
    return REQUEST_DONE;
}

static enum request_outcome on_read_notify(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = channel_of(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES)
        end(c, r);
    else
        answer(c, r, (struct reply){.kind = REPLY_VALUE, .header = r->header, .pv = channel->pv, .cid = channel->cid}, SIM_READ);
    return REQUEST_DONE;
}

/* Alarm acknowledgement belongs to every record, whatever its source (ca-protocol 6.4). */
static uint32_t acknowledge(struct sim_pv *pv, const struct request *r, unsigned *mask)
{
    uint16_t value = r->header.size >= 2 ? wire_get16(r->payload) : 0;
    if (r->header.type == WIRE_PUT_ACKT)
        pv->value.ackt = value != 0;
    else if (value >= pv->value.acks)
        pv->value.acks = 0;
    *mask = WIRE_MASK_ALARM;
    return WIRE_ECA_NORMAL;
}

static uint32_t put(struct sim_circuit *c, struct sim_pv *pv, const struct request *r)
{
    unsigned mask = 0;
    uint32_t status;
    if (r->header.type == WIRE_PUT_ACKT || r->header.type == WIRE_PUT_ACKS)
        status = acknowledge(pv, r, &mask);
    else
        status = c->sim->source->calls->put(c->sim->source->self, pv, r->header.type, r->header.count, r->payload, r->header.size,
                                            r->now_ns, &mask);
    if (status == WIRE_ECA_NORMAL)
        sim_post(c->sim, pv, mask, r->now_ns, false);
    return status;
}

static enum request_outcome on_write(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = channel_of(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES)
        fail(c, r, FAULT_TYPE, channel);
    else if (!(channel->pv->rights & WIRE_RIGHT_WRITE))
        fail(c, r, FAULT_WRITE_ACCESS, channel);
    else if (put(c, channel->pv, r) != WIRE_ECA_NORMAL)
        fail(c, r, FAULT_WRITE, channel);
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

static enum request_outcome on_write_notify(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = channel_of(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES) {
        answer_at_once(c, r, put_result(r, channel, WIRE_ECA_BADTYPE));
        end(c, r);
    } else if (!(channel->pv->rights & WIRE_RIGHT_WRITE)) {
        answer_at_once(c, r, put_result(r, channel, WIRE_ECA_NOWTACCESS));
    } else if (channel->is_writing) {
        return REQUEST_WAIT;
    } else {
        uint32_t status = is_structure(r->header.type) ? WIRE_ECA_PUTFAIL : put(c, channel->pv, r);
        struct reply reply = put_result(r, channel, status);
        reply.writing = channel;
        channel->is_writing = true;
        push(&c->puts, reply, r, sim_delay_ns(c->sim, channel->pv, SIM_WRITE));
    }
    return REQUEST_DONE;
}

/* ---- subscriptions ---- */

static void post_first(struct sim_circuit *c, struct sim_subscription *s, uint64_t now_ns)
{
    struct sim_pv *pv = s->channel->pv;
    const struct sim_start *start = &c->sim->start;
    if (++c->sim->counts.subscriptions >= start->subscriptions && start->kind == SIM_START_SUBSCRIPTIONS)
        sim_begin(c->sim, now_ns); /* sets stamps: the first update bears them */
    uint64_t delay_ns = sim_delay_ns(c->sim, pv, SIM_FIRST_UPDATE);
    queue_post(&c->events, &s->slot,
               &(struct queue_update){.value = &pv->value, .own_ns = now_ns + delay_ns, .first = true, .timed = delay_ns > 0});
}

static enum request_outcome on_event_add(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = channel_of(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    if (r->header.type >= WIRE_TYPES) {
        end(c, r);
        return REQUEST_DONE;
    }
    uint16_t mask = r->header.size >= MASK_OFFSET + 2 ? wire_get16(r->payload + MASK_OFFSET) : 0;
    struct subscription_request wanted = {.subid = r->header.p2, .count = r->header.count, .type = r->header.type, .mask = mask};
    struct sim_subscription *s = mask > 0 && mask <= MASK_MOST ? subscription_new(channel, &wanted) : NULL;
    if (s == NULL)
        fail(c, r, FAULT_MASK, channel);
    else
        post_first(c, s, r->now_ns);
    return REQUEST_DONE;
}

static enum request_outcome on_event_cancel(struct sim_circuit *c, const struct request *r)
{
    const struct sim_channel *channel = channel_of(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    struct sim_subscription *s = subscription_find(channel, r->header.p2);
    if (s == NULL) {
        fail(c, r, FAULT_SUBID, channel);
        return REQUEST_DONE;
    }
    struct wire_header confirmed = {
        .command = WIRE_EVENT_ADD, .type = s->type, .count = s->count, .p1 = channel->sid, .p2 = s->subid};
    subscription_free(s);
    answer_at_once(c, r, (struct reply){.kind = REPLY_HEADER, .header = confirmed});
    return REQUEST_DONE;
}

typedef enum request_outcome handler(struct sim_circuit *c, const struct request *r);

static handler *const handlers[WIRE_COMMANDS] = {
    [WIRE_VERSION] = on_version,
    [WIRE_EVENT_ADD] = on_event_add,
    [WIRE_EVENT_CANCEL] = on_event_cancel,
    [WIRE_READ] = on_read,
    [WIRE_WRITE] = on_write,
    [WIRE_SEARCH] = on_search,
    [WIRE_EVENTS_OFF] = on_events_off,
    [WIRE_EVENTS_ON] = on_events_on,
    [WIRE_READ_SYNC] = on_read_sync,
    [WIRE_CLEAR_CHANNEL] = on_clear_channel,
    [WIRE_READ_NOTIFY] = on_read_notify,
    [WIRE_CREATE_CHAN] = on_create_chan,
    [WIRE_WRITE_NOTIFY] = on_write_notify,
    [WIRE_CLIENT_NAME] = on_client_name,
    [WIRE_HOST_NAME] = on_host_name,
    [WIRE_ECHO] = on_echo,
};

/* Before its VERSION a client is refused whatever it sends. (A real server refuses the first message of a segment and is deaf for
 * the next 4 GiB if more follow: ca-protocol 5.2. Here each one is refused, however they are cut into segments.) */
enum request_outcome request_handle(struct sim_circuit *c, const struct request *r)
{
    handler *handle = r->header.command < WIRE_COMMANDS ? handlers[r->header.command] : NULL;
    if (c->minor == 0 && r->header.command != WIRE_VERSION)
        fail(c, r, FAULT_VERSION, NULL);
    else if (handle == NULL)
        fail(c, r, FAULT_COMMAND, NULL);
    else
        return handle(c, r);
    return REQUEST_DONE;
}
