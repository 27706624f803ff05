#include "replay/playback.h"
#include "tests/timeline_fixture.h"

static const struct playback_config as_recorded = {.speed = {1, 1}, .loops = 1};

static void due_times_come_from_k(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    playback_init(&p, &f.timeline, &as_recorded);
    for (uint64_t k = 1; k < 11; k++)
        assert_int_equal(playback_due_ns(&p, x, k), k * 100 * MS);
    assert_true(playback_has(&p, x, 10));
    assert_false(playback_has(&p, x, 11));

    struct playback_config fast = {.speed = {3, 1}, .loops = 1};
    playback_init(&p, &f.timeline, &fast);
    for (uint64_t k = 1; k < 11; k++)
        assert_int_equal(playback_due_ns(&p, x, k), k * 100 * MS / 3);

    const struct clock_rate rate = {120, 1};
    struct playback_config at_rate = {.speed = {1, 1}, .rates = &rate, .loops = 0};
    playback_init(&p, &f.timeline, &at_rate);
    assert_int_equal(playback_due_ns(&p, x, 7), clock_tick_ns(rate, 7));
    assert_int_equal(playback_due_ns(&p, x, 120 * 3600), UINT64_C(3600) * CLOCK_NS);
    done(&f);
}

/* Each of 10^7 ticks lies where exact arithmetic has it: no more than 1 ns before, whatever came before it. */
static void no_tick_of_ten_million_drifts(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct clock_rate rate = {2997, 100};
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {1, 1}, .rates = &rate, .loops = 0});
    for (uint64_t k = 1; k <= 10000000; k++) {
        const uint64_t due = playback_due_ns(&p, x, k), exact_by_2997 = k * 100 * CLOCK_NS;
        if (due * 2997 > exact_by_2997 || exact_by_2997 - due * 2997 >= 2997)
            fail_msg("tick %ju is due at %ju ns", (uintmax_t)k, (uintmax_t)due);
    }
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {1, 3}, .loops = 0});
    for (uint64_t k = 1; k <= 10000000; k += 9)
        assert_int_equal(playback_due_ns(&p, x, k), k * 300 * MS);
    done(&f);
}

static void speeds_are_fractions(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    const struct clock_rate speeds[] = {{1, 100}, {1000, 1}, {15, 10}, {3333333, 10000000}};
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
        playback_init(&p, &f.timeline, &(struct playback_config){.speed = speeds[i], .loops = 1});
        for (uint64_t k = 1; k < 11; k++)
            assert_int_equal(playback_due_ns(&p, x, k), k * 100 * MS * speeds[i].den / speeds[i].num);
        assert_int_equal(playback_recorded_ns(&p, CLOCK_NS), CLOCK_NS * speeds[i].num / speeds[i].den);
    }
    done(&f);
}

/* Two PVs of 10 Hz, of which one has a rate of its own. */
static void a_rate_of_its_own_leaves_the_others_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct clock_rate rates[] = {{0, 1}, {1000, 1}};
    struct maker m = maker_begin();
    struct maker_subscription s[2];
    for (int i = 0; i < 2; i++)
        s[i] = maker_subscribe(&m, 0, maker_pv(&m, i == 0 ? "x" : "y", WIRE_DOUBLE, 1), TIME(WIRE_DOUBLE), 1);
    for (int k = 0; k < 11 + 11; k++)
        maker_update(&m, 100 * (k / 2), &s[k % 2], (struct maker_value){.number = k / 2, .stamp_ms = 100 * (k / 2)});
    const struct timeline_pv *x = build(&f, &m);
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {2, 1}, .rates = rates, .loops = 2});
    assert_true(p.has_recorded);
    assert_int_equal(p.period_ns, 1100 * MS);
    for (uint64_t k = 1; k < 22; k++) {
        assert_int_equal(playback_due_ns(&p, &x[0], k), k * 50 * MS);
        assert_int_equal(playback_due_ns(&p, &x[1], k), k * MS);
        assert_int_equal(playback_stamp_ns(&p, &x[1], k, CLOCK_NS), CLOCK_NS + k * MS);
    }
    assert_int_equal(p.total, 2 * (22 - 1));
    done(&f);
}

static void a_loop_keeps_the_rhythm(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    struct playback_config config = {.speed = {1, 1}, .loops = 0};
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    playback_init(&p, &f.timeline, &config);
    for (uint64_t k = 1; k < 1000; k++)
        assert_int_equal(playback_due_ns(&p, x, k), k * 100 * MS);
    assert_true(number(x, 12 % x->nupdates) == 1);
    done(&f);
}

static void a_loop_ends_after_its_rounds(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    struct playback_config config = {.speed = {1, 1}, .loops = 3};
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    playback_init(&p, &f.timeline, &config);
    assert_true(playback_has(&p, x, 32));
    assert_false(playback_has(&p, x, 33));
    done(&f);
}

static void no_pv_starts_anew_before_its_last_update(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    struct playback_config config = {.speed = {1, 1}, .loops = 0};
    struct maker m = maker_begin();
    uint32_t busy = maker_pv(&m, "busy", WIRE_DOUBLE, 1), late = maker_pv(&m, "late", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, busy, TIME(WIRE_DOUBLE), 1),
                              l = maker_subscribe(&m, 0, late, TIME(WIRE_DOUBLE), 1);
    for (uint32_t k = 0; k < 6; k++)
        maker_update(&m, 100 * k, &s, (struct maker_value){.number = k, .stamp_ms = 100 * k});
    maker_update(&m, 1, &l, (struct maker_value){.number = 1, .stamp_ms = -3600000});
    maker_update(&m, 730, &l, (struct maker_value){.number = 2, .stamp_ms = 730});
    const struct timeline_pv *x = build(&f, &m);
    playback_init(&p, &f.timeline, &config);
    assert_int_equal(p.period_ns, 800 * MS); /* a whole number of the busy one's intervals */
    assert_int_equal(playback_due_ns(&p, &x[0], 6), 800 * MS);
    assert_int_equal(playback_due_ns(&p, &x[1], 1), 730 * MS);
    assert_int_equal(playback_due_ns(&p, &x[1], 2), 800 * MS);
    assert_int_equal(playback_due_ns(&p, &x[1], 3), 1530 * MS);
    done(&f);
}

/* ---- a part of a recording ---- */

static void cut(struct fixture *f, uint64_t from_ms, uint64_t to_ms)
{
    struct diag diag = {0};
    if (timeline_cut(&f->timeline, from_ms * MS, to_ms > 0 ? to_ms * MS : CLOCK_NEVER, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void at_from_each_pv_holds_its_last_value(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const uint64_t origin = UINT64_C(800000000) * CLOCK_NS;
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    cut(&f, 250, 0);
    ASSERT_VALUES(x, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    playback_init(&p, &f.timeline, &as_recorded);
    for (uint64_t k = 1; k < 9; k++) {
        assert_int_equal(playback_due_ns(&p, x, k), (k * 100 - 50) * MS);
        assert_int_equal(playback_stamp_ns(&p, x, k, origin), origin + (k * 100 - 50) * MS);
    }
    assert_int_equal(playback_stamp_ns(&p, x, 0, origin), origin - 50 * MS); /* as old as it was then */
    assert_int_equal(f.timeline.counts.updates, 8);
    done(&f);
}

static void a_cut_begins_and_ends_on_updates(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    cut(&f, 200, 500);
    ASSERT_VALUES(x, 2, 3, 4); /* that at 200 ms is there, that at 500 ms comes no more */
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {1, 1}, .loops = 0});
    assert_int_equal(p.period_ns, 300 * MS);
    for (uint64_t k = 1; k < 100; k++)
        assert_int_equal(playback_due_ns(&p, x, k), k * 100 * MS);
    done(&f);
}

/* A round is as long as was asked for, and begins anew when it begins. */
static void a_round_of_a_cut_is_as_long_as_the_cut(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    cut(&f, 250, 520);
    ASSERT_VALUES(x, 2, 3, 4, 5);
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {1, 1}, .loops = 0});
    const uint64_t due_ms[] = {50, 150, 250, 270, 320, 420, 520, 540};
    for (uint64_t k = 1; k <= sizeof due_ms / sizeof *due_ms; k++)
        assert_int_equal(playback_due_ns(&p, x, k), due_ms[k - 1] * MS);
    done(&f);
}

static void a_cut_without_updates_holds_still(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct timeline_pv *x = ten_hertz(&f, 11, 0);
    cut(&f, 5000, 6000);
    ASSERT_VALUES(x, 10);
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {1, 1}, .loops = 0});
    assert_false(playback_has(&p, x, 1));
    done(&f);
}

static void rights_are_those_of_the_cut(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    maker_rights(&m, 0, pv, 3, TRACE_RIGHTS_OF);
    maker_subscribe(&m, 10, pv, TIME(WIRE_DOUBLE), 1);
    maker_rights(&m, 110, pv, 1, 0);
    maker_rights(&m, 210, pv, 3, 0);
    maker_rights(&m, 310, pv, 0, 0);
    const struct timeline_pv *x = build(&f, &m);
    cut(&f, 150, 250);
    assert_int_equal(x->rights, 1);
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {1, 1}, .loops = 2});
    const uint64_t due_ms[] = {50, 100, 150}, rights[] = {3, 1, 3};
    for (uint64_t k = 0; k < 3; k++) {
        assert_true(playback_has_rights(&p, k));
        assert_int_equal(playback_rights_ns(&p, k), due_ms[k] * MS);
        assert_int_equal(playback_rights(&p, k)->rights, rights[k]);
    }
    assert_false(playback_has_rights(&p, 3));
    done(&f);
}

static void a_cut_that_is_none_is_refused(void **state)
{
    (void)state;
    const struct {
        uint64_t from_ms, to_ms;
        const char *said;
    } rows[] = {
        {2000000, 3000000, "--from 2000s: the recording ends 1000s after its first subscription"},
        {1000000, 3000000, "--from 1000s: the recording ends 1000s after its first subscription"},
        {1500, 1200, "--to 1.2s is not after --from 1.5s (example: --from 1.5s --to 3s)"},
        {0, 0, "--to 0s is not after --from 0s (example: --from 1.5s --to 3s)"},
    };
    struct fixture f;
    ten_hertz(&f, 11, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct diag diag = {0};
        assert_int_equal(timeline_cut(&f.timeline, rows[i].from_ms * MS, rows[i].to_ms * MS, &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
        assert_string_equal(diag.text, rows[i].said);
    }
    done(&f);
}

static void stamps_move_with_the_replay(void **state)
{
    (void)state;
    const uint64_t origin = UINT64_C(800000000) * CLOCK_NS, hour = 3600 * CLOCK_NS;
    struct fixture f;
    struct playback p;
    const struct timeline_pv *x = ten_hertz(&f, 11, -3600000);
    playback_init(&p, &f.timeline, &as_recorded);
    assert_int_equal(playback_stamp_ns(&p, x, 0, origin), origin - hour); /* keeps its age */
    assert_int_equal(playback_stamp_ns(&p, x, 3, origin), origin + 300 * MS);

    struct playback_config config = {.speed = {2, 1}, .loops = 0};
    playback_init(&p, &f.timeline, &config);
    assert_int_equal(playback_stamp_ns(&p, x, 0, origin), origin - hour);
    assert_int_equal(playback_stamp_ns(&p, x, 3, origin), origin + 150 * MS);
    assert_int_equal(playback_stamp_ns(&p, x, 11 + 3, origin), origin + p.period_ns / 2 + 150 * MS);

    config.recorded_stamps = true;
    playback_init(&p, &f.timeline, &config);
    assert_int_equal(playback_stamp_ns(&p, x, 3, origin), MAKER_START_STAMP * CLOCK_NS + 300 * MS);
    done(&f);
}

static void a_zero_stamp_stays_zero(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    const struct timeline_pv *x = ten_hertz(&f, 2, MAKER_ZERO_STAMP);
    playback_init(&p, &f.timeline, &as_recorded);
    assert_int_equal(playback_stamp_ns(&p, x, 0, UINT64_C(800000000) * CLOCK_NS), 0);
    assert_true(playback_stamp_ns(&p, x, 1, UINT64_C(800000000) * CLOCK_NS) > 0);
    done(&f);
}

/* What another user was told when connecting, and what a second client was told again, change nothing. */
static void rights_change_when_a_connected_client_was_told(void **state)
{
    (void)state;
    struct fixture f;
    struct playback p;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    maker_rights(&m, 0, pv, 3, TRACE_RIGHTS_OF);
    maker_rights(&m, 1, pv, 1, TRACE_RIGHTS_OF);
    maker_subscribe(&m, 10, pv, TIME(WIRE_DOUBLE), 1);
    maker_rights(&m, 210, pv, 1, 0);
    maker_rights(&m, 211, pv, 1, 0);
    const struct timeline_pv *x = build(&f, &m);
    assert_int_equal(x->rights, 3);
    playback_init(&p, &f.timeline, &(struct playback_config){.speed = {2, 1}, .loops = 2});
    const uint64_t due_ms[] = {100, 500, 600}, rights[] = {1, 3, 1}; /* a round is a second */
    for (uint64_t k = 0; k < 3; k++) {
        assert_true(playback_has_rights(&p, k));
        assert_int_equal(playback_rights_ns(&p, k), due_ms[k] * MS);
        assert_int_equal(playback_rights(&p, k)->rights, rights[k]);
    }
    assert_false(playback_has_rights(&p, 3)); /* after the last round nothing begins anew */
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_times_come_from_k),
        cmocka_unit_test(no_tick_of_ten_million_drifts),
        cmocka_unit_test(speeds_are_fractions),
        cmocka_unit_test(a_rate_of_its_own_leaves_the_others_alone),
        cmocka_unit_test(a_loop_keeps_the_rhythm),
        cmocka_unit_test(a_loop_ends_after_its_rounds),
        cmocka_unit_test(no_pv_starts_anew_before_its_last_update),
        cmocka_unit_test(at_from_each_pv_holds_its_last_value),
        cmocka_unit_test(a_cut_begins_and_ends_on_updates),
        cmocka_unit_test(a_round_of_a_cut_is_as_long_as_the_cut),
        cmocka_unit_test(a_cut_without_updates_holds_still),
        cmocka_unit_test(rights_are_those_of_the_cut),
        cmocka_unit_test(a_cut_that_is_none_is_refused),
        cmocka_unit_test(stamps_move_with_the_replay),
        cmocka_unit_test(a_zero_stamp_stays_zero),
        cmocka_unit_test(rights_change_when_a_connected_client_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
