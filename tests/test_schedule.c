#include "sim/schedule.h"

#include "sim/lane.h"
#include "sim/start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 500u

static unsigned fired[4 * N], nfired;

static void on_fire(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    fired[nfired++] = *(unsigned *)owner;
}

struct set {
    struct schedule schedule;
    struct schedule_entry entry[N];
    unsigned number[N];
};

static struct set *new_set(void)
{
    struct set *set = calloc(1, sizeof *set);
    schedule_init(&set->schedule);
    for (unsigned i = 0; i < N; i++) {
        set->number[i] = i;
        set->entry[i] = (struct schedule_entry){.fire = on_fire, .owner = &set->number[i]};
        schedule_add(&set->schedule, &set->entry[i]);
    }
    nfired = 0;
    return set;
}

static void free_set(struct set *set)
{
    schedule_fini(&set->schedule);
    free(set);
}

static void the_earliest_comes_first(void **state)
{
    (void)state;
    struct set *set = new_set();
    for (unsigned i = 0; i < N; i++)
        schedule_set(&set->schedule, &set->entry[i], 1 + i * 7919 % N);
    assert_int_equal(schedule_earliest(&set->schedule), 1);
    while (schedule_fire(&set->schedule, N))
        ;
    assert_int_equal(nfired, N);
    for (unsigned i = 1; i < N; i++)
        assert_true(fired[i - 1] * 7919 % N < fired[i] * 7919 % N);
    assert_int_equal(schedule_earliest(&set->schedule), CLOCK_NEVER);
    free_set(set);
}

static void equal_deadlines_come_in_the_order_of_adding(void **state)
{
    (void)state;
    struct set *set = new_set();
    for (unsigned i = N; i-- > 0;)
        schedule_set(&set->schedule, &set->entry[i], 5);
    while (schedule_fire(&set->schedule, 5))
        ;
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(fired[i], i);
    free_set(set);
}

static void nothing_fires_before_its_time(void **state)
{
    (void)state;
    struct set *set = new_set();
    schedule_set(&set->schedule, &set->entry[3], 10);
    assert_false(schedule_fire(&set->schedule, 9));
    assert_true(schedule_fire(&set->schedule, 10));
    assert_false(schedule_fire(&set->schedule, 1000));
    free_set(set);
}

static void a_deadline_can_be_moved_and_taken_back(void **state)
{
    (void)state;
    struct set *set = new_set();
    for (unsigned i = 0; i < N; i++)
        schedule_set(&set->schedule, &set->entry[i], 100 + i);
    for (unsigned i = 0; i < N; i += 2)
        schedule_set(&set->schedule, &set->entry[i], CLOCK_NEVER);
    schedule_set(&set->schedule, &set->entry[N - 1], 1);
    schedule_set(&set->schedule, &set->entry[1], 10000);
    while (schedule_fire(&set->schedule, 20000))
        ;
    assert_int_equal(nfired, N / 2);
    assert_int_equal(fired[0], N - 1);
    assert_int_equal(fired[N / 2 - 1], 1);
    for (unsigned i = 2; i < N / 2 - 1; i++)
        assert_true(fired[i - 1] < fired[i]);
    free_set(set);
}

struct million {
    struct schedule_entry entry[1000000];
    uint64_t due_ns[1000000];
    size_t before, fired, wrong; /* before: the one that fired last */
};

static struct million *million;

static void on_one_of_a_million(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    const size_t one = (size_t)((struct schedule_entry *)owner - million->entry), before = million->before;
    if (million->fired++ > 0)
        million->wrong +=
            million->due_ns[before] > million->due_ns[one] || (million->due_ns[before] == million->due_ns[one] && before > one);
    million->before = one;
}

/* Four of them at each time: those come in the order of adding. */
static void a_million_deadlines_come_in_order(void **state)
{
    (void)state;
    struct schedule schedule;
    const size_t n = sizeof million->entry / sizeof *million->entry;
    million = calloc(1, sizeof *million);
    schedule_init(&schedule);
    for (size_t i = 0; i < n; i++) {
        struct schedule_entry *entry = &million->entry[i];
        *entry = (struct schedule_entry){.fire = on_one_of_a_million, .owner = entry};
        schedule_add(&schedule, entry);
        million->due_ns[i] = 1 + i * 7919 % (n / 4);
        schedule_set(&schedule, entry, million->due_ns[i]);
    }
    while (schedule_fire(&schedule, n))
        ;
    assert_int_equal(million->fired, n);
    assert_int_equal(million->wrong, 0);
    schedule_fini(&schedule);
    free(million);
}

static void a_lane_keeps_order(void **state)
{
    (void)state;
    struct lane lane;
    lane_init(&lane, NULL);
    lane_push(&lane, &(struct reply){.own_ns = 100});
    lane_push(&lane, &(struct reply){.own_ns = 50});
    lane_push(&lane, &(struct reply){.own_ns = 100 + LANE_TOGETHER_NS});
    lane_push(&lane, &(struct reply){.own_ns = 101 + LANE_TOGETHER_NS});
    assert_int_equal(lane_at(&lane, 1)->due_ns, 100);
    assert_null(lane_due(&lane, 99));
    assert_non_null(lane_due(&lane, 100));
    assert_int_equal(lane_deadline(&lane), 100 + LANE_TOGETHER_NS); /* those that leave together */
    lane_fini(&lane);
}

static void a_lane_grows_in_order_until_it_is_full(void **state)
{
    (void)state;
    struct lane lane;
    lane_init(&lane, NULL);
    uint32_t pushed = 0, popped = 0;
    for (; lane_reserve(&lane); pushed++) {
        lane_push(&lane, &(struct reply){.cid = pushed});
        if (pushed % 3 == 0 && pushed < 1000) {
            assert_int_equal(lane_due(&lane, 0)->cid, popped++);
            lane_pop(&lane);
        }
    }
    assert_int_equal(lane.count, LANE_MOST - 1);
    for (; lane.count > 0; lane_pop(&lane))
        assert_int_equal(lane_due(&lane, 0)->cid, popped++);
    assert_int_equal(popped, pushed);
    lane_fini(&lane);
}

static void time_0_is_when_the_option_says(void **state)
{
    (void)state;
    struct sim_start start;
    struct diag diag;
    assert_int_equal(sim_start_parse(&start, NULL, &diag), 0);
    assert_true(start.kind == SIM_START_SUBSCRIPTIONS && start.subscriptions == 1);
    assert_int_equal(sim_start_parse(&start, "subscriptions=12", &diag), 0);
    assert_true(start.kind == SIM_START_SUBSCRIPTIONS && start.subscriptions == 12);
    assert_int_equal(sim_start_parse(&start, "signal", &diag), 0);
    assert_int_equal(start.kind, SIM_START_SIGNAL);
    static const char *const bad[] = {
        "",   "subscriptions=", "subscriptions=0", "subscriptions=1x", "subscriptions=-1", "subscriptions=18446744073709551617",
        "now"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sim_start_parse(&start, bad[i], &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_comes_first),
        cmocka_unit_test(equal_deadlines_come_in_the_order_of_adding),
        cmocka_unit_test(nothing_fires_before_its_time),
        cmocka_unit_test(a_deadline_can_be_moved_and_taken_back),
        cmocka_unit_test(a_million_deadlines_come_in_order),
        cmocka_unit_test(a_lane_keeps_order),
        cmocka_unit_test(a_lane_grows_in_order_until_it_is_full),
        cmocka_unit_test(time_0_is_when_the_option_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
