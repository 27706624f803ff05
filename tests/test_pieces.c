/* What goes into a circuit and comes out of it in pieces, at times of its own: buffers that move, bytes that are skipped, updates
 * that are not due, images that are half sent when their client goes. */
#include "sim_fixture.h"

#include "tests/hex.h"

#define ECHO      "00170000 00000000 00000000 00000000"
#define READ_AI   "000f0000 00060001 00000000 00000001"
#define UPDATE_AI "00010008 00060001 00000001 00000007 | "

static size_t give(struct fixture *f, const uint8_t *bytes, size_t n)
{
    size_t room;
    uint8_t *at = sim_circuit_room(f->circuit, &room);
    assert_true(n <= room);
    memcpy(at, bytes, n);
    sim_circuit_received(f->circuit, n, f->now_ns);
    return room;
}

/* ---- in ---- */

/* The buffer ends in the middle of a message while most of it has been handled. */
static void the_rest_of_a_message_moves_to_the_front(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    const size_t all = CIRCUIT_INPUT_BYTES / WIRE_HEADER_BYTES;
    uint8_t *bytes = malloc(CIRCUIT_INPUT_BYTES);
    for (size_t i = 0; i < all; i++)
        unhex(ECHO, bytes + i * WIRE_HEADER_BYTES);
    f->socket_room = 0;
    fix_say(f, READ_AI);
    give(f, bytes, CIRCUIT_INPUT_BYTES - 5);
    fix_unblock(f, SIZE_MAX);
    assert_int_equal(f->circuit->in.end - f->circuit->in.begin, WIRE_HEADER_BYTES - 5);
    f->out_bytes = 0;
    assert_true(give(f, bytes + WIRE_HEADER_BYTES - 5, 5) > CIRCUIT_INPUT_BYTES / 2);
    fix_work(f);
    fix_expect(f, "the last one", ECHO);
    free(bytes);
    fix_free(f);
}

/* One read holds the end of a message that is not taken and the beginning of the next. */
static void the_end_of_what_is_skipped_comes_with_the_next_message(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    uint8_t bytes[1000 + WIRE_HEADER_BYTES] = {0};
    f->sim->message_limit = 20000;
    fix_say(f, "0004ffff 00060000 00000000 00000001 00005208 00000a41"); /* 21,000 bytes */
    for (unsigned i = 0; i < 20; i++)
        give(f, bytes, 1000);
    f->out_bytes = 0;
    unhex(ECHO, bytes + 1000);
    give(f, bytes, sizeof bytes);
    fix_work(f);
    fix_expect(f, "the next message", ECHO);
    fix_free(f);
}

static void a_search_that_is_damaged_is_named_by_its_cid(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, "00060004 0005000d 00000077 00000077 00000000");
    assert_int_equal(wire_get16(f->out), WIRE_ERROR);
    assert_int_equal(wire_get32(f->out + 8), 0x77);
    fix_free(f);
}

static void a_search_over_tcp_begins_the_clock_where_it_is_to(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->start.kind = SIM_START_SEARCH;
    fix_say(f, "00060008 000a000d 00000001 00000001 | 'NOBODY' 0000");
    assert_false(f->sim->start.begun);
    fix_say(f, "00060008 0005000d 00000001 00000001 | 'T:AI' 00000000");
    assert_true(f->sim->start.begun);
    assert_int_equal(f->sim->start.t0_ns, f->now_ns);
    fix_free(f);
}

/* ---- out ---- */

static void an_update_waits_for_its_time(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, FIX_SUBSCRIBE_AI);
    f->out_bytes = 0;
    sim_post(f->sim, &f->pv[FIX_AI], WIRE_MASK_VALUE, f->now_ns + 1000, true);
    fix_work(f);
    fix_expect(f, "not yet", "");
    assert_int_equal(sim_circuit_deadline(f->circuit), f->now_ns + 1000);
    f->now_ns += 1000;
    fix_work(f);
    fix_expect(f, "now", UPDATE_AI "3ff8000000000000");
    assert_int_equal(sim_circuit_deadline(f->circuit), CLOCK_NEVER);
    fix_free(f);
}

static void a_circuit_that_cannot_send_has_no_deadline(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->socket_room = 0;
    fix_say(f, READ_AI);
    assert_true(f->circuit->is_blocked);
    assert_int_equal(sim_circuit_deadline(f->circuit), CLOCK_NEVER);
    fix_free(f);
}

static void a_reply_behind_a_later_one_is_late_by_order(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 5000;
    fix_say(f, READ_AI);
    f->delay_ns[SIM_READ] = 2000;
    fix_say(f, READ_AI);
    f->now_ns += 5000;
    fix_work(f);
    assert_int_equal(f->out_bytes, 2 * 24);
    assert_int_equal(f->sim->late.of[SIM_LATE_ORDER].count, 1);
    assert_int_equal(f->sim->late.of[SIM_LATE_ORDER].max, 3000);
    fix_free(f);
}

/* As TIME_DOUBLE the values are the payload's own, not the source's. */
static void a_client_goes_in_the_middle_of_a_converted_image(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = FIX_IMAGE_ELEMENTS;
    f->socket_room = 1000;
    fix_say(f, "0001ffff 00140000 00000001 00000002 00000010 0004b000 | 00000000 00000000 00000000 00050000");
    assert_int_equal(f->out_bytes, 1000);
    assert_non_null(f->circuit->out.payload);
    fix_free(f);
}

static void a_large_reply_is_given_back_when_it_is_sent(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    uint64_t before = f->sim->memory.used;
    f->pv[FIX_IMAGE].value.count = FIX_IMAGE_ELEMENTS;
    f->socket_room = 1 << 20;
    fix_say(f, "000fffff 00000000 00000001 00000001 00000000 0004b000"); /* as strings: 12 MB */
    assert_true(f->sim->memory.used > before + 12000000);
    while (f->circuit->is_blocked)
        fix_unblock(f, 1 << 20);
    assert_int_equal(f->sim->memory.used, before);
    fix_free(f);
}

/* Two READs of an image: the second waits until the first is on its way. */
static void a_second_large_read_waits_for_the_first(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = FIX_IMAGE_ELEMENTS;
    fix_say(f, "0003ffff 00010000 00000001 00000001 00000000 0004b000 | 0003ffff 00010000 00000001 00000002 00000000 0004b000");
    assert_int_equal(f->out_bytes, 2 * (24 + 2 * FIX_IMAGE_ELEMENTS));
    fix_free(f);
}

/* ---- lists ---- */

static void a_circuit_leaves_the_middle_of_those_with_something_to_do(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct sim_circuit *first = f->circuit, *second = sim_circuit_new(f->sim, f, f->now_ns);
    sim_mark_dirty(second);
    sim_mark_dirty(first);
    sim_circuit_free(second, f->now_ns);
    assert_ptr_equal(sim_next_dirty(f->sim), first);
    assert_null(sim_next_dirty(f->sim));
    fix_free(f);
}

static void a_client_with_too_many_replies_waiting_hears_of_no_rights(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 1000;
    while (sim_circuit_wants_input(f->circuit))
        fix_say(f, READ_AI);
    uint32_t waiting = f->circuit->direct.count;
    fix_change_rights(f, 0);
    assert_int_equal(f->circuit->direct.count, waiting);
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_of_a_message_moves_to_the_front),
        cmocka_unit_test(the_end_of_what_is_skipped_comes_with_the_next_message),
        cmocka_unit_test(a_search_that_is_damaged_is_named_by_its_cid),
        cmocka_unit_test(a_search_over_tcp_begins_the_clock_where_it_is_to),
        cmocka_unit_test(an_update_waits_for_its_time),
        cmocka_unit_test(a_circuit_that_cannot_send_has_no_deadline),
        cmocka_unit_test(a_reply_behind_a_later_one_is_late_by_order),
        cmocka_unit_test(a_client_goes_in_the_middle_of_a_converted_image),
        cmocka_unit_test(a_large_reply_is_given_back_when_it_is_sent),
        cmocka_unit_test(a_second_large_read_waits_for_the_first),
        cmocka_unit_test(a_circuit_leaves_the_middle_of_those_with_something_to_do),
        cmocka_unit_test(a_client_with_too_many_replies_waiting_hears_of_no_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
