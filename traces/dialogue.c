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

static bool make_room(struct dialogue *d, uint32_t index)
{
    if (index == TRACE_NONE)
        return false;
    if (index >= d->room) {
        size_t room = (size_t)index * 2 + 64;
        struct circuit **circuits = realloc(d->circuits, room * sizeof(struct circuit *));
        if (circuits == NULL)
            return false;
        d->circuits = circuits;
        d->room = (uint32_t)room;
    }
    for (; d->ncircuits <= index; d->ncircuits++)
        d->circuits[d->ncircuits] = NULL;
    return true;
}

struct circuit *conversation_circuit(struct dialogue *d, const struct dialogue_endpoints *ends, uint32_t flags, uint64_t t_ns)
{
    uint32_t index = trace_writer_circuit(d->writer);
    struct circuit *circuit = make_room(d, index) ? calloc(1, sizeof *circuit) : NULL;
    if (circuit == NULL)
        return NULL;
    *trace_writer_circuit_at(d->writer, index) = (struct trace_circuit){
        .begin_ns = t_ns,
        .end_ns = t_ns,
        .client_address = ends->client_address,
        .client_port = ends->client_port,
        .server_address = ends->server_address,
        .server_port = ends->server_port,
        .user = TRACE_NONE,
        .host = TRACE_NONE,
        .flags = flags,
    };
    circuit->index = index;
    circuit->minor = WIRE_MINOR; /* until its VERSION says otherwise */
    d->circuits[index] = circuit;
    return circuit;
}

uint32_t dialogue_circuit_open(struct dialogue *d, const struct dialogue_endpoints *ends, bool midway, uint64_t t_ns)
{
    const struct circuit *circuit = conversation_circuit(d, ends, midway ? TRACE_TCP | TRACE_MIDWAY : TRACE_TCP, t_ns);
    return circuit != NULL ? circuit->index : TRACE_NONE;
}

static struct circuit *find(const struct dialogue *d, uint32_t index)
{
    return index < d->ncircuits ? d->circuits[index] : NULL;
}

static void mark(struct dialogue *d, uint32_t index, uint32_t flag, uint64_t t_ns)
{
    struct trace_circuit *record = trace_writer_circuit_at(d->writer, index);
    record->flags |= flag;
    if (t_ns > record->end_ns)
        record->end_ns = t_ns;
}

void dialogue_circuit_gap(struct dialogue *d, uint32_t index, uint64_t t_ns)
{
    struct circuit *circuit = find(d, index);
    if (circuit == NULL)
        return;
    circuit->ledger.echoes_answered = circuit->ledger.echoes_asked; /* which of them were answered in the gap is unknown */
    mark(d, index, TRACE_GAP, t_ns);
}

void dialogue_circuit_close(struct dialogue *d, uint32_t index, uint64_t t_ns)
{
    struct circuit *circuit = find(d, index);
    if (circuit == NULL)
        return;
    d->circuits[index] = NULL;
    circuit_free(circuit);
    mark(d, index, TRACE_CLOSED, t_ns);
}

unsigned dialogue_minor(const struct dialogue *d, uint32_t index)
{
    const struct circuit *circuit = find(d, index);
    return circuit != NULL ? circuit->minor : WIRE_MINOR;
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

static uint32_t span(const struct dialogue_message *m)
{
    uint64_t ns = m->last_ns > m->first_ns ? m->last_ns - m->first_ns : 0;
    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static struct trace_event event_of(const struct circuit *circuit, const struct dialogue_message *m)
{
    const struct wire_header *h = m->header;
    return (struct trace_event){
        .t_ns = m->first_ns,
        .span_ns = span(m),
        .circuit = circuit->index,
        .pv = TRACE_NONE,
        .peer = TRACE_NONE,
        .command = h->command,
        .type = h->type,
        .count = h->count,
        .size = h->size,
        .p1 = h->p1,
        .p2 = h->p2,
        .flags = m->from_server ? TRACE_FROM_SERVER : 0,
    };
}

void conversation_message(struct dialogue *d, struct circuit *circuit, const struct dialogue_message *m)
{
    struct turn t = {.d = d, .circuit = circuit, .h = m->header, .payload = m->payload, .e = event_of(circuit, m)};
    if (m->header->command < WIRE_COMMANDS) {
        const struct turn_calls *calls = &turn_calls[m->header->command];
        void (*call)(struct turn *) = m->from_server ? calls->from_server : calls->from_client;
        if (call != NULL)
            call(&t);
    } else
        t.malformed = true;
    d->malformed += t.malformed;
    uint32_t index = trace_writer_event(d->writer, &t.e, m->payload);
    if (t.keep != NULL)
        *t.keep = index;
    mark(d, circuit->index, 0, m->last_ns);
}

void dialogue_message(struct dialogue *d, uint32_t index, const struct dialogue_message *m)
{
    struct circuit *circuit = find(d, index);
    if (circuit != NULL)
        conversation_message(d, circuit, m);
}
