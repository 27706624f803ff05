/* What the circuit does at its limits, and that nothing is left when it is gone. */
#include "sim_fixture.h"

#include "sim/notices.h"

#define ECHO    "00170000 00000000 00000000 00000000"
#define TOLARGE 0x48u

/* Bytes of zeros. */
static void feed_zeros(struct fixture *f, size_t n)
{
    static const uint8_t zeros[4096];
    for (; n > 0; n -= n < sizeof zeros ? n : sizeof zeros)
        fix_feed(f, zeros, n < sizeof zeros ? n : sizeof zeros);
}

/* The last thing that was said is an ERROR with this status about a request that begins with these bytes. */
static void expect_error(struct fixture *f, uint32_t status, const char *request)
{
    uint8_t about[64];
    assert_true(f->out_bytes >= 32);
    assert_int_equal(wire_get16(f->out), WIRE_ERROR);
    assert_int_equal(wire_get32(f->out + 12), status);
    assert_memory_equal(f->out + 16, about, fix_unhex(request, about));
    f->out_bytes = 0;
}

/* ---- input ---- */

static void what_a_header_announces_is_not_allocated(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    uint64_t before = f->sim->memory.used;
    fix_say(f, "0004ffff 00060000 00000000 00000001 0ffffff0 01fffffe"); /* WRITE of 256 MiB, all but 16 bytes */
    feed_zeros(f, 100000);
    assert_true(f->sim->memory.used - before < 300000);
    assert_false(f->circuit->is_deaf);
    fix_free(f);
}

static void a_message_over_the_limit_is_skipped(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->message_limit = 20000;
    fix_say(f, "0004ffff 00060000 00000000 00000001 00011170 0000222e");
    expect_error(f, TOLARGE, "0004ffff");
    feed_zeros(f, 70000);
    fix_say(f, ECHO);
    fix_expect(f, "the next message is understood", ECHO);
    fix_free(f);
}

static void a_message_that_finds_no_memory_is_skipped(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->memory.most = f->sim->memory.used + 50000;
    fix_say(f, "0004ffff 00060000 00000000 00000001 00030d40 000061a8");
    feed_zeros(f, 64000);
    expect_error(f, TOLARGE, "0004ffff");
    feed_zeros(f, 136000);
    fix_say(f, ECHO);
    fix_expect(f, "the next message is understood", ECHO);
    fix_free(f);
}

static void a_large_buffer_is_given_back(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    uint64_t before = f->sim->memory.used;
    fix_say(f, "0004ffff 00060000 00000000 00000001 00800000 00100000"); /* 8 MiB */
    feed_zeros(f, 8u << 20);
    fix_say(f, ECHO);
    fix_expect(f, "the put is done", ECHO);
    assert_int_equal(f->sim->memory.used, before);
    fix_free(f);
}

static void an_echo_that_finds_no_memory_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, "0017ffff 00000000 00000000 00000000 00009c40 00000000");
    feed_zeros(f, 30000);
    f->sim->memory.most = f->sim->memory.used;
    feed_zeros(f, 10000);
    fix_expect(f, "nothing", "");
    fix_say(f, ECHO);
    fix_expect(f, "the next message is understood", ECHO);
    fix_free(f);
}

/* ---- output ---- */

static void more_zeros_than_anybody_needs_are_refused(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    fix_say(f, "000fffff 00060000 00000000 00000001 00000000 00020001"); /* a double and 1 MiB behind it */
    assert_int_equal(f->out_bytes, 24 + 8 + (1u << 20));
    f->out_bytes = 0;
    fix_say(f, "000fffff 00060000 00000000 00000001 00000000 00020002");
    expect_error(f, TOLARGE, "000fffff 00060000 00000000 00000001 00000000 00020002");
    fix_say(f, "000fffff 00060000 00000000 00000001 00000000 ffffffff");
    expect_error(f, TOLARGE, "000fffff");
    fix_free(f);
}

static void subscriptions_of_a_circuit_share_one_payload(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    uint64_t before = f->sim->memory.used;
    for (unsigned i = 0; i < 100; i++)
        fix_say(f, FIX_SUBSCRIBE_IMAGE);
    assert_true(f->sim->memory.used - before < 2 * 2 * FIX_IMAGE_ELEMENTS);
    fix_free(f);
}

static void arrays_of_very_many_sizes_are_served_unshared(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    for (unsigned i = 0; i < 2 * PAYLOAD_POOLS; i++) {
        char hex[128];
        sprintf(hex, "00010010 00010%03x 00000001 00000001 | 00000000 00000000 00000000 00010000", 0xf00 + i);
        f->out_bytes = 0;
        fix_say(f, hex);
        assert_int_equal(f->out_bytes, WIRE_HEADER_BYTES + wire_pad8(2 * (0xf00 + i)));
    }
    fix_free(f);
}

/* ---- channels and subscriptions ---- */

static void a_channel_that_finds_no_memory_ends_the_circuit(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->memory.most = f->sim->memory.used;
    fix_say(f, "00120008 00000000 00000063 0000000d | 'T:AI' 00000000");
    expect_error(f, WIRE_ECA_ALLOCMEM, "00120008 00000000 00000063 0000000d");
    assert_true(sim_circuit_is_over(f->circuit));
    fix_free(f);
}

/* Whatever of it fails: the subscription itself, its ring, its payload. */
static void a_subscription_that_finds_no_memory_ends_the_circuit(void **state)
{
    (void)state;
    static const uint64_t left[] = {0, 50, 500, 100000, 614000, 614600};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        struct fixture *f = fix_with_channels();
        f->sim->memory.most = f->sim->memory.used + left[i];
        fix_say(f, FIX_SUBSCRIBE_IMAGE);
        expect_error(f, WIRE_ECA_ALLOCMEM, "0001ffff 00010000 00000001 00000002 00000010 0004b000");
        assert_true(sim_circuit_is_over(f->circuit));
        assert_null(f->pv[FIX_IMAGE].payloads);
        fix_free(f);
    }
}

static void a_circuit_that_finds_no_memory_is_not_made(void **state)
{
    (void)state;
    struct fixture *f = fix_new();
    f->sim->memory.most = f->sim->memory.used;
    assert_null(sim_circuit_new(f->sim, f, f->now_ns));
    fix_free(f);
}

static void numbers_of_channels_come_round(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->next_sid = UINT32_MAX;
    for (unsigned i = 0; i < 2; i++)
        fix_say(f, "00120008 00000000 00000063 0000000d | 'T:AI' 00000000");
    fix_expect(f, "0 to 5 are in use",
               "00160000 00000000 00000063 00000003 | 00120000 00060001 00000063 ffffffff"
               "00160000 00000000 00000063 00000003 | 00120000 00060001 00000063 00000006");
    fix_free(f);
}

static void puts_of_channels_that_go_are_not_answered(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_PUT_CALLBACK] = 1000;
    for (unsigned sid = 0; sid < 5; sid++) {
        char hex[128];
        sprintf(hex, "00130008 00060001 %08x 0000004%u | 4000000000000000", sid, sid);
        fix_say(f, hex);
    }
    f->out_bytes = 0; /* T:RO refuses at once */
    fix_say(f, "000c0000 00000000 00000002 00000003");
    f->out_bytes = 0;
    f->now_ns += 1000;
    fix_work(f);
    fix_expect(f, "all but sid 2",
               "00130000 00060001 00000001 00000040 | 00130000 00060001 00000001 00000041 | 00130000 00060001 00000001 00000043");
    fix_free(f);
}

/* ---- turns and lines ---- */

static void a_turn_ends_after_some_requests(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct iovec pieces[OUTBOX_PIECES];
    size_t room, all = 4 * CIRCUIT_TURN;
    uint8_t *at = sim_circuit_room(f->circuit, &room);
    assert_true(room >= all * WIRE_HEADER_BYTES);
    for (size_t i = 0; i < all; i++)
        fix_unhex(ECHO, at + i * WIRE_HEADER_BYTES);
    sim_circuit_received(f->circuit, all * WIRE_HEADER_BYTES, f->now_ns);
    for (unsigned turn = 0; turn < 4; turn++) {
        assert_false(sim_circuit_work(f->circuit, f->now_ns, false));
        assert_true(f->circuit->has_more);
        assert_false(sim_circuit_wants_input(f->circuit));
    }
    assert_true(sim_circuit_work(f->circuit, f->now_ns, false));
    assert_false(f->circuit->has_more);
    fix_take(f, pieces, sim_circuit_output(f->circuit, f->now_ns, pieces));
    assert_int_equal(f->out_bytes, all * WIRE_HEADER_BYTES);
    fix_free(f);
}

static void keep_fault(void *arg, const struct sim_fault *fault)
{
    *(struct sim_fault *)arg = *fault;
}

static void a_fault_has_its_place(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct sim_fault told = {0};
    uint64_t before = f->circuit->in.offset;
    f->sim->on_fault = keep_fault;
    f->sim->on_fault_arg = &told;
    fix_say(f, ECHO "000f0000 00060001 7fffffff 0000004d");
    assert_int_equal(told.offset, before + WIRE_HEADER_BYTES);
    assert_string_equal(told.what, "an unknown sid");
    assert_true(told.ends);
    assert_ptr_equal(told.circuit, f->circuit);
    fix_free(f);
}

static void lines_about_clients_are_few(void **state)
{
    (void)state;
    struct notices n = {0};
    uint64_t left_out, now_ns = 5 * CLOCK_NS;
    for (unsigned i = 0; i < NOTICES_AT_ONCE; i++)
        assert_true(notices_may(&n, now_ns, &left_out) && left_out == 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_false(notices_may(&n, now_ns + i, &left_out));
    assert_true(notices_may(&n, now_ns + CLOCK_NS, &left_out));
    assert_int_equal(left_out, 1000);
    assert_false(notices_may(&n, now_ns + CLOCK_NS, &left_out));
    for (unsigned i = 0; i < NOTICES_AT_ONCE; i++)
        assert_true(notices_may(&n, now_ns + 100 * CLOCK_NS, &left_out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_header_announces_is_not_allocated),
        cmocka_unit_test(a_message_over_the_limit_is_skipped),
        cmocka_unit_test(a_message_that_finds_no_memory_is_skipped),
        cmocka_unit_test(a_large_buffer_is_given_back),
        cmocka_unit_test(an_echo_that_finds_no_memory_is_dropped),
        cmocka_unit_test(more_zeros_than_anybody_needs_are_refused),
        cmocka_unit_test(subscriptions_of_a_circuit_share_one_payload),
        cmocka_unit_test(arrays_of_very_many_sizes_are_served_unshared),
        cmocka_unit_test(a_channel_that_finds_no_memory_ends_the_circuit),
        cmocka_unit_test(a_subscription_that_finds_no_memory_ends_the_circuit),
        cmocka_unit_test(a_circuit_that_finds_no_memory_is_not_made),
        cmocka_unit_test(numbers_of_channels_come_round),
        cmocka_unit_test(puts_of_channels_that_go_are_not_answered),
        cmocka_unit_test(a_turn_ends_after_some_requests),
        cmocka_unit_test(a_fault_has_its_place),
        cmocka_unit_test(lines_about_clients_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
