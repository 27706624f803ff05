#include "replay/playback.h"
#include "replay/timeline.h"
#include "tests/timeline_fixture.h"

static void three_subscribers_are_one_timeline(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription s[3];
    for (int i = 0; i < 3; i++)
        s[i] = maker_subscribe(&m, i, pv, TIME(WIRE_DOUBLE), 1);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 3; i++)
            maker_update(&m, 10 + 100 * k + i, &s[i], (struct maker_value){.number = k, .stamp_ms = 9 + 100 * k});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 0, 1, 2, 3);
    assert_int_equal(f.timeline.zero_ns, 0); /* the first subscription */
    for (int64_t k = 1; k < 4; k++)
        assert_int_equal(x->updates[k].due_ns, (10 + 100 * k) * (int64_t)MS); /* the earliest copy */
    assert_int_equal(f.timeline.counts.copies, 8);
    assert_int_equal(f.timeline.counts.merged, 0);
    done(&f);
}

static void a_late_joiner_adds_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription early = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1), late;
    maker_update(&m, 1, &early, (struct maker_value){.number = 5, .stamp_ms = -50});
    maker_update(&m, 100, &early, (struct maker_value){.number = 6, .stamp_ms = 99});
    late = maker_subscribe(&m, 150, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 151, &late, (struct maker_value){.number = 6, .stamp_ms = 99});
    maker_update(&m, 200, &late, (struct maker_value){.number = 7, .stamp_ms = 199});
    maker_update(&m, 201, &early, (struct maker_value){.number = 7, .stamp_ms = 199});
    ASSERT_VALUES(build(&f, &m), 5, 6, 7);
    done(&f);
}

static void one_subscriber_may_see_a_stamp_and_value_twice(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription a = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1),
                              b = maker_subscribe(&m, 0.5, pv, TIME(WIRE_DOUBLE), 1);
    for (int i = 0; i < 2; i++) {
        struct maker_subscription *s = i == 0 ? &a : &b;
        maker_update(&m, 1 + i, s, (struct maker_value){.number = 0, .stamp_ms = -10});
        maker_update(&m, 11 + i, s, (struct maker_value){.number = 1, .stamp_ms = 10});
        maker_update(&m, 13 + i, s, (struct maker_value){.number = 1, .stamp_ms = 10});
        maker_update(&m, 15 + i, s, (struct maker_value){.number = 2, .stamp_ms = 10});
    }
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 0, 1, 1, 2);
    assert_int_equal(x->updates[2].due_ns, 13 * MS);
    assert_int_equal(x->updates[2].mask, WIRE_MASK_VALUE | WIRE_MASK_LOG); /* posted although nothing changed */
    done(&f);
}

static void plain_updates_take_the_packets_time(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription a = maker_subscribe(&m, 10, pv, WIRE_DOUBLE, 1), b = maker_subscribe(&m, 11, pv, WIRE_DOUBLE, 1);
    const double values[] = {0, 1, 0, 1};
    for (int k = 0; k < 4; k++) {
        maker_update(&m, 20 + 10 * k, &a, (struct maker_value){.number = values[k]});
        maker_update(&m, 21 + 10 * k, &b, (struct maker_value){.number = values[k]});
    }
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 0, 1, 0, 1);
    assert_int_equal(x->updates[3].due_ns, 40 * MS);
    assert_int_equal(x->updates[3].stamp_ns, MAKER_START_STAMP * CLOCK_NS + 50 * MS);
    done(&f);
}

/* A CTRL read has no stamp; packets of updates come 5 ms after their stamps. */
static void what_has_no_stamp_is_older_than_the_next_stamp(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    maker_subscribe(&m, 0, maker_pv(&m, "y", WIRE_DOUBLE, 1), TIME(WIRE_DOUBLE), 1);
    maker_read(&m, 15, pv, CTRL(WIRE_DOUBLE), 1, (struct maker_value){.number = 1});
    struct maker_subscription a = maker_subscribe(&m, 16, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 17, &a, (struct maker_value){.number = 2, .stamp_ms = 12});
    maker_update(&m, 34, &a, (struct maker_value){.number = 3, .stamp_ms = 29});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 1, 2, 3);
    assert_int_equal(x->updates[1].stamp_ns, MAKER_START_STAMP * CLOCK_NS + 12 * MS);
    assert_int_equal(x->updates[0].stamp_ns, x->updates[1].stamp_ns - 1);
    done(&f);
}

static void plain_updates_add_nothing_beside_stamped_ones(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription plain = maker_subscribe(&m, 0, pv, WIRE_DOUBLE, 1), stamped;
    maker_update(&m, 1, &plain, (struct maker_value){.number = 1});
    maker_update(&m, 100, &plain, (struct maker_value){.number = 2});
    stamped = maker_subscribe(&m, 150, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 151, &stamped, (struct maker_value){.number = 2, .stamp_ms = 99});
    maker_update(&m, 200, &plain, (struct maker_value){.number = 3});
    maker_update(&m, 201, &stamped, (struct maker_value){.number = 3, .stamp_ms = 199});
    const struct timeline_pv *x = build(&f, &m);
    assert_int_equal(x->nupdates, 3);
    assert_true(number(x, 2) == 3);
    assert_int_equal(x->updates[2].stamp_ns, MAKER_START_STAMP * CLOCK_NS + 199 * MS);
    done(&f);
}

/* One client asked for the native type, one for SHORT, one for text, one for plain values. */
static void other_types_of_a_post_are_the_same_post(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    const unsigned types[] = {TIME(WIRE_INT16), TIME(WIRE_STRING), WIRE_DOUBLE, TIME(WIRE_DOUBLE)};
    struct maker_subscription s[4];
    for (int i = 0; i < 4; i++)
        s[i] = maker_subscribe(&m, 0, pv, types[i], 1);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 4; i++)
            maker_update(&m, 1 + 10 * k + 0.1 * i, &s[i], (struct maker_value){.number = k + 0.25, .stamp_ms = 10 * k});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 0.25, 1.25, 2.25);
    assert_int_equal(x->updates[1].due_ns, 11 * MS);
    done(&f);
}

static void the_fullest_count_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "wave", WIRE_INT32, 16);
    struct maker_subscription cut = maker_subscribe(&m, 0, pv, TIME(WIRE_INT32), 4),
                              padded = maker_subscribe(&m, 0, pv, TIME(WIRE_INT32), 16),
                              whole = maker_subscribe(&m, 0, pv, TIME(WIRE_INT32), 0);
    for (int k = 0; k < 2; k++) {
        struct maker_value v = {.number = 100 * k, .count = 10, .stamp_ms = 10 * k};
        maker_update(&m, 1 + 10 * k, &cut, v);
        maker_update(&m, 2 + 10 * k, &padded, v);
        maker_update(&m, 3 + 10 * k, &whole, v);
    }
    const struct timeline_pv *wave = build(&f, &m);
    ASSERT_VALUES(wave, 0, 100);
    assert_int_equal(wave->updates[0].count, 10);
    assert_int_equal(wave->updates[1].count, 10);
    assert_int_equal(f.timeline.counts.merged, 0);
    done(&f);
}

static void values_in_another_type_are_converted(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_INT32, 1), text = maker_pv(&m, "state", WIRE_ENUM, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 1, &s, (struct maker_value){.number = 41, .stamp_ms = -1});
    maker_update(&m, 2, &s, (struct maker_value){.number = 42, .stamp_ms = 1});
    m.meta = (struct wire_meta){.nlabels = 2, .labels = {"Off", "On"}};
    maker_read(&m, 3, text, CTRL(WIRE_ENUM), 1, (struct maker_value){.number = 0});
    maker_read(&m, 4, text, TIME(WIRE_STRING), 1, (struct maker_value){.text = "On", .stamp_ms = 3});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(&x[0], 41, 42);
    ASSERT_VALUES(&x[1], 0, 1);
    assert_string_equal((const char *)x[1].meta.labels[1], "On");
    done(&f);
}

static void reads_of_an_unmonitored_pv_sample_it(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    m.meta.precision = 3;
    maker_read(&m, 1, pv, CTRL(WIRE_DOUBLE), 1, (struct maker_value){.number = 1});
    maker_read(&m, 2, pv, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1, .stamp_ms = -3600000});
    maker_read(&m, 3, pv, WIRE_STRING, 1, (struct maker_value){.text = "1.000"});
    maker_read(&m, 50, pv, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1, .stamp_ms = -3600000});
    maker_read(&m, 100, pv, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 2, .stamp_ms = 80});
    maker_read(&m, 150, pv, WIRE_DOUBLE, 1, (struct maker_value){.number = 2});
    maker_read(&m, 200, pv, WIRE_DOUBLE, 1, (struct maker_value){.number = 3});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 1, 2, 3);
    assert_int_equal(x->updates[0].stamp_ns, MAKER_START_STAMP * CLOCK_NS - 3600 * CLOCK_NS);
    done(&f);
}

static void reads_of_a_monitored_pv_add_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    maker_read(&m, 1, pv, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1, .stamp_ms = -50});
    struct maker_subscription s = maker_subscribe(&m, 10, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 11, &s, (struct maker_value){.number = 1, .stamp_ms = -50});
    maker_read(&m, 20, pv, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1.001, .stamp_ms = 15}); /* within MDEL */
    maker_update(&m, 31, &s, (struct maker_value){.number = 2, .stamp_ms = 30});
    ASSERT_VALUES(build(&f, &m), 1, 2);
    done(&f);
}

/* The value at time 0 is known from a read; an older one is hidden, and the first update tells nothing new. */
static void time_0_is_the_first_subscription(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1), still = maker_pv(&m, "still", WIRE_DOUBLE, 1);
    maker_read(&m, 0, pv, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1, .stamp_ms = -5});
    maker_read(&m, 0, still, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 9, .stamp_ms = -900000});
    struct maker_subscription s = maker_subscribe(&m, 1000, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 1001, &s, (struct maker_value){.number = 2, .stamp_ms = 500});
    maker_update(&m, 1300, &s, (struct maker_value){.number = 3, .stamp_ms = 1300});
    const struct timeline_pv *x = build(&f, &m);
    assert_int_equal(f.timeline.zero_ns, 1000 * MS);
    ASSERT_VALUES(&x[0], 2, 3);
    assert_true(x[0].updates[0].due_ns <= 0);
    assert_int_equal(x[0].updates[1].due_ns, 300 * MS);
    assert_int_equal(f.timeline.counts.before, 1);
    ASSERT_VALUES(&x[1], 9);
    done(&f);
}

static void failures_and_property_updates_are_no_values(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    const uint8_t zeros[24] = {0};
    maker_event(&m,
                (struct trace_event){.command = WIRE_READ_NOTIFY,
                                     .type = TIME(WIRE_DOUBLE),
                                     .count = 1,
                                     .size = sizeof zeros,
                                     .pv = pv,
                                     .p1 = WIRE_ECA_GETFAIL,
                                     .peer = TRACE_NONE,
                                     .circuit = TRACE_NONE,
                                     .flags = TRACE_FROM_SERVER},
                zeros);
    struct maker_subscription s = maker_subscribe(&m, 1, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 2, &s, (struct maker_value){.number = 1, .stamp_ms = -50});
    struct maker_subscription p = maker_subscribe_mask(&m, 3, pv, CTRL(WIRE_DOUBLE), 1, WIRE_MASK_PROPERTY);
    m.meta = (struct wire_meta){.units = "mm", .precision = 3, .display = {10, -10}};
    maker_update(&m, 4, &p, (struct maker_value){.number = 1});
    maker_update(&m, 90, &p, (struct maker_value){.number = 1});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 1);
    assert_string_equal((const char *)x->meta.units, "mm");
    assert_int_equal(x->meta.precision, 3);
    done(&f);
}

static void an_alarm_alone_is_no_value(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1);
    maker_update(&m, 1, &s, (struct maker_value){.number = 1, .stamp_ms = -1});
    maker_update(&m, 2, &s, (struct maker_value){.number = 1, .stamp_ms = 2, .status = 9, .severity = 3});
    maker_update(&m, 3, &s, (struct maker_value){.number = 2, .stamp_ms = 3});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 1, 1, 2);
    assert_int_equal(x->updates[1].mask, WIRE_MASK_ALARM);
    assert_int_equal(x->updates[1].status, 9);
    assert_int_equal(x->updates[2].mask, WIRE_MASK_ALARM | WIRE_MASK_VALUE | WIRE_MASK_LOG);
    done(&f);
}

/* The server's clock is set back by an hour: order is that of the packets, and no update is moved to another time. */
static void a_clock_that_is_set_back_moves_no_update(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1);
    for (int k = 0; k < 6; k++)
        maker_update(&m, 1 + 1000 * k, &s, (struct maker_value){.number = k, .stamp_ms = 1000 * k - (k < 3 ? 0 : 3600000)});
    const struct timeline_pv *x = build(&f, &m);
    ASSERT_VALUES(x, 0, 1, 2, 3, 4, 5);
    assert_true(x->by_packets);
    for (int64_t k = 1; k < 6; k++)
        assert_int_equal(x->updates[k].due_ns, (1 + 1000 * k) * (int64_t)MS);
    done(&f);
}

static void names_with_val_are_the_record(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t a = maker_pv(&m, "x.VAL", WIRE_DOUBLE, 1), b = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    trace_writer_pv(m.writer, "nobody", 6);
    maker_read(&m, 1, a, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1, .stamp_ms = -50});
    maker_read(&m, 2, b, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1, .stamp_ms = -50});
    const struct timeline_pv *x = build(&f, &m);
    assert_int_equal(f.timeline.npvs, 1);
    assert_string_equal(x->name, "x");
    ASSERT_VALUES(x, 1);
    assert_int_equal(timeline_find(&f.timeline, "x.VAL", 5), 0);
    assert_int_equal(timeline_find(&f.timeline, "nobody", 6), NAMES_NONE);
    assert_int_equal(f.timeline.counts.unserved, 1);
    done(&f);
}

static void pvs_on_a_circuit_with_gaps_are_named(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    maker_pv(&m, "y", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1);
    trace_writer_circuit_at(m.writer, s.circuit)->flags |= TRACE_GAP;
    maker_update(&m, 1, &s, (struct maker_value){.number = 1, .stamp_ms = -1});
    const struct timeline_pv *x = build(&f, &m);
    assert_true(x[0].has_holes);
    assert_false(x[1].has_holes);
    assert_int_equal(x[1].nupdates, 0);
    done(&f);
}

/* One channel is opened before the loss, one behind it. */
static void where_losses_have_a_place_only_pvs_that_were_connected_then_are_named(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    const uint32_t circuit = maker_circuit(&m, 1000);
    const struct trace_loss loss = {
        .t_ns = 50 * MS, .until_ns = 60 * MS, .bytes = 16, .count = 1, .circuit = circuit, .kind = TRACE_LOSS_GAP};
    trace_writer_circuit_at(m.writer, circuit)->flags |= TRACE_GAP;
    for (unsigned i = 0; i < 2; i++) {
        const uint32_t pv = maker_pv(&m, i == 0 ? "x" : "y", WIRE_DOUBLE, 1);
        maker_event(&m,
                    (struct trace_event){
                        .t_ns = i * 100 * MS, .command = WIRE_CREATE_CHAN, .pv = pv, .circuit = circuit, .peer = TRACE_NONE},
                    NULL);
        maker_read(&m, 200, pv, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 1});
    }
    trace_writer_loss(m.writer, &loss);
    m.missing = (struct trace_missing){.gaps = 1, .gap_bytes = 16};
    const struct timeline_pv *x = build(&f, &m);
    assert_true(x[0].has_holes);
    assert_false(x[1].has_holes);
    done(&f);
}

static void a_trace_without_channels_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    struct diag diag = {0};
    trace_writer_pv(m.writer, "nobody", 6);
    build(&f, &m);
    assert_int_equal(timeline_check(&f.timeline, &f.trace, "x.catrace", &diag), -1);
    assert_int_equal(diag.code, DIAG_USAGE);
    assert_non_null(strstr(diag.text, "x.catrace: nothing to serve"));
    done(&f);
}

/* ---- traces that make no sense ---- */

static void assert_in_order(const struct timeline_pv *pv)
{
    for (uint32_t i = 1; i < pv->nupdates; i++)
        assert_true(pv->updates[i].due_ns >= pv->updates[i - 1].due_ns && pv->updates[i].due_ns > 0);
    for (uint32_t i = 0; i < pv->nupdates; i++)
        assert_true(pv->updates[i].data != NULL && pv->updates[i].count <= pv->count);
}

static void nonsense_is_replayed_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct fixture f;
        struct playback p;
        struct maker m = maker_begin();
        add_nonsense(&m, seed);
        build(&f, &m);
        playback_init(&p, &f.timeline, &(struct playback_config){.speed = {2, 1}});
        for (uint32_t i = 0; i < f.timeline.npvs; i++)
            assert_in_order(&f.timeline.pvs[i]);
        done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_subscribers_are_one_timeline),
        cmocka_unit_test(a_late_joiner_adds_nothing),
        cmocka_unit_test(one_subscriber_may_see_a_stamp_and_value_twice),
        cmocka_unit_test(plain_updates_take_the_packets_time),
        cmocka_unit_test(what_has_no_stamp_is_older_than_the_next_stamp),
        cmocka_unit_test(plain_updates_add_nothing_beside_stamped_ones),
        cmocka_unit_test(other_types_of_a_post_are_the_same_post),
        cmocka_unit_test(the_fullest_count_is_kept),
        cmocka_unit_test(values_in_another_type_are_converted),
        cmocka_unit_test(reads_of_an_unmonitored_pv_sample_it),
        cmocka_unit_test(reads_of_a_monitored_pv_add_nothing),
        cmocka_unit_test(time_0_is_the_first_subscription),
        cmocka_unit_test(failures_and_property_updates_are_no_values),
        cmocka_unit_test(an_alarm_alone_is_no_value),
        cmocka_unit_test(a_clock_that_is_set_back_moves_no_update),
        cmocka_unit_test(names_with_val_are_the_record),
        cmocka_unit_test(pvs_on_a_circuit_with_gaps_are_named),
        cmocka_unit_test(where_losses_have_a_place_only_pvs_that_were_connected_then_are_named),
        cmocka_unit_test(a_trace_without_channels_is_refused),
        cmocka_unit_test(nonsense_is_replayed_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
