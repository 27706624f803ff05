#include "wire/value.h"

#include "wire/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/hex.h"

#define ZEROS_8  "00000000 00000000"
#define ZEROS_32 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8
#define ZEROS_392                                                                                                                \
    ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_8
#define NAN_4 "7fc00000"
#define NAN_8 "7ff80000 00000000"

/* What a 7.0.10 IOC answers for an ai with VAL 1.5, PREC 3, EGU "mm", limits +-10, 9, 8, -8, -9 (ca-protocol 12). */
static const struct {
    const char *name;
    unsigned type, count;
    const char *hex;
} vectors[] = {
    {"its own type", 6, 1, "3ff80000 00000000"},
    {"with a stamp", 20, 1, "00000000 456771f7 0d9b92db 00000000 3ff80000 00000000"},
    {"as text, with PREC decimals", 0, 1, "312e3530 30000000" ZEROS_32},
    {"as a SHORT, with its limits", 22, 1, "00000000 6d6d0000 00000000 000afff6 00090008 fff8fff7 00010000 00000000"},
    {"as a FLOAT, with all there is", 30, 1,
     "00000000 00030000 6d6d0000 00000000 41200000 c1200000 41100000 41000000 c1000000 c1100000 41200000 c1200000 3fc00000 "
     "00000000"},
    {"as a CHAR, with all there is", 32, 1, "00000000 6d6d0000 00000000 0af60908 f8f70af6 00010000"},
    {"as an ENUM: no labels", 24, 1, "00000000 0000 0000" ZEROS_392 ZEROS_8 ZEROS_8 "0000 0000 0000 0001"},
    {"as text for the alarm's acknowledgement", 37, 1, "00000000 00010000 312e3530 30000000" ZEROS_32},
    {"the record's type", 38, 1, "61690000 00000000" ZEROS_32},
    {"the record's type once, whatever the count", 38, 2, "61690000 00000000" ZEROS_32 ZEROS_32 ZEROS_8},
    {"three of one: the rest is zeros", 6, 3, "3ff80000 00000000" ZEROS_8 ZEROS_8},
    {"none: the part before the values", 20, 0, "00000000 456771f7 0d9b92db 00000000"},
    {"none of a plain type", 6, 0, ""},
};

#define VECTORS (sizeof vectors / sizeof *vectors)

static const uint8_t one_and_a_half[] = {0x3f, 0xf8, 0, 0, 0, 0, 0, 0};

static const struct wire_value ai = {
    .data = one_and_a_half, .count = 1, .base = WIRE_DOUBLE, .ackt = 1, .stamp = {0x456771f7, 0x0d9b92db}};

static const struct wire_meta ai_meta = {
    .precision = 3,
    .units = "mm",
    .display = {10, -10},
    .alarm = {9, 8, -8, -9},
    .control = {10, -10},
    .record_type = "ai",
};

static void a_value_is_encoded_as_the_real_server_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        uint8_t expected[512], out[512];
        size_t n = unhex(vectors[i].hex, expected);
        memset(out, 0xee, sizeof out);
        assert_int_equal(n, wire_dbr_padded(vectors[i].type, vectors[i].count));
        assert_int_equal(wire_encode(vectors[i].type, vectors[i].count, &ai, &ai_meta, out), WIRE_ECA_NORMAL);
        assert_memory_equal(out, expected, n);
        assert_int_equal(out[n], 0xee);
    }
}

/* On the heap at exactly its size, so that the sanitizer build sees any read beyond it. */
static enum wire_err decode_cut(unsigned type, uint32_t count, const uint8_t *bytes, size_t n, struct wire_value *value,
                                struct wire_meta *meta)
{
    size_t head_bytes = wire_types[type].offset < n ? wire_types[type].offset : n;
    uint8_t *head = malloc(head_bytes + 1), *data = malloc(n - head_bytes + 1);
    head = realloc(memcpy(head, bytes, head_bytes), head_bytes > 0 ? head_bytes : 1);
    data = realloc(memcpy(data, bytes + head_bytes, n - head_bytes), n > head_bytes ? n - head_bytes : 1);
    enum wire_err err = wire_decode(type, count, head, head_bytes, data, n - head_bytes, value, meta);
    if (err == WIRE_OK)
        (void)wire_value_number(value);
    free(head);
    free(data);
    return err;
}

static void every_prefix_of_a_vector_is_decoded_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        uint8_t bytes[512];
        size_t n = unhex(vectors[i].hex, bytes);
        const struct wire_type *t = &wire_types[vectors[i].type];
        for (size_t cut = 0; cut <= n; cut++) {
            struct wire_value value = {.count = 99};
            struct wire_meta meta;
            wire_meta_init(&meta);
            enum wire_err err = decode_cut(vectors[i].type, vectors[i].count, bytes, cut, &value, &meta);
            if (cut < t->offset) {
                assert_int_equal(err, WIRE_MALFORMED);
                assert_int_equal(value.count, 99);
                assert_int_equal(meta.has, 0);
            } else {
                assert_int_equal(err, WIRE_OK);
                assert_true(value.count <= vectors[i].count && value.count <= (cut - t->offset) / t->size);
            }
        }
    }
}

static enum wire_err decode(unsigned type, uint32_t count, const uint8_t *bytes, size_t n, struct wire_value *value,
                            struct wire_meta *meta)
{
    size_t offset = wire_types[type].offset;
    return wire_decode(type, count, bytes, offset, bytes + offset, n - offset, value, meta);
}

static void a_payload_gives_back_value_alarm_stamp_and_metadata(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct wire_value value;
    struct wire_meta meta;
    wire_meta_init(&meta);
    size_t n = unhex("00030002 456771f7 0d9b92db aaaaaaaa 3ff80000 00000000", bytes);
    assert_int_equal(decode(20, 1, bytes, n, &value, &meta), WIRE_OK);
    assert_true(value.has_alarm && value.status == 3 && value.severity == 2);
    assert_true(value.has_stamp && value.stamp.seconds == 0x456771f7 && value.stamp.nanoseconds == 0x0d9b92db);
    assert_true(value.base == WIRE_DOUBLE && value.count == 1 && wire_value_number(&value) == 1.5);
    assert_int_equal(meta.has, 0);
    n = unhex(vectors[4].hex, bytes);
    assert_int_equal(decode(30, 1, bytes, n, &value, &meta), WIRE_OK);
    assert_int_equal(meta.has, WIRE_META_PRECISION | WIRE_META_UNITS | WIRE_META_DISPLAY | WIRE_META_CONTROL);
    assert_int_equal(meta.precision, 3);
    assert_memory_equal(meta.units, ai_meta.units, sizeof meta.units);
    assert_memory_equal(meta.display, ai_meta.display, sizeof meta.display);
    assert_memory_equal(meta.alarm, ai_meta.alarm, sizeof meta.alarm);
    assert_memory_equal(meta.control, ai_meta.control, sizeof meta.control);
    assert_false(value.has_stamp);
}

static void types_beyond_38_are_malformed(void **state)
{
    (void)state;
    uint8_t bytes[8] = {0};
    struct wire_value value = {.count = 99};
    assert_int_equal(wire_decode(39, 1, bytes, 8, bytes, 8, &value, NULL), WIRE_MALFORMED);
    assert_int_equal(wire_decode(UINT16_MAX, 1, bytes, 8, bytes, 8, &value, NULL), WIRE_MALFORMED);
    assert_int_equal(value.count, 99);
}

static void limits_asked_for_in_a_narrow_type_do_not_blur_exact_ones(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct wire_value value;
    struct wire_meta meta = {.display = {70000.25, -1e-3}, .alarm = {9, NAN, NAN, NAN}, .control = {1, 2}};
    wire_encode(29, 1, &ai, &meta, bytes);
    assert_int_equal(decode(29, 1, bytes, 32, &value, &meta), WIRE_OK);
    assert_true(meta.display[0] == 70000.25 && meta.display[1] == -1e-3 && meta.alarm[0] == 9 && isnan(meta.alarm[1]));
    wire_put16(bytes + 12, 77);
    wire_put16(bytes + 18, 8);
    assert_int_equal(decode(29, 1, bytes, 32, &value, &meta), WIRE_OK);
    assert_true(meta.display[0] == 77 && meta.alarm[1] == 8 && isnan(meta.alarm[2]));
}

static void alarm_limits_that_are_not_set_are_nan_or_0_in_integers(void **state)
{
    (void)state;
    uint8_t expected[128], out[128];
    struct wire_meta meta;
    wire_meta_init(&meta);
    size_t n = unhex("00000000 00000000" ZEROS_8 ZEROS_8 ZEROS_8 NAN_8 NAN_8 NAN_8 NAN_8 "3ff80000 00000000", expected);
    assert_int_equal(wire_encode(27, 1, &ai, &meta, out), WIRE_ECA_NORMAL);
    assert_memory_equal(out, expected, n);
    n = unhex("00000000 00000000" ZEROS_8 ZEROS_8 NAN_4 NAN_4 NAN_4 NAN_4 "3fc00000 00000000", expected);
    assert_int_equal(wire_encode(23, 1, &ai, &meta, out), WIRE_ECA_NORMAL);
    assert_memory_equal(out, expected, n);
    n = unhex(ZEROS_32 "00000000 00000001", expected);
    assert_int_equal(wire_encode(26, 1, &ai, &meta, out), WIRE_ECA_NORMAL);
    assert_memory_equal(out, expected, n);
}

static void units_are_cut_to_7_characters(void **state)
{
    (void)state;
    uint8_t out[128];
    struct wire_meta meta = {.units = {'e', 'i', 'g', 'h', 't', '8', '8', '8'}};
    wire_encode(27, 1, &ai, &meta, out);
    assert_memory_equal(out + 8, "eight88\0", 8);
}

static void precision_is_told_of_floating_point_fields_only(void **state)
{
    (void)state;
    uint8_t out[128];
    const uint8_t seven[] = {0, 0, 0, 7};
    struct wire_value longout = {.data = seven, .count = 1, .base = WIRE_INT32};
    wire_encode(27, 1, &longout, &ai_meta, out);
    assert_int_equal(wire_get16(out + 4), 0);
    wire_encode(27, 1, &ai, &ai_meta, out);
    assert_int_equal(wire_get16(out + 4), 3);
}

/* One element of `base` out of a double, read as another type. */
static const struct {
    const char *name, *from;
    unsigned base, type;
    const char *to;
} casts[] = {
    {"3e9 does not fit a LONG", "41e65a0b c0000000", WIRE_DOUBLE, 5, "80000000"},
    {"3e9 as SHORT: the low bits of that", "41e65a0b c0000000", WIRE_DOUBLE, 1, "0000"},
    {"infinity as LONG", "7ff00000 00000000", WIRE_DOUBLE, 5, "80000000"},
    {"NaN as LONG", NAN_8, WIRE_DOUBLE, 5, "80000000"},
    {"NaN as CHAR", NAN_8, WIRE_DOUBLE, 4, "00"},
    {"2147483647.9 just fits", "41dfffff fff99999", WIRE_DOUBLE, 5, "7fffffff"},
    {"-2147483648.9 just fits", "c1e00000 001ccccd", WIRE_DOUBLE, 5, "80000000"},
    {"40000 as SHORT wraps", "40e38800 00000000", WIRE_DOUBLE, 1, "9c40"},
    {"300 as CHAR wraps", "4072c000 00000000", WIRE_DOUBLE, 4, "2c"},
    {"-1.9 as ENUM", "bffe6666 66666666", WIRE_DOUBLE, 3, "ffff"},
    {"1e300 as FLOAT saturates", "7e37e43c 8800759c", WIRE_DOUBLE, 2, "7f7fffff"},
    {"-1e300 as FLOAT saturates", "fe37e43c 8800759c", WIRE_DOUBLE, 2, "ff7fffff"},
    {"1e-300 as FLOAT is never 0", "01a56e1f c2f8f359", WIRE_DOUBLE, 2, "00800000"},
    {"infinity stays", "7ff00000 00000000", WIRE_DOUBLE, 2, "7f800000"},
    {"NaN stays", NAN_8, WIRE_DOUBLE, 2, NAN_4},
    {"a CHAR is signed", "80", WIRE_CHAR, 5, "ffffff80"},
    {"an ENUM is not", "ffff", WIRE_ENUM, 5, "0000ffff"},
    {"a LONG loses its high bits", "71fb04cb", WIRE_INT32, 1, "04cb"},
    {"a SHORT as DOUBLE", "8000", WIRE_INT16, 6, "c0e00000 00000000"},
    {"a LONG as FLOAT is rounded", "01000001", WIRE_INT32, 2, "4b800000"},
    {"text as a number ends where the number ends", "322e3578 797a0000" ZEROS_32, WIRE_STRING, 6, "40040000 00000000"},
    {"hexadecimal text", "30783166 00000000" ZEROS_32, WIRE_STRING, 5, "0000001f"},
    {"empty text is 0", ZEROS_8 ZEROS_32, WIRE_STRING, 5, "00000000"},
};

static void numbers_become_other_numbers_by_the_casts_of_x86_64(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) {
        uint8_t from[64], to[64], out[64];
        unhex(casts[i].from, from);
        size_t n = unhex(casts[i].to, to);
        struct wire_value value = {.data = from, .count = 1, .base = (uint8_t)casts[i].base};
        if (wire_encode(casts[i].type, 1, &value, &ai_meta, out) != WIRE_ECA_NORMAL || memcmp(out, to, n) != 0)
            fail_msg("%s", casts[i].name);
    }
}

static const struct {
    const char *name;
    double number;
    int precision;
    const char *text;
} texts[] = {
    {"PREC decimals", 3.14159265358979, 8, "3.14159265"},
    {"halves go up", 2.5, 0, "3"},
    {"in the decimals, too", 0.125, 2, "0.13"},
    {"away from 0", -0.5, 0, "-1"},
    {"minus nothing", -0.4, 0, "-0"},
    {"minus zero has no sign", -0.0, 2, "0.00"},
    {"carry into the whole", 9999999.9999999, 6, "10000000.000000"},
    {"above 1e7 at most 3 decimals", 10000000.25, 8, "10000000.250"},
    {"above 1e16 an exponent", 1e17, 3, " 1.000e+17"},
    {"more than 8 decimals: an exponent", 3.14159265358979, 12, " 3.141592653590e+00"},
    {"at most 17 decimals", 1.5, 40, " 1.50000000000000000e+00"},
    {"negative PREC counts as many", 1.5, -1, " 1.50000000000000000e+00"},
    {"infinity right-aligned", INFINITY, 3, "       inf"},
    {"no number", NAN, 3, "nan"},
};

/* Found by fuzzing: C leaves the cast of what is no 64-bit integer undefined. */
static void whole_numbers_beyond_64_bits_become_low_bits(void **state)
{
    (void)state;
    static const struct {
        double number;
        uint32_t low;
    } rows[] = {{-8e84, 0}, {1.9e19, 0}, {(double)NAN, 0}, {-1, UINT32_MAX}, {9223372036854775808.0 + 2048, 2048}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t number[8], out[8];
        struct wire_value value = {.data = number, .count = 1, .base = WIRE_DOUBLE, .field = WIRE_FIELD_WHOLE};
        struct wire_meta meta;
        wire_meta_init(&meta);
        wire_number_write(WIRE_DOUBLE, rows[i].number, number);
        assert_int_equal(wire_encode(WIRE_INT32, 1, &value, &meta, out), WIRE_ECA_NORMAL);
        assert_int_equal(wire_get32(out), rows[i].low);
    }
}

/* No double holds them: 2^53 + 1, 2^63 - 1, 2^64 - 1. */
static void integers_of_64_bits_are_read_and_put_in_full(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bits;
        uint8_t field, whole;
        double number;
    } rows[] = {
        {"9007199254740993", UINT64_C(9007199254740993), WIRE_FIELD_INT64, WIRE_WHOLE_INT64, 9007199254740992.0},
        {"-9007199254740993", (uint64_t)-INT64_C(9007199254740993), WIRE_FIELD_INT64, WIRE_WHOLE_INT64, -9007199254740992.0},
        {"9223372036854775807", INT64_MAX, WIRE_FIELD_INT64, WIRE_WHOLE_INT64, 9223372036854775808.0},
        {"18446744073709551615", UINT64_MAX, WIRE_FIELD_UINT64, WIRE_WHOLE_UINT64, 18446744073709551616.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t data[8], text[WIRE_STRING_BYTES] = {0}, out[WIRE_STRING_BYTES];
        uint32_t written;
        struct wire_value value = {.data = data, .count = 1, .base = WIRE_DOUBLE, .field = rows[i].field};
        struct wire_meta meta;
        wire_meta_init(&meta);
        meta.whole = rows[i].whole;
        strcpy((char *)text, rows[i].text);
        assert_int_equal(wire_put_convert(WIRE_STRING, 1, text, sizeof text, WIRE_DOUBLE, &meta, data, 1, &written),
                         WIRE_ECA_NORMAL);
        assert_true(wire_get64(data) == rows[i].bits && wire_value_number(&value) == rows[i].number);
        assert_int_equal(wire_encode(WIRE_STRING, 1, &value, &meta, out), WIRE_ECA_NORMAL);
        assert_string_equal((const char *)out, rows[i].text);
        assert_int_equal(wire_encode(WIRE_INT32, 1, &value, &meta, out), WIRE_ECA_NORMAL);
        assert_int_equal(wire_get32(out), (uint32_t)rows[i].bits);
        assert_int_equal(wire_encode(WIRE_DOUBLE, 1, &value, &meta, out), WIRE_ECA_NORMAL);
        assert_true(wire_number_read(WIRE_DOUBLE, out) == rows[i].number);
    }
}

/* The casts of x86-64. */
static void doubles_are_put_into_integers_of_64_bits(void **state)
{
    (void)state;
    static const struct {
        double number;
        uint64_t as_signed, as_unsigned;
    } rows[] = {
        {-1.5, UINT64_MAX, UINT64_MAX},
        {1e19, UINT64_C(1) << 63, UINT64_C(10000000000000000000)},
        {1e30, UINT64_C(1) << 63, 0},
        {-1e30, UINT64_C(1) << 63, UINT64_C(1) << 63},
        {(double)NAN, UINT64_C(1) << 63, UINT64_C(1) << 63},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned k = 0; k < 2; k++) {
            uint8_t in[8], out[8];
            uint32_t written;
            struct wire_meta meta;
            wire_meta_init(&meta);
            meta.whole = k == 0 ? WIRE_WHOLE_INT64 : WIRE_WHOLE_UINT64;
            wire_number_write(WIRE_DOUBLE, rows[i].number, in);
            assert_int_equal(wire_put_convert(WIRE_DOUBLE, 1, in, sizeof in, WIRE_DOUBLE, &meta, out, 1, &written),
                             WIRE_ECA_NORMAL);
            assert_true(wire_get64(out) == (k == 0 ? rows[i].as_signed : rows[i].as_unsigned));
        }
}

static void doubles_become_text_by_the_rules_of_cvt_fast(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t data[8], out[40], expected[40] = {0};
        uint64_t bits;
        memcpy(&bits, &texts[i].number, sizeof bits);
        wire_put64(data, bits);
        memcpy(expected, texts[i].text, strlen(texts[i].text));
        struct wire_value value = {.data = data, .count = 1, .base = WIRE_DOUBLE};
        struct wire_meta meta = {.precision = (int16_t)texts[i].precision};
        assert_int_equal(wire_encode(0, 1, &value, &meta, out), WIRE_ECA_NORMAL);
        if (memcmp(out, expected, sizeof out) != 0)
            fail_msg("%s: \"%.40s\"", texts[i].name, (const char *)out);
    }
}

static void characters_become_numbers_one_string_each(void **state)
{
    (void)state;
    uint8_t out[120];
    const uint8_t text[] = {'a', 0xff};
    struct wire_value value = {.data = text, .count = 2, .base = WIRE_CHAR};
    assert_int_equal(wire_encode(0, 3, &value, &ai_meta, out), WIRE_ECA_NORMAL);
    assert_string_equal((const char *)out, "97");
    assert_string_equal((const char *)out + 40, "-1");
    assert_string_equal((const char *)out + 80, "");
}

static const struct {
    const char *name, *record_type;
    uint16_t state, nlabels;
    uint32_t status;
    const char *text;
} states[] = {
    {"a state has its label", "", 1, 2, WIRE_ECA_NORMAL, "on"},
    {"a menu's stray state is a number", "ai", 7, 2, WIRE_ECA_NORMAL, "7"},
    {"so is one of a record of unknown type", "", 7, 2, WIRE_ECA_NORMAL, "7"},
    {"bo says so", "bo", 7, 2, WIRE_ECA_NORMAL, "Illegal_Value"},
    {"mbbo has empty labels up to 15", "mbbo", 7, 2, WIRE_ECA_NORMAL, ""},
    {"and then says so", "mbbo", 16, 2, WIRE_ECA_NORMAL, "Illegal Value"},
    {"an array of ENUM has no labels at all", "waveform", 0, 0, WIRE_ECA_GETFAIL, ""},
};

static void states_become_text_through_their_labels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        uint8_t data[2], out[40];
        struct wire_meta meta = {.has = WIRE_META_LABELS, .nlabels = states[i].nlabels, .labels = {"off", "on"}};
        strcpy(meta.record_type, states[i].record_type);
        wire_put16(data, states[i].state);
        struct wire_value value = {.data = data, .count = 1, .base = WIRE_ENUM};
        assert_int_equal(wire_encode(0, 1, &value, &meta, out), states[i].status);
        assert_string_equal((const char *)out, states[i].text);
    }
}

static void labels_go_out_and_come_back(void **state)
{
    (void)state;
    uint8_t data[] = {0, 1}, out[424];
    struct wire_meta meta = {.nlabels = 2, .labels = {"off"}}, again;
    memset(meta.labels[1], 'x', WIRE_LABEL_BYTES); /* a label of 26 characters has no NUL */
    struct wire_value value = {.data = data, .count = 1, .base = WIRE_ENUM};
    wire_meta_init(&again);
    assert_int_equal(wire_encode(31, 1, &value, &meta, out), WIRE_ECA_NORMAL);
    assert_int_equal(decode(31, 1, out, sizeof out, &value, &again), WIRE_OK);
    assert_int_equal(again.has, WIRE_META_LABELS);
    assert_int_equal(again.nlabels, 2);
    assert_memory_equal(again.labels, meta.labels, sizeof meta.labels);
    wire_put16(out + 4, 0xffff); /* as many labels as the type has room for */
    assert_int_equal(decode(24, 1, out, sizeof out, &value, &again), WIRE_OK);
    assert_int_equal(again.nlabels, WIRE_LABELS);
}

static void what_has_no_conversion_fails_with_zeros(void **state)
{
    (void)state;
    static const unsigned types[] = {1, 6, 3, 20, 34, 17};
    uint8_t abc[40] = "abc", out[512], zeros[512] = {0};
    struct wire_value value = {.data = abc, .count = 1, .base = WIRE_STRING, .status = 17, .severity = 3};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        memset(out, 0xee, sizeof out);
        assert_int_equal(wire_encode(types[i], 2, &value, &ai_meta, out), WIRE_ECA_GETFAIL);
        assert_memory_equal(out, zeros, wire_dbr_padded(types[i], 2));
    }
    assert_int_equal(wire_encode(WIRE_PUT_ACKT, 1, &ai, &ai_meta, out), WIRE_ECA_GETFAIL);
    assert_int_equal(wire_encode(WIRE_PUT_ACKS, 1, &ai, &ai_meta, out), WIRE_ECA_GETFAIL);
}

/* A put to `base` with room for `room` elements. */
static const struct {
    const char *name;
    unsigned type, count;
    const char *hex;
    unsigned base, room, status, written;
    const char *out;
} puts_[] = {
    {"text to a double", 0, 1, "322e3500 00000000", WIRE_DOUBLE, 1, WIRE_ECA_NORMAL, 1, "40040000 00000000"},
    {"no number: refused", 0, 1, "61626300 00000000", WIRE_DOUBLE, 1, WIRE_ECA_PUTFAIL, 0, ""},
    {"too large for a LONG: refused", 0, 1, "33303030 30303030 30300000 00000000", WIRE_INT32, 1, WIRE_ECA_PUTFAIL, 0, ""},
    {"empty text is 0", 0, 1, ZEROS_8, WIRE_INT32, 1, WIRE_ECA_NORMAL, 1, "00000000"},
    {"but not for an array", 0, 1, ZEROS_8, WIRE_INT32, 2, WIRE_ECA_PUTFAIL, 0, ""},
    {"a label to a state", 0, 1, "6f6e0000 00000000", WIRE_ENUM, 1, WIRE_ECA_NORMAL, 1, "0001"},
    {"a number to a state", 0, 1, "31000000 00000000", WIRE_ENUM, 1, WIRE_ECA_NORMAL, 1, "0001"},
    {"no such state", 0, 1, "32000000 00000000", WIRE_ENUM, 1, WIRE_ECA_PUTFAIL, 0, ""},
    {"any number to a state", 5, 1, "00000007 00000000", WIRE_ENUM, 1, WIRE_ECA_NORMAL, 1, "0007"},
    {"a CHAR is unsigned when it is put", 4, 1, "ff000000 00000000", WIRE_INT32, 1, WIRE_ECA_NORMAL, 1, "000000ff"},
    {"a state to text is its number", 3, 1, "00010000 00000000", WIRE_STRING, 1, WIRE_ECA_NORMAL, 1,
     "31000000 00000000" ZEROS_32},
    {"a double to text has 6 decimals", 6, 1, "3ff80000 00000000", WIRE_STRING, 1, WIRE_ECA_NORMAL, 1,
     "312e3530 30303030" ZEROS_32},
    {"more than there is room for", 1, 3, "00010002 00030000", WIRE_INT16, 2, WIRE_ECA_NORMAL, 2, "00010002"},
    {"none", 1, 0, "", WIRE_INT16, 2, WIRE_ECA_NORMAL, 0, ""},
    {"missing bytes are zeros", 1, 6, "00010002 00030004", WIRE_INT16, 9, WIRE_ECA_NORMAL, 6, "0001000200030004 00000000"},
    {"a value cut in its middle", 6, 1, "3ff8", WIRE_DOUBLE, 1, WIRE_ECA_NORMAL, 1, "3ff80000 00000000"},
    {"a count far beyond the payload", 4, UINT32_MAX, "01020304 05060708", WIRE_CHAR, 4, WIRE_ECA_NORMAL, 4, "01020304"},
    {"at the offset of a structured type", 20, 1, ZEROS_8 ZEROS_8 "3ff80000 00000000", WIRE_DOUBLE, 1, WIRE_ECA_NORMAL, 1,
     "3ff80000 00000000"},
    {"a structured type without its head", 34, 1, ZEROS_8, WIRE_DOUBLE, 1, WIRE_ECA_NORMAL, 1, ZEROS_8},
    {"TIME_STRING is refused", 14, 1, ZEROS_8 ZEROS_32, WIRE_STRING, 1, WIRE_ECA_PUTFAIL, 0, ""},
    {"PUT_ACKT is no value", 35, 1, ZEROS_8, WIRE_DOUBLE, 1, WIRE_ECA_PUTFAIL, 0, ""},
    {"no such type", 39, 1, ZEROS_8, WIRE_DOUBLE, 1, WIRE_ECA_PUTFAIL, 0, ""},
};

/* The first `size` bytes of the row's payload, in memory of exactly that size; so is what is written, which goes to out. */
static uint32_t put_cut(size_t i, const uint8_t *bytes, uint32_t size, uint8_t *out, uint32_t *written)
{
    struct wire_meta meta = {.nlabels = 2, .labels = {"off", "on"}};
    size_t room = puts_[i].room * wire_base_size(puts_[i].base);
    uint8_t *payload = malloc(size > 0 ? size : 1), *exact = calloc(1, room);
    memcpy(payload, bytes, size);
    uint32_t status = wire_put_convert(puts_[i].type, puts_[i].count, payload, size, (uint8_t)puts_[i].base, &meta, exact,
                                       puts_[i].room, written);
    memcpy(out, exact, room);
    free(payload);
    free(exact);
    return status;
}

static void puts_are_converted_within_payload_and_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof puts_ / sizeof *puts_; i++) {
        uint8_t bytes[128], expected[128], out[128];
        uint32_t size = (uint32_t)unhex(puts_[i].hex, bytes), written = 0;
        size_t n = unhex(puts_[i].out, expected);
        uint32_t status = put_cut(i, bytes, size, out, &written);
        if (status != puts_[i].status || written != puts_[i].written || memcmp(out, expected, n) != 0)
            fail_msg("%s", puts_[i].name);
    }
}

static void every_prefix_of_a_put_is_that_put_with_zeros(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof puts_ / sizeof *puts_; i++) {
        uint8_t bytes[128], out[128], out_of_zeros[128];
        uint32_t size = (uint32_t)unhex(puts_[i].hex, bytes);
        for (uint32_t cut = size + 1; cut-- > 0; bytes[cut > 0 ? cut - 1 : 0] = 0) {
            uint32_t written = 0, written_of_zeros = 0, status = put_cut(i, bytes, cut, out, &written);
            assert_int_equal(status, put_cut(i, bytes, size, out_of_zeros, &written_of_zeros));
            assert_int_equal(written, written_of_zeros);
            if (status == WIRE_ECA_NORMAL)
                assert_memory_equal(out, out_of_zeros, puts_[i].room * wire_base_size(puts_[i].base));
        }
    }
}

static void a_number_is_put_to_a_state_whose_labels_nobody_told(void **state)
{
    (void)state;
    const uint8_t text[8] = "5";
    uint8_t out[2];
    uint32_t written;
    struct wire_meta meta = {0};
    assert_int_equal(wire_put_convert(0, 1, text, 8, WIRE_ENUM, &meta, out, 1, &written), WIRE_ECA_NORMAL);
    assert_int_equal(wire_get16(out), 5);
    meta.has = WIRE_META_LABELS;
    assert_int_equal(wire_put_convert(0, 1, text, 8, WIRE_ENUM, &meta, out, 1, &written), WIRE_ECA_PUTFAIL);
}

static const struct {
    const char *name, *hex;
    unsigned base, count;
    double number;
    const char *text;
} shown[] = {
    {"the shortest decimals", "3fb99999 9999999a 40080000 00000000", WIRE_DOUBLE, 2, 0.1, "0.1 3"},
    {"of a FLOAT, too", "3dcccccd 4b800000", WIRE_FLOAT, 2, (double)0.1f, "0.1 16777216"},
    {"all digits where they count", "3ff00000 00000001", WIRE_DOUBLE, 1, 1.0000000000000002, "1.0000000000000002"},
    {"a CHAR as clients show it", "ff61", WIRE_CHAR, 2, 255, "255 97"},
    {"integers", "fffffffe 00000007", WIRE_INT32, 2, -2, "-2 7"},
    {"text in quotes, what does not print escaped", "322e350a 22000000" ZEROS_32, WIRE_STRING, 1, 2.5, "\"2.5\\x0a\\x22\""},
    {"nothing", "", WIRE_DOUBLE, 0, NAN, ""},
};

static void values_are_shown_to_people(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        uint8_t data[64];
        char text[64], small[4];
        unhex(shown[i].hex, data);
        struct wire_value value = {.data = data, .count = shown[i].count, .base = (uint8_t)shown[i].base};
        int length = wire_value_text(&value, 2, text, sizeof text);
        assert_string_equal(text, shown[i].text);
        assert_int_equal(length, strlen(shown[i].text));
        assert_int_equal(wire_value_text(&value, 2, small, sizeof small), length);
        assert_memory_equal(small, text, strlen(small));
        double number = wire_value_number(&value);
        assert_true(number == shown[i].number || (isnan(number) && isnan(shown[i].number)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_encoded_as_the_real_server_does),
        cmocka_unit_test(every_prefix_of_a_vector_is_decoded_within_its_bounds),
        cmocka_unit_test(a_payload_gives_back_value_alarm_stamp_and_metadata),
        cmocka_unit_test(types_beyond_38_are_malformed),
        cmocka_unit_test(limits_asked_for_in_a_narrow_type_do_not_blur_exact_ones),
        cmocka_unit_test(alarm_limits_that_are_not_set_are_nan_or_0_in_integers),
        cmocka_unit_test(units_are_cut_to_7_characters),
        cmocka_unit_test(precision_is_told_of_floating_point_fields_only),
        cmocka_unit_test(numbers_become_other_numbers_by_the_casts_of_x86_64),
        cmocka_unit_test(whole_numbers_beyond_64_bits_become_low_bits),
        cmocka_unit_test(integers_of_64_bits_are_read_and_put_in_full),
        cmocka_unit_test(doubles_are_put_into_integers_of_64_bits),
        cmocka_unit_test(doubles_become_text_by_the_rules_of_cvt_fast),
        cmocka_unit_test(characters_become_numbers_one_string_each),
        cmocka_unit_test(states_become_text_through_their_labels),
        cmocka_unit_test(labels_go_out_and_come_back),
        cmocka_unit_test(what_has_no_conversion_fails_with_zeros),
        cmocka_unit_test(puts_are_converted_within_payload_and_room),
        cmocka_unit_test(every_prefix_of_a_put_is_that_put_with_zeros),
        cmocka_unit_test(a_number_is_put_to_a_state_whose_labels_nobody_told),
        cmocka_unit_test(values_are_shown_to_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
