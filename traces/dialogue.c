#include "traces/dialogue.h"

#include "traces/conversation.h"

#include <stdlib.h>

struct dialogue *dialogue_new(struct trace_writer *writer)
{
    struct dialogue *d = calloc(1, sizeof *d);
    if (d != NULL)
        d->writer = writer;
    return d;
}

static void circuit_free(struct circuit *circuit)
{
    ledger_fini(&circuit->ledger);
    free(circuit);
}

void dialogue_free(struct dialogue *d)
{
    if (d == NULL)
        return;
    struct client *client, *next;
    HASH_ITER(hh, d->clients, client, next)
    {
        HASH_DEL(d->clients, client);
        free(client);
    }
    for (uint32_t i = 0; i < d->ncircuits; i++)
        if (d->circuits[i] != NULL)
            circuit_free(d->circuits[i]);
    free(d->circuits);
    free(d);
}

/* ---- circuits ---- */

/* One more handle. */
static bool make_room(struct dialogue *d)
{
    if (d->ncircuits == TRACE_NONE)
        return false;
    if (d->ncircuits == d->room) {
        size_t room = (size_t)d->room * 2 + 64;
        struct circuit **circuits = realloc(d->circuits, room * sizeof(struct circuit *));
        if (circuits == NULL)
            return false;
        d->circuits = circuits;
        d->room = (uint32_t)(room < TRACE_NONE ? room : TRACE_NONE);
    }
    d->circuits[d->ncircuits++] = NULL;
    return true;
}

/* Time of the trace; what came before it began is at its beginning. */
static uint64_t since_start(const struct dialogue *d, uint64_t t_ns)
{
    return t_ns > d->start_ns ? t_ns - d->start_ns : 0;
}

struct circuit *conversation_circuit(struct dialogue *d, const struct dialogue_endpoints *ends, uint32_t flags, uint64_t t_ns)
{
    uint32_t index = trace_writer_circuit(d->writer);
    struct circuit *circuit = index != TRACE_NONE && make_room(d) ? calloc(1, sizeof *circuit) : NULL;
    if (circuit == NULL)
        return NULL;
    *trace_writer_circuit_at(d->writer, index) = (struct trace_circuit){
        .begin_ns = since_start(d, t_ns),
        .end_ns = since_start(d, t_ns),
        .client_address = ends->client_address,
        .client_port = ends->client_port,
        .server_address = ends->server_address,
        .server_port = ends->server_port,
        .user = TRACE_NONE,
        .host = TRACE_NONE,
        .flags = flags,
    };
    circuit->index = index;
    circuit->handle = d->ncircuits - 1;
    circuit->minor = WIRE_MINOR; /* until its VERSION says otherwise */
    d->circuits[circuit->handle] = circuit;
    return circuit;
}

void conversation_forget(struct dialogue *d, struct circuit *circuit)
{
    d->circuits[circuit->handle] = NULL;
    circuit_free(circuit);
}

uint32_t dialogue_circuit_open(struct dialogue *d, const struct dialogue_endpoints *ends, bool midway, uint64_t t_ns)
{
    const struct circuit *circuit = conversation_circuit(d, ends, midway ? TRACE_TCP | TRACE_MIDWAY : TRACE_TCP, t_ns);
    if (circuit == NULL)
        return TRACE_NONE;
    if (midway)
        dialogue_loss(d, circuit->handle,
                      &(struct trace_loss){.t_ns = t_ns, .until_ns = t_ns, .count = 1, .kind = TRACE_LOSS_MIDWAY}, 0);
    return circuit->handle;
}

static struct circuit *find(const struct dialogue *d, uint32_t handle)
{
    return handle < d->ncircuits ? d->circuits[handle] : NULL;
}

static void mark(struct dialogue *d, const struct circuit *circuit, uint32_t flag, uint64_t t_ns)
{
    struct trace_circuit *record = trace_writer_circuit_at(d->writer, circuit->index);
    record->flags |= flag;
    if (since_start(d, t_ns) > record->end_ns)
        record->end_ns = since_start(d, t_ns);
}

void dialogue_loss(struct dialogue *d, uint32_t handle, const struct trace_loss *loss, uint64_t within_ns)
{
    const struct circuit *circuit = find(d, handle);
    struct trace_loss placed = *loss;
    placed.circuit = circuit != NULL ? circuit->index : TRACE_NONE;
    placed.t_ns = since_start(d, loss->t_ns);
    placed.until_ns = loss->until_ns > loss->t_ns ? since_start(d, loss->until_ns) : placed.t_ns;
    trace_writer_loss_on(d->writer, &placed, within_ns);
}

void dialogue_circuit_gap(struct dialogue *d, uint32_t handle, uint64_t t_ns)
{
    struct circuit *circuit = find(d, handle);
    if (circuit == NULL)
        return;
    circuit->gaps++;
    circuit->ledger.echoes_answered = circuit->ledger.echoes_asked; /* which of them were answered in the gap is unknown */
    mark(d, circuit, TRACE_GAP, t_ns);
}

void dialogue_circuit_skipped(struct dialogue *d, uint32_t handle)
{
    struct circuit *circuit = find(d, handle);
    if (circuit != NULL)
        circuit->gaps++;
}

void dialogue_circuit_close(struct dialogue *d, uint32_t handle, uint64_t t_ns)
{
    struct circuit *circuit = find(d, handle);
    if (circuit == NULL)
        return;
    mark(d, circuit, TRACE_CLOSED, t_ns);
    conversation_forget(d, circuit);
}

unsigned dialogue_minor(const struct dialogue *d, uint32_t handle)
{
    const struct circuit *circuit = find(d, handle);
    return circuit != NULL ? circuit->minor : WIRE_MINOR;
}

bool dialogue_expects(const struct dialogue *d, uint32_t handle, const struct wire_header *h, bool *is_known)
{
    struct circuit *circuit = find(d, handle);
    *is_known = false;
    if (circuit == NULL)
        return true;
    switch (h->command) {
    case WIRE_EVENT_ADD:
        *is_known = ledger_subscription_find(&circuit->ledger, h->p2) != NULL;
        break;
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
    case WIRE_WRITE_NOTIFY:
        *is_known = ledger_request_find(&circuit->ledger, h->command, h->p2) != NULL;
        break;
    case WIRE_CREATE_CHAN:
    case WIRE_ACCESS_RIGHTS:
    case WIRE_CREATE_CH_FAIL:
    case WIRE_SERVER_DISCONN:
        *is_known = ledger_channel_by_cid(&circuit->ledger, h->p1) != NULL;
        break;
    default:
        return true;
    }
    return *is_known;
}

bool dialogue_is_server_port(const struct dialogue *d, uint16_t port)
{
    return d->server_ports[port / 8] >> (port % 8) & 1;
}

uint64_t dialogue_malformed(const struct dialogue *d)
{
    return d->malformed;
}

/* ---- messages ---- */

static uint32_t span(uint64_t first_ns, uint64_t last_ns)
{
    uint64_t ns = last_ns > first_ns ? last_ns - first_ns : 0;
    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

struct trace_event conversation_event(const struct circuit *circuit, const struct wire_header *h, unsigned flags)
{
    return (struct trace_event){
        .circuit = circuit->index,
        .pv = TRACE_NONE,
        .peer = TRACE_NONE,
        .command = h->command,
        .type = h->type,
        .count = h->count,
        .size = h->size,
        .p1 = h->p1,
        .p2 = h->p2,
        .flags = (uint16_t)flags,
    };
}

static struct trace_event event_of(const struct dialogue *d, const struct circuit *circuit, const struct dialogue_message *m)
{
    struct trace_event e = conversation_event(circuit, m->header, m->from_server ? TRACE_FROM_SERVER : 0);
    e.t_ns = since_start(d, m->first_ns);
    e.span_ns = span(e.t_ns, since_start(d, m->last_ns));
    return e;
}

void conversation_malformed(struct dialogue *d, const struct circuit *circuit, const struct dialogue_message *m, uint64_t bytes)
{
    d->malformed++;
    dialogue_loss(d, circuit->handle,
                  &(struct trace_loss){.t_ns = m->first_ns,
                                       .until_ns = m->last_ns,
                                       .bytes = bytes,
                                       .count = 1,
                                       .kind = TRACE_LOSS_MALFORMED,
                                       .flags = m->from_server ? TRACE_FROM_SERVER : 0},
                  0);
}

void conversation_message(struct dialogue *d, struct circuit *circuit, const struct dialogue_message *m)
{
    struct turn t = {.d = d, .circuit = circuit, .h = m->header, .payload = m->payload, .e = event_of(d, circuit, m)};
    if (m->header->command < WIRE_COMMANDS) {
        const struct turn_calls *calls = &turn_calls[m->header->command];
        void (*call)(struct turn *) = m->from_server ? calls->from_server : calls->from_client;
        if (call != NULL)
            call(&t);
    } else
        t.malformed = true;
    if (t.malformed)
        conversation_malformed(d, circuit, m, m->header->size);
    if (m->from_server && m->first_ns > circuit->heard_ns)
        circuit->heard_ns = m->first_ns;
    uint32_t index = trace_writer_event(d->writer, &t.e, m->payload);
    if (t.keep != NULL)
        *t.keep = index;
    mark(d, circuit, 0, m->last_ns);
}

void dialogue_message(struct dialogue *d, uint32_t handle, const struct dialogue_message *m)
{
    struct circuit *circuit = find(d, handle);
    if (circuit != NULL)
        conversation_message(d, circuit, m);
}
