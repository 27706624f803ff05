/* Where the next message begins, found by lengths alone: chains, pieces, the stream's end, losses, and what is held meanwhile. */
#include "capture/resync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STREAM_MAX = 6 << 20, HEAD = WIRE_HEADER_BYTES };
enum { MAYBE = WIRE_READ_NOTIFY, SURE = WIRE_CREATE_CHAN, BEHIND = WIRE_ECHO }; /* commands that the judge below knows */

/* What was said so far: number i of the stream is bytes[i]. */
static struct {
    uint8_t bytes[STREAM_MAX];
    size_t n, fed;
    uint64_t asked; /* the judge was */
} said;

static enum resync_answer ask(void *arg, const struct wire_header *h, const uint8_t *payload)
{
    (void)arg;
    (void)payload;
    said.asked++;
    if (h->size % 8 != 0)
        return RESYNC_NO;
    return h->command == MAYBE    ? RESYNC_MAYBE
           : h->command == SURE   ? RESYNC_SURE
           : h->command == BEHIND ? RESYNC_BEHIND
                                  : RESYNC_NO;
}

static const struct resync_judge judge = {.ask = ask, .minor = WIRE_MINOR};

static int begin(void **state)
{
    (void)state;
    said.n = said.fed = 0;
    said.asked = 0;
    return 0;
}

/* ---- what is said ---- */

static void add_message(uint16_t command, uint32_t size)
{
    const struct wire_header h = {.command = command, .size = size, .p1 = 1, .p2 = 2};
    const size_t head = wire_header_write(said.bytes + said.n, &h);
    memset(said.bytes + said.n + head, 0xee, size);
    said.n += head + size;
}

static void add_messages(unsigned count, uint32_t size)
{
    for (unsigned i = 0; i < count; i++)
        add_message(MAYBE, size);
}

/* Bytes that are no header's. */
static void add_garbage(size_t n)
{
    memset(said.bytes + said.n, 0xff, n);
    said.n += n;
}

/* ---- what is heard ---- */

/* The next n bytes as a piece; its time is where it begins. */
static bool feed(struct resync *r, size_t n)
{
    const size_t at = said.fed;
    said.fed += n;
    assert_true(said.fed <= said.n);
    return resync_feed(r, &judge, said.bytes + at, n, at);
}

static bool feed_rest(struct resync *r)
{
    return feed(r, said.n - said.fed);
}

/* What is handed on are the stream's bytes from `from` to all that was fed, each piece with its own time; then it is over. */
static void assert_found(struct resync *r, size_t from)
{
    const uint8_t *bytes;
    size_t n, at = from;
    uint64_t t_ns, last_ns = 0;
    while (resync_take(r, &bytes, &n, &t_ns)) {
        assert_true(n > 0 && at + n <= said.fed);
        assert_memory_equal(bytes, said.bytes + at, n);
        assert_true(t_ns >= last_ns && t_ns <= at);
        last_ns = t_ns;
        at += n;
    }
    assert_int_equal(at, said.fed);
    resync_fini(r);
}

/* ---- lengths ---- */

static void eight_headers_behind_anything_are_a_beginning_and_seven_are_not(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(13);
    add_messages(RESYNC_CHAIN, 24);
    add_garbage(5);
    assert_false(feed(&r, 13 + 7 * (HEAD + 24) + HEAD - 1));
    assert_true(feed_rest(&r));
    assert_found(&r, 13);
}

static void a_chain_that_breaks_goes_back_behind_its_first_header(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(3);
    add_message(MAYBE, 40); /* a look-alike, whose length leads into the first message */
    said.n -= 40;
    add_messages(RESYNC_CHAIN, 16);
    add_garbage(1);
    assert_true(feed_rest(&r));
    assert_found(&r, 3 + HEAD);
}

static void two_messages_that_are_a_piece_are_a_beginning_and_one_is_not(void **state)
{
    (void)state;
    struct resync r = {0};
    add_messages(2, 8);
    assert_false(feed(&r, HEAD + 8));
    assert_true(feed_rest(&r));
    assert_found(&r, 0);
}

static void messages_at_a_pieces_end_only_are_none_before_the_streams_end(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(8);
    add_messages(2, 8);
    assert_false(feed_rest(&r));
    assert_true(resync_end(&r, &judge));
    assert_found(&r, 8);
}

static void one_message_that_is_proven_by_what_is_in_it_is_a_beginning(void **state)
{
    (void)state;
    struct resync r = {0};
    add_message(SURE, 8);
    assert_true(feed_rest(&r));
    assert_found(&r, 0);
}

static void a_request_alone_is_one_where_it_is_a_piece_and_nothing_comes_behind_it(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(100);
    assert_false(feed_rest(&r));
    add_message(MAYBE, 0);
    assert_false(feed_rest(&r));
    assert_true(resync_end(&r, &judge));
    assert_found(&r, 100);
}

/* The last 16 bytes may be a header's, whatever longer header the bytes before them seem to begin. */
static void what_does_not_fit_before_the_streams_end_hides_nothing_behind_it(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(8); /* as if of 24 bytes, by its length of 0xffff */
    add_message(SURE, 0);
    assert_false(feed_rest(&r));
    assert_true(resync_end(&r, &judge));
    assert_found(&r, 8);
}

static void a_header_alone_in_the_middle_of_a_piece_proves_nothing(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(8);
    add_message(MAYBE, 0);
    assert_false(feed_rest(&r));
    assert_false(resync_end(&r, &judge));
    assert_int_equal(r.have, 0);
}

static void a_message_that_is_cut_at_the_streams_end_proves_nothing(void **state)
{
    (void)state;
    struct resync r = {0};
    add_message(MAYBE, 64);
    assert_false(feed(&r, HEAD + 63));
    assert_false(resync_end(&r, &judge));
}

static void headers_of_zeros_continue_a_chain_and_begin_none(void **state)
{
    (void)state;
    struct resync r = {0};
    for (unsigned i = 0; i < 2 * RESYNC_CHAIN; i++)
        add_message(BEHIND, 0);
    assert_false(feed_rest(&r));
    add_message(MAYBE, 0);
    add_message(BEHIND, 0);
    assert_true(feed_rest(&r));
    assert_found(&r, 2 * (size_t)RESYNC_CHAIN * HEAD);
}

static void the_longer_form_of_a_header_is_read_where_the_peer_knows_it(void **state)
{
    (void)state;
    struct resync r = {0};
    add_messages(2, 80000);
    assert_false(feed(&r, 70000));
    assert_true(feed_rest(&r));
    assert_found(&r, 0);
}

/* ---- losses ---- */

static void after_a_loss_messages_begin_at_whole_multiples_of_8(void **state)
{
    (void)state;
    struct resync r = {0};
    resync_begin(&r, 3);
    add_garbage(4); /* a chain that is off by one */
    add_messages(2 * RESYNC_CHAIN, 0);
    assert_false(feed_rest(&r));
    resync_begin(&r, 4);
    said.fed = 0;
    assert_true(feed_rest(&r));
    assert_found(&r, 4);
}

static void a_loss_breaks_the_chain_and_what_was_held_is_skipped(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(1);
    add_messages(RESYNC_CHAIN - 1, 8);
    assert_false(feed_rest(&r));
    resync_gap(&r, 1000);
    const size_t from = said.n;
    add_messages(1, 8);
    assert_false(feed_rest(&r));
    add_messages(1, 8);
    assert_true(feed_rest(&r));
    assert_int_equal(r.base, from + 1000);
    r.base -= 1000; /* as the stream's bytes are counted here */
    for (size_t i = 0; i < r.npieces; i++)
        r.pieces[i].end -= 1000;
    assert_found(&r, from);
}

static void a_loss_within_a_payload_is_passed_by_the_chain(void **state)
{
    (void)state;
    struct resync r = {0};
    add_message(MAYBE, 4000);
    const size_t behind = said.n;
    add_messages(RESYNC_CHAIN - 1, 8);
    assert_false(feed(&r, 100));
    resync_gap(&r, 3000);
    said.fed += 3000;
    assert_false(feed(&r, behind - said.fed));
    assert_true(feed_rest(&r));
    assert_found(&r, behind);
}

/* ---- bounds ---- */

static void a_message_larger_than_what_is_held_still_leads_to_the_next(void **state)
{
    (void)state;
    struct resync r = {0};
    add_garbage(1);
    add_message(MAYBE, RESYNC_HELD_BYTES + 800000);
    const size_t behind = said.n;
    add_messages(RESYNC_CHAIN - 1, 0);
    while (said.fed + 65536 < behind) {
        assert_false(feed(&r, 65536));
        assert_true(r.have <= RESYNC_HELD_BYTES);
    }
    assert_true(feed_rest(&r));
    assert_found(&r, behind); /* the large one did not fit */
}

static void pieces_of_one_byte_are_bounded_in_number(void **state)
{
    (void)state;
    struct resync r = {0};
    add_message(MAYBE, 5 * RESYNC_HELD_PIECES);
    const size_t behind = said.n;
    add_messages(RESYNC_CHAIN - 1, 0);
    while (said.fed + 1 < said.n) {
        assert_false(feed(&r, 1));
        assert_true(r.npieces <= RESYNC_HELD_PIECES && r.have <= RESYNC_HELD_PIECES);
    }
    assert_true(feed_rest(&r));
    assert_found(&r, behind);
}

/* Small numbers that look like headers over and over: each byte begins one chain at most. */
static void look_alikes_without_end_cost_a_bounded_time_a_byte(void **state)
{
    (void)state;
    struct resync r = {0};
    for (said.n = 0; said.n + 4 <= 1 << 20; said.n += 4)
        wire_put32(said.bytes + said.n, MAYBE << 16 | (said.n / 4 % 5 == 0 ? 8 : 15));
    while (said.fed < said.n)
        if (feed(&r, 1024))
            resync_begin(&r, 0);
    assert_true(said.asked <= (uint64_t)said.n * RESYNC_CHAIN);
    (void)resync_end(&r, &judge);
    resync_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(eight_headers_behind_anything_are_a_beginning_and_seven_are_not, begin),
        cmocka_unit_test_setup(a_chain_that_breaks_goes_back_behind_its_first_header, begin),
        cmocka_unit_test_setup(two_messages_that_are_a_piece_are_a_beginning_and_one_is_not, begin),
        cmocka_unit_test_setup(messages_at_a_pieces_end_only_are_none_before_the_streams_end, begin),
        cmocka_unit_test_setup(one_message_that_is_proven_by_what_is_in_it_is_a_beginning, begin),
        cmocka_unit_test_setup(a_request_alone_is_one_where_it_is_a_piece_and_nothing_comes_behind_it, begin),
        cmocka_unit_test_setup(what_does_not_fit_before_the_streams_end_hides_nothing_behind_it, begin),
        cmocka_unit_test_setup(a_header_alone_in_the_middle_of_a_piece_proves_nothing, begin),
        cmocka_unit_test_setup(a_message_that_is_cut_at_the_streams_end_proves_nothing, begin),
        cmocka_unit_test_setup(headers_of_zeros_continue_a_chain_and_begin_none, begin),
        cmocka_unit_test_setup(the_longer_form_of_a_header_is_read_where_the_peer_knows_it, begin),
        cmocka_unit_test_setup(after_a_loss_messages_begin_at_whole_multiples_of_8, begin),
        cmocka_unit_test_setup(a_loss_breaks_the_chain_and_what_was_held_is_skipped, begin),
        cmocka_unit_test_setup(a_loss_within_a_payload_is_passed_by_the_chain, begin),
        cmocka_unit_test_setup(a_message_larger_than_what_is_held_still_leads_to_the_next, begin),
        cmocka_unit_test_setup(pieces_of_one_byte_are_bounded_in_number, begin),
        cmocka_unit_test_setup(look_alikes_without_end_cost_a_bounded_time_a_byte, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
