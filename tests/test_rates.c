/* A replay under a fake clock: each option of its pace, pauses and steps, and what it says of where it is. */
#include "replay/pace.h"
#include "replay/source.h"
#include "tests/timeline_fixture.h"

#define T0        (UINT64_C(5000) * CLOCK_NS)      /* CLOCK_MONOTONIC at time 0 */
#define STAMP0    (UINT64_C(900000000) * CLOCK_NS) /* the same as a stamp */
#define MOST_SEEN 64

struct player {
    struct fixture f;
    struct playback_config config;
    struct replay_source *source;
    struct sim_source calls;
    uint64_t now_ns;
    struct seen {
        uint64_t due_ns, stamp_ns; /* after T0, STAMP0 */
        uint32_t pv;
        double number;
        bool timed;
    } seen[MOST_SEEN];
    unsigned nseen;
};

/* "x" and "y" of 10 Hz and 5 updates, both at the same times. */
static void record_two(struct player *p)
{
    struct maker m = maker_begin();
    struct maker_subscription s[2];
    for (int i = 0; i < 2; i++)
        s[i] = maker_subscribe(&m, 0, maker_pv(&m, i == 0 ? "x" : "y", WIRE_DOUBLE, 1), TIME(WIRE_DOUBLE), 1);
    for (int k = 0; k < 5 * 2; k++)
        maker_update(&m, 100 * (k / 2), &s[k % 2], (struct maker_value){.number = k / 2, .stamp_ms = 100 * (k / 2)});
    build(&p->f, &m);
}

static void open_source(struct player *p, bool has_fixed_stamps)
{
    struct diag diag = {0};
    const struct replay_source_config config = {.now_ns = T0, .now_stamp_ns = STAMP0, .has_fixed_stamps = has_fixed_stamps};
    p->source = replay_source_new(&p->f.timeline, &p->config, &config, &diag);
    assert_non_null(p->source);
    p->calls = replay_source_calls(p->source);
    p->now_ns = T0;
}

static void close_player(struct player *p)
{
    replay_source_free(p->source);
    free((void *)(uintptr_t)p->config.rates);
    done(&p->f);
}

/* A replay as options say it, with "--rate"s in `rates`. Time 0 has come. */
static void play(struct player *p, struct pace pace)
{
    struct diag diag = {0};
    struct clock_rate *rates;
    *p = (struct player){0};
    record_two(p);
    if (pace_check(&pace, &p->config, &diag) < 0 || pace_rates(&pace, &p->f.timeline, &rates, &diag) < 0)
        fail_msg("%s", diag.text);
    p->config.rates = rates;
    open_source(p, false);
    p->calls.calls->start(p->calls.self, T0, STAMP0 + CLOCK_EPICS_EPOCH * CLOCK_NS);
}

static uint64_t stamp_of(const struct sim_pv *pv)
{
    return pv->value.stamp.seconds * CLOCK_NS + pv->value.stamp.nanoseconds - STAMP0;
}

/* The clock goes on to T0 + until_ms; what was due has come. */
static void run_until(struct player *p, uint64_t until_ms)
{
    p->now_ns = T0 + until_ms * MS;
    for (uint64_t due; (due = p->calls.calls->next_ns(p->calls.self)) <= p->now_ns && p->nseen < MOST_SEEN;) {
        unsigned mask;
        const struct sim_pv *pv = p->calls.calls->change(p->calls.self, &mask);
        p->seen[p->nseen++] = (struct seen){.due_ns = due - T0,
                                            .stamp_ns = stamp_of(pv),
                                            .pv = pv->index,
                                            .number = wire_value_number(&pv->value),
                                            .timed = due > 0};
    }
}

static void control(struct player *p, enum sim_control what)
{
    p->calls.calls->control(p->calls.self, what, p->now_ns);
}

static void assert_position(const struct player *p, const char *expected)
{
    char text[128];
    p->calls.calls->position(p->calls.self, p->now_ns, text, sizeof text);
    assert_string_equal(text, expected);
}

static void assert_seen(const struct seen *s, uint32_t pv, double number, uint64_t due_ms)
{
    assert_int_equal(s->pv, pv);
    assert_true(s->number == number);
    assert_int_equal(s->due_ns, due_ms * MS);
    assert_int_equal(s->stamp_ns, s->due_ns);
}

/* ---- paces ---- */

static void at_the_recorded_times(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace)PACE_DEFAULTS);
    run_until(&p, 399);
    assert_int_equal(p.nseen, 6);
    run_until(&p, 10000);
    assert_int_equal(p.nseen, 8);
    for (unsigned i = 0; i < 8; i++) /* of those that are due together the first PV comes first */
        assert_seen(&p.seen[i], i % 2, i / 2 + 1, 100 * (i / 2 + 1));
    assert_position(&p, "10.000/1000.000 s, over");
    close_player(&p);
}

static void at_a_speed(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.speed = {25, 10}, .to_ns = CLOCK_NEVER, .loops = 1});
    run_until(&p, 10000);
    for (unsigned i = 0; i < 8; i++)
        assert_seen(&p.seen[i], i % 2, i / 2 + 1, 40 * (i / 2 + 1));
    close_player(&p);
}

static void at_a_rate_each_goes_round_on_its_own(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.rates = {.at = {"*=1000Hz", "y=500Hz"}, .count = 2}, .to_ns = CLOCK_NEVER, .loops = 2});
    run_until(&p, 10000);
    assert_int_equal(p.nseen, 18);
    unsigned next[2] = {1, 1};
    for (unsigned i = 0; i < 18; i++) {
        unsigned k = next[p.seen[i].pv]++;
        assert_seen(&p.seen[i], p.seen[i].pv, k % 5, k * (p.seen[i].pv + 1));
    }
    assert_position(&p, "18/18 updates, over");
    close_player(&p);
}

static void a_rate_by_pattern_leaves_others_at_their_times(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.rates = {.at = {"[y-z]=100Hz"}, .count = 1}, .to_ns = CLOCK_NEVER, .loops = 1});
    run_until(&p, 10000);
    for (unsigned i = 0; i < 4; i++) {
        assert_seen(&p.seen[i], 1, i + 1, 10 * (i + 1));
        assert_seen(&p.seen[4 + i], 0, i + 1, 100 * (i + 1));
    }
    close_player(&p);
}

static void as_fast_as_possible_keeps_the_order(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.asap = true, .to_ns = CLOCK_NEVER, .loops = 2});
    run_until(&p, 0);
    assert_int_equal(p.nseen, 18);
    for (unsigned i = 0; i < 18; i++) {
        assert_false(p.seen[i].timed); /* nobody asks how late it was */
        assert_int_equal(p.seen[i].pv, i % 2);
        assert_int_equal(p.seen[i].stamp_ns, 100 * (i / 2 + 1) * MS);
    }
    assert_position(&p, "0.400/0.500 s, loop 2 of 2, over");
    close_player(&p);
}

/* ---- pauses and steps ---- */

static void a_pause_moves_what_comes_after_it(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace)PACE_DEFAULTS);
    run_until(&p, 250);
    control(&p, SIM_CONTROL_SIGNAL);
    assert_position(&p, "0.250/1000.000 s, paused");
    run_until(&p, 5000);
    assert_int_equal(p.nseen, 4);
    assert_position(&p, "0.250/1000.000 s, paused");
    control(&p, SIM_CONTROL_PAUSE);
    run_until(&p, 9000);
    assert_int_equal(p.nseen, 8);
    for (unsigned i = 4; i < 8; i++) /* stamps are those of the moment */
        assert_seen(&p.seen[i], i % 2, i / 2 + 1, 4750 + 100 * (i / 2 + 1));
    close_player(&p);
}

/* What was late when the replay was paused is as late afterwards: the pause hides nothing. */
static void a_pause_hides_no_lateness(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace)PACE_DEFAULTS);
    p.now_ns = T0 + 130 * MS; /* 30 ms too late */
    control(&p, SIM_CONTROL_PAUSE);
    p.now_ns = T0 + 1130 * MS;
    control(&p, SIM_CONTROL_PAUSE);
    run_until(&p, 1130);
    assert_int_equal(p.nseen, 2);
    assert_int_equal(p.seen[0].due_ns, 1100 * MS);
    close_player(&p);
}

static void steps_make_one_change_each(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.step = true, .to_ns = CLOCK_NEVER, .loops = 1});
    run_until(&p, 2000);
    assert_int_equal(p.nseen, 0);
    for (unsigned i = 0; i < 8; i++) {
        control(&p, SIM_CONTROL_SIGNAL);
        run_until(&p, 3000 + 10 * i);
        assert_int_equal(p.nseen, i + 1);
        assert_seen(&p.seen[i], i % 2, i / 2 + 1, i == 0 ? 2000 : 3000 + 10 * (i - 1)); /* due when it was asked for */
    }
    assert_position(&p, "0.400/1000.000 s, over");
    control(&p, SIM_CONTROL_SIGNAL);
    run_until(&p, 90000);
    assert_int_equal(p.nseen, 8);
    close_player(&p);
}

static void after_steps_it_can_go_on(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.step = true, .to_ns = CLOCK_NEVER, .loops = 1});
    p.now_ns = T0 + 7000 * MS;
    for (unsigned i = 0; i < 3; i++) {
        control(&p, SIM_CONTROL_STEP);
        run_until(&p, 7000);
    }
    control(&p, SIM_CONTROL_PAUSE);
    run_until(&p, 20000);
    assert_int_equal(p.nseen, 8);
    assert_seen(&p.seen[3], 1, 2, 7000);
    for (unsigned i = 4; i < 8; i++)
        assert_seen(&p.seen[i], i % 2, i / 2 + 1, 6800 + 100 * (i / 2 + 1));
    close_player(&p);
}

static void a_step_stops_what_runs(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.asap = true, .to_ns = CLOCK_NEVER, .loops = 0});
    control(&p, SIM_CONTROL_STEP);
    run_until(&p, 10);
    assert_int_equal(p.nseen, 0);
    control(&p, SIM_CONTROL_STEP);
    run_until(&p, 20);
    assert_int_equal(p.nseen, 1);
    assert_position(&p, "0.100/0.500 s, loop 1, paused");
    close_player(&p);
}

static void before_time_0_nothing_steps(void **state)
{
    (void)state;
    struct player p = {.config = {.pace = PLAYBACK_STEP, .speed = {1, 1}, .loops = 1}};
    record_two(&p);
    open_source(&p, false);
    control(&p, SIM_CONTROL_SIGNAL);
    run_until(&p, 100);
    assert_int_equal(p.nseen, 0);
    assert_position(&p, "waiting for time 0, paused");
    close_player(&p);
}

static void given_stamps_do_not_move_with_pauses(void **state)
{
    (void)state;
    struct player p = {.config = {.pace = PLAYBACK_RECORDED, .speed = {1, 1}, .loops = 1}};
    record_two(&p);
    open_source(&p, true);
    p.calls.calls->start(p.calls.self, T0, STAMP0 + CLOCK_EPICS_EPOCH * CLOCK_NS);
    control(&p, SIM_CONTROL_PAUSE);
    p.now_ns += CLOCK_NS;
    control(&p, SIM_CONTROL_PAUSE);
    run_until(&p, 9000);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(p.seen[i].stamp_ns, 100 * (i / 2 + 1) * MS);
    assert_int_equal(p.seen[0].due_ns, 1100 * MS);
    close_player(&p);
}

/* ---- where it is ---- */

static void positions_count_loops(void **state)
{
    (void)state;
    struct player p;
    play(&p, (struct pace){.to_ns = CLOCK_NEVER, .loops = 3});
    run_until(&p, 620);
    assert_position(&p, "0.120/0.500 s, loop 2 of 3");
    close_player(&p);
    play(&p, (struct pace){.to_ns = CLOCK_NEVER, .loops = 0});
    run_until(&p, 1020);
    assert_position(&p, "0.020/0.500 s, loop 3");
    close_player(&p);
}

/* ---- what contradicts itself ---- */

static void bad_paces_are_refused(void **state)
{
    (void)state;
    const struct clock_rate two = {2, 1};
    const struct {
        struct pace pace;
        const char *said;
    } rows[] = {
        {{.speed = two, .asap = true}, "exclude each other (example: --speed 2)"},
        {{.speed = two, .step = true}, "exclude each other"},
        {{.asap = true, .step = true}, "exclude each other"},
        {{.speed = two, .rates = {.at = {"120Hz"}, .count = 1}}, "exclude each other"},
        {{.asap = true, .rates = {.at = {"x=120Hz"}, .count = 1}}, "--rate x=120Hz and --asap exclude each other"},
        {{.rates = {.at = {"0Hz"}, .count = 1}}, "'0Hz' is not a rate above 0"},
        {{.rates = {.at = {"x=0Hz"}, .count = 1}}, "'x=0Hz' is not a rate above 0"},
        {{.rates = {.at = {"x=120"}, .count = 1}}, "'x=120' is not a rate above 0"},
        {{.rates = {.at = {"=120Hz"}, .count = 1}}, "'=120Hz' is not a rate above 0"},
        {{.rates = {.at = {""}, .count = 1}}, "'' is not a rate above 0"},
        {{.speed = {9, 1000}}, "--speed: 0.009 is outside 0.01 to 1000"},
        {{.speed = {10001, 10}}, "--speed: 1000.1 is outside 0.01 to 1000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct playback_config config = {0};
        struct diag diag = {0};
        assert_int_equal(pace_check(&rows[i].pace, &config, &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
        if (strstr(diag.text, rows[i].said) == NULL)
            fail_msg("'%s' does not say '%s'", diag.text, rows[i].said);
    }
}

static void a_pattern_must_match(void **state)
{
    (void)state;
    struct player p = {.f = {.timeline = {0}}};
    struct clock_rate *rates;
    struct diag diag = {0};
    record_two(&p);
    const struct pace pace = {.rates = {.at = {"x=1Hz", "a=b*=1Hz"}, .count = 2}};
    assert_int_equal(pace_rates(&pace, &p.f.timeline, &rates, &diag), -1);
    assert_string_equal(diag.text, "--rate a=b*=1Hz: 'a=b*' matches none of the 2 PVs recorded (example: 'x=10Hz')");
    free(rates);
    done(&p.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_recorded_times),
        cmocka_unit_test(at_a_speed),
        cmocka_unit_test(at_a_rate_each_goes_round_on_its_own),
        cmocka_unit_test(a_rate_by_pattern_leaves_others_at_their_times),
        cmocka_unit_test(as_fast_as_possible_keeps_the_order),
        cmocka_unit_test(a_pause_moves_what_comes_after_it),
        cmocka_unit_test(a_pause_hides_no_lateness),
        cmocka_unit_test(steps_make_one_change_each),
        cmocka_unit_test(after_steps_it_can_go_on),
        cmocka_unit_test(a_step_stops_what_runs),
        cmocka_unit_test(before_time_0_nothing_steps),
        cmocka_unit_test(given_stamps_do_not_move_with_pauses),
        cmocka_unit_test(positions_count_loops),
        cmocka_unit_test(bad_paces_are_refused),
        cmocka_unit_test(a_pattern_must_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
