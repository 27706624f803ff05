/* The order in which a trace's messages were written, held against the rule as it reads. */
#include "traces/twin_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FEW = 24, MANY = 400000 }; /* looking back over all of MANY for each of them takes minutes */

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* ---- the rule, looking at all messages each time ---- */

static bool waits(const struct trace *t, const uint32_t *place, uint32_t index)
{
    for (uint32_t i = index; i > 0 && t->events[i - 1].t_ns == t->events[index].t_ns; i--)
        if (place[i - 1] == TRACE_NONE)
            return true;
    return false;
}

/* The next one in the pool that is not placed; nevents: none. */
static uint32_t next_paid(const struct trace *t, const uint32_t *place)
{
    uint32_t best = t->nevents;
    for (uint32_t i = 0; i < t->nevents; i++)
        if (t->events[i].size > 0 && place[i] == TRACE_NONE && (best == t->nevents || t->events[i].head < t->events[best].head))
            best = i;
    return best;
}

static void by_the_rule(const struct trace *t, uint32_t *place)
{
    uint32_t n = 0;
    memset(place, 0xff, t->nevents * sizeof *place);
    for (uint32_t paid = 0; paid < t->nevents;) {
        paid = next_paid(t, place);
        for (uint32_t i = 0; i < paid; i++)
            if (t->events[i].size == 0 && place[i] == TRACE_NONE && !waits(t, place, i))
                place[i] = n++;
        if (paid < t->nevents)
            place[paid] = n++;
    }
}

/* ---- tests ---- */

/* Some of one time; the pool has those with a payload in a random order where `is_mixed`. */
static void make_events(struct trace_event *events, uint32_t n, uint64_t seed, bool is_mixed)
{
    uint64_t t_ns = 0;
    for (uint32_t i = 0; i < n; i++) {
        t_ns += next_random(&seed) % 3 == 0;
        events[i] = (struct trace_event){
            .t_ns = t_ns, .size = next_random(&seed) % 2 * 8, .head = is_mixed ? next_random(&seed) : 8u * i};
    }
}

static void few_messages_are_ordered_by_the_rule(void **state)
{
    (void)state;
    struct trace_event events[FEW];
    const struct trace t = {.events = events, .nevents = FEW};
    uint32_t order[FEW], place[FEW], expected[FEW];
    for (uint64_t seed = 0; seed < 2000; seed++) {
        make_events(events, FEW, seed, seed % 4 > 0);
        by_the_rule(&t, expected);
        assert_true(twin_order(&t, order, place));
        assert_memory_equal(place, expected, sizeof expected);
        for (uint32_t i = 0; i < FEW; i++)
            assert_int_equal(order[place[i]], i);
    }
}

static void many_messages_of_one_time_are_ordered_soon(void **state)
{
    (void)state;
    struct trace_event *events = calloc(MANY, sizeof *events);
    uint32_t *order = malloc(2 * MANY * sizeof *order), *place = order + MANY;
    assert_true(events != NULL && order != NULL);
    for (uint32_t i = 0; i < MANY; i++)
        events[i] = (struct trace_event){.size = i % 2 * 8, .head = 8u * i};
    assert_true(twin_order(&(struct trace){.events = events, .nevents = MANY}, order, place));
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(place[i], i);
    free(events);
    free(order);
}

static void no_messages_are_in_order(void **state)
{
    (void)state;
    uint32_t order[1], place[1];
    assert_true(twin_order(&(struct trace){0}, order, place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_messages_are_ordered_by_the_rule),
        cmocka_unit_test(many_messages_of_one_time_are_ordered_soon),
        cmocka_unit_test(no_messages_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
