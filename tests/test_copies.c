/* Copies of one post that an IOC sent to several subscribers: some are merged with the next post, come late, or are all that is
 * left. */
#include "replay/playback.h"
#include "replay/timeline.h"
#include "tests/timeline_fixture.h"

/* The slow client's queue merged frame 2 into frame 1: stamp of 1, data of 2. The fast one came first. */
static void a_merged_image_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "image", WIRE_INT16, 8);
    struct maker_subscription fast = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0),
                              slow = maker_subscribe(&m, 0.1, pv, TIME(WIRE_INT16), 0);
    for (int k = 0; k < 4; k++)
        maker_update(&m, 1 + 10 * k, &fast, (struct maker_value){.number = 100 * k, .count = 8, .stamp_ms = 10 * k});
    maker_update(&m, 2, &slow, (struct maker_value){.number = 0, .count = 8, .stamp_ms = 0});
    maker_update(&m, 24, &slow, (struct maker_value){.number = 200, .count = 8, .stamp_ms = 10});
    maker_update(&m, 32, &slow, (struct maker_value){.number = 300, .count = 8, .stamp_ms = 30});
    const struct timeline_pv *image = build(&f, &m);
    ASSERT_VALUES(image, 0, 100, 200, 300);
    assert_int_equal(f.timeline.counts.copies, 3);
    assert_int_equal(f.timeline.counts.merged, 1);
    const struct trace *t = &f.trace;
    for (int k = 0; k < 4; k++) /* not copied */
        assert_true(image->updates[k].data >= t->pool && image->updates[k].data < t->pool + t->pool_bytes);
    done(&f);
}

/* Arrays: each is 8 elements from `number` on. */
static void say(struct maker *m, struct maker_subscription *s, double t_ms, double number, int64_t stamp_ms)
{
    maker_update(m, t_ms, s, (struct maker_value){.number = number, .count = 8, .stamp_ms = stamp_ms});
}

/* The fast client's frame 1 waited in a full socket; the other's, which has the data of frame 2, went out before. */
static void a_merged_image_that_came_first_is_dropped(void **state)
{
    (void)state;
    for (uint32_t asked = 0; asked <= 8; asked += 8) { /* as many as there are says no more than all eight */
        struct fixture f;
        struct maker m = maker_begin();
        uint32_t pv = maker_pv(&m, "image", WIRE_INT16, 8);
        struct maker_subscription own = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 8),
                                  merged = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), asked);
        say(&m, &own, 1, 0, 0);
        say(&m, &merged, 1, 0, 0);
        say(&m, &merged, 24, 200, 10);
        say(&m, &own, 26, 100, 10);
        say(&m, &own, 27, 200, 20);
        say(&m, &own, 31, 300, 30);
        say(&m, &merged, 32, 300, 30);
        const struct timeline_pv *image = build(&f, &m);
        ASSERT_VALUES(image, 0, 100, 200, 300);
        assert_int_equal(image->updates[1].due_ns, 24 * MS); /* it had been made then */
        done(&f);
    }
}

/* Frame 1 is there only with the data of frame 2, which another client has under its own stamp. */
static void a_frame_of_which_only_merged_copies_are_left_is_left_out(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "image", WIRE_INT16, 8);
    struct maker_subscription a = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0),
                              b = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0);
    say(&m, &a, 1, 0, 0);
    say(&m, &b, 12, 100, 0);
    say(&m, &b, 21.5, 200, 20);
    say(&m, &a, 25, 200, 10);
    say(&m, &a, 31, 300, 30);
    say(&m, &b, 31.5, 300, 30);
    const struct timeline_pv *image = build(&f, &m);
    ASSERT_VALUES(image, 0, 200, 300);
    assert_int_equal(image->updates[1].stamp_ns, MAKER_START_STAMP * CLOCK_NS + 20 * MS);
    assert_int_equal(f.timeline.counts.copies, 3);
    assert_int_equal(f.timeline.counts.merged, 2);
    done(&f);
}

/* The first client's first update waited; the second client subscribed meanwhile. */
static void so_is_a_merged_first_update(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "image", WIRE_INT16, 8);
    struct maker_subscription a = maker_subscribe(&m, 5, pv, TIME(WIRE_INT16), 0),
                              b = maker_subscribe(&m, 15, pv, TIME(WIRE_INT16), 0);
    say(&m, &a, 21.2, 200, 10);
    say(&m, &b, 21.5, 200, 20);
    say(&m, &a, 31, 300, 30);
    say(&m, &b, 31.5, 300, 30);
    ASSERT_VALUES(build(&f, &m), 200, 300);
    done(&f);
}

/* The IOC took frame 1 from its queue, could not run for 7 ms, and read the record when frame 2 was there; then it sent frame 2.
 */
static void so_is_a_frame_that_was_read_when_the_next_one_was_there(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "image", WIRE_INT16, 8);
    struct maker_subscription a = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0);
    say(&m, &a, 1, 0, 0);
    say(&m, &a, 23.5, 200, 10);
    say(&m, &a, 24, 200, 20);
    say(&m, &a, 31, 300, 30);
    const struct timeline_pv *image = build(&f, &m);
    ASSERT_VALUES(image, 0, 200, 300);
    assert_int_equal(image->updates[1].stamp_ns, MAKER_START_STAMP * CLOCK_NS + 20 * MS);
    done(&f);
}

static void a_frame_that_comes_twice_in_time_is_two_posts(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "image", WIRE_INT16, 8);
    struct maker_subscription a = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0);
    say(&m, &a, 1, 0, 0);
    say(&m, &a, 11, 200, 10);
    say(&m, &a, 21, 200, 20);
    say(&m, &a, 31, 300, 30);
    ASSERT_VALUES(build(&f, &m), 0, 200, 200, 300);
    done(&f);
}

static void an_array_that_stays_the_same_keeps_its_posts(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "still", WIRE_INT16, 8);
    struct maker_subscription a = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0),
                              b = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0);
    say(&m, &a, 1, 0, 0);
    say(&m, &b, 12, 0, 0);
    say(&m, &b, 21.5, 0, 20);
    say(&m, &a, 25, 0, 10);
    say(&m, &a, 31, 300, 30);
    ASSERT_VALUES(build(&f, &m), 0, 0, 0, 300);
    done(&f);
}

/* A record that posts changes only, and stamps each time: who subscribes in between is told a stamp that nobody else was. */
static void what_was_sent_before_the_next_stamp_is_no_merged_copy(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "wave", WIRE_INT16, 8);
    struct maker_subscription a = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0), b;
    say(&m, &a, 1, 0, 0);
    say(&m, &a, 11, 100, 10);
    b = maker_subscribe(&m, 21, pv, TIME(WIRE_INT16), 0);
    say(&m, &b, 22, 100, 20);
    say(&m, &a, 41, 400, 40);
    say(&m, &b, 41.5, 400, 40);
    ASSERT_VALUES(build(&f, &m), 0, 100, 100, 400);
    done(&f);
}

/* One client takes nothing for five seconds; the other's queue merged what only the first one has. */
static void a_client_that_stood_still_sets_no_clock(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "image", WIRE_INT16, 8);
    struct maker_subscription busy = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0),
                              still = maker_subscribe(&m, 0, pv, TIME(WIRE_INT16), 0);
    say(&m, &busy, 1, 0, 0);
    say(&m, &still, 2, 0, 0);
    say(&m, &busy, 21, 200, 10);
    say(&m, &busy, 31, 300, 30);
    say(&m, &busy, 41, 400, 40);
    for (int k = 1; k <= 4; k++)
        say(&m, &still, 5000 + k, 100 * k, 10 * k);
    const struct timeline_pv *image = build(&f, &m);
    ASSERT_VALUES(image, 0, 100, 200, 300, 400);
    assert_false(image->by_packets);
    assert_int_equal(image->updates[2].due_ns, 31 * MS);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merged_image_is_dropped),
        cmocka_unit_test(a_merged_image_that_came_first_is_dropped),
        cmocka_unit_test(a_frame_of_which_only_merged_copies_are_left_is_left_out),
        cmocka_unit_test(so_is_a_merged_first_update),
        cmocka_unit_test(so_is_a_frame_that_was_read_when_the_next_one_was_there),
        cmocka_unit_test(a_frame_that_comes_twice_in_time_is_two_posts),
        cmocka_unit_test(an_array_that_stays_the_same_keeps_its_posts),
        cmocka_unit_test(what_was_sent_before_the_next_stamp_is_no_merged_copy),
        cmocka_unit_test(a_client_that_stood_still_sets_no_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
