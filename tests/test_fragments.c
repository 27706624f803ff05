/* IPv4 fragments: in any order, doubled, overlapping, lost, hostile. */
#include "capture/fragments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17 };

/* Bytes [from, to) of a datagram in which each byte is its own place, plus `twist`. */
static const uint8_t *add(struct fragments *f, unsigned id, size_t from, size_t to, size_t total, unsigned twist, size_t *n)
{
    uint8_t *bytes = malloc(to - from + 1); /* of exactly its size, for the sanitizer */
    for (size_t i = from; i < to; i++)
        bytes[i - from] = (uint8_t)(i + twist);
    struct packet piece = {.from_address = 1,
                           .to_address = 2,
                           .fragment = {.id = (uint16_t)id, .protocol = UDP, .more = to < total, .offset = from},
                           .payload = bytes,
                           .n = to - from};
    const uint8_t *whole = fragments_add(f, &piece, id, n);
    free(bytes);
    return whole;
}

static void assert_whole(const uint8_t *bytes, size_t n, size_t total)
{
    assert_non_null(bytes);
    assert_int_equal(n, total);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bytes[i], (uint8_t)i);
}

static void three_pieces_in_any_order_are_one_datagram(void **state)
{
    (void)state;
    static const size_t ends[4] = {0, 1480, 2960, 3001};
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < 6; i++) {
        struct fragments *f = fragments_new();
        const uint8_t *whole = NULL;
        size_t n = 0;
        for (unsigned k = 0; k < 3; k++) {
            assert_null(whole);
            unsigned at = orders[i][k];
            whole = add(f, 7, ends[at], ends[at + 1], 3001, 0, &n);
        }
        assert_whole(whole, n, 3001);
        assert_int_equal(fragments_incomplete(f), 0);
        fragments_free(f);
    }
}

static void of_bytes_that_come_twice_the_first_ones_win(void **state)
{
    (void)state;
    struct fragments *f = fragments_new();
    const uint8_t *whole;
    size_t n;
    assert_null(add(f, 7, 0, 64, 100, 0, &n));
    assert_null(add(f, 7, 0, 64, 100, 0, &n));
    assert_null(add(f, 7, 32, 72, 100, 0, &n));
    assert_null(add(f, 7, 24, 56, 100, 9, &n));
    whole = add(f, 7, 72, 100, 100, 0, &n);
    assert_whole(whole, n, 100);
    fragments_free(f);
}

static void datagrams_with_other_numbers_are_kept_apart(void **state)
{
    (void)state;
    struct fragments *f = fragments_new();
    const uint8_t *whole;
    size_t n;
    assert_null(add(f, 1, 0, 8, 16, 0, &n));
    assert_null(add(f, 2, 8, 16, 16, 0, &n));
    assert_int_equal(fragments_incomplete(f), 2);
    whole = add(f, 2, 0, 8, 16, 0, &n);
    assert_whole(whole, n, 16);
    whole = add(f, 1, 8, 16, 16, 0, &n);
    assert_whole(whole, n, 16);
    fragments_free(f);
}

static void pieces_that_fit_nowhere_do_not_complete_anything(void **state)
{
    (void)state;
    static const size_t rows[][2] = {
        {8, 13}, /* not the last one, and no whole units */
        {65528, 65600} /* behind the largest datagram */,
        {40, 48}, /* behind the end */
    };
    struct fragments *f = fragments_new();
    const uint8_t *whole;
    size_t n;
    assert_null(add(f, 1, 16, 24, 24, 0, &n));
    for (size_t i = 0; i < 3; i++)
        assert_null(add(f, 1, rows[i][0], rows[i][1], 1u << 20, 0, &n));
    assert_null(add(f, 1, 0, 8, 8, 0, &n)); /* another end */
    assert_null(add(f, 1, 0, 8, 24, 0, &n));
    whole = add(f, 1, 8, 16, 24, 0, &n);
    assert_whole(whole, n, 24);
    fragments_free(f);
}

static void an_end_before_what_is_there_is_not_believed(void **state)
{
    (void)state;
    struct fragments *f = fragments_new();
    size_t n;
    assert_null(add(f, 1, 32, 48, 64, 0, &n));
    assert_null(add(f, 1, 8, 16, 16, 0, &n));
    assert_int_equal(fragments_incomplete(f), 1);
    fragments_free(f);
}

static void what_never_completes_is_counted_and_bounded(void **state)
{
    (void)state;
    struct fragments *f = fragments_new();
    size_t n;
    for (unsigned id = 0; id < 3 * FRAGMENTS_DATAGRAMS; id++)
        assert_null(add(f, id, 0, 8, 16, 0, &n));
    assert_int_equal(fragments_incomplete(f), 3 * FRAGMENTS_DATAGRAMS);
    assert_null(add(f, 0, 8, 16, 16, 0, &n)); /* its first half was given up */
    fragments_free(f);
}

static void a_piece_that_is_late_does_not_meet_another_datagram_of_its_number(void **state)
{
    (void)state;
    struct fragments *f = fragments_new();
    struct packet piece = {.fragment = {.id = 1, .protocol = UDP, .more = true}, .payload = (const uint8_t *)"12345678", .n = 8};
    size_t n;
    assert_null(fragments_add(f, &piece, 0, &n));
    piece.fragment.more = false;
    piece.fragment.offset = 8;
    assert_null(fragments_add(f, &piece, FRAGMENTS_NS + 1, &n));
    assert_int_equal(fragments_incomplete(f), 2);
    fragments_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_pieces_in_any_order_are_one_datagram),
        cmocka_unit_test(of_bytes_that_come_twice_the_first_ones_win),
        cmocka_unit_test(datagrams_with_other_numbers_are_kept_apart),
        cmocka_unit_test(pieces_that_fit_nowhere_do_not_complete_anything),
        cmocka_unit_test(an_end_before_what_is_there_is_not_believed),
        cmocka_unit_test(what_never_completes_is_counted_and_bounded),
        cmocka_unit_test(a_piece_that_is_late_does_not_meet_another_datagram_of_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
