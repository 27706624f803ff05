#include "sim/answer.h"

#include "sim/core.h"

static uint64_t push(struct lane *lane, struct reply reply, const struct request *r, uint64_t delay_ns)
{
    reply.asked_ns = r->arrived_ns;
    reply.own_ns = r->arrived_ns + delay_ns;
    reply.timed = delay_ns > 0;
    return lane_push(lane, &reply);
}

void answer_timed(struct sim_circuit *c, const struct request *r, struct reply reply, enum sim_class class)
{
    reply.class = class;
    push(&c->direct, reply, r, sim_delay_ns(c, reply.pv, class));
}

void answer_now(struct sim_circuit *c, const struct request *r, struct reply reply)
{
    reply.class = SIM_CLASSES;
    push(&c->direct, reply, r, 0);
}

void answer_reflected(struct sim_circuit *c, const struct request *r)
{
    struct reply reply = {.kind = REPLY_HEADER, .header = r->header};
    reply.header.size = 0;
    answer_now(c, r, reply);
}

uint64_t answer_put(struct sim_circuit *c, const struct request *r, struct reply reply)
{
    reply.class = SIM_PUT_CALLBACK;
    return push(&c->puts, reply, r, sim_delay_ns(c, reply.pv, SIM_PUT_CALLBACK));
}

static void tell(const struct sim_circuit *c, const char *what, bool ends)
{
    const struct sim_fault fault = {.circuit = c, .offset = c->in.offset, .what = what, .ends = ends};
    if (what != NULL && c->sim->on_fault != NULL)
        c->sim->on_fault(c->sim->on_fault_arg, &fault);
}

void answer_end(struct sim_circuit *c, uint64_t now_ns, const char *why)
{
    tell(c, why, true);
    lane_push(&c->direct, &(struct reply){.kind = REPLY_END, .own_ns = now_ns});
    c->is_deaf = true;
}

/* The channel that a command names, of whatever circuit, for the ERROR about it (ca-protocol 8.1); NULL if it names none. */
static const struct sim_channel *named_channel(struct sim_circuit *c, const struct wire_header *h)
{
    switch (h->command) {
    case WIRE_EVENT_ADD:
    case WIRE_EVENT_CANCEL:
    case WIRE_READ:
    case WIRE_WRITE:
    case WIRE_READ_NOTIFY:
    case WIRE_WRITE_NOTIFY:
        return channel_find_any(c->sim, h->p1);
    default:
        return NULL;
    }
}

void answer_fault(struct sim_circuit *c, const struct request *r, enum fault fault)
{
    const struct sim_channel *channel = named_channel(c, &r->header);
    struct reply reply = {.kind = REPLY_ERROR, .fault = fault, .header = r->header, .cid = UINT32_MAX};
    if (channel != NULL) {
        reply.pv = channel->pv;
        reply.cid = channel->cid;
    } else if (r->header.command == WIRE_SEARCH) {
        reply.cid = r->header.p1;
    }
    answer_now(c, r, reply);
    if (fault_ends(fault))
        answer_end(c, r->now_ns, fault_notice(fault));
    else
        tell(c, fault_notice(fault), false);
}

struct sim_channel *answer_channel(struct sim_circuit *c, const struct request *r)
{
    struct sim_channel *channel = channel_find(c, r->header.p1);
    if (channel == NULL)
        answer_fault(c, r, FAULT_SID);
    return channel;
}
