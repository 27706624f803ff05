#include "wire/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name;
    unsigned type, count;
    uint64_t size, padded;
} sizes[] = {
    {"an image of 640 x 480 SHORT", 1, 307200, 614400, 614400},
    {"a text field is always 40 bytes", 0, 1, 40, 40},
    {"one CHAR is padded to 8", 4, 1, 1, 8},
    {"a SHORT stands right behind the stamp and 2 bytes of pad", 15, 1, 16, 16},
    {"three doubles with a stamp", 20, 3, 40, 40},
    {"CTRL_CHAR begins at an odd byte", 32, 1, 22, 24},
    {"labels are 422 bytes with what stands before them", 31, 1, 424, 424},
    {"no elements leave the part before them", 34, 0, 80, 80},
    {"the largest count does not wrap", 6, UINT32_MAX, UINT64_C(8) * UINT32_MAX, UINT64_C(8) * UINT32_MAX},
};

static void sizes_are_offset_and_elements_padded_to_8(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(wire_dbr_size(sizes[i].type, sizes[i].count), sizes[i].size);
        assert_int_equal(wire_dbr_padded(sizes[i].type, sizes[i].count), sizes[i].padded);
    }
}

static void types_0_to_34_are_five_families_of_seven_bases(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 35; type++) {
        assert_int_equal(wire_types[type].base, type % 7);
        assert_int_equal(wire_types[type].family, type / 7);
        assert_int_equal(wire_types[type].size, wire_base_size(type % 7));
    }
    for (unsigned type = 35; type < WIRE_TYPES; type++)
        assert_int_equal(wire_types[type].family, WIRE_SPECIAL);
}

static void statuses_have_the_names_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(wire_status_name(WIRE_ECA_NORMAL), "ECA_NORMAL");
    assert_string_equal(wire_status_name(WIRE_ECA_GETFAIL), "ECA_GETFAIL");
    assert_string_equal(wire_status_name(WIRE_ECA_16KARRAYCLIENT), "ECA_16KARRAYCLIENT");
    assert_null(wire_status_name(0)); /* NORMAL's number with the severity of a warning */
    assert_null(wire_status_name(61 << 3));
    assert_null(wire_status_name(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_offset_and_elements_padded_to_8),
        cmocka_unit_test(types_0_to_34_are_five_families_of_seven_bases),
        cmocka_unit_test(statuses_have_the_names_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
