/* The replay's own time: pauses, steps and speeds move it and no deadline twice; what comes is stamped by the clock of its
 * moment.
 */
#include "replay/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0     UINT64_C(1000000)
#define ORIGIN UINT64_C(5000000)

static struct transport started(void)
{
    struct transport t = {.rate = {1, 1}};
    transport_start(&t, T0, ORIGIN);
    return t;
}

/* What an update at this offset would be stamped, and when it is due, have moved by as much. */
static void expect(const struct transport *t, uint64_t offset_ns, uint64_t due_ns)
{
    assert_int_equal(transport_due_ns(t, offset_ns), due_ns);
    assert_int_equal(transport_origin_ns(t, offset_ns) + offset_ns, ORIGIN + (due_ns - T0));
}

static void time_goes_with_the_clock(void **state)
{
    (void)state;
    const struct transport t = started();
    expect(&t, 0, T0);
    expect(&t, 300, T0 + 300);
    assert_int_equal(transport_now_ns(&t, T0 + 250), 250);
}

static void a_pause_moves_what_comes_after_it(void **state)
{
    (void)state;
    struct transport t = started();
    transport_pause(&t, T0 + 100);
    assert_int_equal(transport_due_ns(&t, 300), CLOCK_NEVER);
    assert_int_equal(transport_now_ns(&t, T0 + 900), 100);
    transport_go_on(&t, T0 + 1100);
    expect(&t, 300, T0 + 1300);
}

static void a_pause_before_time_0_goes_on(void **state)
{
    (void)state;
    struct transport t = {.rate = {1, 1}};
    transport_pause(&t, T0 - 500);
    transport_start(&t, T0, ORIGIN);
    assert_int_equal(transport_due_ns(&t, 0), CLOCK_NEVER);
    transport_go_on(&t, T0 + 700);
    expect(&t, 10, T0 + 710);
}

static void twice_as_fast_from_now_on(void **state)
{
    (void)state;
    struct transport t = started();
    transport_set_rate(&t, (struct clock_rate){2, 1}, T0 + 100);
    expect(&t, 100, T0 + 100);
    expect(&t, 300, T0 + 200);
    assert_int_equal(transport_now_ns(&t, T0 + 200), 300);
    transport_set_rate(&t, (struct clock_rate){1, 10}, T0 + 200);
    expect(&t, 300, T0 + 200);
    expect(&t, 310, T0 + 300);
    assert_int_equal(transport_now_ns(&t, T0 + 300), 310);
}

static void a_speed_that_is_set_while_paused_counts_from_when_it_goes_on(void **state)
{
    (void)state;
    struct transport t = started();
    transport_pause(&t, T0 + 100);
    transport_set_rate(&t, (struct clock_rate){4, 1}, T0 + 500);
    assert_int_equal(transport_now_ns(&t, T0 + 900), 100);
    transport_go_on(&t, T0 + 1000);
    expect(&t, 500, T0 + 1100);
}

static void a_speed_that_is_set_before_time_0_counts_from_there(void **state)
{
    (void)state;
    struct transport t = {.rate = {1, 1}};
    transport_set_rate(&t, (struct clock_rate){2, 1}, T0 - 500);
    transport_start(&t, T0, ORIGIN);
    expect(&t, 400, T0 + 200);
}

static void fixed_stamps_stay_with_the_recording(void **state)
{
    (void)state;
    struct transport t = started();
    t.has_fixed_stamps = true;
    transport_set_rate(&t, (struct clock_rate){2, 1}, T0 + 100);
    transport_pause(&t, T0 + 150);
    transport_go_on(&t, T0 + 950);
    assert_int_equal(transport_origin_ns(&t, 800), ORIGIN);
}

static void a_speed_moves_no_deadline_by_roundings(void **state)
{
    (void)state;
    struct transport t = started();
    const struct clock_rate rate = {300000001, 100000000};
    transport_set_rate(&t, rate, T0);
    __extension__ typedef unsigned __int128 u128;
    const u128 day_ns = UINT64_C(86400) * CLOCK_NS;
    assert_int_equal(transport_due_ns(&t, (uint64_t)day_ns), T0 + (uint64_t)(day_ns * rate.den / rate.num));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_goes_with_the_clock),
        cmocka_unit_test(a_pause_moves_what_comes_after_it),
        cmocka_unit_test(a_pause_before_time_0_goes_on),
        cmocka_unit_test(twice_as_fast_from_now_on),
        cmocka_unit_test(a_speed_that_is_set_while_paused_counts_from_when_it_goes_on),
        cmocka_unit_test(a_speed_that_is_set_before_time_0_counts_from_there),
        cmocka_unit_test(fixed_stamps_stay_with_the_recording),
        cmocka_unit_test(a_speed_moves_no_deadline_by_roundings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
