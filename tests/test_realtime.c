/* A real-time thread rests before the kernel makes it: counted with times that are given. */
#include "base/realtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* A thread that works for `of_10` tenths of each look's millisecond, for a second: ms that it was counted as real-time work. */
static uint64_t worked_ms(uint64_t of_10)
{
    struct realtime r = {.is_realtime = true};
    uint64_t used_ns = 0, worked = 0;
    for (uint64_t now_ns = MS; now_ns <= 1000 * MS; now_ns += MS) {
        used_ns += of_10 * MS / 10;
        worked += r.is_out ? 0 : of_10;
        r.is_out = realtime_count(&r, now_ns, used_ns);
    }
    return worked / 10;
}

static void who_always_works_rests_before_the_kernel_stops_it(void **state)
{
    (void)state;
    assert_in_range(worked_ms(10), 900, 949);
}

static void who_sleeps_enough_never_has_to(void **state)
{
    (void)state;
    assert_int_equal(worked_ms(9), 900);
    assert_int_equal(worked_ms(1), 100);
}

static void what_was_slept_before_counts_for_nothing(void **state)
{
    struct realtime r = {.is_realtime = true};
    (void)state;
    assert_false(realtime_count(&r, 100000 * MS, 0));
    assert_false(realtime_count(&r, 100119 * MS, 119 * MS));
    assert_true(realtime_count(&r, 100121 * MS, 121 * MS));
}

static void a_long_piece_of_work_is_not_rested_for_ever(void **state)
{
    struct realtime r = {.is_realtime = true};
    (void)state;
    r.is_out = realtime_count(&r, 60000 * MS, 60000 * MS);
    assert_true(r.is_out);
    assert_false(realtime_count(&r, 60051 * MS, 60051 * MS));
}

static void a_thread_that_lost_its_core_has_rested(void **state)
{
    struct realtime r = {.is_realtime = true};
    (void)state;
    assert_false(realtime_count(&r, 1000 * MS, 110 * MS));
    assert_int_equal(r.owed_ns, 0);
}

static void an_ordinary_thread_is_left_alone(void **state)
{
    struct realtime r;
    (void)state;
    realtime_init(&r);
    if (r.is_realtime)
        return; /* we were started as one */
    realtime_pass(&r, UINT64_MAX);
    assert_int_equal(r.next_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_always_works_rests_before_the_kernel_stops_it),
        cmocka_unit_test(who_sleeps_enough_never_has_to),
        cmocka_unit_test(what_was_slept_before_counts_for_nothing),
        cmocka_unit_test(a_long_piece_of_work_is_not_rested_for_ever),
        cmocka_unit_test(a_thread_that_lost_its_core_has_rested),
        cmocka_unit_test(an_ordinary_thread_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
