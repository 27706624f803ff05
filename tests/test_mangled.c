/* A capture is damaged in many ways, each from a seed: packets come out of order, twice, in fragments, cut, not at all; it begins
 * late. Every message that is decoded is one of the good capture's, in its order, of its PV and tied to its request, or to none;
 * each one that is not is covered by a loss that is told.
 * test_mangled [COUNT [FIRST SEED]]: `make mangle` does 10^4 with sanitizers. */
#include "base/random.h"
#include "capture/flows.h"
#include "tests/placed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    CIRCUITS = 3,
    ROUNDS = 40,
    PACKETS_MAX = 8192,
    MESSAGES_MAX = 8192,
    MSS = 1448,
    IP_BYTES = 20,
    TCP_BYTES = 40,
    PORT = 5064,
    MS = 1000000
};
enum { CLIENT = 0x0a000001, SERVER = 0x0a000002, FIRST_PORT = 40000 };

static uint64_t runs = 300, first_seed = 1;

struct rng {
    uint64_t seed, k;
};

static void rng_init(struct rng *rng, uint64_t seed)
{
    *rng = (struct rng){.seed = seed};
}

static uint64_t rng_below(struct rng *rng, uint64_t end)
{
    return random_bits(rng->seed, 0, rng->k++) % end;
}

/* ---- a good capture ---- */

struct frame {
    uint8_t bytes[TCP_BYTES + MSS];
    size_t captured, length;
    uint64_t order; /* where it comes in a mangled capture */
};

struct side {
    uint32_t address, seq;
    uint16_t port;
    uint8_t said[65536]; /* not in packets yet */
    size_t n;
};

struct capture {
    struct frame frames[PACKETS_MAX];
    unsigned n;
};

static struct frame *new_frame(struct capture *c)
{
    assert_true(c->n < PACKETS_MAX);
    return &c->frames[c->n++];
}

static void send_packet(struct capture *c, struct side *from, struct side *to, unsigned flags, size_t n)
{
    struct frame *f = new_frame(c);
    memset(f->bytes, 0, TCP_BYTES);
    f->bytes[0] = 0x45;
    f->captured = f->length = TCP_BYTES + n;
    wire_put16(f->bytes + 2, (uint16_t)f->length);
    wire_put16(f->bytes + 4, (uint16_t)c->n);
    f->bytes[9] = 6;
    wire_put32(f->bytes + 12, from->address);
    wire_put32(f->bytes + 16, to->address);
    wire_put16(f->bytes + 20, from->port);
    wire_put16(f->bytes + 22, to->port);
    wire_put32(f->bytes + 24, from->seq);
    wire_put32(f->bytes + 28, to->seq);
    f->bytes[32] = 5 << 4;
    f->bytes[33] = (uint8_t)flags;
    memcpy(f->bytes + TCP_BYTES, from->said, n);
    memmove(from->said, from->said + n, from->n - n);
    from->n -= n;
    from->seq += (uint32_t)n + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

static void say(struct side *s, const struct wire_header *h, const void *payload)
{
    assert_true(s->n + WIRE_EXTENDED_BYTES + h->size <= sizeof s->said);
    s->n += wire_header_write(s->said + s->n, h);
    if (h->size > 0)
        memcpy(s->said + s->n, payload, h->size);
    s->n += h->size;
}

static void push(struct capture *c, struct side *from, struct side *to)
{
    while (from->n > 0)
        send_packet(c, from, to, TCP_ACK, from->n < MSS ? from->n : MSS);
    send_packet(c, to, from, TCP_ACK, 0);
}

/* Values as they occur: noise, a dark image, small numbers that look like the fields of headers. */
static void make_values(struct rng *rng, uint8_t *out, size_t n)
{
    unsigned kind = (unsigned)rng_below(rng, 3);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(kind == 0   ? rng_below(rng, 256)
                           : kind == 1 ? rng_below(rng, 50) == 0
                           : i % 2     ? rng_below(rng, 28)
                                       : 0);
}

static void send_update(struct rng *rng, struct side *server, uint32_t subid)
{
    static uint8_t values[8 * 4096];
    uint32_t count = (uint32_t)(rng_below(rng, 4) > 0 ? 1 : 1 + rng_below(rng, 4096));
    make_values(rng, values, sizeof values);
    say(server,
        &(struct wire_header){
            .command = WIRE_EVENT_ADD, .type = WIRE_DOUBLE, .count = count, .size = 8 * count, .p1 = 1, .p2 = subid},
        values);
}

static void connect_channel(struct capture *c, struct side *client, struct side *server, uint32_t id)
{
    static const uint8_t mask[16] = {[13] = 5};
    char name[8] = "pv";
    snprintf(name + 2, sizeof name - 2, "%u", (unsigned)id % 1000);
    say(client, &(struct wire_header){.command = WIRE_CREATE_CHAN, .size = 8, .p1 = id, .p2 = 13}, name);
    push(c, client, server);
    say(server, &(struct wire_header){.command = WIRE_ACCESS_RIGHTS, .p1 = id, .p2 = 3}, NULL);
    say(server, &(struct wire_header){.command = WIRE_CREATE_CHAN, .type = WIRE_DOUBLE, .count = 4096, .p1 = id, .p2 = id}, NULL);
    push(c, server, client);
    say(client,
        &(struct wire_header){.command = WIRE_EVENT_ADD, .type = WIRE_DOUBLE, .count = 4096, .size = 16, .p1 = id, .p2 = id},
        mask);
    push(c, client, server);
}

static void read_channel(struct rng *rng, struct capture *c, struct side *client, struct side *server, uint32_t id, uint32_t ioid)
{
    uint8_t value[8];
    make_values(rng, value, sizeof value);
    struct wire_header h = {.command = WIRE_READ_NOTIFY, .type = WIRE_DOUBLE, .count = 1, .p1 = id, .p2 = ioid};
    say(client, &h, NULL);
    push(c, client, server);
    h.p1 = 1;
    h.size = 8;
    say(server, &h, value);
}

static void echo(struct capture *c, struct side *client, struct side *server)
{
    static const struct wire_header h = {.command = WIRE_ECHO};
    say(client, &h, NULL);
    push(c, client, server);
    say(server, &h, NULL);
}

static void converse(struct rng *rng, struct capture *c, struct side *client, struct side *server)
{
    static const struct wire_header version = {.command = WIRE_VERSION, .count = 13};
    send_packet(c, client, server, TCP_SYN, 0);
    send_packet(c, server, client, TCP_SYN | TCP_ACK, 0);
    say(client, &version, NULL);
    push(c, client, server);
    say(server, &version, NULL);
    push(c, server, client);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        if (round % 8 == 1)
            connect_channel(c, client, server, round);
        unsigned updates = (unsigned)rng_below(rng, 4);
        for (unsigned i = 0; i < updates && server->n < 8000; i++)
            send_update(rng, server, round - (round - 1) % 8);
        if (rng_below(rng, 2) > 0)
            read_channel(rng, c, client, server, round - (round - 1) % 8, round);
        if (rng_below(rng, 8) == 0)
            echo(c, client, server);
        push(c, server, client);
    }
    send_packet(c, client, server, TCP_FIN | TCP_ACK, 0);
    send_packet(c, server, client, TCP_FIN | TCP_ACK, 0);
}

static void make_capture(struct capture *c)
{
    static struct side client, server;
    struct rng rng;
    rng_init(&rng, 1);
    c->n = 0;
    for (unsigned i = 0; i < CIRCUITS; i++) {
        client = (struct side){.address = CLIENT, .port = (uint16_t)(FIRST_PORT + i), .seq = 77 * i};
        server = (struct side){.address = SERVER, .port = PORT, .seq = UINT32_MAX - 20000}; /* wraps */
        converse(&rng, c, &client, &server);
    }
}

/* ---- decoding ---- */

struct decoded {
    struct trace trace;
    struct trace_missing missing;
};

static void decode(const struct capture *c, struct decoded *d)
{
    char path[64];
    struct diag diag = {0};
    snprintf(path, sizeof path, "/tmp/test_mangled.%d.catrace", (int)getpid());
    struct trace_writer *writer = trace_writer_open(path, &diag);
    assert_non_null(writer);
    struct dialogue *dialogue = dialogue_new(writer);
    struct flows *flows = flows_new(dialogue, NULL, 0);
    for (unsigned i = 0; i < c->n; i++) {
        const struct frame *f = &c->frames[i];
        uint8_t *exact = malloc(f->captured); /* so that the sanitizer sees a read behind it */
        memcpy(exact, f->bytes, f->captured);
        flows_packet(
            flows, PACKET_RAW,
            &(struct flows_packet){.bytes = exact, .captured = f->captured, .length = f->length, .t_ns = i * (uint64_t)MS});
        free(exact);
    }
    flows_finish(flows, c->n * (uint64_t)MS);
    d->missing = flows_missing(flows);
    d->missing.malformed += dialogue_malformed(dialogue);
    flows_free(flows);
    dialogue_free(dialogue);
    if (trace_writer_finish(writer, &(struct trace_meta){.source = "test", .sha256 = "", .missing = d->missing}, &diag) < 0 ||
        trace_open(&d->trace, path, &diag) < 0)
        fail_msg("%s", diag.text);
    unlink(path);
    assert_placed(&d->trace);
}

/* ---- mangling ---- */

static bool chance(struct rng *rng, unsigned in_thousand)
{
    return rng_below(rng, 1000) < in_thousand;
}

/* One IPv4 fragment of a frame: bytes from <= i < to behind its IP header. */
static void add_fragment(struct capture *c, const struct frame *f, size_t from, size_t to)
{
    struct frame *part = new_frame(c);
    const bool is_last = to == f->length - IP_BYTES;
    memcpy(part->bytes, f->bytes, IP_BYTES);
    memcpy(part->bytes + IP_BYTES, f->bytes + IP_BYTES + from, to - from);
    part->captured = part->length = IP_BYTES + to - from;
    part->order = f->order;
    wire_put16(part->bytes + 2, (uint16_t)part->length);
    wire_put16(part->bytes + 6, (uint16_t)((is_last ? 0 : 0x2000) | from / 8));
}

static void add_frame(struct rng *rng, struct capture *c, const struct frame *f)
{
    size_t n = f->length - IP_BYTES;
    if (n < 64 || !chance(rng, 30)) {
        *new_frame(c) = *f;
        return;
    }
    size_t at = 8 * (1 + rng_below(rng, n / 8 - 2));
    add_fragment(c, f, 0, at);
    add_fragment(c, f, at, n);
}

static int by_order(const void *a, const void *b)
{
    const struct frame *x = a, *y = b;
    return x->order != y->order ? (x->order < y->order ? -1 : 1) : 0;
}

/* Out of order by a few packets, twice, in fragments: nothing is lost. */
static void shuffle(struct rng *rng, const struct capture *good, struct capture *c)
{
    c->n = 0;
    for (unsigned i = 0; i < good->n; i++) {
        struct frame f = good->frames[i];
        f.order = 8 * (uint64_t)i;
        f.order += chance(rng, 50) ? 8 * (1 + rng_below(rng, 3)) : 0;
        add_frame(rng, c, &f);
        f.order += chance(rng, 30) ? 8 * rng_below(rng, 20) : 0;
        if (f.order > 8 * (uint64_t)i)
            add_frame(rng, c, &f);
    }
    for (unsigned i = 0; i < c->n; i++) /* equal numbers in the order of their making */
        c->frames[i].order = c->frames[i].order * PACKETS_MAX + i;
    qsort(c->frames, c->n, sizeof *c->frames, by_order);
}

/* The capture begins somewhere in its first circuits. */
static void begin_late(struct rng *rng, struct capture *c)
{
    const unsigned late = (unsigned)rng_below(rng, c->n / 2);
    c->n -= late;
    memmove(c->frames, c->frames + late, c->n * sizeof *c->frames);
}

static void damage(struct rng *rng, struct capture *c)
{
    if (chance(rng, 300))
        begin_late(rng, c);
    unsigned kept = 0, drops = (unsigned)rng_below(rng, 40), cuts = (unsigned)rng_below(rng, 20);
    for (unsigned i = 0; i < c->n; i++) {
        struct frame f = c->frames[i];
        if (chance(rng, drops))
            continue;
        if (chance(rng, cuts))
            f.captured = 1 + rng_below(rng, f.captured);
        c->frames[kept++] = f;
    }
    c->n = kept;
}

/* ---- what may be different ---- */

/* A direction of a circuit, by the client's port: it is the only thing that tells the circuits apart. */
static bool is_of(const struct trace *t, const struct trace_event *e, unsigned port, unsigned from_server)
{
    return t->circuits[e->circuit].client_port == port && (e->flags & TRACE_FROM_SERVER) == from_server;
}

static bool is_same(const struct trace *a, const struct trace_event *x, const struct trace *b, const struct trace_event *y)
{
    return x->command == y->command && x->type == y->type && x->count == y->count && x->size == y->size && x->p1 == y->p1 &&
           x->p2 == y->p2 && x->head_bytes == y->head_bytes && x->body_bytes == y->body_bytes &&
           memcmp(trace_head(a, x), trace_head(b, y), x->head_bytes) == 0 &&
           memcmp(trace_body(a, x), trace_body(b, y), x->body_bytes) == 0;
}

/* The next of the good messages, from index `at` on, that is the same as e; TRACE_NONE: there is none. */
static uint32_t find_same(const struct trace *good, uint32_t at, const struct trace *t, const struct trace_event *e,
                          unsigned port, uint64_t *passed)
{
    const unsigned from_server = e->flags & TRACE_FROM_SERVER;
    for (; at < good->nevents; at++) {
        const struct trace_event *x = &good->events[at];
        if (!is_of(good, x, port, from_server))
            continue;
        if (is_same(good, x, t, e))
            return at;
        *passed += WIRE_HEADER_BYTES + x->size;
    }
    return TRACE_NONE;
}

/* Of a decoded message: which of the good ones it is. */
static uint32_t same[MESSAGES_MAX];

/* Bytes of good messages that are not there; fails at a message that never was. */
static uint64_t compare_way(const struct trace *good, const struct decoded *d, unsigned port, unsigned from_server, uint64_t seed)
{
    const struct trace *t = &d->trace;
    uint64_t lost = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < t->nevents; i++) {
        const struct trace_event *e = &t->events[i];
        if (!is_of(t, e, port, from_server))
            continue;
        at = find_same(good, at, t, e, port, &lost);
        if (at == TRACE_NONE)
            fail_msg("seed %llu: port %u, %s: message %u (%s, %u bytes) never was said there", (unsigned long long)seed, port,
                     from_server ? "server" : "client", i, wire_command_name(e->command), e->size);
        same[i] = at++;
    }
    for (; at < good->nevents; at++)
        if (is_of(good, &good->events[at], port, from_server))
            lost += WIRE_HEADER_BYTES + good->events[at].size;
    return lost;
}

/* All that the trace says of this client's circuits. */
static uint32_t flags_of(const struct trace *t, unsigned port)
{
    uint32_t flags = 0;
    for (uint32_t i = 0; i < t->ncircuits; i++)
        if (t->circuits[i].client_port == port)
            flags |= t->circuits[i].flags;
    return flags;
}

/* What is told of a message beside its bytes is what the good capture tells, or nothing. One ECHO is like another. */
static void compare_ties(const struct trace *good, const struct trace *t, uint64_t seed)
{
    for (uint32_t i = 0; i < t->nevents; i++) {
        const struct trace_event *e = &t->events[i], *g = &good->events[same[i]];
        const bool has_name = e->pv == TRACE_NONE || strcmp(trace_pv_name(t, e->pv), trace_pv_name(good, g->pv)) == 0,
                   has_peer = e->peer == TRACE_NONE || same[e->peer] == g->peer || e->command == WIRE_ECHO,
                   has_role = !(e->flags & TRACE_FIRST) || (g->flags & TRACE_FIRST);
        if (!has_name || !has_peer || !has_role)
            fail_msg("seed %llu: message %u (%s): PV %s, peer %d, flags %x; it was PV %s, peer %d, flags %x",
                     (unsigned long long)seed, i, wire_command_name(e->command), trace_pv_name(t, e->pv),
                     e->peer == TRACE_NONE ? -1 : (int)same[e->peer], e->flags, trace_pv_name(good, g->pv), (int)g->peer,
                     g->flags);
    }
}

/* Is it told that first bytes of one side are not in the capture? */
static bool lacks_beginning(const struct trace *t, unsigned port)
{
    for (uint32_t i = 0; i < t->nlosses; i++)
        if (t->losses[i].kind == TRACE_LOSS_BEGINNING && t->circuits[t->losses[i].circuit].client_port == port)
            return true;
    return false;
}

/* Whatever is lost is told: by its circuit, and in bytes; but for a beginning that is not in the capture, and the end of a
 * circuit: nobody knows how long they are. */
static void compare(const struct trace *good, const struct decoded *d, uint64_t seed)
{
    uint64_t lost_inside = 0;
    assert_true(d->trace.nevents <= MESSAGES_MAX);
    for (unsigned port = FIRST_PORT; port < FIRST_PORT + CIRCUITS; port++) {
        uint64_t lost = compare_way(good, d, port, 0, seed) + compare_way(good, d, port, TRACE_FROM_SERVER, seed);
        uint32_t flags = flags_of(&d->trace, port);
        if (lost == 0 || (flags == 0 && d->missing.other_packets > 0) || !(flags & TRACE_CLOSED))
            continue;
        if (!(flags & (TRACE_GAP | TRACE_MIDWAY)))
            fail_msg("seed %llu: port %u: %llu bytes of messages are lost, and nothing tells", (unsigned long long)seed, port,
                     (unsigned long long)lost);
        if (!(flags & TRACE_MIDWAY) && !lacks_beginning(&d->trace, port))
            lost_inside += lost;
    }
    compare_ties(good, &d->trace, seed);
    if (lost_inside > d->missing.gap_bytes)
        fail_msg("seed %llu: %llu bytes of messages are lost, %llu are told", (unsigned long long)seed,
                 (unsigned long long)lost_inside, (unsigned long long)d->missing.gap_bytes);
}

static struct capture good_capture, mangled;
static struct decoded good;

static void what_is_only_shuffled_is_decoded_identically(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + runs / 3; seed++) {
        struct rng rng;
        struct decoded d;
        rng_init(&rng, seed);
        shuffle(&rng, &good_capture, &mangled);
        decode(&mangled, &d);
        compare(&good.trace, &d, seed);
        if (d.trace.nevents != good.trace.nevents || !trace_is_complete(&d.missing))
            fail_msg("seed %llu: %u of %u messages; %llu gaps, %llu malformed", (unsigned long long)seed, d.trace.nevents,
                     good.trace.nevents, (unsigned long long)d.missing.gaps, (unsigned long long)d.missing.malformed);
        trace_close(&d.trace);
    }
}

static void what_is_damaged_is_told_and_nothing_is_made_up(void **state)
{
    (void)state;
    uint64_t decoded = 0, all = 0;
    for (uint64_t seed = first_seed; seed < first_seed + runs; seed++) {
        struct rng rng;
        struct decoded d;
        rng_init(&rng, seed);
        shuffle(&rng, &good_capture, &mangled);
        damage(&rng, &mangled);
        decode(&mangled, &d);
        compare(&good.trace, &d, seed);
        decoded += d.trace.nevents;
        all += good.trace.nevents;
        trace_close(&d.trace);
    }
    print_message("%llu damaged captures: %.1f %% of their messages decoded\n", (unsigned long long)runs,
                  100.0 * (double)decoded / (double)all);
}

static int make_good(void **state)
{
    (void)state;
    make_capture(&good_capture);
    decode(&good_capture, &good);
    return trace_is_complete(&good.missing) ? 0 : -1;
}

static int free_good(void **state)
{
    (void)state;
    trace_close(&good.trace);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_only_shuffled_is_decoded_identically),
        cmocka_unit_test(what_is_damaged_is_told_and_nothing_is_made_up),
    };
    if (argc > 1)
        runs = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, make_good, free_good);
}
