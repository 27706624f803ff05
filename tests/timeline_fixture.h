/* A timeline made from a small trace (trace_maker.h), for the tests of what is played from it. */
#ifndef CAPLAY_TESTS_TIMELINE_FIXTURE_H
#define CAPLAY_TESTS_TIMELINE_FIXTURE_H

#include "replay/timeline.h"
#include "tests/trace_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TIME(base) (14u + (base))
#define CTRL(base) (28u + (base))

/* What is under test, and what must be freed. */
struct fixture {
    struct trace trace;
    struct timeline timeline;
};

static inline const struct timeline_pv *build(struct fixture *f, struct maker *m)
{
    struct diag diag = {0};
    maker_finish(m, &f->trace);
    if (timeline_init(&f->timeline, &f->trace, &diag) < 0)
        fail_msg("%s", diag.text);
    return f->timeline.npvs > 0 ? &f->timeline.pvs[0] : NULL;
}

static inline void done(struct fixture *f)
{
    timeline_fini(&f->timeline);
    trace_close(&f->trace);
}

static inline double number(const struct timeline_pv *pv, uint32_t k)
{
    struct wire_value v = {.data = pv->updates[k].data, .count = pv->updates[k].count, .base = pv->native};
    return wire_value_number(&v);
}

static inline void assert_values(const struct timeline_pv *pv, const double *values, uint32_t n)
{
    assert_int_equal(pv->nupdates, n);
    for (uint32_t i = 0; i < n; i++)
        assert_true(number(pv, i) == values[i]);
}

#define ASSERT_VALUES(pv, ...)                                                                                                   \
    assert_values(pv, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* 10 Hz from 100 ms on; the value before is from 0 ms, an hour old, or a rhythm's. */
static inline const struct timeline_pv *ten_hertz(struct fixture *f, uint32_t n, int64_t first_stamp_ms)
{
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 0, &s, (struct maker_value){.number = 0, .stamp_ms = first_stamp_ms});
    for (uint32_t k = 1; k < n; k++)
        maker_update(&m, 100 * k, &s, (struct maker_value){.number = k, .stamp_ms = 100 * k});
    return build(f, &m);
}

static inline void maker_rights(struct maker *m, double t_ms, uint32_t pv, uint8_t rights, uint16_t flags)
{
    maker_event(m,
                (struct trace_event){.t_ns = (uint64_t)(t_ms * 1e6),
                                     .command = WIRE_ACCESS_RIGHTS,
                                     .flags = (uint16_t)(TRACE_FROM_SERVER | flags),
                                     .pv = pv,
                                     .circuit = TRACE_NONE,
                                     .peer = TRACE_NONE,
                                     .p1 = 1,
                                     .p2 = rights},
                NULL);
}

/* ---- traces that make no sense ---- */

static inline uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static inline void add_random_event(struct maker *m, uint64_t *seed, uint32_t k)
{
    static const uint16_t commands[] = {WIRE_EVENT_ADD,    WIRE_EVENT_ADD, WIRE_READ_NOTIFY,   WIRE_READ,
                                        WIRE_EVENT_CANCEL, WIRE_SEARCH,    WIRE_CLEAR_CHANNEL, WIRE_CREATE_CHAN};
    uint8_t payload[96];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(next_random(seed) % 3);
    struct trace_event e = {
        .t_ns = (uint64_t)next_random(seed) << next_random(seed) % 33,
        .span_ns = next_random(seed),
        .circuit = next_random(seed) % 4 > 0 ? next_random(seed) % 2 : TRACE_NONE,
        .pv = next_random(seed) % 8 > 0 ? next_random(seed) % 3 : TRACE_NONE,
        .peer = k > 0 && next_random(seed) % 4 > 0 ? next_random(seed) % k : TRACE_NONE,
        .count = next_random(seed) % 5,
        .size = next_random(seed) % sizeof payload,
        .p1 = next_random(seed) % 2,
        .p2 = next_random(seed) % 2,
        .command = commands[next_random(seed) % 8],
        .type = (uint16_t)(next_random(seed) % 41),
        .flags = (uint16_t)(next_random(seed) % 16),
    };
    maker_event(m, e, payload);
}

/* 200 messages about three names on two circuits. */
static inline void add_nonsense(struct maker *m, uint64_t seed)
{
    uint64_t random = seed;
    maker_pv(m, "x", next_random(&random) % WIRE_BASES, 1);
    maker_pv(m, "y", next_random(&random) % WIRE_BASES, 3);
    trace_writer_pv(m->writer, "x.VAL", 5);
    maker_circuit(m, 100);
    maker_circuit(m, 1000);
    for (uint32_t k = 0; k < 200; k++)
        add_random_event(m, &random, k);
}

#endif
