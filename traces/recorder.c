#include "traces/recorder.h"

#include "traces/framer.h"
#include "traces/table.h"

#include <stdlib.h>

struct recorded { /* one circuit */
    UT_hash_handle hh;
    uint64_t number; /* the caller's */
    uint32_t index;  /* the trace's */
    struct framer framer[2];
    bool is_dead[2]; /* a direction whose bytes make no sense (any more) */
    bool has_gap[2], is_skipping[2];
};

struct recorder {
    struct trace_writer *writer;
    struct dialogue *dialogue;
    struct recorded *circuits;
    struct trace_missing missing;
    uint64_t start_ns, end_ns, realtime_ns;
    bool started; /* start_ns is set: the first piece's time */
    char source[96];
};

struct recorder *recorder_open(const char *path, const char *source, uint64_t realtime_ns, struct diag *diag)
{
    struct recorder *r = calloc(1, sizeof *r);
    struct trace_writer *writer = r != NULL ? trace_writer_open(path, diag) : NULL;
    struct dialogue *dialogue = writer != NULL ? dialogue_new(writer) : NULL;
    if (dialogue != NULL) {
        *r = (struct recorder){.writer = writer, .dialogue = dialogue, .realtime_ns = realtime_ns};
        snprintf(r->source, sizeof r->source, "%s", source);
        return r;
    }
    if (r == NULL || writer != NULL)
        diag_fail(diag, DIAG_ENVIRONMENT, "%s: no memory to record", path);
    if (writer != NULL)
        trace_writer_abandon(writer);
    free(r);
    return NULL;
}

/* Time of the trace. What arrived while something else was sent may have come a little earlier. */
static uint64_t tell(struct recorder *r, uint64_t t_ns)
{
    if (!r->started) {
        r->start_ns = t_ns;
        trace_writer_about(r->writer, &(struct trace_meta){.start_realtime_ns = t_ns + r->realtime_ns, .source = r->source});
    }
    r->started = true;
    const uint64_t since_ns = t_ns > r->start_ns ? t_ns - r->start_ns : 0;
    if (since_ns > r->end_ns)
        r->end_ns = since_ns;
    return since_ns;
}

static struct recorded *find(const struct recorder *r, uint64_t number)
{
    struct recorded *c;
    HASH_FIND(hh, r->circuits, &number, sizeof number, c);
    return c;
}

void recorder_circuit(struct recorder *r, uint64_t circuit, const struct dialogue_endpoints *ends, uint64_t t_ns)
{
    if (trace_writer_failed(r->writer))
        return;
    struct recorded *c = calloc(1, sizeof *c);
    if (c == NULL)
        return;
    c->number = circuit;
    c->index = dialogue_circuit_open(r->dialogue, ends, false, tell(r, t_ns));
    if (c->index != TRACE_NONE)
        HASH_ADD(hh, r->circuits, number, sizeof c->number, c);
    if (c->index == TRACE_NONE || c->hh.tbl == NULL)
        free(c);
}

/* Something of a direction is missing. count: 0: it goes on with what is counted already. */
static void lose(struct recorder *r, const struct recorded *c, bool from_server, const struct trace_loss *loss)
{
    struct trace_loss placed = *loss;
    placed.flags = from_server ? TRACE_FROM_SERVER : 0;
    dialogue_loss(r->dialogue, c->index, &placed, loss->count == 0 ? UINT64_MAX : 0);
}

static void lose_message(struct recorder *r, const struct recorded *c, bool from_server, uint64_t bytes)
{
    r->missing.malformed++;
    lose(
        r, c, from_server,
        &(struct trace_loss){.t_ns = r->end_ns, .until_ns = r->end_ns, .bytes = bytes, .count = 1, .kind = TRACE_LOSS_MALFORMED});
}

/* What a real server or client would end the circuit for (ca-protocol 5.6, 8.2); the message itself is recorded. */
static bool is_malformed(const struct wire_header *h)
{
    return h->command >= WIRE_COMMANDS || h->size % 8 != 0;
}

static void take_message(struct recorder *r, struct recorded *c, bool from_server, const struct framer_message *m)
{
    dialogue_message(r->dialogue, c->index,
                     &(struct dialogue_message){.header = &m->header,
                                                .payload = m->payload,
                                                .first_ns = m->first_ns,
                                                .last_ns = m->last_ns,
                                                .from_server = from_server});
    if (!is_malformed(&m->header))
        return;
    c->is_dead[from_server] = true;
    if (m->header.command < WIRE_COMMANDS) /* the dialogue counts unknown commands */
        lose_message(r, c, from_server, m->header.size);
}

/* A client's first bytes may have arrived before its circuit was accepted. */
static uint64_t tell_in(struct recorder *r, const struct recorded *c, uint64_t t_ns)
{
    struct trace_circuit *circuit = trace_writer_circuit_at(r->writer, c->index);
    const uint64_t since_ns = tell(r, t_ns);
    if (since_ns < circuit->begin_ns)
        circuit->begin_ns = since_ns;
    return since_ns;
}

/* What comes behind a message that ends its direction. */
static void skip_bytes(struct recorder *r, struct recorded *c, bool from_server, uint64_t n)
{
    const struct trace_loss loss = {
        .t_ns = r->end_ns, .until_ns = r->end_ns, .bytes = n, .count = !c->is_skipping[from_server], .kind = TRACE_LOSS_SKIPPED};
    if (n == 0)
        return;
    c->is_skipping[from_server] = true;
    r->missing.gap_bytes += n;
    lose(r, c, from_server, &loss);
}

static void take_messages(struct recorder *r, struct recorded *c, const struct recorder_piece *piece)
{
    struct framer *framer = &c->framer[piece->from_server];
    struct framer_message m;
    enum wire_err err = WIRE_OK;
    framer_feed(framer, piece->bytes, piece->n, tell_in(r, c, piece->t_ns));
    while (!c->is_dead[piece->from_server] && (err = framer_next(framer, dialogue_minor(r->dialogue, c->index), &m)) == WIRE_OK)
        take_message(r, c, piece->from_server, &m);
    if (err == WIRE_MALFORMED) {
        c->is_dead[piece->from_server] = true;
        lose_message(r, c, piece->from_server, 0);
    }
    skip_bytes(r, c, piece->from_server, cursor_left(&framer->in));
}

/* The first of them make a gap, which grows from then on. */
static void lose_bytes(struct recorder *r, struct recorded *c, bool from_server, uint64_t n)
{
    const uint64_t gaps = !c->has_gap[from_server];
    c->has_gap[from_server] = true;
    r->missing.gaps += gaps;
    r->missing.gap_bytes += n;
    lose(r, c, from_server,
         &(struct trace_loss){.t_ns = r->end_ns, .until_ns = r->end_ns, .bytes = n, .count = gaps, .kind = TRACE_LOSS_GAP});
}

void recorder_bytes(struct recorder *r, const struct recorder_piece *piece)
{
    struct recorded *c = find(r, piece->circuit);
    if (c == NULL || trace_writer_failed(r->writer))
        return;
    r->missing.packets++;
    if (c->has_gap[piece->from_server])
        lose_bytes(r, c, piece->from_server, piece->n);
    else if (c->is_dead[piece->from_server])
        skip_bytes(r, c, piece->from_server, piece->n);
    else
        take_messages(r, c, piece);
}

void recorder_gap(struct recorder *r, uint64_t circuit, bool from_server, uint64_t n)
{
    struct recorded *c = find(r, circuit);
    if (c == NULL || trace_writer_failed(r->writer))
        return;
    lose_bytes(r, c, from_server, n);
    dialogue_circuit_gap(r->dialogue, c->index, r->end_ns);
}

void recorder_datagram(struct recorder *r, const struct dialogue_endpoints *ends, const struct recorder_piece *piece)
{
    if (trace_writer_failed(r->writer))
        return;
    const uint64_t t_ns = tell(r, piece->t_ns);
    const struct dialogue_endpoints *e = ends;
    r->missing.packets++;
    bool is_ca = piece->from_server ? dialogue_datagram(r->dialogue, e->server_address, e->server_port, e->client_address,
                                                        e->client_port, piece->bytes, piece->n, t_ns)
                                    : dialogue_datagram(r->dialogue, e->client_address, e->client_port, e->server_address,
                                                        e->server_port, piece->bytes, piece->n, t_ns);
    r->missing.other_packets += !is_ca;
}

static void forget(struct recorder *r, struct recorded *c)
{
    HASH_DEL(r->circuits, c);
    framer_fini(&c->framer[0]);
    framer_fini(&c->framer[1]);
    free(c);
}

void recorder_close(struct recorder *r, uint64_t circuit, uint64_t t_ns)
{
    struct recorded *c = find(r, circuit);
    if (c == NULL)
        return;
    if (!trace_writer_failed(r->writer))
        dialogue_circuit_close(r->dialogue, c->index, tell(r, t_ns));
    forget(r, c);
}

void recorder_tick(struct recorder *r, uint64_t now_ns)
{
    trace_writer_tick(r->writer, now_ns);
}

bool recorder_failed(const struct recorder *r)
{
    return trace_writer_failed(r->writer);
}

static void free_all_but_writer(struct recorder *r)
{
    while (r->circuits != NULL)
        forget(r, r->circuits);
    dialogue_free(r->dialogue);
    free(r);
}

/* What never came here may belong anywhere. */
static void lose_packets(struct recorder *r, uint64_t n)
{
    r->missing.kernel_drops += n;
    if (n > 0)
        dialogue_loss(r->dialogue, TRACE_NONE,
                      &(struct trace_loss){.until_ns = r->end_ns, .count = n, .kind = TRACE_LOSS_DROPPED}, 0);
}

int recorder_finish(struct recorder *r, uint64_t lost, struct trace_counts *counts, struct diag *diag)
{
    struct trace_writer *writer = r->writer;
    lose_packets(r, lost);
    struct trace_meta meta = {
        .start_realtime_ns = r->started ? r->start_ns + r->realtime_ns : 0, .end_ns = r->end_ns, .missing = r->missing};
    char source[sizeof r->source];
    memcpy(source, r->source, sizeof source);
    meta.source = source;
    meta.missing.malformed += dialogue_malformed(r->dialogue);
    *counts = trace_writer_counts(writer);
    free_all_but_writer(r);
    return trace_writer_finish(writer, &meta, diag);
}

void recorder_abandon(struct recorder *r)
{
    struct trace_writer *writer = r->writer;
    free_all_but_writer(r);
    trace_writer_abandon(writer);
}
