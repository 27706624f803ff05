#include "capture/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TRUTH = 4096, MS = 1000000 };

/* What came out: bytes, each with its time; a missing byte is -1. */
struct heard {
    int bytes[2 * TRUTH];
    uint64_t t_ns[2 * TRUTH];
    size_t n, gaps;
    const uint8_t *last; /* where the last piece lay */
};

static void on_data(void *arg, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    struct heard *h = arg;
    assert_true(n > 0 && h->n + n <= 2 * TRUTH);
    h->last = bytes;
    for (size_t i = 0; i < n; i++) {
        h->t_ns[h->n] = t_ns;
        h->bytes[h->n++] = bytes[i];
    }
}

static void on_gap(void *arg, uint32_t n, uint64_t t_ns)
{
    struct heard *h = arg;
    (void)t_ns;
    assert_true(n > 0 && h->n + n <= 2 * TRUTH);
    h->gaps++;
    for (uint32_t i = 0; i < n; i++)
        h->bytes[h->n++] = -1;
}

static struct stream_sink sink_to(struct heard *h)
{
    memset(h, 0, sizeof *h);
    return (struct stream_sink){on_data, on_gap, h};
}

static uint8_t truth[TRUTH];

static int make_truth(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TRUTH; i++)
        truth[i] = (uint8_t)(i * 31 + i / 256);
    return 0;
}

/* Bytes at..at+n of the truth, as a segment of a stream whose first byte has the number `start`. */
static void say(struct stream *s, const struct stream_sink *sink, uint32_t start, size_t at, size_t n, uint64_t t_ns)
{
    stream_segment(s, &(struct stream_segment){start + (uint32_t)at, truth + at, n, t_ns}, sink);
}

static void assert_truth(const struct heard *h, size_t from, size_t n)
{
    assert_int_equal(h->n, n);
    for (size_t i = 0; i < n; i++)
        if (h->bytes[i] != truth[from + i])
            fail_msg("byte %zu of %zu is %d, not %d", i, n, h->bytes[i], truth[from + i]);
}

static void in_order_data_are_handed_on_where_they_lie(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    stream_begin(&s, 1000, &sink);
    for (size_t at = 0; at < 400; at += 100) {
        say(&s, &sink, 1000, at, 100, at);
        assert_ptr_equal(h.last, truth + at);
        assert_int_equal(h.t_ns[at + 99], at);
    }
    assert_truth(&h, 0, 400);
    assert_int_equal(s.retransmitted + s.gaps, 0);
    stream_fini(&s);
}

/* The k-th permutation of 0..4. */
static void permute(unsigned k, unsigned order[5])
{
    unsigned left[5] = {0, 1, 2, 3, 4};
    for (unsigned i = 0; i < 5; i++) {
        unsigned n = 5 - i, pick = k % n;
        k /= n;
        order[i] = left[pick];
        memmove(left + pick, left + pick + 1, (n - pick - 1) * sizeof *left);
    }
}

static void five_segments_in_each_of_their_120_orders_give_the_stream(void **state)
{
    (void)state;
    const uint32_t start = UINT32_MAX - 250; /* wraps in the third */
    for (unsigned k = 0; k < 120; k++) {
        unsigned order[5];
        permute(k, order);
        struct heard h;
        struct stream_sink sink = sink_to(&h);
        struct stream s = {0};
        stream_begin(&s, start, &sink);
        for (unsigned i = 0; i < 5; i++)
            say(&s, &sink, start, order[i] * 100, 100, i);
        assert_truth(&h, 0, 500);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(h.t_ns[order[i] * 100], i);
        assert_int_equal(s.held_bytes + s.held_segments + s.gaps, 0);
        stream_fini(&s);
    }
}

static void a_syn_may_come_in_any_place_among_its_first_segments(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 120; k++) {
        unsigned order[5];
        permute(k, order);
        struct heard h;
        struct stream_sink sink = sink_to(&h);
        struct stream s = {0};
        for (unsigned i = 0; i < 5; i++) {
            if (order[i] == 4)
                stream_begin(&s, 7, &sink);
            else
                say(&s, &sink, 7, order[i] * 100, 100, i);
            stream_tick(&s, i, &sink);
        }
        assert_truth(&h, 0, 400);
        assert_false(s.midway);
        stream_fini(&s);
    }
}

static void bytes_that_come_again_are_counted_and_left_out(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    stream_begin(&s, 0, &sink);
    say(&s, &sink, 0, 0, 100, 0);
    say(&s, &sink, 0, 0, 100, 1);   /* whole */
    say(&s, &sink, 0, 50, 100, 2);  /* half of it is new */
    say(&s, &sink, 0, 200, 100, 3); /* early */
    say(&s, &sink, 0, 200, 100, 4); /* early, again */
    say(&s, &sink, 0, 100, 300, 5); /* old, the hole, what is held, new */
    say(&s, &sink, 0, 399, 1, 6);   /* a keepalive */
    assert_truth(&h, 0, 400);
    assert_int_equal(s.retransmitted, 100 + 50 + 100 + 50 + 100 + 1);
    stream_fini(&s);
}

static void of_bytes_that_differ_the_first_win(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    static const uint8_t first[] = "bbb", second[] = "AAAAAAAA";
    stream_begin(&s, 0, &sink);
    stream_segment(&s, &(struct stream_segment){2, first, 3, 0}, &sink);
    stream_segment(&s, &(struct stream_segment){1, second, 5, 1}, &sink); /* held around what is held */
    stream_segment(&s, &(struct stream_segment){0, second, 8, 2}, &sink);
    assert_int_equal(h.n, 8);
    const char *expected = "AAbbbAAA";
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(h.bytes[i], expected[i]);
    stream_fini(&s);
}

static void a_hole_becomes_a_gap_once_the_receiver_has_its_bytes(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    stream_begin(&s, 0, &sink);
    say(&s, &sink, 0, 0, 100, 0);
    say(&s, &sink, 0, 150, 100, MS);
    stream_acked(&s, 100);
    stream_tick(&s, 2 * STREAM_ACKED_NS, &sink); /* not acknowledged: it may be sent again */
    assert_int_equal(h.n, 100);
    stream_acked(&s, 250);
    stream_tick(&s, MS + STREAM_ACKED_NS - 1, &sink);
    assert_int_equal(h.n, 100);
    stream_tick(&s, MS + STREAM_ACKED_NS, &sink);
    assert_int_equal(h.n, 250);
    assert_int_equal(h.bytes[149], -1);
    assert_int_equal(h.bytes[150], truth[150]);
    assert_int_equal(s.gaps, 1);
    assert_int_equal(s.gap_bytes, 50);
    stream_fini(&s);
}

static void a_hole_that_nobody_acknowledges_becomes_a_gap_in_the_end(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    stream_begin(&s, 0, &sink);
    say(&s, &sink, 0, 50, 100, 0);
    stream_tick(&s, STREAM_LOST_NS - 1, &sink);
    assert_int_equal(h.n, 0);
    stream_tick(&s, STREAM_LOST_NS, &sink);
    assert_int_equal(h.n, 150);
    stream_fini(&s);
}

static void count_data(void *arg, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    (void)bytes;
    (void)t_ns;
    *(uint64_t *)arg += n;
}

static void count_gap(void *arg, uint32_t n, uint64_t t_ns)
{
    (void)arg;
    (void)n;
    (void)t_ns;
}

static void what_is_held_is_bounded_in_bytes_and_in_pieces(void **state)
{
    (void)state;
    static uint8_t big[65536];
    static const size_t sizes[] = {sizeof big, 1};
    for (size_t i = 0; i < 2; i++) {
        uint64_t n = 0, most = 0;
        struct stream_sink sink = {count_data, count_gap, &n};
        struct stream s = {0};
        stream_begin(&s, 0, &sink);
        for (uint32_t k = 0; k < 10000; k++) { /* every second piece is missing */
            stream_segment(&s, &(struct stream_segment){(2 * k + 1) * (uint32_t)sizes[i], big, sizes[i], k}, &sink);
            most = s.held_bytes > most ? s.held_bytes : most;
            assert_true(s.held_segments <= STREAM_HELD_SEGMENTS);
        }
        assert_true(most <= STREAM_HELD_BYTES && n > 0 && s.gaps > 0);
        stream_flush(&s, 10000, &sink);
        assert_int_equal(n, 10000 * sizes[i]);
        assert_int_equal(s.gap_bytes, 10000 * sizes[i]);
        stream_fini(&s);
    }
}

static void a_stream_joined_midway_begins_at_the_lowest_number_after_a_moment(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    say(&s, &sink, 77, 200, 100, 0);
    say(&s, &sink, 77, 100, 100, MS);
    stream_tick(&s, 2 * MS, &sink);
    assert_int_equal(h.n, 0);
    stream_tick(&s, MS + STREAM_ATTACH_NS, &sink);
    assert_truth(&h, 100, 200);
    assert_true(s.midway);
    assert_int_equal(s.gaps, 0);
    say(&s, &sink, 77, 0, 100, 3 * MS); /* too late */
    assert_int_equal(s.retransmitted, 100);
    stream_fini(&s);
}

static void a_stream_joined_midway_begins_after_some_segments(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    for (unsigned i = 0; i < STREAM_ATTACH_SEGMENTS; i++) {
        assert_int_equal(h.n, 0);
        say(&s, &sink, 5, i * 10, 10, i);
        stream_tick(&s, i, &sink);
    }
    assert_truth(&h, 0, STREAM_ATTACH_SEGMENTS * 10);
    stream_fini(&s);
}

/* Its packets without data said long before where the next byte belongs; a keepalive says one byte less. */
static void a_stream_that_was_seen_before_its_first_bytes_does_not_wait(void **state)
{
    (void)state;
    for (size_t lost = 0; lost <= 50; lost += 50) {
        struct heard h;
        struct stream_sink sink = sink_to(&h);
        struct stream s = {0};
        stream_seen(&s, 76, 0);
        stream_seen(&s, 77, MS);
        say(&s, &sink, 77, lost, 100 - lost, STREAM_ATTACH_NS);
        if (lost == 0)
            assert_truth(&h, 0, 100);
        assert_int_equal(s.held_bytes, lost); /* what lies before it is waited for */
        say(&s, &sink, 77, 0, lost, STREAM_ATTACH_NS);
        assert_truth(&h, 0, 100);
        assert_true(s.midway);
        stream_fini(&s);
    }
}

static void a_stream_ends_where_its_fin_says(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    stream_begin(&s, 0, &sink);
    say(&s, &sink, 0, 100, 100, 0);
    stream_finish(&s, 200);
    assert_false(stream_ended(&s));
    say(&s, &sink, 0, 0, 100, 1);
    assert_true(stream_ended(&s));
    stream_fini(&s);
}

static void a_missing_tail_is_a_gap(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    stream_begin(&s, 0, &sink);
    say(&s, &sink, 0, 0, 100, 0);
    stream_finish(&s, 120);
    stream_flush(&s, 1, &sink);
    assert_int_equal(s.gap_bytes, 20);
    assert_int_equal(h.n, 120);
    stream_fini(&s);
}

/* ---- the mangler ---- */

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)random_state * n) >> 32);
}

struct cut {
    size_t at, n;
};

/* The truth in random pieces, some of them sent again with other borders, in an order that is shuffled within a window. */
static size_t mangle(struct cut *cuts, size_t most)
{
    size_t n = 0, at = 0;
    while (at < TRUTH && n + 2 < most) {
        size_t size = 1 + random_below(150);
        size = size < TRUTH - at ? size : TRUTH - at;
        cuts[n++] = (struct cut){at, size};
        at += size;
        if (random_below(4) == 0) { /* a retransmission: from somewhere before to somewhere behind */
            size_t from = at - 1 - random_below((uint32_t)(at < 300 ? at : 300));
            size_t again = 1 + random_below(400);
            cuts[n++] = (struct cut){from, again < TRUTH - from ? again : TRUTH - from};
        }
    }
    for (size_t i = 0; i < n; i++) {
        size_t with = i + random_below(6) < n ? i + random_below(6) : i;
        with = with < n ? with : i;
        struct cut t = cuts[i];
        cuts[i] = cuts[with];
        cuts[with] = t;
    }
    return n;
}

static void a_thousand_mangled_streams_come_out_right(void **state)
{
    (void)state;
    static struct cut cuts[2 * TRUTH];
    static struct heard h;
    for (uint32_t seed = 1; seed <= 1000; seed++) {
        random_state = seed;
        uint32_t start = seed % 2 ? UINT32_MAX - random_below(TRUTH) : random_below(UINT32_MAX);
        size_t n = mangle(cuts, 2 * TRUTH);
        struct stream_sink sink = sink_to(&h);
        struct stream s = {0};
        stream_begin(&s, start, &sink);
        for (size_t i = 0; i < n; i++) {
            say(&s, &sink, start, cuts[i].at, cuts[i].n, i);
            stream_tick(&s, i, &sink);
        }
        assert_truth(&h, 0, TRUTH);
        assert_int_equal(s.gaps + s.held_segments, 0);
        stream_fini(&s);
    }
}

/* Packets get lost: what comes out is the truth, with gaps where bytes are missing and nowhere else. */
static void a_thousand_streams_with_losses_miss_only_what_was_lost(void **state)
{
    (void)state;
    static struct cut cuts[2 * TRUTH];
    static struct heard h;
    for (uint32_t seed = 1; seed <= 1000; seed++) {
        random_state = seed;
        bool sent[TRUTH] = {false};
        uint32_t start = random_below(UINT32_MAX);
        size_t n = mangle(cuts, 2 * TRUTH), lost = 0;
        struct stream_sink sink = sink_to(&h);
        struct stream s = {0};
        stream_begin(&s, start, &sink);
        for (size_t i = 0; i < n; i++) {
            if (random_below(10) == 0)
                continue;
            say(&s, &sink, start, cuts[i].at, cuts[i].n, i);
            memset(sent + cuts[i].at, true, cuts[i].n);
        }
        stream_finish(&s, start + TRUTH);
        stream_flush(&s, n, &sink);
        assert_int_equal(h.n, TRUTH);
        for (size_t i = 0; i < TRUTH; i++) {
            assert_int_equal(h.bytes[i], sent[i] ? truth[i] : -1);
            lost += !sent[i];
        }
        assert_int_equal(s.gap_bytes, lost);
        assert_true(stream_ended(&s));
        stream_fini(&s);
    }
}

/* Half the circle away a number lies neither before nor behind. */
static void a_number_that_opposes_the_next_one_is_not_held(void **state)
{
    (void)state;
    struct heard h;
    struct stream_sink sink = sink_to(&h);
    struct stream s = {0};
    stream_begin(&s, 100, &sink);
    say(&s, &sink, 100 + (UINT32_C(1) << 31), 0, 100, 0);
    assert_int_equal(s.held_segments, 0);
    say(&s, &sink, 100, 0, 100, 1);
    assert_truth(&h, 0, 100);
    stream_fini(&s);
    s = (struct stream){0};
    say(&s, &sink, 100, 0, 100, 2);
    say(&s, &sink, 100 + (UINT32_C(1) << 31), 0, 100, 3);
    assert_int_equal(s.held_segments, 1);
    stream_fini(&s);
}

static void garbage_numbers_neither_overrun_nor_hang(void **state)
{
    (void)state;
    static uint8_t bytes[2000];
    random_state = 1;
    for (unsigned run = 0; run < 200; run++) {
        uint64_t n = 0;
        struct stream_sink sink = {count_data, count_gap, &n};
        struct stream s = {0};
        for (unsigned i = 0; i < 200; i++) {
            uint32_t seq = random_below(UINT32_MAX) & (random_below(2) ? UINT32_MAX : 0xf000ffff);
            stream_segment(&s, &(struct stream_segment){seq, bytes, random_below(sizeof bytes), i * MS}, &sink);
            if (random_below(40) == 0)
                stream_begin(&s, random_below(UINT32_MAX), &sink);
            stream_acked(&s, random_below(UINT32_MAX));
            stream_tick(&s, i * MS, &sink);
            assert_true(s.held_bytes <= STREAM_HELD_BYTES);
        }
        stream_finish(&s, random_below(UINT32_MAX));
        stream_flush(&s, 200 * MS, &sink);
        assert_int_equal(s.held_segments, 0);
        stream_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_data_are_handed_on_where_they_lie),
        cmocka_unit_test(five_segments_in_each_of_their_120_orders_give_the_stream),
        cmocka_unit_test(a_syn_may_come_in_any_place_among_its_first_segments),
        cmocka_unit_test(bytes_that_come_again_are_counted_and_left_out),
        cmocka_unit_test(of_bytes_that_differ_the_first_win),
        cmocka_unit_test(a_hole_becomes_a_gap_once_the_receiver_has_its_bytes),
        cmocka_unit_test(a_hole_that_nobody_acknowledges_becomes_a_gap_in_the_end),
        cmocka_unit_test(what_is_held_is_bounded_in_bytes_and_in_pieces),
        cmocka_unit_test(a_stream_joined_midway_begins_at_the_lowest_number_after_a_moment),
        cmocka_unit_test(a_stream_joined_midway_begins_after_some_segments),
        cmocka_unit_test(a_stream_that_was_seen_before_its_first_bytes_does_not_wait),
        cmocka_unit_test(a_stream_ends_where_its_fin_says),
        cmocka_unit_test(a_missing_tail_is_a_gap),
        cmocka_unit_test(a_thousand_mangled_streams_come_out_right),
        cmocka_unit_test(a_thousand_streams_with_losses_miss_only_what_was_lost),
        cmocka_unit_test(a_number_that_opposes_the_next_one_is_not_held),
        cmocka_unit_test(garbage_numbers_neither_overrun_nor_hang),
    };
    return cmocka_run_group_tests(tests, make_truth, NULL);
}
