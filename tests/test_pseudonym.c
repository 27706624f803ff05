/* Names that nobody recognises, and that are like the old ones in all else. */
#include "tests/key_fixture.h"
#include "traces/scrub.h"

static void names_keep_length_separators_and_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name, *stays; /* where a character stays it is repeated; else '*' */
    } rows[] = {
        {"BL1:Det-2:Image_RBV", "***:***-*:*****_***"},
        {"XF:23{Mono}Enrgy-I.RBV", "**:**{****}*****-*.RBV"},
        {"SIM:AI.DESC$", "***:**.DESC$"},
        {"SIM:AI.{\"dbnd\":{\"d\":0.5}}", "***:**.{\"dbnd\":{\"d\":0.5}}"},
        {"SIM:WF.VAL[2:5]", "***:**.VAL[2:5]"},
        {"host.facility.org", "****.********.***"},
        {"SIM:AI.", "***:**."},
        {"", ""},
    };
    struct keyed *k = key_of("0123456789abcdef");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char other[TEXT_BYTES];
        named(k, rows[i].name, other);
        assert_int_equal(strlen(other), strlen(rows[i].name));
        for (size_t c = 0; rows[i].stays[c] != '\0'; c++)
            if (rows[i].stays[c] == '*')
                assert_int_not_equal(other[c], rows[i].name[c]);
            else
                assert_int_equal(other[c], rows[i].stays[c]);
    }
    keyed_free(k);
}

static void names_that_begin_alike_go_on_doing_so_exactly_as_far(void **state)
{
    (void)state;
    struct keyed *k = key_of("0123456789abcdef");
    char one[TEXT_BYTES], two[TEXT_BYTES];
    named(k, "BL1:M17:VAL", one);
    named(k, "BL1:M18:VAL", two);
    assert_memory_equal(one, two, strlen("BL1:M1"));
    assert_int_not_equal(one[6], two[6]);
    keyed_free(k);
}

static void no_two_names_become_one(void **state)
{
    (void)state;
    struct keyed *k = key_of("0123456789abcdef");
    bool seen[128] = {false};
    for (const char *c = "0123456789ABCXYZabcxyz"; *c != '\0'; c++) {
        char name[] = {'P', ':', *c, '\0'}, other[TEXT_BYTES];
        named(k, name, other);
        assert_false(seen[(unsigned char)other[2]]);
        seen[(unsigned char)other[2]] = true;
    }
    keyed_free(k);
}

static void the_key_decides(void **state)
{
    (void)state;
    struct keyed *k = key_of("0123456789abcdef"), *same = key_of("0123456789abcdef"), *other = key_of("0123456789abcdeF");
    char one[TEXT_BYTES], two[TEXT_BYTES], three[TEXT_BYTES];
    assert_string_equal(named(k, "facility:magnet:current", one), named(same, "facility:magnet:current", two));
    assert_string_not_equal(one, named(other, "facility:magnet:current", three));
    assert_null(key_of("short"));
    keyed_free(k);
    keyed_free(same);
    keyed_free(other);
}

static void numbers_texts_stay_numbers(void **state)
{
    (void)state;
    struct keyed *k = key_of("0123456789abcdef");
    char text[] = "-12.5e-03";
    assert_true(pseudonym_is_number(text, strlen(text)));
    pseudonym_number(k, text, strlen(text));
    assert_true(pseudonym_is_number(text, strlen(text)));
    assert_int_equal(text[0], '-');
    assert_string_equal(text + 5, "e-03");
    assert_string_not_equal(text, "-12.5e-03");
    assert_true(pseudonym_is_number("", 0));
    assert_false(pseudonym_is_number("12a", 3));
    assert_false(pseudonym_is_number("e5", 2));
    assert_false(pseudonym_is_number("-", 1));
    keyed_free(k);
}

static void all_values_of_a_byte_are_permuted(void **state)
{
    (void)state;
    struct keyed *k = key_of("0123456789abcdef");
    bool seen[256] = {false};
    for (uint32_t i = 0; i < 256; i++) {
        const uint32_t bits = pseudonym_bits(k, i, 8);
        assert_true(bits < 256 && !seen[bits]);
        seen[bits] = true;
    }
    keyed_free(k);
}

static void addresses_become_private_ones_and_never_one(void **state)
{
    (void)state;
    struct scrub s = {.keyed = key_of("0123456789abcdef")};
    const uint32_t one = scrub_address(&s, 0x83a9c001), two = scrub_address(&s, 0x83a9c002);
    assert_int_equal(one >> 24, 10);
    assert_int_equal(two >> 24, 10);
    assert_int_not_equal(one, two);
    assert_int_equal(scrub_address(&s, 0x83a9c001), one);
    assert_int_equal(scrub_address(&s, 0x7f000001), 0x7f000001);
    assert_int_equal(scrub_address(&s, UINT32_MAX), UINT32_MAX);
    assert_int_equal(scrub_address(&s, 0), 0);
    keyed_free(s.keyed);
    scrub_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_keep_length_separators_and_fields),
        cmocka_unit_test(names_that_begin_alike_go_on_doing_so_exactly_as_far),
        cmocka_unit_test(no_two_names_become_one),
        cmocka_unit_test(the_key_decides),
        cmocka_unit_test(numbers_texts_stay_numbers),
        cmocka_unit_test(all_values_of_a_byte_are_permuted),
        cmocka_unit_test(addresses_become_private_ones_and_never_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
