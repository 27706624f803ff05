/* Text that clients put into numbers and choices, by the rules of EPICS's parsers (ca-protocol 7.4), and what links and
 * attributes read as. */
#include "wire/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double from_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static double number_of(const uint8_t *bytes, unsigned base)
{
    switch (base) {
    case WIRE_DOUBLE:
        return from_bits(wire_get64(bytes));
    case WIRE_INT32:
        return (int32_t)wire_get32(bytes);
    case WIRE_INT16:
        return (int16_t)wire_get16(bytes);
    case WIRE_ENUM:
        return wire_get16(bytes);
    default:
        return bytes[0];
    }
}

/* number: what the field holds then; NAN: the put is refused. */
static const struct {
    const char *name, *text;
    unsigned base, whole;
    double number;
} puts_[] = {
    {"a SHORT", "-32768", WIRE_INT16, WIRE_WHOLE_NATIVE, -32768},
    {"a SHORT ends at 32767", "32768", WIRE_INT16, WIRE_WHOLE_NATIVE, NAN},
    {"hexadecimal", "0x1f", WIRE_INT16, WIRE_WHOLE_NATIVE, 31},
    {"octal", "017", WIRE_INT16, WIRE_WHOLE_NATIVE, 15},
    {"blanks around", " 12 ", WIRE_INT16, WIRE_WHOLE_NATIVE, 12},
    {"nothing but blanks", "  ", WIRE_INT16, WIRE_WHOLE_NATIVE, NAN},
    {"a number and its unit", "12 mm", WIRE_INT16, WIRE_WHOLE_NATIVE, 12},
    {"a UCHAR", "255", WIRE_CHAR, WIRE_WHOLE_UCHAR, 255},
    {"a UCHAR ends at 255", "256", WIRE_CHAR, WIRE_WHOLE_UCHAR, NAN},
    {"minus one is the largest", "-1", WIRE_CHAR, WIRE_WHOLE_UCHAR, 255},
    {"minus 255 is one", "-255", WIRE_CHAR, WIRE_WHOLE_UCHAR, 1},
    {"minus 256 is too much", "-256", WIRE_CHAR, WIRE_WHOLE_UCHAR, NAN},
    {"a USHORT", "65535", WIRE_INT32, WIRE_WHOLE_USHORT, 65535},
    {"a USHORT ends at 65535", "65536", WIRE_INT32, WIRE_WHOLE_USHORT, NAN},
    {"a USHORT ends before the point", "1.5", WIRE_INT32, WIRE_WHOLE_USHORT, 1},
    {"a ULONG", "4294967295", WIRE_DOUBLE, WIRE_WHOLE_ULONG, 4294967295.0},
    {"a ULONG ends at 2^32 - 1", "4294967296", WIRE_DOUBLE, WIRE_WHOLE_ULONG, NAN},
    {"a ULONG with an exponent", "1e3", WIRE_DOUBLE, WIRE_WHOLE_ULONG, 1000},
    {"and with a large one", "1E3", WIRE_DOUBLE, WIRE_WHOLE_ULONG, 1000},
    {"a ULONG with a fraction loses it", "4.7", WIRE_DOUBLE, WIRE_WHOLE_ULONG, 4},
    {"that begins with the point, too", ".9", WIRE_DOUBLE, WIRE_WHOLE_ULONG, 0},
    {"a real number out of range: what stands before the exponent", "3e10", WIRE_DOUBLE, WIRE_WHOLE_ULONG, 3},
    {"text is no ULONG", "abc", WIRE_DOUBLE, WIRE_WHOLE_ULONG, NAN},
    {"an INT64", "-5", WIRE_DOUBLE, WIRE_WHOLE_INT64, -5},
    {"an INT64 ends at 2^63 - 1", "9223372036854775808", WIRE_DOUBLE, WIRE_WHOLE_INT64, NAN},
    {"an INT64 is read in full", "9007199254740995", WIRE_DOUBLE, WIRE_WHOLE_INT64, 9007199254740996.0},
    {"a UINT64 below 0 is its low bits", "-1", WIRE_DOUBLE, WIRE_WHOLE_UINT64, 18446744073709551616.0},
    {"a UINT64", "7", WIRE_DOUBLE, WIRE_WHOLE_UINT64, 7},
    {"a UINT64 ends at 2^64 - 1", "18446744073709551616", WIRE_DOUBLE, WIRE_WHOLE_UINT64, NAN},
    {"a DOUBLE", "-1.5e-3", WIRE_DOUBLE, WIRE_WHOLE_NATIVE, -0.0015},
    {"a DOUBLE out of range", "1e400", WIRE_DOUBLE, WIRE_WHOLE_NATIVE, NAN},
    {"a choice of a menu", "second", WIRE_ENUM, WIRE_WHOLE_NATIVE, 1},
    {"its number", "2", WIRE_ENUM, WIRE_WHOLE_NATIVE, 2},
    {"its number and more", "2 x", WIRE_ENUM, WIRE_WHOLE_NATIVE, NAN},
    {"a choice that there is not", "fourth", WIRE_ENUM, WIRE_WHOLE_NATIVE, NAN},
    {"a number behind the last", "3", WIRE_ENUM, WIRE_WHOLE_NATIVE, NAN},
};

static const char *const choices[] = {"first", "second", "third"};

static struct wire_meta meta_of(unsigned whole)
{
    return (struct wire_meta){.whole = (uint8_t)whole,
                              .is_menu = true,
                              .menu = choices,
                              .nmenu = 3,
                              .nlabels = 3,
                              .labels = {"first", "second", "third"}};
}

/* In memory of exactly these bytes, so that a sanitizer sees what is read behind them. */
static uint32_t put_cut(size_t i, const char *text, size_t n, double *number)
{
    const struct wire_meta meta = meta_of(puts_[i].whole);
    uint8_t out[8], *payload = malloc(n > 0 ? n : 1);
    uint32_t written = 0;
    memcpy(payload, text, n);
    uint32_t status = wire_put_convert(0, 1, payload, (uint32_t)n, (uint8_t)puts_[i].base, &meta, out, 1, &written);
    free(payload);
    if (status == WIRE_ECA_NORMAL)
        *number = puts_[i].whole == WIRE_WHOLE_INT64    ? (double)(int64_t)wire_get64(out)
                  : puts_[i].whole == WIRE_WHOLE_UINT64 ? (double)wire_get64(out)
                                                        : number_of(out, puts_[i].base);
    return status;
}

static void text_is_put_into_numbers_within_their_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof puts_ / sizeof *puts_; i++) {
        char text[WIRE_STRING_BYTES] = "";
        double number = 99;
        strcpy(text, puts_[i].text);
        uint32_t status = put_cut(i, text, sizeof text, &number);
        bool refused = isnan(puts_[i].number);
        if (status != (refused ? WIRE_ECA_PUTFAIL : WIRE_ECA_NORMAL) || (!refused && number != puts_[i].number))
            fail_msg("%s: status %u, number %g", puts_[i].name, status, number);
    }
}

/* A text that ends with the payload is that of the same bytes and a NUL. */
static void every_prefix_of_a_text_is_read_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof puts_ / sizeof *puts_; i++)
        for (size_t cut = 0; cut <= strlen(puts_[i].text); cut++) {
            char text[WIRE_STRING_BYTES] = "";
            double ended = 99, number = 99;
            memcpy(text, puts_[i].text, cut);
            assert_int_equal(put_cut(i, puts_[i].text, cut, &ended), put_cut(i, text, sizeof text, &number));
            assert_true(ended == number || isnan(ended));
        }
}

static void a_ulong_stays_what_it_is_where_no_number_is_put(void **state)
{
    (void)state;
    const struct wire_meta meta = meta_of(WIRE_WHOLE_ULONG);
    static const char *const texts[] = {"inf", "-infinity", "nan"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t text[WIRE_STRING_BYTES] = "", out[8] = {1, 2, 3, 4, 5, 6, 7, 8}, before[8];
        uint32_t written = 0;
        memcpy(before, out, sizeof out);
        memcpy(text, texts[i], strlen(texts[i]));
        assert_int_equal(wire_put_convert(0, 1, text, sizeof text, WIRE_DOUBLE, &meta, out, 1, &written), WIRE_ECA_NORMAL);
        assert_int_equal(written, 1);
        assert_memory_equal(out, before, sizeof out);
    }
}

static void texts_of_40_characters_have_no_nul(void **state)
{
    (void)state;
    char text[WIRE_STRING_BYTES];
    double number = 99;
    memset(text, '0', sizeof text);
    assert_int_equal(put_cut(0, text, sizeof text, &number), WIRE_ECA_NORMAL);
    assert_true(number == 0);
}

static void a_choice_reads_as_its_text(void **state)
{
    (void)state;
    static const struct {
        uint16_t choice;
        uint16_t known;
        const char *text;
    } rows[] = {{1, 3, "second"}, {7, 3, "7"}, {7, 0, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_meta meta = meta_of(WIRE_WHOLE_NATIVE);
        uint8_t choice[2], out[WIRE_STRING_BYTES];
        const struct wire_value value = {.data = choice, .count = 1, .base = WIRE_ENUM};
        meta.nmenu = rows[i].known;
        wire_put16(choice, rows[i].choice);
        assert_int_equal(wire_encode(0, 1, &value, &meta, out), WIRE_ECA_NORMAL);
        assert_string_equal((const char *)out, rows[i].text);
    }
}

static void a_link_reads_as_text_or_as_no_number(void **state)
{
    (void)state;
    const struct wire_meta meta = meta_of(WIRE_WHOLE_NATIVE);
    const struct wire_value link = {
        .data = (const uint8_t *)"other.VAL", .count = 1, .base = WIRE_STRING, .field = WIRE_FIELD_LINK};
    uint8_t out[64];
    assert_int_equal(wire_encode(WIRE_STRING, 1, &link, &meta, out), WIRE_ECA_NORMAL);
    assert_string_equal((const char *)out, "other.VAL");
    assert_int_equal(wire_encode(WIRE_CHAR, 6, &link, &meta, out), WIRE_ECA_NORMAL);
    assert_string_equal((const char *)out, "other");
    assert_int_equal(wire_encode(WIRE_DOUBLE, 1, &link, &meta, out), WIRE_ECA_NORMAL);
    assert_true(isnan(from_bits(wire_get64(out))));
    assert_int_equal(wire_encode(WIRE_INT32, 1, &link, &meta, out), WIRE_ECA_GETFAIL);
    assert_int_equal(wire_encode(WIRE_STRING, 0, &link, &meta, out), WIRE_ECA_NORMAL);
}

static void a_dynamic_answer_about_a_link_has_one_element(void **state)
{
    (void)state;
    const struct wire_value link = {
        .data = (const uint8_t *)"other.VAL", .count = 1, .base = WIRE_STRING, .field = WIRE_FIELD_LINK};
    assert_int_equal(wire_value_count(WIRE_STRING, &link, 1), 1);
    assert_int_equal(wire_value_count(WIRE_CLASS_NAME, &link, 7), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_put_into_numbers_within_their_ranges),
        cmocka_unit_test(every_prefix_of_a_text_is_read_within_its_bounds),
        cmocka_unit_test(a_ulong_stays_what_it_is_where_no_number_is_put),
        cmocka_unit_test(texts_of_40_characters_have_no_nul),
        cmocka_unit_test(a_choice_reads_as_its_text),
        cmocka_unit_test(a_link_reads_as_text_or_as_no_number),
        cmocka_unit_test(a_dynamic_answer_about_a_link_has_one_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
