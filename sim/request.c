#include "sim/request.h"

#include "sim/answer.h"
#include "sim/core.h"
#include "sim/request_value.h"

#include <string.h>

#define NAME_MOST     512u /* CLIENT_NAME and HOST_NAME, with the NUL */
#define OLDEST_MINOR  4u   /* that is served (ca-protocol 1.2) */
#define LAST_PRIORITY 99u

void request_unversioned(struct sim_circuit *c, const struct request *r)
{
    answer_fault(c, r, FAULT_VERSION);
}

void request_misaligned(struct sim_circuit *c, const struct request *r)
{
    answer_fault(c, r, FAULT_MISALIGNED);
}

void request_too_large(struct sim_circuit *c, const struct request *r)
{
    answer_fault(c, r, FAULT_REQUEST_SIZE);
}

/* ---- the circuit itself ---- */

static enum request_outcome on_version(struct sim_circuit *c, const struct request *r)
{
    if (r->header.count < OLDEST_MINOR || r->header.type > LAST_PRIORITY)
        answer_end(c, r->now_ns, "a VERSION below 4.4, or a priority over 99");
    else
        c->minor = r->header.count;
    return REQUEST_DONE;
}

static enum request_outcome check_name(struct sim_circuit *c, const struct request *r, enum fault late, enum fault bad)
{
    size_t length = strnlen((const char *)r->payload, r->header.size);
    if (c->channels != NULL) {
        answer_fault(c, r, late);
    } else if (length + 1 > NAME_MOST || length == r->header.size) {
        answer_fault(c, r, bad);
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
    answer_timed(c, r, (struct reply){.kind = r->header.size > 0 ? REPLY_ECHO : REPLY_HEADER, .header = r->header}, SIM_ECHO);
    return r->header.size > 0 ? REQUEST_HELD : REQUEST_DONE;
}

static enum request_outcome on_read_sync(struct sim_circuit *c, const struct request *r)
{
    answer_reflected(c, r);
    return REQUEST_DONE;
}

static enum request_outcome on_events_off(struct sim_circuit *c, const struct request *r)
{
    if (!c->events.off) {
        c->sim->counts.events_off++;
        c->off_ns = r->now_ns;
    }
    queue_set_off(&c->events, true);
    sim_relieve(c);
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
        answer_end(c, r->now_ns, "a search by a version below 4.4");
        return REQUEST_DONE;
    }
    if (r->header.size <= 1)
        return REQUEST_DONE;
    struct sim_pv *pv = sim_find(c->sim, (const char *)r->payload, wire_name_length(r->payload, r->header.size));
    sim_count_search(c->sim, pv, c->number << 32 | r->header.p2, r->arrived_ns);
    if (pv != NULL) {
        struct wire_header found = {.command = WIRE_SEARCH, .type = c->sim->tcp_port, .p1 = UINT32_MAX, .p2 = r->header.p2};
        answer_timed(c, r, (struct reply){.kind = REPLY_HEADER, .header = found, .pv = pv}, SIM_SEARCH);
        if (c->sim->start.kind == SIM_START_SEARCH)
            sim_begin(c->sim, r->now_ns);
    } else if (r->header.type == WIRE_DO_REPLY) {
        struct wire_header unknown = r->header;
        unknown.command = WIRE_NOT_FOUND;
        unknown.size = 0;
        answer_now(c, r, (struct reply){.kind = REPLY_HEADER, .header = unknown});
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
        answer_end(c, r->now_ns, "a channel of a version below 4.4");
        return REQUEST_DONE;
    }
    c->minor = r->header.p2;
    if (r->header.size <= 1)
        return REQUEST_DONE;
    struct filters filters;
    struct sim_pv *pv = sim_open(c->sim, (const char *)r->payload, wire_name_length(r->payload, r->header.size), &filters);
    if (pv == NULL) {
        struct wire_header refused = {.command = WIRE_CREATE_CH_FAIL, .p1 = r->header.p1};
        answer_now(c, r, (struct reply){.kind = REPLY_HEADER, .header = refused});
        return REQUEST_DONE;
    }
    const struct sim_channel *channel = channel_new(c, pv, r->header.p1, &filters);
    if (channel == NULL) {
        answer_fault(c, r, FAULT_CHANNELS);
        return REQUEST_DONE;
    }
    struct wire_header made = {
        .command = WIRE_CREATE_CHAN, .type = pv->native, .count = shown_count(c, pv), .p1 = channel->cid, .p2 = channel->sid};
    answer_timed(c, r, (struct reply){.kind = REPLY_CREATED, .header = made, .pv = pv}, SIM_CREATE);
    return REQUEST_DONE;
}

static enum request_outcome on_clear_channel(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = answer_channel(c, r);
    if (channel == NULL)
        return REQUEST_DONE;
    channel_free(channel);
    answer_reflected(c, r);
    return REQUEST_DONE;
}

typedef enum request_outcome handler(struct sim_circuit *c, const struct request *r);

static handler *const handlers[WIRE_COMMANDS] = {
    [WIRE_VERSION] = on_version,
    [WIRE_EVENT_ADD] = request_on_event_add,
    [WIRE_EVENT_CANCEL] = request_on_event_cancel,
    [WIRE_READ] = request_on_read,
    [WIRE_WRITE] = request_on_write,
    [WIRE_SEARCH] = on_search,
    [WIRE_EVENTS_OFF] = on_events_off,
    [WIRE_EVENTS_ON] = on_events_on,
    [WIRE_READ_SYNC] = on_read_sync,
    [WIRE_CLEAR_CHANNEL] = on_clear_channel,
    [WIRE_READ_NOTIFY] = request_on_read_notify,
    [WIRE_CREATE_CHAN] = on_create_chan,
    [WIRE_WRITE_NOTIFY] = request_on_write_notify,
    [WIRE_CLIENT_NAME] = on_client_name,
    [WIRE_HOST_NAME] = on_host_name,
    [WIRE_ECHO] = on_echo,
};

enum request_outcome request_handle(struct sim_circuit *c, const struct request *r)
{
    handler *handle = r->header.command < WIRE_COMMANDS ? handlers[r->header.command] : NULL;
    if (handle != NULL)
        return handle(c, r);
    answer_fault(c, r, FAULT_COMMAND);
    return REQUEST_DONE;
}
