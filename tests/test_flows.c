/* Whole packets in, a trace out: who is the server, is it CA at all, gaps, joins midway, ends, ports used again. */
#include "capture/flows.h"

#include "tests/placed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLIENT = 0x0a000001, SERVER = 0x0a000002, CLIENT_PORT = 40000, PORT = 5064, OTHER_PORT = 9999, READS = 20, MS = 1000000 };

/* One host's side of a connection: where it is and what it says next. */
struct side {
    uint32_t address;
    uint16_t port;
    uint32_t seq;
};

struct scene {
    char path[64];
    struct trace_writer *writer;
    struct dialogue *dialogue;
    struct flows *flows;
    struct side client, server;
    uint64_t t_ns;
    size_t snaplen;     /* 0: packets are captured whole */
    struct trace trace; /* after finish() */
};

static void begin_with(struct scene *s, uint16_t port, const uint16_t *ports, unsigned nports)
{
    struct diag diag = {0};
    *s = (struct scene){.client = {CLIENT, CLIENT_PORT, 100}, .server = {SERVER, port, UINT32_MAX - 20}};
    snprintf(s->path, sizeof s->path, "/tmp/test_flows.%d.catrace", (int)getpid());
    s->writer = trace_writer_open(s->path, &diag);
    assert_non_null(s->writer);
    s->dialogue = dialogue_new(s->writer);
    s->flows = flows_new(s->dialogue, ports, nports);
    assert_non_null(s->flows);
}

static void begin(struct scene *s, uint16_t port)
{
    begin_with(s, port, NULL, 0);
}

/* Ends the capture; s->trace is what was recorded. */
static struct trace_missing finish(struct scene *s)
{
    struct diag diag = {0};
    flows_finish(s->flows, s->t_ns);
    struct trace_missing missing = flows_missing(s->flows);
    struct trace_meta meta = {.source = "test", .sha256 = "", .end_ns = s->t_ns, .missing = missing};
    meta.missing.malformed += dialogue_malformed(s->dialogue);
    flows_free(s->flows);
    dialogue_free(s->dialogue);
    if (trace_writer_finish(s->writer, &meta, &diag) < 0 || trace_open(&s->trace, s->path, &diag) < 0)
        fail_msg("%s", diag.text);
    unlink(s->path);
    assert_placed(&s->trace);
    return missing;
}

/* A raw IPv4 packet from one side to the other, 1 ms after the last one. */
static void send_flags(struct scene *s, struct side *from, unsigned flags, const uint8_t *bytes, size_t n)
{
    const struct side *to = from == &s->client ? &s->server : &s->client;
    uint8_t packet[65536] = {0x45, 0};
    wire_put16(packet + 2, (uint16_t)(40 + n));
    packet[9] = 6;
    wire_put32(packet + 12, from->address);
    wire_put32(packet + 16, to->address);
    wire_put16(packet + 20, from->port);
    wire_put16(packet + 22, to->port);
    wire_put32(packet + 24, from->seq);
    wire_put32(packet + 28, to->seq);
    packet[32] = 5 << 4;
    packet[33] = (uint8_t)flags;
    if (n > 0)
        memcpy(packet + 40, bytes, n);
    s->t_ns += MS;
    const size_t captured = s->snaplen != 0 && s->snaplen < 40 + n ? s->snaplen : 40 + n;
    flows_packet(s->flows, PACKET_RAW,
                 &(struct flows_packet){.bytes = packet, .captured = captured, .length = 40 + n, .t_ns = s->t_ns});
    from->seq += (uint32_t)n + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

static void send_bytes(struct scene *s, struct side *from, const uint8_t *bytes, size_t n)
{
    send_flags(s, from, TCP_ACK, bytes, n);
}

static void send_message(struct scene *s, struct side *from, const struct wire_header *h, const void *payload)
{
    uint8_t bytes[65000];
    size_t n = wire_header_write(bytes, h);
    if (h->size > 0)
        memcpy(bytes + n, payload, h->size);
    send_bytes(s, from, bytes, n + h->size);
}

static void shake_hands(struct scene *s)
{
    send_flags(s, &s->client, TCP_SYN, NULL, 0);
    send_flags(s, &s->server, TCP_SYN | TCP_ACK, NULL, 0);
    send_flags(s, &s->client, TCP_ACK, NULL, 0);
}

static const struct wire_header version = {.command = WIRE_VERSION, .count = 13};
static const struct wire_header create = {.command = WIRE_CREATE_CHAN, .size = 8, .p1 = 1, .p2 = 13};
static const struct wire_header rights = {.command = WIRE_ACCESS_RIGHTS, .p1 = 1, .p2 = 3};
static const struct wire_header created = {.command = WIRE_CREATE_CHAN, .type = WIRE_DOUBLE, .count = 1, .p1 = 1, .p2 = 7};
static const struct wire_header read_request = {.command = WIRE_READ_NOTIFY, .type = WIRE_DOUBLE, .count = 1, .p1 = 7, .p2 = 5};
static const struct wire_header read_reply = {
    .command = WIRE_READ_NOTIFY, .type = WIRE_DOUBLE, .count = 1, .size = 8, .p1 = 1, .p2 = 5};
static const uint8_t value[8] = {0x3f, 0xf8};
static const struct wire_header subscribe = {
    .command = WIRE_EVENT_ADD, .type = WIRE_DOUBLE, .count = 8000, .size = 16, .p1 = 7, .p2 = 9};
static const uint8_t mask[16] = {[13] = 1};
static const struct wire_header update = {
    .command = WIRE_EVENT_ADD, .type = WIRE_DOUBLE, .count = 8000, .size = 64000, .p1 = 1, .p2 = 9};
static const uint8_t image[64000];

/* Up to a channel: 5 messages. */
static void open_channel(struct scene *s)
{
    send_message(s, &s->client, &version, NULL);
    send_message(s, &s->server, &version, NULL);
    send_message(s, &s->client, &create, "temp\0\0\0\0");
    send_message(s, &s->server, &rights, NULL);
    send_message(s, &s->server, &created, NULL);
}

static void read_value(struct scene *s)
{
    send_message(s, &s->client, &read_request, NULL);
    send_message(s, &s->server, &read_reply, value);
}

/* The receiver has all that was sent; later than packets are waited for. */
static void acknowledge(struct scene *s, struct side *from)
{
    s->t_ns += 200 * MS;
    send_bytes(s, from, NULL, 0);
}

static unsigned count_of(const struct trace *t, unsigned command)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < t->nevents; i++)
        n += t->events[i].command == command;
    return n;
}

static void a_circuit_on_any_port_is_known_by_its_syn_and_first_message(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    shake_hands(&s);
    open_channel(&s);
    read_value(&s);
    send_flags(&s, &s.client, TCP_FIN | TCP_ACK, NULL, 0);
    send_flags(&s, &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 7);
    assert_int_equal(s.trace.ncircuits, 1);
    const struct trace_circuit *c = s.trace.circuits;
    assert_int_equal(c->flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(c->client_address, CLIENT);
    assert_int_equal(c->server_port, OTHER_PORT);
    assert_int_equal(c->begin_ns, MS);
    assert_string_equal(trace_pv_name(&s.trace, s.trace.events[6].pv), "temp");
    assert_int_equal(s.trace.events[6].peer, 5);
    assert_int_equal(missing.other_packets + missing.gaps + missing.midway + missing.malformed, 0);
    trace_close(&s.trace);
}

static void another_protocol_is_no_circuit_whatever_its_port(void **state)
{
    (void)state;
    static const char *const hellos[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1 Debian",
                                         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x11\x22\x33\x44\x55\x66"};
    for (size_t i = 0; i < 3; i++) {
        struct scene s;
        begin(&s, i == 0 ? PORT : OTHER_PORT);
        shake_hands(&s);
        send_bytes(&s, &s.client, (const uint8_t *)hellos[i], strlen(hellos[i]) > 16 ? strlen(hellos[i]) : 17);
        read_value(&s);
        struct trace_missing missing = finish(&s);
        assert_int_equal(s.trace.nevents, 0);
        assert_int_equal(missing.other_packets, 6);
        assert_int_equal(missing.packets, 6);
        trace_close(&s.trace);
    }
}

static void joined_midway_the_server_is_known_by_its_port(void **state)
{
    (void)state;
    static const uint16_t ports[] = {OTHER_PORT};
    for (int declared = 0; declared < 2; declared++) {
        struct scene s;
        begin_with(&s, declared ? OTHER_PORT : PORT, ports, (unsigned)declared);
        send_bytes(&s, &s.server, value, 8); /* the end of a message */
        for (unsigned i = 0; i < READS; i++)
            read_value(&s);
        struct trace_missing missing = finish(&s);
        assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2 * READS);
        assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY);
        assert_int_equal(s.trace.circuits[0].server_port, declared ? OTHER_PORT : PORT);
        assert_int_equal(missing.midway, 1);
        trace_close(&s.trace);
    }
}

static void joined_midway_on_an_unknown_port_the_messages_tell_who_speaks(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    for (unsigned i = 0; i < READS; i++)
        read_value(&s);
    finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2 * READS);
    assert_int_equal(s.trace.circuits[0].client_port, CLIENT_PORT);
    assert_int_equal(s.trace.events[1].flags & TRACE_FROM_SERVER, TRACE_FROM_SERVER);
    trace_close(&s.trace);
}

/* A display that was there before: its server sends updates, it reads once, and again much later or never. */
static void joined_midway_a_request_is_known_by_its_answer(void **state)
{
    (void)state;
    static const struct wire_header small = {
        .command = WIRE_EVENT_ADD, .type = WIRE_DOUBLE, .count = 1, .size = 8, .p1 = 1, .p2 = 9};
    struct scene s;
    begin(&s, PORT);
    for (unsigned i = 0; i < READS; i++) {
        send_message(&s, &s.server, &small, value);
        acknowledge(&s, &s.client);
    }
    read_value(&s);
    finish(&s);
    const struct trace_event *reply = &s.trace.events[s.trace.nevents - 1];
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2);
    assert_int_equal(reply->peer, s.trace.nevents - 2);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY);
    trace_close(&s.trace);
}

static void joined_midway_a_last_request_that_nobody_answers_is_known_at_the_end(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    send_message(&s, &s.client, &read_request, NULL);
    s.t_ns += 200 * MS;
    for (int ends = 0; ends < 2; ends++)
        send_flags(&s, ends == 0 ? &s.client : &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 1);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY | TRACE_CLOSED);
    trace_close(&s.trace);
}

static void joined_midway_names_are_unknown_until_a_client_says_them(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    for (unsigned i = 0; i < READS; i++)
        read_value(&s); /* of sid 7, which was created before */
    send_message(&s, &s.client, &create, "temp\0\0\0\0");
    send_message(&s, &s.server, &rights, NULL);
    struct wire_header h = created;
    h.p2 = 8;
    send_message(&s, &s.server, &h, NULL);
    h = read_request;
    h.p1 = 8;
    send_message(&s, &s.client, &h, NULL);
    send_message(&s, &s.server, &read_reply, value);
    finish(&s);
    const uint32_t n = s.trace.nevents;
    for (uint32_t i = 0; i < n - 5; i++)
        assert_string_equal(trace_pv_name(&s.trace, s.trace.events[i].pv), "?");
    for (uint32_t i = n - 5; i < n; i++)
        assert_string_equal(trace_pv_name(&s.trace, s.trace.events[i].pv), "temp");
    trace_close(&s.trace);
}

static void without_the_servers_syn_its_first_bytes_are_missing_and_told(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    send_flags(&s, &s.client, TCP_SYN, NULL, 0);
    s.server.seq++;
    open_channel(&s);
    for (unsigned i = 0; i < READS; i++)
        read_value(&s);
    struct trace_missing missing = finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2 * READS);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.midway, 0);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    assert_int_equal(s.trace.circuits[0].server_port, OTHER_PORT);
    trace_close(&s.trace);
}

/* An update of 8,000 doubles in three packets of which the second is lost: that update is lost, the next one is not. */
static void a_gap_inside_a_message_costs_that_message_only(void **state)
{
    (void)state;
    static uint8_t bytes[64016];
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &subscribe, mask);
    for (uint8_t serial = 1; serial <= 3; serial++) {
        wire_header_write(bytes, &update);
        bytes[16] = serial;
        send_bytes(&s, &s.server, bytes, 20000);
        if (serial == 2)
            s.server.seq += 30000;
        else
            send_bytes(&s, &s.server, bytes + 20000, 30000);
        send_bytes(&s, &s.server, bytes + 50000, 14016);
        send_bytes(&s, &s.client, NULL, 0);
        s.t_ns += 200 * MS;
    }
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, 64016); /* 30,000 never came; what came of that message is lost, too */
    assert_int_equal(count_of(&s.trace, WIRE_EVENT_ADD), 3);
    const struct trace_event *last = &s.trace.events[s.trace.nevents - 1];
    assert_int_equal(trace_body(&s.trace, last)[0], 3);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    const struct trace_loss *losses = s.trace.losses;
    const uint64_t before_ns = s.trace.events[s.trace.nevents - 2].t_ns;
    assert_int_equal(s.trace.nlosses, 2);
    for (unsigned i = 0; i < 2; i++) { /* between the update before, and the next one */
        assert_in_range(losses[i].t_ns, before_ns, last->t_ns);
        assert_in_range(losses[i].until_ns, losses[i].t_ns, last->t_ns);
        assert_int_equal(losses[i].circuit, 0);
        assert_int_equal(losses[i].flags, TRACE_FROM_SERVER);
        assert_int_equal(losses[i].bytes, losses[i].kind == TRACE_LOSS_GAP ? 30000 : 34016);
    }
    assert_int_not_equal(losses[0].kind, losses[1].kind);
    trace_close(&s.trace);
}

static void after_a_gap_between_messages_decoding_goes_on_at_the_next_segment(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    s.server.seq += 104; /* the end of one message, the beginning of another */
    send_bytes(&s, &s.server, value, 8);
    send_bytes(&s, &s.client, NULL, 0);
    s.t_ns += 200 * MS;
    read_value(&s);
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2);
    trace_close(&s.trace);
}

static void a_packet_cut_by_the_snapshot_length_costs_its_message_only(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &read_request, NULL);
    s.snaplen = 50;
    send_message(&s, &s.server, &read_reply, value);
    s.snaplen = 0;
    acknowledge(&s, &s.client);
    read_value(&s);
    acknowledge(&s, &s.client);
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.cut_packets, 1);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, 24);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 3);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    trace_close(&s.trace);
}

static void what_nothing_proves_behind_a_gap_is_unknown_to_the_end_and_counted(void **state)
{
    (void)state;
    static uint8_t noise[304];
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    memset(noise, 0xff, sizeof noise);
    s.server.seq += 40;
    send_bytes(&s, &s.server, noise, sizeof noise);
    acknowledge(&s, &s.client);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 5);
    assert_int_equal(missing.gap_bytes, 40 + sizeof noise);
    assert_int_equal(missing.malformed, 0);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    trace_close(&s.trace);
}

/* One of 72 updates is lost, and never acknowledged: what comes behind it is held up to a bound. */
static void more_than_is_held_behind_a_hole_makes_it_a_gap_and_decoding_goes_on(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &subscribe, mask);
    send_message(&s, &s.server, &update, image);
    s.server.seq += WIRE_HEADER_BYTES + update.size;
    for (unsigned i = 0; i < 70; i++)
        send_message(&s, &s.server, &update, image);
    assert_int_equal(flows_missing_now(s.flows).gaps, 1);
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, WIRE_HEADER_BYTES + update.size);
    assert_int_equal(count_of(&s.trace, WIRE_EVENT_ADD), 1 + 1 + 70);
    trace_close(&s.trace);
}

static void a_side_that_has_ended_still_hears_the_other(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &read_request, NULL);
    send_flags(&s, &s.client, TCP_FIN | TCP_ACK, NULL, 0);
    send_message(&s, &s.server, &read_reply, value);
    send_message(&s, &s.server, &rights, NULL);
    send_flags(&s, &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 8);
    assert_int_equal(s.trace.events[6].peer, 5);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(s.trace.circuits[0].end_ns, s.t_ns);
    assert_true(trace_is_complete(&missing));
    trace_close(&s.trace);
}

static void a_reset_ends_a_circuit_and_what_was_lost_before_it_is_told(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &read_request, NULL);
    s.server.seq += 32;
    send_message(&s, &s.server, &read_reply, value);
    send_flags(&s, &s.client, TCP_RST, NULL, 0);
    struct trace_missing missing = finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, 32);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP | TRACE_CLOSED);
    trace_close(&s.trace);
}

static void a_malformed_message_ends_its_direction_and_is_counted_once(void **state)
{
    (void)state;
    static const struct wire_header misaligned = {.command = WIRE_WRITE, .type = WIRE_CHAR, .count = 3, .size = 3, .p1 = 7};
    static const struct wire_header unknown = {.command = 77};
    static const struct wire_header *const bad[] = {&misaligned, &unknown};
    for (size_t i = 0; i < 2; i++) {
        struct scene s;
        begin(&s, PORT);
        shake_hands(&s);
        open_channel(&s);
        send_message(&s, &s.client, bad[i], "abc");
        send_message(&s, &s.client, &read_request, NULL);
        send_message(&s, &s.server, &read_reply, value);
        struct trace_missing missing = finish(&s);
        assert_int_equal(missing.malformed + (i == 1), 1); /* of unknown commands the dialogue knows */
        assert_int_equal(s.trace.nevents, 7);
        assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 1);
        trace_close(&s.trace);
    }
}

static void a_new_syn_on_used_ports_is_a_new_circuit(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    for (unsigned i = 0; i < 3; i++) { /* ended by RST, by nothing at all, and not */
        shake_hands(&s);
        open_channel(&s);
        if (i == 0)
            send_flags(&s, &s.client, TCP_RST, NULL, 0);
        s.client.seq += 100000;
        s.server.seq += 3000000000u;
    }
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.ncircuits, 3);
    assert_int_equal(s.trace.nevents, 15);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(s.trace.circuits[1].flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(s.trace.circuits[2].flags, TRACE_TCP);
    assert_int_equal(missing.gaps, 0);
    trace_close(&s.trace);
}

static void what_comes_after_the_end_of_a_circuit_is_no_new_one(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    read_value(&s);
    send_flags(&s, &s.client, TCP_FIN | TCP_ACK, NULL, 0);
    send_flags(&s, &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    for (unsigned i = 0; i < 20; i++) /* late repetitions */
        read_value(&s);
    finish(&s);
    assert_int_equal(s.trace.ncircuits, 1);
    assert_int_equal(s.trace.nevents, 7);
    trace_close(&s.trace);
}

static void without_the_clients_syn_the_servers_tells_where_both_begin(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    s.client.seq++;
    send_flags(&s, &s.server, TCP_SYN | TCP_ACK, NULL, 0);
    open_channel(&s);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 5);
    assert_int_equal(s.trace.circuits[0].server_port, OTHER_PORT);
    assert_int_equal(missing.midway, 0);
    trace_close(&s.trace);
}

/* One IPv4 fragment of a datagram from the client to the server's UDP port. */
static void send_fragment(struct scene *s, const uint8_t *datagram, size_t from, size_t to, size_t total)
{
    uint8_t packet[1500] = {0x45, 0};
    size_t n = 20 + to - from;
    wire_put16(packet + 2, (uint16_t)n);
    wire_put16(packet + 4, 77);
    wire_put16(packet + 6, (uint16_t)((to < total ? 0x2000 : 0) | from / 8));
    packet[9] = 17;
    wire_put32(packet + 12, s->client.address);
    wire_put32(packet + 16, s->server.address);
    memcpy(packet + 20, datagram + from, to - from);
    s->t_ns += MS;
    flows_packet(s->flows, PACKET_RAW, &(struct flows_packet){.bytes = packet, .captured = n, .length = n, .t_ns = s->t_ns});
}

static void a_fragmented_search_is_read_once_it_is_whole(void **state)
{
    (void)state;
    static const struct wire_header search = {.command = WIRE_SEARCH, .type = 5, .count = 13, .size = 8, .p1 = 1, .p2 = 1};
    for (int lost = 0; lost < 2; lost++) {
        struct scene s;
        uint8_t datagram[48] = {0};
        begin(&s, PORT);
        wire_put16(datagram, CLIENT_PORT);
        wire_put16(datagram + 2, PORT);
        wire_put16(datagram + 4, sizeof datagram);
        wire_header_write(datagram + 8, &version);
        wire_header_write(datagram + 24, &search);
        memcpy(datagram + 40, "temp", 4);
        send_fragment(&s, datagram, 16, 40, sizeof datagram);
        if (!lost)
            send_fragment(&s, datagram, 0, 16, sizeof datagram);
        send_fragment(&s, datagram, 40, 48, sizeof datagram);
        struct trace_missing missing = finish(&s);
        assert_int_equal(count_of(&s.trace, WIRE_SEARCH), lost ? 0 : 1);
        assert_int_equal(missing.cut_packets, lost);
        trace_close(&s.trace);
    }
}

static void packets_without_channel_access_are_counted_by_kind(void **state)
{
    (void)state;
    static const struct {
        enum packet_link link;
        uint8_t bytes[28];
    } rows[] = {
        {PACKET_RAW, {0x60}},                                         /* IPv6 */
        {PACKET_RAW, {0x45, [3] = 28, [9] = 1}},                      /* ICMP */
        {PACKET_RAW, {0x45, [3] = 28, [9] = 17, [23] = 9, [25] = 8}}, /* an empty datagram */
        {PACKET_ETHERNET, {[12] = 0x08, [13] = 0x06}},                /* ARP */
        {PACKET_RAW, {0x45, [3] = 28, [9] = 6}},                      /* TCP whose header is cut */
        {PACKET_UNKNOWN_LINK, {0}},
    };
    struct scene s;
    char text[FLOWS_OTHERS_BYTES];
    begin(&s, OTHER_PORT);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        flows_packet(s.flows, rows[i].link,
                     &(struct flows_packet){.bytes = rows[i].bytes, .captured = 28, .length = 28, .t_ns = s.t_ns});
    shake_hands(&s);
    flows_finish(s.flows, s.t_ns);
    const struct flows_others others = flows_others(s.flows);
    assert_string_equal(flows_others_text(&others, text), "1 of a link layer that is not read, 1 not IP, 1 IPv6, "
                                                          "1 neither UDP nor TCP, 1 broken, 1 UDP, 3 TCP");
    assert_int_equal(finish(&s).other_packets, 9);
    trace_close(&s.trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circuit_on_any_port_is_known_by_its_syn_and_first_message),
        cmocka_unit_test(another_protocol_is_no_circuit_whatever_its_port),
        cmocka_unit_test(joined_midway_the_server_is_known_by_its_port),
        cmocka_unit_test(joined_midway_on_an_unknown_port_the_messages_tell_who_speaks),
        cmocka_unit_test(joined_midway_a_request_is_known_by_its_answer),
        cmocka_unit_test(joined_midway_a_last_request_that_nobody_answers_is_known_at_the_end),
        cmocka_unit_test(joined_midway_names_are_unknown_until_a_client_says_them),
        cmocka_unit_test(without_the_servers_syn_its_first_bytes_are_missing_and_told),
        cmocka_unit_test(a_gap_inside_a_message_costs_that_message_only),
        cmocka_unit_test(after_a_gap_between_messages_decoding_goes_on_at_the_next_segment),
        cmocka_unit_test(a_packet_cut_by_the_snapshot_length_costs_its_message_only),
        cmocka_unit_test(what_nothing_proves_behind_a_gap_is_unknown_to_the_end_and_counted),
        cmocka_unit_test(more_than_is_held_behind_a_hole_makes_it_a_gap_and_decoding_goes_on),
        cmocka_unit_test(a_side_that_has_ended_still_hears_the_other),
        cmocka_unit_test(a_reset_ends_a_circuit_and_what_was_lost_before_it_is_told),
        cmocka_unit_test(a_malformed_message_ends_its_direction_and_is_counted_once),
        cmocka_unit_test(a_new_syn_on_used_ports_is_a_new_circuit),
        cmocka_unit_test(what_comes_after_the_end_of_a_circuit_is_no_new_one),
        cmocka_unit_test(without_the_clients_syn_the_servers_tells_where_both_begin),
        cmocka_unit_test(a_fragmented_search_is_read_once_it_is_whole),
        cmocka_unit_test(packets_without_channel_access_are_counted_by_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
