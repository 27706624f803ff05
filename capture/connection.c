#include "capture/connection.h"

#include "capture/lacks.h"
#include "wire/likeness.h"

/* After so many pieces of a stream without a message's beginning, a connection that nothing else marks as CA is not. */
enum { MISSES_MAX = 256 };

/* What the callbacks of a stream need. */
struct voice {
    struct connection *connection;
    struct connection_world *world;
    unsigned way;
};

struct connection_ends connection_ends(const struct packet *p, unsigned *way)
{
    bool forth = p->from_address != p->to_address ? p->from_address < p->to_address : p->from_port <= p->to_port;
    *way = forth ? 0 : 1;
    if (forth)
        return (struct connection_ends){p->from_address, p->to_address, p->from_port, p->to_port};
    return (struct connection_ends){p->to_address, p->from_address, p->to_port, p->from_port};
}

void connection_init(struct connection *c, const struct connection_ends *ends, uint64_t t_ns)
{
    *c = (struct connection){.ends = *ends, .begin_ns = t_ns, .server = -1};
}

/* ---- is it CA, and who is the server ---- */

static bool is_server_port(const struct connection_world *world, uint16_t port)
{
    for (unsigned i = 0; i < world->nports; i++)
        if (world->ports[i] == port)
            return true;
    return port == WIRE_PORT || dialogue_is_server_port(world->dialogue, port);
}

/* The server's way by its port; -1 if neither or both of the ports are a server's. */
static int8_t server_by_port(const struct connection *c, const struct connection_world *world)
{
    bool a = is_server_port(world, c->ends.a_port), b = is_server_port(world, c->ends.b_port);
    return a == b ? -1 : a ? 0 : 1;
}

static int8_t server_by_content(const struct framer_message *m, unsigned way)
{
    switch (likeness_speaker(&m->header, m->payload)) {
    case LIKENESS_CLIENT:
        return (int8_t)!way;
    case LIKENESS_SERVER:
        return (int8_t)way;
    case LIKENESS_UNKNOWN:
        break;
    }
    return -1;
}

static bool is_midway(const struct connection *c)
{
    return !c->way[0].syn_seen && !c->way[1].syn_seen;
}

static void open_circuit(struct connection *c, struct connection_world *world)
{
    const struct connection_ends *e = &c->ends;
    struct dialogue_endpoints ends = {e->a_address, e->b_address, e->a_port, e->b_port};
    if (c->server == 0)
        ends = (struct dialogue_endpoints){e->b_address, e->a_address, e->b_port, e->a_port};
    c->is_midway = is_midway(c);
    c->index = dialogue_circuit_open(world->dialogue, &ends, c->is_midway, c->begin_ns);
    c->open = true;
}

/* The first message of a connection decides. Afterwards the circuit is open, or ignored, or still waits for a message that
 * tells who speaks. */
static void decide(struct connection *c, struct connection_world *world, unsigned way, const struct framer_message *m)
{
    if (!likeness_header(&m->header)) {
        c->state = CONNECTION_IGNORED;
        return;
    }
    if (c->server < 0)
        c->server = server_by_port(c, world);
    if (c->server < 0)
        c->server = server_by_content(m, way);
    if (c->server >= 0)
        open_circuit(c, world);
}

/* Not even a header, as far as these bytes tell? Asked before a message is gathered whose length would be garbage. */
static bool is_foreign(const uint8_t *bytes, size_t n)
{
    struct cursor c = cursor_over(bytes, n);
    struct wire_header h;
    return wire_header_read(&c, WIRE_MINOR, &h) == WIRE_OK && !likeness_header(&h);
}

/* ---- from bytes to messages ---- */

/* What a real server or client would end the circuit for (ca-protocol 5.6, 8.2). The message itself is recorded. */
static bool is_malformed(const struct wire_header *h)
{
    return h->command >= WIRE_COMMANDS || h->size % 8 != 0;
}

static void prove_request(struct voice *v, const struct framer_message *m);

static void take_message(struct voice *v, const struct framer_message *m)
{
    struct connection *c = v->connection;
    if (!c->open)
        decide(c, v->world, v->way, m);
    if (!c->open)
        return;
    prove_request(v, m);
    dialogue_message(v->world->dialogue, c->index,
                     &(struct dialogue_message){.header = &m->header,
                                                .payload = m->payload,
                                                .first_ns = m->first_ns,
                                                .last_ns = m->last_ns,
                                                .from_server = (unsigned)c->server == v->way});
    c->way[v->way].dead |= is_malformed(&m->header);
}

/* What comes behind it is not decoded. */
static void lose_message(const struct voice *v, uint64_t bytes, uint64_t t_ns)
{
    const struct connection *c = v->connection;
    const struct trace_loss loss = {.t_ns = t_ns,
                                    .until_ns = t_ns,
                                    .bytes = bytes,
                                    .count = 1,
                                    .kind = TRACE_LOSS_MALFORMED,
                                    .flags = (unsigned)c->server == v->way ? TRACE_FROM_SERVER : 0};
    v->world->missing.malformed++;
    dialogue_loss(v->world->dialogue, c->index, &loss, 0);
}

static void take_bytes(struct voice *v, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    struct connection *c = v->connection;
    struct connection_way *w = &c->way[v->way];
    struct framer_message m;
    enum wire_err err = WIRE_OK;
    framer_feed(&w->framer, bytes, n, t_ns);
    while (c->state == CONNECTION_LIVE && !w->dead) {
        err = framer_next(&w->framer, c->open ? dialogue_minor(v->world->dialogue, c->index) : WIRE_MINOR, &m);
        if (err != WIRE_OK)
            break;
        w->decoded += m.bytes;
        take_message(v, &m);
    }
    w->dead |= err == WIRE_MALFORMED;
    if (w->dead && c->open && (err == WIRE_MALFORMED || m.header.command < WIRE_COMMANDS))
        lose_message(v, err == WIRE_OK ? m.header.size : 0, t_ns); /* the dialogue counts unknown commands */
}

/* ---- where decoding begins, and goes on after a loss ---- */

/* Is all known that this side has said so far? */
static bool is_whole(const struct connection_way *w)
{
    return w->synced && !w->dead && !w->stream.midway && w->stream.gaps == 0;
}

static enum resync_answer judge_header(void *arg, const struct wire_header *h, const uint8_t *payload)
{
    const struct voice *v = arg;
    const struct connection *c = v->connection;
    const bool is_server = (unsigned)c->server == v->way;
    bool is_known = false;
    enum likeness_speaker speaker = c->server < 0 ? LIKENESS_UNKNOWN : is_server ? LIKENESS_SERVER : LIKENESS_CLIENT;
    if (!likeness_strictly(h, speaker))
        return RESYNC_NO;
    if (c->open && is_server && is_whole(&c->way[!v->way]) && !dialogue_expects(v->world->dialogue, c->index, h, &is_known))
        return RESYNC_NO;
    if (h->p1 == 0 && h->p2 == 0) /* VERSION, ECHO... */
        return RESYNC_BEHIND;
    return is_known || (payload != NULL && likeness_is_proven(h, payload)) ? RESYNC_SURE : RESYNC_MAYBE;
}

static struct resync_judge judge(struct voice *v)
{
    const struct connection *c = v->connection;
    return (struct resync_judge){judge_header, v, c->open ? dialogue_minor(v->world->dialogue, c->index) : WIRE_MINOR};
}

/* A message's beginning is found: what was held from there on, at its own times. */
static void take_held(struct voice *v)
{
    struct connection_way *w = &v->connection->way[v->way];
    const uint8_t *bytes;
    size_t n;
    uint64_t t_ns;
    w->synced = true;
    if (v->connection->open && (unsigned)v->connection->server == v->way)
        dialogue_circuit_skipped(v->world->dialogue, v->connection->index);
    while (resync_take(&w->resync, &bytes, &n, &t_ns))
        if (v->connection->state == CONNECTION_LIVE && !w->dead)
            take_bytes(v, bytes, n, t_ns);
    resync_fini(&w->resync);
}

/* A client's message that still waits for another one behind it is a request, if this answers it. It has to be told first. */
static void prove_request(struct voice *v, const struct framer_message *m)
{
    struct connection *c = v->connection;
    struct voice client = {c, v->world, !v->way};
    struct connection_way *w = &c->way[client.way];
    struct wire_header request;
    if (w->synced || (unsigned)c->server != v->way)
        return;
    const struct resync_judge j = judge(&client);
    if (!resync_waits(&w->resync, &j, &request) || !likeness_answers(&m->header, &request))
        return;
    resync_believe(&w->resync);
    take_held(&client);
    lacks_tell(c, v->world, client.way, m->last_ns);
}

/* Bytes of a direction whose messages' beginnings are not known. */
static void look_for_message(struct voice *v, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    struct connection *c = v->connection;
    struct connection_way *w = &c->way[v->way];
    const struct resync_judge j = judge(v);
    if (resync_feed(&w->resync, &j, bytes, n, t_ns))
        take_held(v);
    else if (!c->open && ++w->misses >= MISSES_MAX)
        c->state = CONNECTION_IGNORED;
}

static void hear(struct voice *v, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    struct connection *c = v->connection;
    struct connection_way *w = &c->way[v->way];
    w->came += n;
    if (c->state != CONNECTION_LIVE || w->dead)
        return;
    if (!w->synced && !w->stream.midway && w->stream.gaps == 0) {
        w->synced = c->open || !is_foreign(bytes, n);
        if (!w->synced)
            c->state = CONNECTION_IGNORED;
    }
    if (w->synced)
        take_bytes(v, bytes, n, t_ns);
    else if (c->state == CONNECTION_LIVE)
        look_for_message(v, bytes, n, t_ns);
}

static void on_data(void *arg, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    struct voice *v = arg;
    struct connection *c = v->connection;
    const bool was_open = c->open;
    hear(v, bytes, n, t_ns);
    lacks_tell(c, v->world, v->way, t_ns);
    if (c->open && !was_open)
        lacks_tell(c, v->world, !v->way, t_ns);
}

/* n bytes will never come. Where messages begin is known up to multiples of 8, but for a stream that was joined midway. */
static void lose_bytes(struct connection_way *w, uint32_t n)
{
    if (w->synced) {
        const unsigned phase = framer_phase(&w->framer);
        w->synced = framer_gap(&w->framer, n);
        if (!w->synced)
            resync_begin(&w->resync, (unsigned)(0u - phase - n) % 8);
        return;
    }
    if (w->came == 0 && !w->stream.midway)
        resync_begin(&w->resync, 0);
    resync_gap(&w->resync, n);
}

static void on_gap(void *arg, uint32_t n, uint64_t t_ns)
{
    struct voice *v = arg;
    struct connection *c = v->connection;
    const uint64_t next_ns = stream_held_since(&c->way[v->way].stream); /* of what comes behind it */
    if (c->state != CONNECTION_LIVE)
        return;
    lose_bytes(&c->way[v->way], n);
    lacks_tell(c, v->world, v->way, next_ns < t_ns ? next_ns : t_ns);
    if (c->open)
        dialogue_circuit_gap(v->world->dialogue, c->index, t_ns);
}

/* Nothing more will come of a direction: what leads from message to message up to its end is decoded. */
static void end_search(struct connection *c, struct connection_world *world, unsigned way)
{
    struct voice v = {c, world, way};
    struct connection_way *w = &c->way[way];
    const struct resync_judge j = judge(&v);
    if (c->state == CONNECTION_LIVE && !w->synced && resync_end(&w->resync, &j))
        take_held(&v);
}

/* ---- packets ---- */

static struct stream_sink sink(struct voice *v, struct connection *c, struct connection_world *world, unsigned way)
{
    *v = (struct voice){c, world, way};
    return (struct stream_sink){on_data, on_gap, v};
}

/* Do something to both directions, first to the one whose held data are older, so that requests come before their replies. */
static void both_ways(struct connection *c, struct connection_world *world, uint64_t t_ns,
                      void (*act)(struct stream *, uint64_t, const struct stream_sink *))
{
    uint64_t t[2] = {stream_held_since(&c->way[0].stream), stream_held_since(&c->way[1].stream)};
    unsigned first = t[1] < t[0] ? 1 : 0;
    for (unsigned i = 0; i < 2; i++) {
        struct voice v;
        struct stream_sink s = sink(&v, c, world, i ^ first);
        act(&c->way[i ^ first].stream, t_ns, &s);
    }
}

static void free_ways(struct connection *c)
{
    for (unsigned i = 0; i < 2; i++) {
        stream_fini(&c->way[i].stream);
        framer_fini(&c->way[i].framer);
        resync_fini(&c->way[i].resync);
    }
}

static bool is_ended(const struct connection *c)
{
    bool a = stream_ended(&c->way[0].stream), b = stream_ended(&c->way[1].stream);
    return c->reset ? a || b : a && b;
}

/* To the state CLOSED or IGNORED. Reached from connection_packet() (both ends seen, reset, not CA, a new SYN) and
 * connection_fini(). */
static void end_connection(struct connection *c, struct connection_world *world, enum connection_state state, bool end_seen,
                           uint64_t t_ns)
{
    both_ways(c, world, t_ns, stream_flush);
    const unsigned client = c->server == 0; /* requests come before their replies */
    end_search(c, world, client);
    end_search(c, world, !client);
    lacks_tell(c, world, client, t_ns);
    lacks_tell(c, world, !client, t_ns);
    if (c->open && (lacks_beginning(c, 0) || lacks_beginning(c, 1)))
        dialogue_circuit_gap(world->dialogue, c->index, t_ns);
    if (c->open && end_seen)
        dialogue_circuit_close(world->dialogue, c->index, t_ns);
    lacks_add(c, &world->missing);
    free_ways(c);
    c->open = false;
    c->packets = 0;
    c->state = (uint8_t)state;
}

/* A SYN that is no repetition: the ports are used again, or the end of the last connection was not captured. Not one that comes
 * late, right before numbers that this direction was joined at. */
static bool is_new_connection(const struct connection *c, unsigned way, uint32_t isn)
{
    const struct connection_way *w = &c->way[way];
    if (w->syn_seen || c->state != CONNECTION_LIVE)
        return !w->syn_seen || isn != w->isn;
    return w->stream.midway && w->stream.next - (isn + 1) > STREAM_HELD_BYTES;
}

static void take_syn(struct connection *c, struct connection_world *world, const struct packet *p, unsigned way, uint64_t t_ns)
{
    if (is_new_connection(c, way, p->seq)) {
        if (c->state == CONNECTION_LIVE)
            end_connection(c, world, CONNECTION_CLOSED, true, t_ns);
        struct connection_ends ends = c->ends;
        connection_init(c, &ends, t_ns);
    }
    bool answers = (p->flags & TCP_ACK) != 0;
    c->server = (int8_t)(answers ? way : !way);
    c->way[way].isn = p->seq;
    c->way[way].syn_seen = true;
    struct voice v;
    struct stream_sink s = sink(&v, c, world, way);
    stream_begin(&c->way[way].stream, p->seq + 1, &s);
    s = sink(&v, c, world, !way);
    if (answers) /* the client's SYN may have been missed */
        stream_begin(&c->way[!way].stream, p->ack, &s);
}

static void take_segment(struct connection *c, struct connection_world *world, const struct packet *p, unsigned way,
                         uint64_t t_ns)
{
    struct voice v;
    struct stream_sink s = sink(&v, c, world, way);
    struct stream *stream = &c->way[way].stream;
    uint32_t seq = p->seq + ((p->flags & TCP_SYN) != 0);
    if (p->n == 0 && !(p->flags & (TCP_SYN | TCP_FIN | TCP_RST)))
        stream_seen(stream, seq, t_ns);
    stream_segment(stream, &(struct stream_segment){seq, p->payload, p->n, t_ns}, &s);
    if (p->flags & (TCP_FIN | TCP_RST))
        stream_finish(stream, seq + (uint32_t)p->n);
    if (p->flags & TCP_ACK)
        stream_acked(&c->way[!way].stream, p->ack);
    c->reset |= (p->flags & TCP_RST) != 0;
}

void connection_packet(struct connection *c, struct connection_world *world, const struct packet *packet, unsigned way,
                       uint64_t t_ns)
{
    if (packet->flags & TCP_SYN)
        take_syn(c, world, packet, way, t_ns);
    c->packets++;
    if (c->state == CONNECTION_LIVE) {
        take_segment(c, world, packet, way, t_ns);
        if (c->way[0].stream.first != NULL || c->way[1].stream.first != NULL)
            both_ways(c, world, t_ns, stream_tick);
    }
    if (c->state == CONNECTION_IGNORED) {
        end_connection(c, world, CONNECTION_IGNORED, false, t_ns);
    } else if (c->state == CONNECTION_LIVE && is_ended(c))
        end_connection(c, world, CONNECTION_CLOSED, true, t_ns);
}

void connection_fini(struct connection *c, struct connection_world *world, uint64_t t_ns)
{
    if (c->state == CONNECTION_LIVE)
        end_connection(c, world, CONNECTION_CLOSED, c->reset, t_ns);
}
