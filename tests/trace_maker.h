/* Small traces for tests: a line a message. Values are doubles in memory and whatever DBR type on the wire. */
#ifndef CAPLAY_TESTS_TRACE_MAKER_H
#define CAPLAY_TESTS_TRACE_MAKER_H

#include "base/clock.h"
#include "traces/trace.h"
#include "wire/value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS                 UINT64_C(1000000)
#define MAKER_START        (UINT64_C(1700000000) * CLOCK_NS) /* Unix time of the first packet */
#define MAKER_START_STAMP  (UINT64_C(1700000000) - CLOCK_EPICS_EPOCH)
#define MAKER_ELEMENTS_MAX 64

struct maker {
    struct trace_writer *writer;
    char path[64];
    struct wire_meta meta; /* what GR and CTRL replies say */
    struct trace_missing missing;
    uint64_t end_ms; /* of the recording, after its first packet */
};

/* What a server says. stamp_ms: ms after the trace's first packet, may be negative; MAKER_ZERO_STAMP: never processed. */
struct maker_value {
    double number; /* of the first element; element i is number + i */
    const char *text;
    uint32_t count; /* elements that there are; 0 means 1 */
    int64_t stamp_ms;
    uint16_t status, severity;
};

#define MAKER_ZERO_STAMP INT64_MIN

static inline struct maker maker_begin(void)
{
    struct diag diag = {0};
    struct maker m = {.path = "/tmp/caplay-test-XXXXXX", .end_ms = 1000000};
    int fd = mkstemp(m.path);
    assert(fd >= 0);
    close(fd);
    m.writer = trace_writer_open(m.path, &diag);
    assert(m.writer != NULL);
    wire_meta_init(&m.meta);
    return m;
}

/* A PV whose CREATE_CHAN was answered. */
static inline uint32_t maker_pv(struct maker *m, const char *name, enum wire_base native, uint32_t count)
{
    uint32_t pv = trace_writer_pv(m->writer, name, strlen(name));
    struct trace_pv *record = trace_writer_pv_at(m->writer, pv);
    record->native = (uint16_t)native;
    record->count = count;
    record->rights = WIRE_RIGHT_READ | WIRE_RIGHT_WRITE;
    return pv;
}

static inline uint32_t maker_circuit(struct maker *m, uint64_t end_ms)
{
    uint32_t circuit = trace_writer_circuit(m->writer);
    trace_writer_circuit_at(m->writer, circuit)->flags = TRACE_TCP;
    trace_writer_circuit_at(m->writer, circuit)->end_ns = end_ms * MS;
    return circuit;
}

/* Any message. */
static inline uint32_t maker_event(struct maker *m, struct trace_event event, const uint8_t *payload)
{
    return trace_writer_event(m->writer, &event, payload);
}

struct maker_subscription {
    uint32_t pv, circuit, add;
    unsigned type;
    uint32_t count;
    bool updated;
};

static inline struct maker_subscription maker_subscribe_mask(struct maker *m, double t_ms, uint32_t pv, unsigned type,
                                                             uint32_t count, uint8_t mask)
{
    uint8_t payload[16] = {[13] = mask};
    struct maker_subscription s = {.pv = pv, .type = type, .count = count, .circuit = maker_circuit(m, 1000000)};
    struct trace_event e = {.t_ns = (uint64_t)(t_ms * 1e6),
                            .command = WIRE_EVENT_ADD,
                            .type = (uint16_t)type,
                            .count = count,
                            .size = sizeof payload,
                            .pv = pv,
                            .circuit = s.circuit,
                            .peer = TRACE_NONE,
                            .p2 = 1};
    s.add = maker_event(m, e, payload);
    return s;
}

static inline struct maker_subscription maker_subscribe(struct maker *m, double t_ms, uint32_t pv, unsigned type, uint32_t count)
{
    return maker_subscribe_mask(m, t_ms, pv, type, count, WIRE_MASK_VALUE | WIRE_MASK_ALARM);
}

static inline struct wire_value maker_wire_value(const struct maker_value *v, unsigned type, uint8_t *data)
{
    bool is_zero = v->stamp_ms == MAKER_ZERO_STAMP;
    uint64_t stamp = is_zero ? 0 : MAKER_START_STAMP * CLOCK_NS + (uint64_t)v->stamp_ms * MS;
    struct wire_value value = {.data = data,
                               .count = v->count > 0 ? v->count : 1,
                               .base = wire_types[type].base,
                               .status = v->status,
                               .severity = v->severity,
                               .stamp = {(uint32_t)(stamp / CLOCK_NS), (uint32_t)(stamp % CLOCK_NS)}};
    for (uint32_t i = 0; i < value.count && v->text == NULL; i++) {
        uint8_t number[8];
        union {
            double d;
            uint64_t u;
        } as = {.d = v->number + i};
        wire_put64(number, as.u);
        struct wire_value element = {.data = number, .count = 1, .base = WIRE_DOUBLE};
        struct wire_meta meta;
        wire_meta_init(&meta);
        meta.precision = 3;
        wire_encode(value.base, 1, &element, &meta, data + (size_t)i * wire_base_size((enum wire_base)value.base));
    }
    if (v->text != NULL)
        snprintf((char *)data, WIRE_STRING_BYTES, "%s", v->text);
    return value;
}

/* The server's answer to event `peer`. count 0: as many as there are. */
static inline uint32_t maker_answer(struct maker *m, struct trace_event e, const struct maker_value *v)
{
    uint8_t data[MAKER_ELEMENTS_MAX * WIRE_STRING_BYTES] = {0}, payload[sizeof data + 512];
    struct wire_value value = maker_wire_value(v, e.type, data);
    e.count = e.count > 0 ? e.count : value.count;
    e.size = (uint32_t)wire_dbr_padded(e.type, e.count);
    e.p1 = WIRE_ECA_NORMAL;
    e.flags |= TRACE_FROM_SERVER;
    wire_encode(e.type, e.count, &value, &m->meta, payload);
    return maker_event(m, e, payload);
}

static inline void maker_update(struct maker *m, double t_ms, struct maker_subscription *s, struct maker_value v)
{
    struct trace_event e = {.t_ns = (uint64_t)(t_ms * 1e6),
                            .command = WIRE_EVENT_ADD,
                            .type = (uint16_t)s->type,
                            .count = s->count,
                            .pv = s->pv,
                            .circuit = s->circuit,
                            .peer = s->add,
                            .p2 = 1,
                            .flags = (uint16_t)(TRACE_UPDATE | (s->updated ? 0 : TRACE_FIRST))};
    s->updated = true;
    maker_answer(m, e, &v);
}

/* A READ_NOTIFY that takes 0.1 ms. */
static inline void maker_read(struct maker *m, double t_ms, uint32_t pv, unsigned type, uint32_t count, struct maker_value v)
{
    struct trace_event e = {.t_ns = (uint64_t)(t_ms * 1e6),
                            .command = WIRE_READ_NOTIFY,
                            .type = (uint16_t)type,
                            .count = count,
                            .pv = pv,
                            .circuit = TRACE_NONE,
                            .peer = TRACE_NONE};
    e.peer = maker_event(m, e, NULL);
    e.t_ns += MS / 10;
    maker_answer(m, e, &v);
}

/* Finish; the file m->path is the caller's to remove. */
static inline void maker_write(struct maker *m)
{
    struct diag diag = {0};
    struct trace_meta meta = {
        .start_realtime_ns = MAKER_START, .end_ns = m->end_ms * MS, .source = "test", .missing = m->missing};
    if (trace_writer_finish(m->writer, &meta, &diag) < 0) {
        fprintf(stderr, "%s\n", diag.text);
        abort();
    }
}

/* Finish and open; the file is gone when the trace is closed. */
static inline void maker_finish(struct maker *m, struct trace *trace)
{
    struct diag diag = {0};
    maker_write(m);
    if (trace_open(trace, m->path, &diag) < 0) {
        fprintf(stderr, "%s\n", diag.text);
        abort();
    }
    unlink(m->path);
}

#endif
