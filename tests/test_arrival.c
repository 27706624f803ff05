/* Kernel stamps become times of arrival, and each request of a circuit gets the arrival of its own last byte. */
#include "sim_fixture.h"

#define HOUR_NS (3600 * CLOCK_NS)
#define REAL_NS (UINT64_C(1790000000) * CLOCK_NS) /* CLOCK_REALTIME when CLOCK_MONOTONIC was 0 */

static struct clock_pair at(uint64_t monotonic_ns)
{
    return (struct clock_pair){.monotonic_ns = monotonic_ns, .realtime_ns = REAL_NS + monotonic_ns};
}

static const struct {
    const char *name;
    uint64_t stamp_ns, arrived_ns;
    bool is_read;
} stamps[] = {
    {"30 us ago", REAL_NS + HOUR_NS - 30000, HOUR_NS - 30000, false},
    {"now", REAL_NS + HOUR_NS, HOUR_NS, false},
    {"as long ago as may be", REAL_NS + HOUR_NS - ARRIVAL_OLDEST_NS, HOUR_NS - ARRIVAL_OLDEST_NS, false},
    {"longer ago", REAL_NS + HOUR_NS - ARRIVAL_OLDEST_NS - 1, HOUR_NS, true},
    {"in the future", REAL_NS + HOUR_NS + 1, HOUR_NS, true},
    {"none", 0, HOUR_NS, true},
};

static void a_stamp_is_moved_to_the_monotonic_clock_if_it_can_be_true(void **state)
{
    (void)state;
    const struct clock_pair now = at(HOUR_NS);
    for (size_t i = 0; i < sizeof stamps / sizeof *stamps; i++) {
        struct arrivals a = {0};
        assert_int_equal(arrivals_ns(&a, &now, stamps[i].stamp_ns), stamps[i].arrived_ns);
        assert_int_equal(a.read, stamps[i].is_read);
        assert_int_equal(a.kernel, !stamps[i].is_read);
    }
}

static void a_stamp_from_before_the_machine_s_start_is_none(void **state)
{
    (void)state;
    struct arrivals a = {0};
    const struct clock_pair now = at(5000);
    assert_int_equal(arrivals_ns(&a, &now, REAL_NS - 1), 5000);
}

static void stamps_from_before_a_step_of_the_clock_mean_nothing(void **state)
{
    (void)state;
    struct arrivals a = {0};
    struct clock_pair now = at(HOUR_NS);
    arrivals_ns(&a, &now, now.realtime_ns - 10);
    now = at(HOUR_NS + 1000000);
    now.realtime_ns += CLOCK_NS;
    assert_int_equal(arrivals_ns(&a, &now, now.realtime_ns - CLOCK_NS - 10), now.monotonic_ns);
    now.monotonic_ns += 50;
    now.realtime_ns += 50;
    assert_int_equal(arrivals_ns(&a, &now, now.realtime_ns - 60), now.monotonic_ns);
    assert_int_equal(arrivals_ns(&a, &now, now.realtime_ns - 20), now.monotonic_ns - 20);
    assert_int_equal(a.steps, 1);
}

static void slewing_is_no_step(void **state)
{
    (void)state;
    struct arrivals a = {0};
    struct clock_pair now = at(HOUR_NS);
    arrivals_ns(&a, &now, 0);
    now = at(2 * HOUR_NS);
    now.realtime_ns -= HOUR_NS / 2000; /* 500 ppm */
    assert_int_equal(arrivals_ns(&a, &now, now.realtime_ns - 10), now.monotonic_ns - 10);
    assert_int_equal(a.steps, 0);
}

static void a_byte_has_the_time_of_the_read_that_brought_it(void **state)
{
    (void)state;
    struct arrival_marks m = {0};
    assert_int_equal(arrival_of(&m, 1), 0);
    arrival_mark(&m, 0, 16, 100);
    arrival_mark(&m, 0, 40, 200);
    assert_int_equal(arrival_of(&m, 16), 100);
    assert_int_equal(arrival_of(&m, 17), 200);
    assert_int_equal(arrival_of(&m, 41), 200);
    arrival_mark(&m, 40, 41, 300);
    assert_int_equal(m.count, 1);
    assert_int_equal(arrival_of(&m, 41), 300);
}

static void a_message_in_many_reads_has_the_time_of_its_last(void **state)
{
    (void)state;
    struct arrival_marks m = {0};
    for (uint64_t i = 1; i <= 10 * ARRIVAL_MARKS; i++)
        arrival_mark(&m, 0, i, 100 + i);
    assert_int_equal(arrival_of(&m, 10 * ARRIVAL_MARKS), 100 + 10 * ARRIVAL_MARKS);
    assert_int_equal(arrival_of(&m, 1), 101);
}

static void read_at(struct fixture *f, const char *hex, uint64_t arrived_ns)
{
    size_t room;
    uint8_t *bytes = sim_circuit_room(f->circuit, &room);
    sim_circuit_received(f->circuit, fix_unhex(hex, bytes), arrived_ns);
}

static void a_delay_counts_from_the_arrival_of_its_own_request(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    const uint64_t now_ns = f->now_ns;
    f->delay_ns[SIM_READ] = 1000;
    read_at(f, "000f0000 00060001 00000000 00000001 000f0000 00060001", now_ns - 700);
    read_at(f, "00000000 00000002", now_ns - 400);
    fix_work(f);
    assert_int_equal(f->out_bytes, 0);
    assert_int_equal(lane_at(&f->circuit->direct, 0)->due_ns, now_ns + 300);
    assert_int_equal(lane_at(&f->circuit->direct, 1)->due_ns, now_ns + 600);
    f->now_ns = now_ns + 300;
    fix_work(f);
    assert_int_equal(f->out_bytes, 24);
    fix_free(f);
}

static void a_reply_that_was_due_before_its_request_was_read_leaves_at_once_and_is_late(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 100;
    f->now_ns += 1000;
    read_at(f, "000f0000 00060001 00000000 00000001", f->now_ns - 700);
    fix_work(f);
    assert_int_equal(f->out_bytes, 24);
    assert_int_equal(f->sim->late.of[SIM_LATE_SELF].max, 600);
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_is_moved_to_the_monotonic_clock_if_it_can_be_true),
        cmocka_unit_test(a_stamp_from_before_the_machine_s_start_is_none),
        cmocka_unit_test(stamps_from_before_a_step_of_the_clock_mean_nothing),
        cmocka_unit_test(slewing_is_no_step),
        cmocka_unit_test(a_byte_has_the_time_of_the_read_that_brought_it),
        cmocka_unit_test(a_message_in_many_reads_has_the_time_of_its_last),
        cmocka_unit_test(a_delay_counts_from_the_arrival_of_its_own_request),
        cmocka_unit_test(a_reply_that_was_due_before_its_request_was_read_leaves_at_once_and_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
