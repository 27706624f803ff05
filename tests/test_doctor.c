/* The texts of /proc and /sys that `caplay doctor` reads. */
#include "clients/doctor/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void processor_time_is_added_up(void **state)
{
    static const struct {
        const char *name, *text;
        struct doctor_ticks ticks;
    } rows[] = {
        {"guests are part of user", "cpu  10 20 30 400 5 6 7 8 99 99\ncpu0 1 2 3 4\n", {486, 405, 8}},
        {"behind other lines", "intr 5\ncpu  1 1 1 7 0 0 0 2 0 0\n", {12, 7, 2}},
        {"a kernel without steal", "cpu  1 2 3 4\n", {10, 4, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct doctor_ticks ticks = {0};
        if (!doctor_parse_stat(rows[i].text, &ticks) || memcmp(&ticks, &rows[i].ticks, sizeof ticks) != 0)
            fail_msg("%s: %llu %llu %llu", rows[i].name, (unsigned long long)ticks.total, (unsigned long long)ticks.idle,
                     (unsigned long long)ticks.steal);
    }
}

static void what_is_no_processor_time_is_refused(void **state)
{
    static const char *const rows[] = {"", "cpu", "cpu ", "cpu  1 2 3", "cpu0 1 2 3 4", "cpu  a b c d", "\n\ncp"};
    struct doctor_ticks ticks;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(doctor_parse_stat(rows[i], &ticks));
}

static void the_chosen_word_is_in_brackets(void **state)
{
    char word[8];
    (void)state;
    assert_true(doctor_parse_chosen("always [madvise] never\n", word, sizeof word));
    assert_string_equal(word, "madvise");
    assert_true(doctor_parse_chosen("[]", word, sizeof word));
    assert_string_equal(word, "");
    static const char *const rows[] = {"", "always", "[always", "always]", "[too-long]", "]["};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(doctor_parse_chosen(rows[i], word, sizeof word));
}

static void numbers_are_counted_from_0(void **state)
{
    int64_t number;
    (void)state;
    assert_true(doctor_parse_number("4096\t16384\t4194304\n", 2, &number));
    assert_int_equal(number, 4194304);
    assert_true(doctor_parse_number("-1\n", 0, &number));
    assert_int_equal(number, -1);
    assert_false(doctor_parse_number("4096 16384", 2, &number));
    assert_false(doctor_parse_number("", 0, &number));
    assert_false(doctor_parse_number("max", 0, &number));
}

static void a_flag_is_a_whole_word_of_its_line(void **state)
{
    static const char text[] = "model name\t: a hypervisor\nflags\t\t: fpu hypervisor2 nohypervisor vme\nbugs : hypervisor\n";
    (void)state;
    assert_true(doctor_has_flag("flags : fpu hypervisor", "flags", "hypervisor"));
    assert_true(doctor_has_flag("x\nflags : hypervisor lm\n", "flags", "hypervisor"));
    assert_false(doctor_has_flag(text, "flags", "hypervisor"));
    assert_true(doctor_has_flag(text, "flags", "vme"));
    assert_false(doctor_has_flag("hypervisor", "flags", "hypervisor"));
    assert_false(doctor_has_flag("hypervisor", "hypervisor", "hypervisor"));
    assert_false(doctor_has_flag("", "flags", "hypervisor"));
}

static void a_mend_is_for_what_is_bad(void **state)
{
    struct doctor d = {.n = 0};
    (void)state;
    doctor_find(&d, "steal", false, "fewer guests", "%d %%", 7);
    doctor_find(&d, "load", true, "end what runs", "none");
    assert_int_equal(d.n, 2);
    assert_string_equal(d.at[0].found, "7 %");
    assert_string_equal(d.at[0].mend, "fewer guests");
    assert_string_equal(d.at[1].mend, "");
    while (d.n < DOCTOR_FINDINGS)
        doctor_find(&d, "more", true, "", "more");
    doctor_find(&d, "too many", true, "", "more");
    assert_int_equal(d.n, DOCTOR_FINDINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processor_time_is_added_up),         cmocka_unit_test(what_is_no_processor_time_is_refused),
        cmocka_unit_test(the_chosen_word_is_in_brackets),     cmocka_unit_test(numbers_are_counted_from_0),
        cmocka_unit_test(a_flag_is_a_whole_word_of_its_line), cmocka_unit_test(a_mend_is_for_what_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
