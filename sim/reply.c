#include "sim/reply.h"

#include "sim/core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ERROR_MOST 512u /* bytes of an ERROR's payload */

/* What a real server says (ca-protocol 8.2). Without a text it is the PV's name; some texts are formats, see write_text(). */
static const struct {
    uint32_t status;
    bool ends;
    const char *notice, *text;
} faults[FAULTS] = {
    [FAULT_MISALIGNED] = {WIRE_ECA_INTERNAL, true, "a payload whose size is no multiple of 8",
                          "CAS: Missaligned protocol rejected"},
    [FAULT_COMMAND] = {WIRE_ECA_INTERNAL, true, "a command that clients do not send", "invalid (damaged?) request code from TCP"},
    [FAULT_VERSION] = {WIRE_ECA_DEFUNCT, false, "something before its VERSION", "CAS: Client version 0 too old"},
    [FAULT_SID] = {WIRE_ECA_INTERNAL, true, "an unknown sid", "Bad Resource ID at sim/reply.c.1"},
    [FAULT_TYPE] = {WIRE_ECA_BADTYPE, true, "an unknown DBR type", NULL},
    [FAULT_SUBID] = {WIRE_ECA_BADMONID, true, "an unknown subscription", NULL},
    [FAULT_MASK] = {WIRE_ECA_ALLOCMEM, true, "a subscription with a mask of 0 or over 255, or one too many", NULL},
    [FAULT_CHANNELS] = {WIRE_ECA_ALLOCMEM, true, "a CREATE_CHAN too many", NULL},
    [FAULT_USER] = {WIRE_ECA_INTERNAL, true, "a user name without an end", "a very long user name was specified"},
    [FAULT_HOST] = {WIRE_ECA_INTERNAL, true, "a host name without an end", "bad (very long) host name"},
    [FAULT_LATE_USER] = {WIRE_ECA_INTERNAL, false, "its user name after its first channel",
                         "attempts to use protocol to set user name after creating first channel ignored by server"},
    [FAULT_LATE_HOST] = {WIRE_ECA_INTERNAL, false, "its host name after its first channel",
                         "attempts to use protocol to set host name after creating first channel ignored by server"},
    [FAULT_REQUEST_SIZE] = {WIRE_ECA_TOLARGE, false, "a message that is too large", NULL},
    [FAULT_REPLY_SIZE] = {WIRE_ECA_TOLARGE, false, NULL, NULL},
    [FAULT_OLD_CLIENT] = {WIRE_ECA_16KARRAYCLIENT, false, NULL, NULL},
    [FAULT_READ] = {WIRE_ECA_GETFAIL, false, NULL, NULL},
    [FAULT_READ_ACCESS] = {WIRE_ECA_NORDACCESS, false, NULL, NULL},
    [FAULT_WRITE] = {WIRE_ECA_PUTFAIL, false, NULL, NULL},
    [FAULT_WRITE_ACCESS] = {WIRE_ECA_NOWTACCESS, false, NULL, NULL},
};

bool fault_ends(enum fault fault)
{
    return faults[fault].ends;
}

const char *fault_notice(enum fault fault)
{
    return faults[fault].notice;
}

/* ---- plain messages ---- */

static bool write_header(struct sim_circuit *c, const struct wire_header *h)
{
    uint8_t *at;
    if (outbox_reserve(&c->out, WIRE_EXTENDED_BYTES, &at) != OUTBOX_OK)
        return false;
    outbox_add(&c->out, wire_header_write(at, h));
    return true;
}

static bool write_created(struct sim_circuit *c, const struct reply *reply)
{
    const struct wire_header rights = {.command = WIRE_ACCESS_RIGHTS, .p1 = reply->header.p1, .p2 = reply->pv->rights};
    uint8_t *at;
    if (outbox_reserve(&c->out, WIRE_HEADER_BYTES + WIRE_EXTENDED_BYTES, &at) != OUTBOX_OK)
        return false;
    size_t n = wire_header_write(at, &rights);
    outbox_add(&c->out, n + wire_header_write(at + n, &reply->header));
    return true;
}

/* Without memory it is dropped, as by a real server. */
static bool write_echo(struct sim_circuit *c)
{
    uint8_t *at;
    enum outbox_err err = outbox_reserve(&c->out, c->held, &at);
    if (err != OUTBOX_OK)
        return err == OUTBOX_NEVER;
    memcpy(at, c->in.bytes + c->in.begin, c->held);
    outbox_add(&c->out, c->held);
    return true;
}

/* ---- ERROR ---- */

/* Of a slice, those that it is taken from. */
static uint32_t whole_count(const struct sim_pv *pv)
{
    return pv->whole != 0 ? pv->whole : pv->count;
}

/* Count 0 is dynamic, but for READ: then a real server reserves what there may be. */
static uint32_t most_elements(const struct wire_header *request, const struct sim_pv *pv)
{
    return request->count != 0 || request->command == WIRE_READ ? request->count : whole_count(pv);
}

/* The texts name records, not fields. Returns the bytes used, NUL included. */
static size_t write_text(const struct sim_circuit *c, const struct reply *reply, enum fault fault, char *out, size_t room)
{
    const char *pv = reply->pv != NULL ? reply->pv->name : "";
    const int name = (int)strcspn(pv, ".");
    const struct wire_header *h = &reply->header;
    int n;
    switch (fault) {
    case FAULT_MASK:
        n = snprintf(out, room, "subscription install into record %.*s failed", name, pv);
        break;
    case FAULT_REQUEST_SIZE:
        n = snprintf(out, room, "CAS: Server unable to load large request message. Max bytes=%" PRIu64, c->sim->told_limit);
        break;
    case FAULT_REPLY_SIZE:
    case FAULT_OLD_CLIENT:
        n = snprintf(
            out, room,
            "server unable to load read%s response into protocol buffer PV=\"%.*s\" dbf=%u count=%u avail=%u max bytes=%" PRIu64,
            h->command == WIRE_READ ? "" : " (or subscription update)", name, pv, h->type, most_elements(h, reply->pv), h->p2,
            c->sim->told_limit);
        break;
    default:
        n = faults[fault].text != NULL ? snprintf(out, room, "%s", faults[fault].text) : snprintf(out, room, "%.*s", name, pv);
    }
    return (size_t)n < room ? (size_t)n + 1 : room;
}

/* The offending header comes back in the form that the client's version knows. */
static size_t write_request_header(const struct sim_circuit *c, const struct wire_header *h, uint8_t *out)
{
    if (c->minor >= WIRE_MINOR_EXTENDED || (h->size < 0xffff && h->count < 0xffff))
        return wire_header_write(out, h);
    struct wire_header small = *h;
    small.size = small.count = 0;
    wire_header_write(out, &small);
    wire_put16(out + 2, (uint16_t)h->size);
    wire_put16(out + 6, (uint16_t)h->count);
    return WIRE_HEADER_BYTES;
}

static bool write_error(struct sim_circuit *c, const struct reply *reply, enum fault fault)
{
    struct wire_header h = {.command = WIRE_ERROR, .p1 = reply->cid, .p2 = faults[fault].status};
    uint8_t *at;
    if (outbox_reserve(&c->out, WIRE_HEADER_BYTES + ERROR_MOST, &at) != OUTBOX_OK)
        return false;
    memset(at, 0, WIRE_HEADER_BYTES + ERROR_MOST);
    uint8_t *payload = at + WIRE_HEADER_BYTES;
    size_t n = write_request_header(c, &reply->header, payload);
    n += write_text(c, reply, fault, (char *)payload + n, ERROR_MOST - n);
    h.size = (uint32_t)wire_pad8(n);
    wire_header_write(at, &h);
    outbox_add(&c->out, WIRE_HEADER_BYTES + h.size);
    return true;
}

/* ---- values ---- */

struct value_reply {
    struct wire_header request; /* or what stands for it: command, type, count as asked, p2 */
    const struct wire_value *value;
    struct sim_pv *pv;
    struct payload_pool *payloads;
    uint32_t cid;
};

/* What an answer will be, found before a byte is written. */
struct value_plan {
    uint32_t count; /* elements to send */
    uint32_t size;  /* payload, padded */
    bool is_extended;
    uint32_t status;
};

static uint32_t access_status(const struct sim_pv *pv)
{
    return pv->rights & WIRE_RIGHT_READ ? WIRE_ECA_NORMAL : WIRE_ECA_NORDACCESS;
}

/* A filter may show more elements than the record has: they are not asked for. */
static uint32_t current_count(const struct value_reply *v)
{
    uint32_t most = whole_count(v->pv), count = wire_value_count(v->request.type, v->value, most);
    return count < most ? count : most;
}

/* The header's form follows the count that was asked for, or the most there can be if it is dynamic (ca-protocol 1.1). */
static enum fault plan_value(const struct sim_circuit *c, const struct value_reply *v, struct value_plan *plan)
{
    uint32_t asked = v->request.count, type = v->request.type, most = most_elements(&v->request, v->pv);
    uint64_t most_bytes = wire_dbr_padded(type, most);
    plan->status = access_status(v->pv);
    plan->count = asked != 0 ? asked : plan->status == WIRE_ECA_NORMAL ? current_count(v) : 0;
    plan->is_extended = most_bytes >= 0xffff || most >= 0xffff;
    if (plan->is_extended && c->minor < WIRE_MINOR_EXTENDED)
        return FAULT_OLD_CLIENT;
    plan->size = (uint32_t)wire_dbr_padded(type, plan->count);
    return sim_fits(c->sim, v->pv, type, asked) ? FAULTS : FAULT_REPLY_SIZE;
}

static size_t write_value_header(uint8_t *at, const struct value_reply *v, const struct value_plan *plan)
{
    struct wire_header h = {.command = v->request.command,
                            .type = v->request.type,
                            .count = plan->count,
                            .size = plan->size,
                            .p1 = v->request.command == WIRE_READ ? v->cid : plan->status,
                            .p2 = v->request.p2};
    return plan->is_extended ? wire_header_write_extended(at, &h) : wire_header_write(at, &h);
}

static void encode(struct value_plan *plan, const struct value_reply *v, uint8_t *out)
{
    if (plan->status == WIRE_ECA_NORMAL)
        plan->status = wire_encode(v->request.type, plan->count, v->value, v->pv->meta, out);
    else
        memset(out, 0, plan->size);
    if (plan->status == WIRE_ECA_NORMAL || v->request.count != 0)
        return;
    plan->count = 0;
    plan->size = (uint32_t)wire_dbr_padded(v->request.type, 0);
}

static enum outbox_err write_value(struct sim_circuit *c, const struct value_reply *v, struct value_plan *plan)
{
    uint8_t *at;
    enum outbox_err err = outbox_reserve(&c->out, (uint64_t)WIRE_EXTENDED_BYTES + plan->size, &at);
    if (err != OUTBOX_OK)
        return err;
    size_t head = plan->is_extended ? WIRE_EXTENDED_BYTES : WIRE_HEADER_BYTES;
    encode(plan, v, at + head);
    write_value_header(at, v, plan);
    outbox_add(&c->out, head + plan->size);
    return OUTBOX_OK;
}

/* Header, stamp and alarm as bytes of our own; the values from the payload that all subscribers share. */
static enum outbox_err write_shared(struct sim_circuit *c, const struct value_reply *v, struct value_plan *plan)
{
    uint8_t *at;
    const size_t head = wire_types[v->request.type].offset;
    enum outbox_err err = outbox_reserve(&c->out, WIRE_EXTENDED_BYTES + head, &at);
    if (err != OUTBOX_OK)
        return err;
    struct payload *payload = payload_take(v->payloads);
    if (payload->status != WIRE_ECA_NORMAL) { /* how many zeros stand for it depends on what was asked */
        payload_unref(payload);
        return write_value(c, v, plan);
    }
    size_t n = write_value_header(at, v, plan);
    wire_encode_head(v->request.type, v->value, v->pv->meta, at + n);
    outbox_add(&c->out, n + head);
    outbox_attach(&c->out, payload, plan->size - head);
    return OUTBOX_OK;
}

static bool write_refusal(struct sim_circuit *c, const struct value_reply *v, enum fault fault)
{
    return write_error(c, &(struct reply){.header = v->request, .pv = v->pv, .cid = v->cid}, fault);
}

static bool write_notified_value(struct sim_circuit *c, const struct value_reply *v)
{
    struct value_plan plan;
    enum fault fault = plan_value(c, v, &plan);
    if (fault != FAULTS)
        return write_refusal(c, v, fault);
    bool is_shared = v->payloads != NULL && plan.status == WIRE_ECA_NORMAL && plan.count > 0;
    enum outbox_err err = is_shared ? write_shared(c, v, &plan) : write_value(c, v, &plan);
    return err == OUTBOX_NEVER ? write_refusal(c, v, FAULT_REPLY_SIZE) : err == OUTBOX_OK;
}

/* READ, code 3: count 0 is not dynamic, failures are ERRORs, a single string is cut behind its NUL (ca-protocol 6.3). */
static bool write_read(struct sim_circuit *c, const struct value_reply *v)
{
    struct value_plan plan;
    enum fault fault = plan_value(c, v, &plan);
    if (fault != FAULTS)
        return write_refusal(c, v, fault);
    if (plan.status != WIRE_ECA_NORMAL)
        return write_refusal(c, v, FAULT_READ_ACCESS);
    plan.count = v->request.count;
    plan.size = (uint32_t)wire_dbr_padded(v->request.type, plan.count);
    uint8_t *at;
    enum outbox_err err = outbox_reserve(&c->out, (uint64_t)WIRE_EXTENDED_BYTES + plan.size, &at);
    if (err != OUTBOX_OK)
        return err == OUTBOX_NEVER && write_refusal(c, v, FAULT_REPLY_SIZE);
    size_t head = plan.is_extended ? WIRE_EXTENDED_BYTES : WIRE_HEADER_BYTES;
    encode(&plan, v, at + head);
    if (plan.status != WIRE_ECA_NORMAL)
        return write_refusal(c, v, FAULT_READ);
    if (v->request.type == WIRE_STRING && plan.count == 1)
        plan.size = (uint32_t)wire_pad8(strnlen((const char *)at + head, WIRE_STRING_BYTES - 1) + 1);
    write_value_header(at, v, &plan);
    outbox_add(&c->out, head + plan.size);
    return true;
}

static void tell_source(const struct sim_circuit *c, struct sim_pv *pv, unsigned type)
{
    const struct sim_source *source = c->sim->source;
    if (source->calls->named != NULL && pv->value.base == WIRE_STRING && type < WIRE_PUT_ACKT &&
        wire_types[type].base == WIRE_ENUM)
        source->calls->named(source->self, pv);
}

/* Of no elements, which count 0 is to READ, an IOC touches nothing. */
static bool write_value_reply(struct sim_circuit *c, const struct reply *reply)
{
    if (reply->kind != REPLY_READ || reply->header.count != 0)
        tell_source(c, reply->pv, reply->header.type);
    struct wire_value value = reply->pv->value;
    struct filter_room room;
    filter_show(&reply->show, &value, &room);
    const struct value_reply v = {.request = reply->header, .value = &value, .pv = reply->pv, .cid = reply->cid};
    return reply->kind == REPLY_READ ? write_read(c, &v) : write_notified_value(c, &v);
}

bool reply_write(struct sim_circuit *c, const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_HEADER:
        return write_header(c, &reply->header);
    case REPLY_CREATED:
        return write_created(c, reply);
    case REPLY_VALUE:
    case REPLY_READ:
        return write_value_reply(c, reply);
    case REPLY_ECHO:
        return write_echo(c);
    case REPLY_ERROR:
        return write_error(c, reply, (enum fault)reply->fault);
    case REPLY_END:
        break;
    }
    return true;
}

/* A scalar's value is the entry's, and so is what a filter had copied; else an array's is what the PV holds by now, under the
 * entry's stamp and alarm. */
bool update_write(struct sim_circuit *c, const struct queue_entry *entry)
{
    const struct sim_subscription *s = (const struct sim_subscription *)entry->slot;
    struct sim_pv *pv = s->channel->pv;
    tell_source(c, pv, s->type);
    struct wire_value value = pv->value;
    value.stamp = entry->stamp;
    value.status = entry->status;
    value.severity = entry->severity;
    if (entry->kept != QUEUE_NOTHING) {
        value.data = entry->kept == QUEUE_COPY ? entry->copy : entry->bytes;
        value.base = entry->base;
        value.count = entry->count;
    }
    struct filter_room room;
    if (s->channel->filters != NULL)
        filter_show(&s->channel->filters->show, &value, &room);
    const struct value_reply v = {
        .request = {.command = WIRE_EVENT_ADD,
                    .type = s->type,
                    .count = s->count,
                    .size = s->size,
                    .p1 = s->channel->sid,
                    .p2 = s->subid},
        .value = &value,
        .pv = pv,
        .payloads = s->payloads,
        .cid = s->channel->cid,
    };
    if (!write_notified_value(c, &v))
        return false;
    if (!entry->first) {
        pv->sent++;
        c->sim->counts.sent++;
    }
    return true;
}
