/* Packets between a client and a server into flows, and the trace that comes of them. For the unit tests of captures. */
#ifndef CAPLAY_TESTS_FLOWS_SCENE_H
#define CAPLAY_TESTS_FLOWS_SCENE_H

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

static inline void begin_with(struct scene *s, uint16_t port, const uint16_t *ports, unsigned nports)
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

static inline void begin(struct scene *s, uint16_t port)
{
    begin_with(s, port, NULL, 0);
}

/* Ends the capture; s->trace is what was recorded. */
static inline struct trace_missing finish(struct scene *s)
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
static inline void send_flags(struct scene *s, struct side *from, unsigned flags, const uint8_t *bytes, size_t n)
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

static inline void send_bytes(struct scene *s, struct side *from, const uint8_t *bytes, size_t n)
{
    send_flags(s, from, TCP_ACK, bytes, n);
}

static inline void send_message(struct scene *s, struct side *from, const struct wire_header *h, const void *payload)
{
    uint8_t bytes[65000];
    size_t n = wire_header_write(bytes, h);
    if (h->size > 0)
        memcpy(bytes + n, payload, h->size);
    send_bytes(s, from, bytes, n + h->size);
}

static inline void shake_hands(struct scene *s)
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
static inline void open_channel(struct scene *s)
{
    send_message(s, &s->client, &version, NULL);
    send_message(s, &s->server, &version, NULL);
    send_message(s, &s->client, &create, "temp\0\0\0\0");
    send_message(s, &s->server, &rights, NULL);
    send_message(s, &s->server, &created, NULL);
}

static inline void read_value(struct scene *s)
{
    send_message(s, &s->client, &read_request, NULL);
    send_message(s, &s->server, &read_reply, value);
}

/* The receiver has all that was sent; later than packets are waited for. */
static inline void acknowledge(struct scene *s, struct side *from)
{
    s->t_ns += 200 * MS;
    send_bytes(s, from, NULL, 0);
}

static inline unsigned count_of(const struct trace *t, unsigned command)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < t->nevents; i++)
        n += t->events[i].command == command;
    return n;
}

#endif
