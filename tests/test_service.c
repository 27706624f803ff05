#include "replay/floor.h"
#include "replay/source.h"
#include "sim/latency.h"
#include "sim/service.h"
#include "tests/trace_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TIME(base) (14u + (base))

struct fixture {
    struct trace trace;
    struct timeline timeline;
    struct service service;
};

static void build(struct fixture *f, struct maker *m)
{
    struct diag diag = {0};
    maker_finish(m, &f->trace);
    assert_int_equal(timeline_init(&f->timeline, &f->trace, &diag), 0);
    const struct service_pvs pvs = {.of_trace_pv = f->timeline.of_trace_pv, .n = f->timeline.npvs};
    if (service_init(&f->service, &f->trace, &pvs, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void done(struct fixture *f)
{
    service_fini(&f->service);
    timeline_fini(&f->timeline);
    trace_close(&f->trace);
}

/* A request and its reply, whose first byte comes so many us after the request's last. */
static void exchange(struct maker *m, uint32_t pv, enum wire_command command, uint64_t t_us, uint32_t us)
{
    struct trace_event e = {
        .t_ns = t_us * 1000, .span_ns = 2000, .command = (uint16_t)command, .pv = pv, .peer = TRACE_NONE, .circuit = TRACE_NONE};
    e.peer = maker_event(m, e, NULL);
    e.t_ns += e.span_ns + us * UINT64_C(1000);
    e.flags = TRACE_FROM_SERVER;
    maker_event(m, e, NULL);
}

static void the_kth_request_gets_the_kth_time(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1), y = maker_pv(&m, "y", WIRE_DOUBLE, 1);
    exchange(&m, x, WIRE_READ_NOTIFY, 100, 30);
    exchange(&m, y, WIRE_READ_NOTIFY, 200, 70);
    exchange(&m, x, WIRE_READ_NOTIFY, 300, 10);
    exchange(&m, x, WIRE_CREATE_CHAN, 5000, 500);
    build(&f, &m);
    assert_int_equal(service_next(&f.service, 0, SIM_READ), 30000);
    assert_int_equal(service_next(&f.service, 1, SIM_READ), 70000);
    assert_int_equal(service_next(&f.service, 0, SIM_READ), 10000);
    assert_int_equal(service_next(&f.service, 0, SIM_CREATE), 500000);
    done(&f);
}

static void further_requests_draw_from_their_class(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    maker_pv(&m, "y", WIRE_DOUBLE, 1);
    for (uint32_t us = 1; us <= 50; us++)
        exchange(&m, x, WIRE_READ_NOTIFY, us * 1000, us);
    exchange(&m, x, WIRE_WRITE_NOTIFY, 90000, 9999);
    build(&f, &m);
    uint64_t draws[200], different = 0;
    for (int i = 0; i < 200; i++) {
        draws[i] = service_next(&f.service, 1, SIM_READ);
        assert_in_range(draws[i], 1000, 50000);
        different += i > 0 && draws[i] != draws[0];
    }
    assert_true(different > 150);
    for (int i = 0; i < 50; i++)
        service_next(&f.service, 0, SIM_READ); /* another PV's requests change nothing */
    struct service again;
    struct diag diag = {0};
    const struct service_pvs pvs = {.of_trace_pv = f.timeline.of_trace_pv, .n = f.timeline.npvs};
    assert_int_equal(service_init(&again, &f.trace, &pvs, &diag), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(service_next(&again, 1, SIM_READ), draws[i]);
    service_fini(&again);
    done(&f);
}

/* n requests at once for PV 0, of which the k-th is answered after (k + 1) x 20 us. */
static void ask_at_once(struct maker *m, uint32_t pv, enum wire_command command, uint64_t t_us, unsigned n)
{
    struct trace_event e = {
        .t_ns = t_us * 1000, .command = (uint16_t)command, .pv = pv, .circuit = maker_circuit(m, 1000), .peer = TRACE_NONE};
    uint32_t requests[16];
    for (unsigned k = 0; k < n; k++)
        requests[k] = maker_event(m, e, NULL);
    e.flags = TRACE_FROM_SERVER;
    for (unsigned k = 0; k < n; k++) {
        e.t_ns += 20000;
        e.peer = requests[k];
        maker_event(m, e, NULL);
    }
}

static void a_crowd_draws_from_those_that_were_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    ask_at_once(&m, x, WIRE_READ_NOTIFY, 0, 10);
    for (uint64_t k = 0; k < SERVICE_FEW; k++)
        exchange(&m, x, WIRE_READ_NOTIFY, 5000 + 100 * k, 7);
    build(&f, &m);
    for (unsigned k = 0; k < 10 + SERVICE_FEW + 5; k++)
        assert_int_equal(service_next(&f.service, 0, SIM_READ), 7000);
    assert_int_equal(f.service.classes[SIM_READ].n, 10 + SERVICE_FEW);
    assert_int_equal(f.service.classes[SIM_READ].nalone, SERVICE_FEW);
    done(&f);
}

static void a_crowd_without_others_counts_from_reply_to_reply(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    ask_at_once(&m, x, WIRE_READ_NOTIFY, 0, 10);
    build(&f, &m);
    for (int k = 0; k < 12; k++)
        assert_int_equal(service_next(&f.service, 0, SIM_READ), 20000);
    done(&f);
}

/* Two motors move at once: each put takes its own time. */
static void puts_take_their_own_time(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    ask_at_once(&m, x, WIRE_WRITE_NOTIFY, 0, 3);
    build(&f, &m);
    for (unsigned k = 1; k <= 3; k++)
        assert_int_equal(service_next(&f.service, 0, SIM_PUT_CALLBACK), k * 20000);
    done(&f);
}

static void what_was_never_asked_takes_no_time(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    maker_pv(&m, "x", WIRE_DOUBLE, 1);
    build(&f, &m);
    assert_int_equal(service_next(&f.service, 0, SIM_PUT_CALLBACK), 0);
    assert_int_equal(service_next(&f.service, SERVICE_NO_PV, SIM_ECHO), 0);
    assert_int_equal(service_quantile(&f.service, SIM_PUT_CALLBACK, 0.5), 0);
    done(&f);
}

static void quantiles_are_of_the_class(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    for (uint32_t us = 100; us >= 1; us--)
        exchange(&m, x, WIRE_READ_NOTIFY, (200 - us) * 1000, us);
    build(&f, &m);
    assert_in_range(service_quantile(&f.service, SIM_READ, 0.5), 50000, 51000);
    assert_in_range(service_quantile(&f.service, SIM_READ, 0.99), 99000, 100000);
    done(&f);
}

static void the_floor_is_measured(void **state)
{
    (void)state;
    assert_in_range(floor_measure_ns(), 1, CLOCK_NS);
}

/* ---- the source that the server sees ---- */

static const struct playback_config once = {.speed = {1, 1}, .loops = 1};

#define NOW       (UINT64_C(5000) * CLOCK_NS)
#define NOW_STAMP (UINT64_C(900000000) * CLOCK_NS)

static struct replay_source *open_source(struct fixture *f, struct maker *m, enum replay_puts puts, struct sim_source *calls)
{
    struct diag diag = {0};
    build(f, m);
    struct replay_source_config config = {.puts = puts, .service = &f->service, .now_ns = NOW, .now_stamp_ns = NOW_STAMP};
    struct replay_source *source = replay_source_new(&f->timeline, &once, &config, &diag);
    assert_non_null(source);
    *calls = replay_source_calls(source);
    return source;
}

/* x goes 0 (an hour old), 1, 2 at 100, 200 ms; y does not move. */
static struct maker two_pvs(void)
{
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1), y = maker_pv(&m, "y", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, x, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 1, &s, (struct maker_value){.number = 0, .stamp_ms = -3600000});
    maker_update(&m, 100, &s, (struct maker_value){.number = 1, .stamp_ms = 100});
    maker_update(&m, 200, &s, (struct maker_value){.number = 2, .stamp_ms = 200});
    maker_read(&m, 5, y, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 7, .stamp_ms = -60000, .status = 3, .severity = 2});
    return m;
}

static uint32_t put_double(const struct sim_source *calls, struct sim_pv *pv, double value, unsigned *mask)
{
    uint8_t bytes[8];
    union {
        double d;
        uint64_t u;
    } as = {.d = value};
    wire_put64(bytes, as.u);
    return calls->calls->put(calls->self, pv, WIRE_DOUBLE, 1, bytes, sizeof bytes, NOW + CLOCK_NS, mask);
}

static void values_change_when_they_are_due(void **state)
{
    (void)state;
    struct fixture f;
    struct sim_source calls;
    struct maker m = two_pvs();
    struct replay_source *source = open_source(&f, &m, REPLAY_PUTS_KEEP, &calls);
    struct sim_pv *x = calls.calls->find(calls.self, "x", 1), *y = calls.calls->find(calls.self, "y", 1);
    assert_null(calls.calls->find(calls.self, "z", 1));
    assert_int_equal(x->value.stamp.seconds, 900000000 - 3600); /* before time 0 */
    assert_int_equal(calls.calls->next_ns(calls.self), CLOCK_NEVER);

    const uint64_t t0 = NOW + 30 * CLOCK_NS;
    calls.calls->start(calls.self, t0, NOW_STAMP + (CLOCK_EPICS_EPOCH + 30) * CLOCK_NS);
    assert_int_equal(x->value.stamp.seconds, 900000030 - 3600);
    assert_int_equal(y->value.stamp.seconds, 900000030 - 60);
    assert_int_equal(y->value.severity, 2);
    for (uint64_t k = 1; k < 3; k++) {
        unsigned mask;
        assert_int_equal(calls.calls->next_ns(calls.self), t0 + k * 100 * MS);
        while (calls.calls->prepare(calls.self, t0))
            ;
        assert_ptr_equal(calls.calls->change(calls.self, &mask), x);
        assert_true(wire_value_number(&x->value) == (double)k);
        assert_int_equal(x->value.stamp.nanoseconds, k * 100 * MS);
        assert_int_equal(mask, WIRE_MASK_VALUE | WIRE_MASK_LOG);
    }
    assert_int_equal(calls.calls->next_ns(calls.self), CLOCK_NEVER);
    replay_source_free(source);
    done(&f);
}

static void what_is_faster_than_a_timer_is_answered_at_once(void **state)
{
    (void)state;
    struct fixture f;
    struct diag diag = {0};
    struct maker m = maker_begin();
    uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    exchange(&m, x, WIRE_READ_NOTIFY, 100, 19);
    exchange(&m, x, WIRE_READ_NOTIFY, 300, 21);
    build(&f, &m);
    struct replay_source_config config = {.service = &f.service, .floor_ns = 20000};
    struct replay_source *source = replay_source_new(&f.timeline, &once, &config, &diag);
    struct sim_source calls = replay_source_calls(source);
    struct sim_pv *pv = calls.calls->find(calls.self, "x", 1);
    const struct latency_request r = {.class = SIM_READ, .pv = pv};
    struct latency latency = {0};
    assert_int_equal(latency_next(&latency, &calls, &r), 0);
    assert_int_equal(latency_next(&latency, &calls, &r), 21000);
    replay_source_free(source);
    done(&f);
}

static void a_put_lasts_until_the_next_update(void **state)
{
    (void)state;
    struct fixture f;
    struct sim_source calls;
    struct maker m = two_pvs();
    struct replay_source *source = open_source(&f, &m, REPLAY_PUTS_KEEP, &calls);
    struct sim_pv *x = calls.calls->find(calls.self, "x", 1);
    unsigned mask;
    calls.calls->start(calls.self, NOW, NOW_STAMP + CLOCK_EPICS_EPOCH * CLOCK_NS);
    assert_int_equal(put_double(&calls, x, 42, &mask), WIRE_ECA_NORMAL);
    assert_int_equal(mask, WIRE_MASK_VALUE | WIRE_MASK_LOG);
    assert_true(wire_value_number(&x->value) == 42);
    assert_int_equal(x->value.stamp.seconds, 900000001);
    assert_int_equal(put_double(&calls, x, 42, &mask), WIRE_ECA_NORMAL);
    assert_int_equal(mask, 0); /* the same value again */
    calls.calls->change(calls.self, &mask);
    assert_true(wire_value_number(&x->value) == 1);
    replay_source_free(source);
    done(&f);
}

static void puts_can_be_refused_or_ignored(void **state)
{
    (void)state;
    struct fixture f;
    struct sim_source calls;
    unsigned mask;
    struct maker m = two_pvs();
    struct replay_source *source = open_source(&f, &m, REPLAY_PUTS_REFUSE, &calls);
    struct sim_pv *x = calls.calls->find(calls.self, "x", 1);
    assert_int_equal(x->rights, WIRE_RIGHT_READ);
    assert_int_equal(put_double(&calls, x, 42, &mask), WIRE_ECA_NOWTACCESS);
    replay_source_free(source);
    done(&f);

    m = two_pvs();
    source = open_source(&f, &m, REPLAY_PUTS_IGNORE, &calls);
    x = calls.calls->find(calls.self, "x", 1);
    assert_int_equal(put_double(&calls, x, 42, &mask), WIRE_ECA_NORMAL);
    assert_int_equal(mask, 0);
    assert_true(wire_value_number(&x->value) == 0);
    replay_source_free(source);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kth_request_gets_the_kth_time),
        cmocka_unit_test(further_requests_draw_from_their_class),
        cmocka_unit_test(what_was_never_asked_takes_no_time),
        cmocka_unit_test(a_crowd_draws_from_those_that_were_alone),
        cmocka_unit_test(a_crowd_without_others_counts_from_reply_to_reply),
        cmocka_unit_test(puts_take_their_own_time),
        cmocka_unit_test(quantiles_are_of_the_class),
        cmocka_unit_test(the_floor_is_measured),
        cmocka_unit_test(values_change_when_they_are_due),
        cmocka_unit_test(what_is_faster_than_a_timer_is_answered_at_once),
        cmocka_unit_test(a_put_lasts_until_the_next_update),
        cmocka_unit_test(puts_can_be_refused_or_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
