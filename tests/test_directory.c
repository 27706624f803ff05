/* Names by number and numbers by name, for many names. */
#include "sim/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MANY 20000u

static size_t make(char *name, size_t room, unsigned i)
{
    return (size_t)snprintf(name, room, "BL%02u:DEV%u", i % 100, i);
}

static void every_name_of_many_keeps_its_number_and_text(void **state)
{
    (void)state;
    struct directory names;
    char name[64];
    directory_init(&names);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(directory_add(&names, name, make(name, sizeof name, i)), 0);
    directory_settle(&names);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(directory_find(&names, name, make(name, sizeof name, i)), i);
        assert_string_equal(directory_text(&names, i), name);
    }
    directory_fini(&names);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct directory names;
    directory_init(&names);
    assert_int_equal(directory_find(&names, "A", 1), LOOKUP_NONE);
    assert_int_equal(directory_add(&names, "ABC", 3), 0);
    assert_int_equal(directory_find(&names, "AB", 2), LOOKUP_NONE);
    assert_int_equal(directory_find(&names, "ABCD", 4), LOOKUP_NONE);
    assert_int_equal(directory_find(&names, "ABC", 3), 0);
    directory_fini(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_of_many_keeps_its_number_and_text),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
