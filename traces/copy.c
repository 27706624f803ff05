#include "traces/copy.h"

#include "traces/losses.h"

#include <stdlib.h>
#include <string.h>

struct copying {
    const struct trace *t;
    const struct copy *rules;
    struct trace_writer *w;
    uint32_t *pvs, *circuits; /* their numbers in the copy; TRACE_NONE: left out */
    uint32_t *events;         /* the same of the messages of `range`, others are left out; NULL: all of them follow one another */
    uint32_t first;           /* number in the copy of the first of them */
    bool *lacks;              /* by circuit: a loss of its bytes is kept; NULL: all that are marked */
    struct trace_range range; /* of the time that is asked for */
    uint32_t aside_end;       /* messages before it, among which are those that a snapshot filled in */
    uint8_t *payload;
    size_t room;
    char *text, *name; /* that is renamed, and what becomes of it: text_room bytes each */
    size_t text_room;
};

/* For a text of n bytes and its new name. */
static bool make_text_room(struct copying *c, size_t n)
{
    const size_t room = (n > COPY_NAME_MAX ? n : COPY_NAME_MAX) + 1;
    if (room <= c->text_room)
        return true;
    char *text = realloc(c->text, room), *name = NULL;
    if (text != NULL) {
        c->text = text;
        name = realloc(c->name, room);
    }
    if (name == NULL)
        return false;
    c->name = name;
    c->text_room = room;
    return true;
}

/* The text itself where nothing is renamed. Valid until the next one. NULL: no memory. */
static const char *new_name(struct copying *c, enum copy_text what, const char *text)
{
    if (c->rules->rename == NULL)
        return text;
    if (!make_text_room(c, strlen(text)))
        return NULL;
    c->rules->rename(c->rules->arg, what, text, c->name, c->text_room);
    return c->name;
}

static bool copy_pv(struct copying *c, uint32_t i)
{
    c->pvs[i] = TRACE_NONE;
    if (c->rules->pvs != NULL && !c->rules->pvs[i])
        return true;
    const char *name = new_name(c, COPY_PV, trace_pv_name(c->t, i));
    c->pvs[i] = name != NULL ? trace_writer_pv(c->w, name, strlen(name)) : TRACE_NONE;
    if (c->pvs[i] == TRACE_NONE)
        return name != NULL;
    const struct trace_pv *from = &c->t->pvs[i];
    struct trace_pv *pv = trace_writer_pv_at(c->w, c->pvs[i]);
    if (from->native < WIRE_BASES) { /* else another trace may have told it */
        pv->native = from->native;
        pv->count = from->count;
    }
    if (from->rights != 0xffff)
        pv->rights = from->rights;
    return true;
}

static bool copy_string(struct copying *c, enum copy_text what, uint32_t *string)
{
    if (*string == TRACE_NONE)
        return true;
    const char *text = new_name(c, what, trace_string(c->t, *string));
    *string = text != NULL ? trace_writer_string(c->w, text, strlen(text)) : TRACE_NONE;
    return text != NULL;
}

static uint64_t new_time(const struct copy *r, uint64_t t_ns)
{
    return (t_ns > r->from_ns ? (t_ns < r->to_ns ? t_ns : r->to_ns) - r->from_ns : 0) + r->shift_ns;
}

/* A circuit whose beginning is left out. */
static bool is_joined(const struct copy *r, const struct trace_circuit *circuit)
{
    return (circuit->flags & (TRACE_TCP | TRACE_MIDWAY)) == TRACE_TCP && circuit->begin_ns < r->from_ns;
}

static bool copy_circuit(struct copying *c, uint32_t i)
{
    struct trace_circuit circuit = c->t->circuits[i];
    if (!copy_string(c, COPY_USER, &circuit.user) || !copy_string(c, COPY_HOST, &circuit.host))
        return false;
    if (c->rules->address != NULL) {
        circuit.client_address = c->rules->address(c->rules->arg, circuit.client_address);
        circuit.server_address = c->rules->address(c->rules->arg, circuit.server_address);
    }
    if (c->lacks != NULL && !c->lacks[i])
        circuit.flags &= ~(uint32_t)TRACE_GAP;
    if (is_joined(c->rules, &circuit))
        circuit.flags |= TRACE_MIDWAY;
    circuit.begin_ns = new_time(c->rules, circuit.begin_ns);
    circuit.end_ns = new_time(c->rules, circuit.end_ns);
    c->circuits[i] = trace_writer_circuit(c->w);
    if (c->circuits[i] != TRACE_NONE)
        *trace_writer_circuit_at(c->w, c->circuits[i]) = circuit;
    return true;
}

static bool is_kept(const struct copying *c, const struct trace_event *e)
{
    return c->rules->pvs == NULL || e->pv == TRACE_NONE || c->rules->pvs[e->pv];
}

static uint32_t number_of(const struct copying *c, uint32_t event)
{
    if (event < c->range.first || event >= c->range.end)
        return TRACE_NONE;
    return c->events != NULL ? c->events[event - c->range.first] : c->first + (event - c->range.first);
}

/* Which text is all of the payload? -1: none is. */
static int text_of(const struct trace_event *e)
{
    if (e->flags & TRACE_FROM_SERVER)
        return -1;
    switch (e->command) {
    case WIRE_SEARCH:
    case WIRE_CREATE_CHAN:
        return COPY_PV;
    case WIRE_CLIENT_NAME:
        return COPY_USER;
    case WIRE_HOST_NAME:
        return COPY_HOST;
    default:
        return -1;
    }
}

static bool make_room(struct copying *c, size_t n)
{
    uint8_t *payload = n > c->room ? realloc(c->payload, n) : c->payload;
    if (payload == NULL && n > 0)
        return false;
    c->room = n > c->room ? n : c->room;
    c->payload = payload;
    return true;
}

void copy_payload(const struct trace *t, const struct trace_event *e, uint8_t *to)
{
    const size_t rest = e->size - e->head_bytes - e->body_bytes;
    if (e->size == 0)
        return;
    memcpy(to, trace_head(t, e), e->head_bytes);
    memcpy(to + e->head_bytes, trace_body(t, e), e->body_bytes);
    memcpy(to + e->head_bytes + e->body_bytes, trace_head(t, e) + e->head_bytes, rest);
}

/* A message with another name has another length. */
static bool rename_payload(struct copying *c, struct trace_event *e, enum copy_text what)
{
    const size_t n = strnlen((const char *)c->payload, e->size);
    if (!make_text_room(c, n))
        return false;
    memcpy(c->text, c->payload, n);
    c->text[n] = '\0';
    const char *name = new_name(c, what, c->text);
    if (strcmp(c->text, name) == 0 && c->rules->scrub == NULL)
        return true;
    const size_t length = strlen(name);
    if (length != n)
        e->size = (uint32_t)(length + 8) & ~7u;
    if (!make_room(c, e->size))
        return false;
    memset(c->payload, 0, e->size);
    memcpy(c->payload, name, length);
    return true;
}

static bool copy_event(struct copying *c, uint32_t i)
{
    struct trace_event e = c->t->events[i];
    const int what = text_of(&e);
    if (!make_room(c, e.size))
        return false;
    copy_payload(c->t, &e, c->payload);
    if (what >= 0 && e.size > 0 && c->rules->rename != NULL && !rename_payload(c, &e, (enum copy_text)what))
        return false;
    if (c->rules->scrub != NULL)
        c->rules->scrub(c->rules->arg, &e, c->payload);
    e.t_ns = e.flags & TRACE_FILLED ? 0 : new_time(c->rules, e.t_ns); /* a snapshot's messages stay at time 0 */
    e.circuit = e.circuit != TRACE_NONE ? c->circuits[e.circuit] : TRACE_NONE;
    e.pv = e.pv != TRACE_NONE ? c->pvs[e.pv] : TRACE_NONE;
    e.peer = number_of(c, e.peer);
    trace_writer_event(c->w, &e, c->payload);
    return true;
}

/* What a snapshot filled in belongs to any part of the time. */
static int copy_filled(struct copying *c, struct diag *diag)
{
    for (uint32_t i = 0; i < c->aside_end && !trace_writer_failed(c->w); i++) {
        const struct trace_event *e = &c->t->events[i];
        if ((e->flags & TRACE_FILLED) && is_kept(c, e) && !copy_event(c, i))
            return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the %u bytes of message %u", e->size, i);
    }
    return 0;
}

/* ---- losses ---- */

/* The beginning of a circuit is missing at any later time, too. */
static bool keeps_loss(const struct copy *r, const struct trace_loss *loss)
{
    return loss->t_ns < r->to_ns && (loss->until_ns >= r->from_ns || loss->kind == TRACE_LOSS_MIDWAY);
}

/* Of a circuit that has lost nothing in the copy's time nothing is missing there. false: no memory. */
static bool find_lacks(struct copying *c)
{
    const struct trace_missing unplaced = losses_unplaced(c->t);
    const bool is_part = c->rules->from_ns > 0 || c->rules->to_ns != UINT64_MAX;
    if (!is_part || c->t->nlosses == 0 || !trace_is_complete(&unplaced))
        return true;
    c->lacks = calloc((size_t)c->t->ncircuits + 1, sizeof *c->lacks);
    for (uint32_t i = 0; c->lacks != NULL && i < c->t->nlosses; i++) {
        const struct trace_loss *loss = &c->t->losses[i];
        if (loss->circuit != TRACE_NONE && loss->kind != TRACE_LOSS_MIDWAY)
            c->lacks[loss->circuit] |= keeps_loss(c->rules, loss);
    }
    return c->lacks != NULL;
}

static void copy_losses(const struct copying *c)
{
    for (uint32_t i = 0; i < c->t->nlosses; i++) {
        struct trace_loss loss = c->t->losses[i];
        if (!keeps_loss(c->rules, &loss))
            continue;
        loss.t_ns = new_time(c->rules, loss.t_ns);
        loss.until_ns = new_time(c->rules, loss.until_ns);
        loss.circuit = loss.circuit != TRACE_NONE ? c->circuits[loss.circuit] : TRACE_NONE;
        trace_writer_loss(c->w, &loss);
    }
    for (uint32_t i = 0; i < c->t->ncircuits; i++) {
        const uint64_t begin_ns = new_time(c->rules, 0);
        const struct trace_loss joined = {
            .t_ns = begin_ns, .until_ns = begin_ns, .count = 1, .circuit = c->circuits[i], .kind = TRACE_LOSS_MIDWAY};
        if (is_joined(c->rules, &c->t->circuits[i]))
            trace_writer_loss(c->w, &joined);
    }
}

static struct trace_missing sum_kept(const struct trace *t, const struct copy *copy)
{
    struct trace_missing sum = {0};
    for (uint32_t i = 0; i < t->nlosses; i++)
        if (keeps_loss(copy, &t->losses[i]))
            losses_add_up(&sum, &t->losses[i]);
    sum.packets = t->missing.packets;
    sum.other_packets = t->missing.other_packets;
    sum.retransmits = t->missing.retransmits;
    return sum;
}

struct trace_missing copy_missing(const struct trace *t, const struct copy *copy)
{
    const struct trace_missing unplaced = losses_unplaced(t);
    struct trace_missing missing = trace_is_complete(&unplaced) ? sum_kept(t, copy) : t->missing;
    for (uint32_t i = 0; i < t->ncircuits; i++)
        missing.midway += is_joined(copy, &t->circuits[i]);
    return missing;
}

/* ---- all of it ---- */

static bool copy_tables(struct copying *c)
{
    bool is_good = true;
    for (uint32_t i = 0; i < c->t->npvs && is_good; i++)
        is_good = copy_pv(c, i);
    for (uint32_t i = 0; i < c->t->ncircuits && is_good; i++)
        is_good = copy_circuit(c, i);
    return is_good;
}

/* Before any is written: a peer may come later, if clocks stepped. */
static void number_events(struct copying *c)
{
    uint32_t next = c->first = trace_writer_counts(c->w).events;
    for (uint32_t i = c->range.first; i < c->range.end && c->events != NULL; i++)
        c->events[i - c->range.first] = is_kept(c, &c->t->events[i]) ? next++ : TRACE_NONE;
}

static int copy_all(struct copying *c, struct diag *diag)
{
    if (!copy_tables(c))
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a name");
    copy_losses(c);
    if (copy_filled(c, diag) < 0)
        return -1;
    number_events(c);
    for (uint32_t i = c->range.first; i < c->range.end && !trace_writer_failed(c->w); i++)
        if (number_of(c, i) != TRACE_NONE && !copy_event(c, i))
            return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the %u bytes of message %u", c->t->events[i].size, i);
    return 0;
}

int copy_trace(const struct trace *t, const struct copy *copy, struct trace_writer *w, struct diag *diag)
{
    struct copying c = {.t = t, .rules = copy, .w = w};
    struct trace_range aside = {0};
    if (trace_range(t, copy->from_ns, copy->to_ns, &c.range, diag) < 0 || trace_range(t, 0, 1, &aside, diag) < 0 ||
        trace_check(t, c.range.first, c.range.end, TRACE_PAYLOADS, diag) < 0 ||
        trace_check(t, 0, aside.end, TRACE_PAYLOADS, diag) < 0)
        return -1;
    c.aside_end = aside.end < c.range.first ? aside.end : c.range.first;
    c.pvs = calloc((size_t)t->npvs + 1, sizeof *c.pvs);
    c.circuits = calloc((size_t)t->ncircuits + 1, sizeof *c.circuits);
    c.events = copy->pvs != NULL ? calloc((size_t)(c.range.end - c.range.first) + 1, sizeof *c.events) : NULL;
    int result = c.pvs != NULL && c.circuits != NULL && (c.events != NULL || copy->pvs == NULL) && find_lacks(&c)
                     ? copy_all(&c, diag)
                     : diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u messages", t->nevents);
    free(c.pvs);
    free(c.circuits);
    free(c.events);
    free(c.lacks);
    free(c.payload);
    free(c.text);
    free(c.name);
    return result;
}
