/* What a trace tells about subscriptions, held against a look at every message for each of them. */
#include "replay/cover.h"
#include "tests/timeline_fixture.h"

static void collect(struct samples *s, struct trace *trace, struct maker *m)
{
    struct diag diag = {0};
    maker_finish(m, trace);
    if (samples_init(s, trace, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void release(struct samples *s, struct trace *trace)
{
    samples_fini(s);
    trace_close(trace);
}

static bool ends(const struct samples *s, const struct trace_event *e, const struct trace_event *add)
{
    bool of_channel = e->command == WIRE_CLEAR_CHANNEL && e->p1 == add->p1,
         of_it = e->command == WIRE_EVENT_CANCEL && e->p2 == add->p2;
    return !(e->flags & TRACE_FROM_SERVER) && (of_channel || of_it) && e->circuit == add->circuit && e->pv != TRACE_NONE &&
           s->pv_of[e->pv] == s->pv_of[add->pv];
}

static uint64_t end_of(const struct samples *s, const struct stream *stream)
{
    const struct trace_event *add = &s->trace->events[stream->event];
    for (uint32_t i = stream->event + 1; i < s->trace->nevents; i++)
        if (ends(s, &s->trace->events[i], add))
            return s->trace->events[i].t_ns;
    return UINT64_MAX;
}

static void a_subscription_ends_with_the_first_message_that_ends_it(void **state)
{
    (void)state;
    unsigned ended = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct maker m = maker_begin();
        struct trace trace;
        struct samples s;
        add_nonsense(&m, seed);
        trace_writer_circuit_at(m.writer, 0)->end_ns = UINT64_C(1) << 60;
        collect(&s, &trace, &m);
        for (uint32_t k = 0; k < s.nstreams; k++) {
            const uint32_t circuit = trace.events[s.streams[k].event].circuit;
            const uint64_t circuit_end = circuit != TRACE_NONE ? trace.circuits[circuit].end_ns : trace.end_ns;
            const uint64_t end = end_of(&s, &s.streams[k]);
            assert_int_equal(s.streams[k].end_ns, end < circuit_end ? end : circuit_end);
            ended += end < circuit_end;
        }
        release(&s, &trace);
    }
    assert_true(ended > 100);
}

static bool is_covered(const struct samples *s, const struct samples_pv *pv, uint64_t t_ns, bool with_stamps)
{
    for (uint32_t k = pv->first_stream; k != TRACE_NONE; k = s->streams[k].next) {
        const struct stream *stream = &s->streams[k];
        if (stream->has_values && (stream->has_stamps || !with_stamps) && stream->begin_ns <= t_ns && t_ns <= stream->end_ns)
            return true;
    }
    return false;
}

static void assert_cover(const struct samples *s, const struct samples_pv *pv, bool with_stamps)
{
    struct cover_interval room[200];
    struct cover cover = {.at = room};
    cover_make(&cover, s->streams, pv->first_stream, with_stamps);
    for (uint32_t i = 0; i < s->trace->nevents; i++)
        for (uint64_t t = s->trace->events[i].t_ns, end = t + 3; t < end; t++)
            assert_int_equal(cover_has(&cover, t - 1), is_covered(s, pv, t - 1, with_stamps));
}

static void a_time_is_covered_while_some_subscription_runs(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct maker m = maker_begin();
        struct trace trace;
        struct samples s;
        add_nonsense(&m, seed);
        collect(&s, &trace, &m);
        for (uint32_t i = 0; i < names_count(s.names); i++) {
            assert_cover(&s, &s.pvs[i], false);
            assert_cover(&s, &s.pvs[i], true);
        }
        release(&s, &trace);
    }
}

/* Each subscription on a look at all others, and each value on a look at all subscriptions, would take minutes. */
static void many_subscriptions_to_one_pv_take_no_square_of_their_number(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1);
    for (int k = 1; k < MANY; k++) {
        struct trace_event add = {.t_ns = (uint64_t)k * MS,
                                  .command = WIRE_EVENT_ADD,
                                  .type = TIME(WIRE_DOUBLE),
                                  .count = 1,
                                  .pv = pv,
                                  .circuit = s.circuit,
                                  .peer = TRACE_NONE,
                                  .p2 = 1};
        s.add = maker_event(&m, add, NULL);
        s.updated = false;
        maker_update(&m, k, &s, (struct maker_value){.number = k, .stamp_ms = k});
        add.command = WIRE_EVENT_CANCEL;
        maker_event(&m, add, NULL);
        maker_read(&m, k + 0.5, pv, WIRE_DOUBLE, 1, (struct maker_value){.number = k});
    }
    assert_int_equal(build(&f, &m)->nupdates, MANY - 1);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscription_ends_with_the_first_message_that_ends_it),
        cmocka_unit_test(a_time_is_covered_while_some_subscription_runs),
        cmocka_unit_test(many_subscriptions_to_one_pv_take_no_square_of_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
