/* wire/ against EPICS Base's own headers and libraries: tables of types and statuses, places of members, and the conversion
 * routines behind a real server, with seeded random numbers. */
#include "wire/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <caerr.h>
#include <cvtFast.h>
#include <db_access.h>
#include <epicsConvert.h>
#include <epicsStdlib.h>

#define ROUNDS 200000

static void types_have_the_offsets_and_sizes_of_base(void **state)
{
    (void)state;
    assert_int_equal(WIRE_TYPES, LAST_BUFFER_TYPE + 1);
    for (unsigned type = 0; type < WIRE_TYPES; type++) {
        assert_int_equal(wire_types[type].offset, dbr_value_offset[type]);
        assert_int_equal(wire_types[type].size, dbr_value_size[type]);
        assert_int_equal(wire_dbr_size(type, 1), dbr_size[type]);
        assert_int_equal(wire_dbr_size(type, 7), dbr_size_n(type, 7));
    }
}

static void types_have_the_names_of_base(void **state)
{
    (void)state;
    for (unsigned type = 0; type < WIRE_TYPES; type++) {
        char name[32];
        snprintf(name, sizeof name, "DBR_%s", wire_types[type].name);
        assert_string_equal(name, dbr_text[type]);
    }
}

static void units_and_labels_have_the_lengths_of_base(void **state)
{
    (void)state;
    assert_int_equal(WIRE_STRING_BYTES, MAX_STRING_SIZE);
    assert_int_equal(WIRE_UNITS_BYTES, MAX_UNITS_SIZE);
    assert_int_equal(WIRE_LABEL_BYTES, MAX_ENUM_STRING_SIZE);
    assert_int_equal(WIRE_LABELS, MAX_ENUM_STATES);
}

#define LIMITS(type, structure)                                                                                                  \
    {                                                                                                                            \
        type, offsetof(structure, units),                                                                                        \
        {                                                                                                                        \
            offsetof(structure, upper_disp_limit), offsetof(structure, lower_disp_limit),                                        \
                offsetof(structure, upper_alarm_limit), offsetof(structure, upper_warning_limit),                                \
                offsetof(structure, lower_warning_limit), offsetof(structure, lower_alarm_limit)                                 \
        }                                                                                                                        \
    }

static const struct {
    unsigned type;
    size_t units, limits[6];
} members[] = {
    LIMITS(DBR_GR_SHORT, struct dbr_gr_short),     LIMITS(DBR_GR_FLOAT, struct dbr_gr_float),
    LIMITS(DBR_GR_CHAR, struct dbr_gr_char),       LIMITS(DBR_GR_LONG, struct dbr_gr_long),
    LIMITS(DBR_GR_DOUBLE, struct dbr_gr_double),   LIMITS(DBR_CTRL_SHORT, struct dbr_ctrl_short),
    LIMITS(DBR_CTRL_FLOAT, struct dbr_ctrl_float), LIMITS(DBR_CTRL_CHAR, struct dbr_ctrl_char),
    LIMITS(DBR_CTRL_LONG, struct dbr_ctrl_long),   LIMITS(DBR_CTRL_DOUBLE, struct dbr_ctrl_double),
};

static void limits_and_units_stand_where_base_has_them(void **state)
{
    (void)state;
    const uint8_t zero[8] = {0};
    const struct wire_value value = {.data = zero, .count = 1, .base = WIRE_DOUBLE};
    const struct wire_meta meta = {.units = "mm", .display = {1, 2}, .alarm = {3, 4, 5, 6}, .control = {7, 8}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        uint8_t out[128];
        wire_encode_head(members[i].type, &value, &meta, out);
        assert_string_equal((const char *)out + members[i].units, "mm");
        for (unsigned k = 0; k < 6; k++)
            assert_true(wire_number_read(wire_types[members[i].type].base, out + members[i].limits[k]) == k + 1);
    }
}

static void statuses_are_those_of_base(void **state)
{
    (void)state;
    assert_int_equal(WIRE_ECA_NORMAL, ECA_NORMAL);
    assert_int_equal(WIRE_ECA_ALLOCMEM, ECA_ALLOCMEM);
    assert_int_equal(WIRE_ECA_TOLARGE, ECA_TOLARGE);
    assert_int_equal(WIRE_ECA_BADTYPE, ECA_BADTYPE);
    assert_int_equal(WIRE_ECA_INTERNAL, ECA_INTERNAL);
    assert_int_equal(WIRE_ECA_GETFAIL, ECA_GETFAIL);
    assert_int_equal(WIRE_ECA_PUTFAIL, ECA_PUTFAIL);
    assert_int_equal(WIRE_ECA_BADMONID, ECA_BADMONID);
    assert_int_equal(WIRE_ECA_DEFUNCT, ECA_DEFUNCT);
    assert_int_equal(WIRE_ECA_PUTCBINPROG, ECA_PUTCBINPROG);
    assert_int_equal(WIRE_ECA_NORDACCESS, ECA_NORDACCESS);
    assert_int_equal(WIRE_ECA_NOWTACCESS, ECA_NOWTACCESS);
    assert_int_equal(WIRE_ECA_16KARRAYCLIENT, ECA_16KARRAYCLIENT);
    assert_string_equal(wire_status_name(ECA_CHANDESTROY), "ECA_CHANDESTROY");
    assert_string_equal(wire_status_name(ECA_IODONE), "ECA_IODONE");
    assert_string_equal(wire_status_name(ECA_UNRESPTMO), "ECA_UNRESPTMO");
}

static uint64_t random_bits(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Numbers of all sizes, and many at which decimals are rounded. */
static double random_number(uint64_t *seed)
{
    uint64_t bits = random_bits(seed);
    double d;
    switch (bits % 4) {
    case 0:
        memcpy(&d, &bits, sizeof d);
        return d;
    case 1:
        return (double)((int64_t)bits >> 30) / 1000;
    case 2:
        return (double)((int64_t)bits >> 44) / 64;
    default:
        return ldexp((double)((int64_t)bits >> 10), -(int)(bits >> 4 & 63));
    }
}

static void numbers_become_the_text_of_base(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned i = 0; i < ROUNDS; i++) {
        double number = random_number(&seed);
        uint16_t precision = (uint16_t)(random_bits(&seed) % 20);
        char ours[WIRE_STRING_BYTES], theirs[400];
        cvtDoubleToString(number, theirs, precision);
        wire_number_text(number, false, precision, ours);
        assert_string_equal(ours, theirs);
        float single = epicsConvertDoubleToFloat(number);
        cvtFloatToString(single, theirs, precision);
        wire_number_text((double)single, true, precision, ours);
        assert_string_equal(ours, theirs);
    }
}

static void doubles_become_the_floats_of_base(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (unsigned i = 0; i < ROUNDS; i++) {
        double number = random_number(&seed);
        float theirs = epicsConvertDoubleToFloat(number);
        uint32_t bits;
        uint8_t ours[4];
        memcpy(&bits, &theirs, sizeof bits);
        wire_number_write(WIRE_FLOAT, number, ours);
        assert_int_equal(wire_get32(ours), bits);
    }
}

/* What Base makes of a text for a base type; false: its error. */
static bool parsed_by_base(const char *text, unsigned base, double *number, char **rest)
{
    epicsInt16 i16 = 0;
    epicsUInt16 u16 = 0;
    epicsInt8 i8 = 0;
    epicsInt32 i32 = 0;
    epicsFloat32 f32 = 0;
    int status = base == WIRE_INT16   ? epicsParseInt16(text, &i16, 0, rest)
                 : base == WIRE_ENUM  ? epicsParseUInt16(text, &u16, 0, rest)
                 : base == WIRE_CHAR  ? epicsParseInt8(text, &i8, 0, rest)
                 : base == WIRE_INT32 ? epicsParseInt32(text, &i32, 0, rest)
                 : base == WIRE_FLOAT ? epicsParseFloat32(text, &f32, rest)
                                      : epicsParseFloat64(text, number, rest);
    if (base != WIRE_DOUBLE)
        *number = (double)i16 + u16 + i8 + i32 + (double)f32;
    return status == 0;
}

static void random_text(uint64_t *seed, char *text)
{
    static const char *const parts[] = {" ", "-", "+",     "0x", "1",   "7",   "99",   ".",  "e",
                                        "3", "0", "65535", "x",  "nan", "inf", "e-30", "128"};
    *text = '\0';
    for (unsigned n = 1 + (unsigned)(random_bits(seed) % 5); n > 0; n--)
        strcat(text, parts[random_bits(seed) % (sizeof parts / sizeof *parts)]);
}

static void text_becomes_the_numbers_of_base(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[64], *theirs_rest = NULL;
        const char *rest = NULL;
        double ours = 0, theirs = 0;
        struct wire_conversion how = {.to = (uint8_t)(1 + random_bits(&seed) % 6)};
        random_text(&seed, text);
        bool is_theirs = parsed_by_base(text, how.to, &theirs, &theirs_rest);
        if (wire_text_number(text, &how, &ours, &rest) != is_theirs)
            fail_msg("\"%s\" to type %u: Base says %d", text, how.to, is_theirs);
        if (how.to == WIRE_FLOAT)
            ours = (double)(float)ours;
        if (is_theirs && ours != theirs && !(isnan(ours) && isnan(theirs)))
            fail_msg("\"%s\" to type %u: %g, Base %g", text, how.to, ours, theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_the_offsets_and_sizes_of_base),
        cmocka_unit_test(types_have_the_names_of_base),
        cmocka_unit_test(units_and_labels_have_the_lengths_of_base),
        cmocka_unit_test(limits_and_units_stand_where_base_has_them),
        cmocka_unit_test(statuses_are_those_of_base),
        cmocka_unit_test(numbers_become_the_text_of_base),
        cmocka_unit_test(doubles_become_the_floats_of_base),
        cmocka_unit_test(text_becomes_the_numbers_of_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
