/* A small source of PVs, and a circuit that is spoken to in hex, for the tests of the server's core. */
#ifndef CAPLAY_TESTS_SIM_FIXTURE_H
#define CAPLAY_TESTS_SIM_FIXTURE_H

#include "sim/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIX_AI, FIX_IMAGE, FIX_STRING, FIX_ARRAY, FIX_READ_ONLY, FIX_SECRET, FIX_PVS };

struct fixture {
    struct sim *sim;
    struct sim_source source;
    struct sim_pv pv[FIX_PVS];
    struct wire_meta meta;
    uint8_t bytes[FIX_PVS][64];
    uint8_t *image;
    uint64_t delay_ns[SIM_CLASSES];
    uint64_t now_ns;
    uint8_t new_rights;
    struct sim_circuit *circuit;
    uint8_t *out; /* all that the circuit has sent */
    size_t out_bytes, out_room;
    size_t socket_room; /* bytes that the socket takes at once; SIZE_MAX: all */
};

#define FIX_IMAGE_ELEMENTS 307200u

static inline struct sim_pv *fix_find(void *self, const char *name, size_t length)
{
    struct fixture *f = self;
    for (unsigned i = 0; i < FIX_PVS; i++)
        if (strlen(f->pv[i].name) == length && memcmp(f->pv[i].name, name, length) == 0)
            return &f->pv[i];
    return NULL;
}

static inline uint64_t fix_delay_ns(void *self, struct sim_pv *pv, enum sim_class class)
{
    (void)pv;
    return ((struct fixture *)self)->delay_ns[class];
}

static inline void fix_start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    (void)self, (void)t0_ns, (void)stamp_ns;
}

static inline uint64_t fix_next_ns(void *self)
{
    return ((struct fixture *)self)->now_ns;
}

/* The only change that comes by itself: of the rights of FIX_AI. */
static inline struct sim_pv *fix_change(void *self, unsigned *mask)
{
    struct fixture *f = self;
    f->pv[FIX_AI].rights = f->new_rights;
    *mask = SIM_RIGHTS;
    return &f->pv[FIX_AI];
}

static inline void fix_change_rights(struct fixture *f, uint8_t rights)
{
    f->new_rights = rights;
    sim_begin(f->sim, f->now_ns);
    sim_change(f->sim, f->now_ns);
}

static inline uint32_t fix_put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload,
                               uint32_t size, uint64_t now_ns, unsigned *mask)
{
    struct fixture *f = self;
    uint32_t written, most = pv->native == WIRE_STRING ? 1 : pv->count < 5 ? pv->count : 5;
    (void)now_ns;
    uint32_t status = wire_put_convert(type, count, payload, size, pv->native, &f->meta, f->bytes[pv->index], most, &written);
    if (status == WIRE_ECA_NORMAL) {
        if (pv->count > 1)
            pv->value.count = written;
        *mask = WIRE_MASK_VALUE | WIRE_MASK_LOG;
    }
    return status;
}

static inline void fix_double(struct fixture *f, unsigned i, unsigned element, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_put64(f->bytes[i] + 8 * element, bits);
}

/* Change a PV's first double and post it. */
static inline void fix_post(struct fixture *f, unsigned i, double value, uint32_t seconds)
{
    fix_double(f, i, 0, value);
    f->pv[i].value.stamp = (struct wire_stamp){seconds, 0};
    sim_post(f->sim, &f->pv[i], WIRE_MASK_VALUE, f->now_ns, true);
}

static inline void fix_make_pvs(struct fixture *f)
{
    static const struct {
        const char *name;
        uint32_t count, present;
        uint8_t base, rights;
    } rows[FIX_PVS] = {
        [FIX_AI] = {"T:AI", 1, 1, WIRE_DOUBLE, 3},         [FIX_IMAGE] = {"SIM:IMAGE", FIX_IMAGE_ELEMENTS, 0, WIRE_INT16, 3},
        [FIX_STRING] = {"T:STRING", 1, 1, WIRE_STRING, 3}, [FIX_ARRAY] = {"T:ARRAY", 5, 3, WIRE_DOUBLE, 3},
        [FIX_READ_ONLY] = {"T:RO", 1, 1, WIRE_DOUBLE, 1},  [FIX_SECRET] = {"T:SECRET", 1, 1, WIRE_DOUBLE, 0},
    };
    for (unsigned i = 0; i < FIX_PVS; i++) {
        f->pv[i] = (struct sim_pv){
            .name = rows[i].name, .count = rows[i].count, .native = rows[i].base, .rights = rows[i].rights, .meta = &f->meta};
        f->pv[i].index = i;
        f->pv[i].value = (struct wire_value){
            .data = f->bytes[i], .count = rows[i].present, .base = rows[i].base, .has_alarm = true, .has_stamp = true, .ackt = 1};
    }
    f->pv[FIX_IMAGE].value.data = f->image;
    fix_double(f, FIX_AI, 0, 1.5);
    fix_double(f, FIX_ARRAY, 0, 1);
    fix_double(f, FIX_ARRAY, 1, 2);
    fix_double(f, FIX_ARRAY, 2, 3);
    memcpy(f->bytes[FIX_STRING], "hello", 5);
}

static inline void fix_make_meta(struct wire_meta *meta)
{
    wire_meta_init(meta);
    *meta = (struct wire_meta){.has = 63,
                               .precision = 3,
                               .units = "mm",
                               .display = {10, -10},
                               .alarm = {9, 8, -8, -9},
                               .control = {10, -10},
                               .record_type = "ai"};
}

static inline void fix_free(struct fixture *f)
{
    if (f->circuit != NULL)
        sim_circuit_free(f->circuit, f->now_ns);
    assert_null(f->sim->channels);
    assert_null(f->sim->circuits);
    assert_int_equal(f->sim->memory.used, 0);
    for (unsigned i = 0; i < FIX_PVS; i++) {
        assert_null(f->pv[i].subscriptions);
        assert_null(f->pv[i].payloads);
    }
    free(f->sim);
    free(f->image);
    free(f->out);
    free(f);
}

static inline struct fixture *fix_new(void)
{
    static const struct sim_source_calls calls = {.find = fix_find,
                                                  .delay_ns = fix_delay_ns,
                                                  .start = fix_start,
                                                  .next_ns = fix_next_ns,
                                                  .change = fix_change,
                                                  .put = fix_put};
    struct fixture *f = calloc(1, sizeof *f);
    f->sim = calloc(1, sizeof *f->sim);
    f->image = calloc(FIX_IMAGE_ELEMENTS, 2);
    f->source = (struct sim_source){.calls = &calls, .self = f};
    f->out_room = 4u << 20;
    f->out = malloc(f->out_room);
    f->now_ns = 1000000000;
    f->socket_room = SIZE_MAX;
    fix_make_meta(&f->meta);
    fix_make_pvs(f);
    sim_init(f->sim, &f->source);
    f->sim->tcp_port = 0x3bd2;
    f->circuit = sim_circuit_new(f->sim, f, f->now_ns);
    return f;
}

static inline size_t fix_take(struct fixture *f, const struct iovec *pieces, int n)
{
    size_t all = 0;
    for (int i = 0; i < n; i++) {
        size_t room = f->socket_room - all, part = pieces[i].iov_len < room ? pieces[i].iov_len : room;
        if (f->out_bytes + part > f->out_room)
            f->out_bytes = 0; /* nobody looks at so much */
        memcpy(f->out + f->out_bytes, pieces[i].iov_base, part);
        f->out_bytes += part;
        all += part;
    }
    return all;
}

/* As the server does it: work, send, until nothing is left to do. */
static inline void fix_work(struct fixture *f)
{
    struct sim_circuit *c = f->circuit;
    struct iovec pieces[OUTBOX_PIECES];
    bool sends;
    while ((sends = sim_circuit_work(c, f->now_ns, false)) || c->has_more)
        if (sends)
            sim_circuit_sent(c, fix_take(f, pieces, sim_circuit_output(c, f->now_ns, pieces)));
}

/* The socket has room for n bytes more. */
static inline void fix_unblock(struct fixture *f, size_t room)
{
    f->socket_room = room;
    sim_circuit_unblock(f->circuit, f->now_ns);
    fix_work(f);
}

static inline void fix_feed(struct fixture *f, const uint8_t *bytes, size_t n)
{
    while (n > 0 && sim_circuit_wants_input(f->circuit)) {
        size_t room;
        uint8_t *at = sim_circuit_room(f->circuit, &room);
        size_t part = n < room ? n : room;
        memcpy(at, bytes, part);
        sim_circuit_received(f->circuit, part, f->now_ns);
        bytes += part;
        n -= part;
        fix_work(f);
    }
}

static inline size_t fix_unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned byte;
    for (; *hex != '\0'; hex++)
        if (*hex == '\'') { /* 'text' */
            for (hex++; *hex != '\''; hex++)
                out[n++] = (uint8_t)*hex;
        } else if (*hex != ' ' && *hex != '|' && sscanf(hex, "%2x", &byte) == 1) {
            out[n++] = (uint8_t)byte;
            hex++;
        }
    return n;
}

static inline void fix_say(struct fixture *f, const char *hex)
{
    uint8_t bytes[4096];
    fix_feed(f, bytes, fix_unhex(hex, bytes));
}

/* What has been sent since the last look is exactly this. */
static inline void fix_expect(struct fixture *f, const char *name, const char *hex)
{
    uint8_t expected[4096];
    char text[3 * 256] = "";
    size_t n = fix_unhex(hex, expected);
    if (n != f->out_bytes || memcmp(expected, f->out, n) != 0) {
        for (size_t i = 0; i < f->out_bytes && i < 240; i++)
            sprintf(text + strlen(text), "%02x%s", f->out[i], i % 4 == 3 ? " " : "");
        fail_msg("%s: expected %s\n got %zu bytes: %s", name, hex, f->out_bytes, text);
    }
    f->out_bytes = 0;
}

#define FIX_SUBSCRIBE_IMAGE "0001ffff 00010000 00000001 00000002 00000010 0004b000 | 00000000 00000000 00000000 00050000"
#define FIX_SUBSCRIBE_AI    "00010010 00060001 00000000 00000007 | 00000000 00000000 00000000 00010000"

#define FIX_HELLO "00000000 0000000d 00000000 00000000 "

/* A circuit past its VERSIONs, with channels cid 1.. = sid 0.. to all PVs in the order of the enum. */
static inline struct fixture *fix_with_channels(void)
{
    struct fixture *f = fix_new();
    fix_say(f, FIX_HELLO);
    for (unsigned i = 0; i < FIX_PVS; i++) {
        char hex[128];
        sprintf(hex, "00120010 00000000 %08x 0000000d '%s'", i + 1, f->pv[i].name);
        size_t length = strlen(f->pv[i].name);
        for (size_t pad = length; pad < 16; pad++)
            strcat(hex, "00");
        fix_say(f, hex);
    }
    f->out_bytes = 0;
    return f;
}

#endif
