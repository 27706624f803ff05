/* What the server sends over time: images, merged updates, flow control, service times (ca-protocol 5.4, 6.4 to 6.6). */
#include "sim_fixture.h"

#define AI_UPDATE "00010008 00060001 00000001 00000007 | "

static void an_image_is_sent_and_cancelled_with_long_headers(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    uint8_t head[24];
    fix_unhex("0001ffff 00010000 00000001 00000002 00096000 0004b000", head);
    f->pv[FIX_IMAGE].value.count = 307200;
    f->image[614399] = 7;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    assert_int_equal(f->out_bytes, 614424);
    assert_memory_equal(f->out, head, sizeof head);
    assert_memory_equal(f->out + 24, f->image, 614400);
    f->out_bytes = 0;
    fix_say(f, "00020000 0001b000 00000001 00000002");
    fix_expect(f, "confirmed in the EVENT_ADD's count", "0001ffff 00010000 00000001 00000002 00000000 0004b000");
    fix_free(f);
}

static void an_empty_image_is_all_zeros(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    assert_int_equal(f->out_bytes, 614424);
    for (size_t i = 24; i < f->out_bytes; i++)
        assert_int_equal(f->out[i], 0);
    fix_free(f);
}

/* The socket takes a part; the source then makes the next frame in the same memory, as it may. */
static void a_half_sent_image_does_not_change(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 307200;
    memset(f->image, 1, 614400);
    f->socket_room = 1000;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    assert_int_equal(f->out_bytes, 1000);
    memset(f->image, 2, 614400);
    sim_post(f->sim, &f->pv[FIX_IMAGE], WIRE_MASK_VALUE, f->now_ns, true);
    fix_work(f);
    assert_int_equal(f->out_bytes, 1000);
    fix_unblock(f, SIZE_MAX);
    assert_int_equal(f->out_bytes, 2 * 614424);
    for (size_t i = 24; i < 614424; i++)
        assert_int_equal(f->out[i], 1);
    assert_int_equal(f->out[614424 + 24], 2);
    fix_free(f);
}

/* The first client is gone before its image is sent; the second subscribed to the same. */
static void a_payload_outlives_its_subscription(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct sim_circuit *first = f->circuit;
    f->pv[FIX_IMAGE].value.count = 307200;
    f->socket_room = 1000;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    fix_say(f, "00020000 0001b000 00000001 00000002");
    f->circuit = sim_circuit_new(f->sim, f, f->now_ns);
    f->socket_room = SIZE_MAX;
    fix_say(f, FIX_HELLO "00120010 00000000 00000001 0000000d | 'SIM:IMAGE' 00000000000000"
                         "0001ffff 00010000 00000006 00000002 00000010 0004b000 | 00000000 00000000 00000000 00050000");
    memset(f->image, 3, 614400);
    sim_post(f->sim, &f->pv[FIX_IMAGE], WIRE_MASK_VALUE, f->now_ns, true);
    f->out_bytes = 0;
    fix_work(f);
    assert_int_equal(f->out_bytes, 614424);
    assert_int_equal(f->out[24], 3);
    sim_circuit_free(f->circuit, f->now_ns);
    f->circuit = first;
    f->out_bytes = 0;
    fix_unblock(f, SIZE_MAX);
    assert_int_equal(f->out_bytes, 614424 - 1000 + 24);
    assert_int_equal(f->out[0], 0);
    fix_free(f);
}

static struct sim_circuit *new_subscriber(struct fixture *f, const char *subscribe)
{
    char hex[512];
    struct sim_circuit *first = f->circuit, *c = sim_circuit_new(f->sim, f, f->now_ns);
    f->circuit = c;
    f->out_bytes = 0;
    fix_say(f, FIX_HELLO "00120010 00000000 00000001 0000000d | 'SIM:IMAGE' 00000000000000");
    snprintf(hex, sizeof hex, subscribe, wire_get32(f->out + f->out_bytes - 12));
    fix_say(f, hex);
    f->circuit = first;
    return c;
}

/* The shared part of what a circuit sends next. */
static const void *shared_payload(struct fixture *f, struct sim_circuit *c)
{
    struct iovec pieces[OUTBOX_PIECES];
    assert_true(sim_circuit_work(c, f->now_ns, false));
    assert_int_equal(sim_circuit_output(c, f->now_ns, pieces), 2);
    assert_int_equal(pieces[1].iov_len, 8 * 307200);
    return pieces[1].iov_base;
}

/* DOUBLE and TIME_DOUBLE: the same values, converted once, under a header each. */
static void subscribers_share_what_was_encoded_once(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct sim_circuit *c[3];
    f->pv[FIX_IMAGE].value.count = 307200;
    for (unsigned i = 0; i < 3; i++)
        c[i] =
            new_subscriber(f, i == 2 ? "0001ffff 00140000 %08x 00000002 00000010 0004b000 | 00000000 00000000 00000000 00010000"
                                     : "0001ffff 00060000 %08x 00000002 00000010 0004b000 | 00000000 00000000 00000000 00010000");
    sim_post(f->sim, &f->pv[FIX_IMAGE], WIRE_MASK_VALUE, f->now_ns, true);
    const void *payload = shared_payload(f, c[0]);
    assert_ptr_equal(shared_payload(f, c[1]), payload);
    assert_ptr_equal(shared_payload(f, c[2]), payload);
    sim_circuit_sent(c[0], SIZE_MAX);
    sim_post(f->sim, &f->pv[FIX_IMAGE], WIRE_MASK_VALUE, f->now_ns, true);
    assert_ptr_not_equal(shared_payload(f, c[0]), payload); /* the others have not sent theirs */
    for (unsigned i = 0; i < 3; i++)
        sim_circuit_free(c[i], f->now_ns);
    fix_free(f);
}

static void an_image_as_time_double_is_converted(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 307200;
    f->pv[FIX_IMAGE].value.stamp = (struct wire_stamp){5, 6};
    f->image[1] = 9;
    fix_say(f, "0001ffff 00140000 00000001 00000002 00000010 0004b000 | 00000000 00000000 00000000 00050000");
    assert_int_equal(f->out_bytes, 24 + 16 + 8 * 307200);
    uint8_t start[48];
    fix_unhex("0001ffff 00140000 00000001 00000002 00258010 0004b000 | 00000000 00000005 00000006 00000000 4022000000000000",
              start);
    assert_memory_equal(f->out, start, sizeof start);
    fix_free(f);
}

static void odd_payloads_are_padded(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 3001;
    memset(f->image, 1, 614400);
    fix_say(f, "00010010 00010000 00000001 00000002 | 00000000 00000000 00000000 00050000");
    assert_int_equal(f->out_bytes, 24 + 6008);
    assert_int_equal(f->out[24 + 6001], 1);
    for (size_t i = 24 + 6002; i < 24 + 6008; i++)
        assert_int_equal(f->out[i], 0);
    fix_free(f);
}

/* As a real server: of a waveform of texts, subscribed as LONG. */
static void what_cannot_be_converted_is_no_element_where_no_count_was_asked(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct sim_pv *pv = &f->pv[FIX_IMAGE];
    pv->native = pv->value.base = WIRE_STRING;
    pv->count = 1100;
    pv->value.count = 2;
    memcpy(f->image, "abc", 4);
    fix_say(f, "00010010 00050000 00000001 00000002 | 00000000 00000000 00000000 00050000");
    fix_expect(f, "GETFAIL", "00010000 00050000 00000098 00000002");
    fix_free(f);
}

static void while_events_are_off_only_the_newest_scalar_is_kept(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, FIX_SUBSCRIBE_AI "00080000 00000000 00000000 00000000");
    fix_expect(f, "the first update waits, too", "");
    for (int i = 1; i <= 4; i++)
        fix_post(f, FIX_AI, i, (uint32_t)i);
    fix_work(f);
    fix_say(f, "000f0000 00060001 00000000 00000001");
    fix_expect(f, "reads go on", "000f0008 00060001 00000001 00000001 | 4010000000000000");
    fix_say(f, "00090000 00000000 00000000 00000000");
    fix_expect(f, "the last one", AI_UPDATE "4010000000000000");
    assert_int_equal(f->sim->counts.events_off, 1);
    fix_free(f);
}

/* 3 posts under EVENTS_OFF: one update, data of the third, stamp of the first (ca-protocol 6.5). */
static void a_merged_array_has_the_first_stamp_and_the_last_data(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, "00010010 00140001 00000003 00000007 | 00000000 00000000 00000000 00010000");
    f->out_bytes = 0;
    fix_say(f, "00080000 00000000 00000000 00000000");
    for (uint32_t i = 1; i <= 3; i++)
        fix_post(f, FIX_ARRAY, i, i);
    fix_say(f, "00090000 00000000 00000000 00000000");
    fix_expect(f, "one update", "00010018 00140001 00000001 00000007 | 00000000 00000001 00000000 00000000 4008000000000000");
    assert_int_equal(f->pv[FIX_ARRAY].merged, 2);
    assert_int_equal(f->pv[FIX_ARRAY].sent, 1);
    fix_free(f);
}

static void a_blocked_reader_gets_the_oldest_values_and_the_newest(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->socket_room = 0;
    fix_say(f, "000f0000 00060001 00000000 00000001" FIX_SUBSCRIBE_AI); /* the read blocks the socket */
    for (int i = 1; i <= 500; i++)
        fix_post(f, FIX_AI, i, (uint32_t)i);
    fix_unblock(f, SIZE_MAX);
    assert_int_equal(f->out_bytes, 24 + 24 + 108 * 24); /* the read, 1.5, then 1 .. 107 and 500 */
    uint8_t last[8], before[8];
    fix_unhex("407f400000000000", last);
    fix_unhex("405ac00000000000", before);
    assert_memory_equal(f->out + f->out_bytes - 8, last, 8);
    assert_memory_equal(f->out + f->out_bytes - 32, before, 8);
    fix_free(f);
}

static void events_off_is_heard_while_the_socket_is_full(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 307200;
    f->socket_room = 100000;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    fix_say(f, "00080000 00000000 00000000 00000000");
    assert_int_equal(f->sim->counts.events_off, 1);
    assert_true(sim_circuit_wants_input(f->circuit));
    fix_say(f, "00170000 00000000 00000000 00000000 00170000 00000000 00000000 00000000");
    assert_false(sim_circuit_wants_input(f->circuit));
    fix_unblock(f, SIZE_MAX);
    assert_int_equal(f->out_bytes, 614424 + 32);
    fix_free(f);
}

static void service_times_count_from_the_request_and_keep_order(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 1000000;
    fix_say(f, "000f0000 00060001 00000000 00000001 00170000 00000000 00000000 00000000");
    fix_expect(f, "nothing yet", "");
    assert_int_equal(sim_circuit_deadline(f->circuit), f->now_ns + 1000000);
    f->now_ns += 999999;
    fix_work(f);
    fix_expect(f, "still nothing", "");
    f->now_ns += 1;
    fix_work(f);
    fix_expect(f, "both, in order", "000f0008 00060001 00000001 00000001 | 3ff8000000000000 00170000 00000000 00000000 00000000");
    assert_int_equal(f->sim->late.of[SIM_LATE_SELF].count, 1);
    assert_int_equal(f->sim->late.of[SIM_LATE_SELF].max, 0);
    fix_free(f);
}

static void a_slow_put_delays_no_read(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_PUT_CALLBACK] = 1000000000;
    fix_say(f, "00130008 00060001 00000000 00000001 | 4000000000000000 000f0000 00060001 00000000 00000002");
    fix_expect(f, "the read", "000f0008 00060001 00000001 00000002 | 4000000000000000");
    fix_say(f, "000c0000 00000000 00000000 00000001");
    fix_expect(f, "the channel goes", "000c0000 00000000 00000000 00000001");
    f->now_ns += 2000000000;
    fix_work(f);
    fix_expect(f, "and takes its put with it", "");
    fix_free(f);
}

static void the_second_put_of_a_channel_holds_up_what_follows(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_PUT_CALLBACK] = 1000;
    fix_say(f, "00130008 00060001 00000000 00000001 | 4000000000000000");
    f->now_ns += 400;
    fix_say(f, "00130008 00060001 00000000 00000002 | 4008000000000000 00170000 00000000 00000000 00000000");
    fix_expect(f, "nothing", "");
    assert_false(sim_circuit_wants_input(f->circuit));
    f->now_ns += 600;
    fix_work(f);
    fix_expect(f, "the first, then the echo", "00130000 00060001 00000001 00000001 00170000 00000000 00000000 00000000");
    f->now_ns += 399;
    fix_work(f);
    fix_expect(f, "the second's time counts from its arrival", "");
    f->now_ns += 1;
    fix_work(f);
    fix_expect(f, "the second", "00130000 00060001 00000001 00000002");
    fix_free(f);
}

static void a_read_that_waits_for_its_time_does_not_see_a_later_put(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 1000;
    fix_say(f, "000f0000 00060001 00000000 00000001" /* a read, WRITE 2.0, a read, WRITE_NOTIFY 3.0, a read */
               "00040008 00060001 00000000 00000001 | 4000000000000000 000f0000 00060001 00000000 00000002"
               "00130008 00060001 00000000 00000003 | 4008000000000000 000f0000 00060001 00000000 00000004");
    fix_expect(f, "nothing yet", "");
    f->now_ns += 1000;
    fix_work(f);
    fix_expect(f, "each what was there before it",
               "000f0008 00060001 00000001 00000001 | 3ff8000000000000 000f0008 00060001 00000001 00000002 | 4000000000000000"
               "000f0008 00060001 00000001 00000004 | 4008000000000000 00130000 00060001 00000001 00000003");
    fix_free(f);
}

/* ca-protocol 9.5. */
static void who_may_not_read_any_more_gets_no_values(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, FIX_SUBSCRIBE_AI);
    f->out_bytes = 0;
    fix_change_rights(f, WIRE_RIGHT_WRITE);
    fix_work(f);
    fix_expect(f, "lost", "00160000 00000000 00000001 00000002 | 00010008 00060001 00000170 00000007 00000000 00000000");
    fix_post(f, FIX_AI, 2.5, 1);
    fix_work(f);
    fix_expect(f, "a post that may not be seen", "");
    fix_change_rights(f, WIRE_RIGHT_READ);
    fix_work(f);
    fix_expect(f, "gained", "00160000 00000000 00000001 00000001 | 00010008 00060001 00000001 00000007 40040000 00000000");
    fix_free(f);
}

static void post_image(struct fixture *f)
{
    sim_post(f->sim, &f->pv[FIX_IMAGE], WIRE_MASK_VALUE, 0, false);
    fix_work(f);
}

/* What need not come now can wait until it would be merged no more. */
static void a_circuit_without_room_is_pressed_until_it_has_sent(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 307200;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    post_image(f);
    assert_int_equal(f->sim->npressed, 0); /* the socket took it */
    f->socket_room = 1000;
    post_image(f);
    assert_int_equal(f->sim->npressed, 0); /* a part of it, but the queue is empty */
    post_image(f);
    assert_int_equal(f->sim->npressed, 1);
    assert_int_equal(f->pv[FIX_IMAGE].merged, 0);
    fix_unblock(f, SIZE_MAX);
    assert_int_equal(f->sim->npressed, 0);
    fix_free(f);
}

static void who_takes_nothing_is_given_up_until_it_takes_something(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 307200;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    f->socket_room = 1000;
    post_image(f);
    post_image(f);
    sim_give_up(f->sim);
    post_image(f);
    assert_int_equal(f->sim->npressed, 0);
    assert_int_equal(f->pv[FIX_IMAGE].merged, 1);
    fix_unblock(f, SIZE_MAX);
    f->socket_room = 1000;
    post_image(f);
    post_image(f);
    assert_int_equal(f->sim->npressed, 1);
    fix_say(f, "00080000 00000000 00000000 00000000 |"); /* EVENTS_OFF: it does not want them */
    assert_int_equal(f->sim->npressed, 0);
    fix_free(f);
}

static void who_leaves_presses_no_more(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 307200;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    f->socket_room = 1000;
    post_image(f);
    post_image(f);
    assert_int_equal(f->sim->npressed, 1);
    struct sim_circuit *first = f->circuit;
    f->circuit = sim_circuit_new(f->sim, f, f->now_ns);
    sim_circuit_free(first, f->now_ns);
    assert_int_equal(f->sim->npressed, 0);
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_sent_and_cancelled_with_long_headers),
        cmocka_unit_test(an_empty_image_is_all_zeros),
        cmocka_unit_test(a_half_sent_image_does_not_change),
        cmocka_unit_test(a_payload_outlives_its_subscription),
        cmocka_unit_test(subscribers_share_what_was_encoded_once),
        cmocka_unit_test(an_image_as_time_double_is_converted),
        cmocka_unit_test(odd_payloads_are_padded),
        cmocka_unit_test(what_cannot_be_converted_is_no_element_where_no_count_was_asked),
        cmocka_unit_test(while_events_are_off_only_the_newest_scalar_is_kept),
        cmocka_unit_test(a_merged_array_has_the_first_stamp_and_the_last_data),
        cmocka_unit_test(a_blocked_reader_gets_the_oldest_values_and_the_newest),
        cmocka_unit_test(events_off_is_heard_while_the_socket_is_full),
        cmocka_unit_test(service_times_count_from_the_request_and_keep_order),
        cmocka_unit_test(a_slow_put_delays_no_read),
        cmocka_unit_test(the_second_put_of_a_channel_holds_up_what_follows),
        cmocka_unit_test(a_read_that_waits_for_its_time_does_not_see_a_later_put),
        cmocka_unit_test(who_may_not_read_any_more_gets_no_values),
        cmocka_unit_test(a_circuit_without_room_is_pressed_until_it_has_sent),
        cmocka_unit_test(who_takes_nothing_is_given_up_until_it_takes_something),
        cmocka_unit_test(who_leaves_presses_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
