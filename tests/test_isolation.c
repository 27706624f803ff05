#include "base/cores.h"
#include "base/isolation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sets_of_cores_are_read_and_written_as_linux_has_them(void **state)
{
    static const struct {
        const char *text, *shown;
        int count;
    } rows[] = {
        {"0\n", "0", 1}, {"0-3,8\n", "0-3,8", 5}, {"1,2,3", "1-3", 3}, {"\n", "none", 0}, {"", "none", 0}, {"1023", "1023", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cpu_set_t set;
        char text[CORES_TEXT];
        assert_int_equal(cores_parse(rows[i].text, &set), 0);
        assert_int_equal(CPU_COUNT(&set), rows[i].count);
        cores_show(&set, text);
        assert_string_equal(text, rows[i].shown);
    }
}

static void what_is_no_set_of_cores_is_refused(void **state)
{
    static const char *const rows[] = {"1024", "0-", "-1", "3-1", "0,,1", "0 1", "a", "0-3\n0", "99999999999999999999", "0,"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        assert_int_equal(cores_parse(rows[i], &set), -1);
        assert_int_equal(CPU_COUNT(&set), 0);
    }
}

static void a_long_set_is_cut_not_overrun(void **state)
{
    cpu_set_t set;
    char text[CORES_TEXT];
    (void)state;
    CPU_ZERO(&set);
    for (size_t i = 0; i < CPU_SETSIZE; i += 2)
        CPU_SET(i, &set);
    cores_show(&set, text);
    assert_int_equal(strlen(text), CORES_TEXT - 1);
}

static void a_core_beyond_the_machine_is_an_error_that_names_those_there_are(void **state)
{
    struct diag diag = {0};
    cpu_set_t online;
    char cores[CORES_TEXT];
    (void)state;
    cores_online(&online);
    cores_show(&online, cores);
    assert_int_equal(isolation_check(&(struct isolation_wish){.cpu = ISOLATION_NO_CPU}, &diag), 0);
    assert_int_equal(isolation_check(&(struct isolation_wish){.cpu = 1023}, &diag), -1);
    assert_int_equal(diag.code, DIAG_USAGE);
    assert_non_null(strstr(diag.text, "--cpu"));
    assert_non_null(strstr(diag.text, "1023"));
    assert_non_null(strstr(diag.text, cores));
}

static void granted_and_refused_are_told_in_one_line(void **state)
{
    char text[ISOLATION_TEXT];
    struct isolation isolation = {.wish = {.cpu = 3, .realtime = true},
                                  .asked = {true, true, true},
                                  .error = {[ISOLATION_FIFO] = EPERM, [ISOLATION_MEMORY] = ENOMEM}};
    (void)state;
    isolation_show(&isolation, text);
    assert_string_equal(text, "core 3 granted, SCHED_FIFO refused (Operation not permitted), memory lock refused (Cannot "
                              "allocate memory)");
    isolation_show(&(struct isolation){.wish = {.cpu = 3}}, text);
    assert_string_equal(text, "");
}

static void a_pinned_thread_steps_out_and_in_and_all_is_undone(void **state)
{
    cpu_set_t before, now;
    struct isolation isolation;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    uint64_t cpu = 0;
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    isolation_apply(&isolation, &(struct isolation_wish){.cpu = cpu});
    assert_true(isolation_granted(&isolation, ISOLATION_CPU));
    assert_false(isolation.asked[ISOLATION_FIFO]);
    assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
    assert_int_equal(CPU_COUNT(&now), 1);
    isolation_step_out(&isolation);
    assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
    assert_true(CPU_COUNT(&before) == 1 || !CPU_ISSET(cpu, &now));
    isolation_step_in(&isolation);
    assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
    assert_true(CPU_COUNT(&now) == 1 && CPU_ISSET(cpu, &now));
    isolation_undo(&isolation);
    assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
    assert_true(CPU_EQUAL(&now, &before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_of_cores_are_read_and_written_as_linux_has_them),
        cmocka_unit_test(what_is_no_set_of_cores_is_refused),
        cmocka_unit_test(a_long_set_is_cut_not_overrun),
        cmocka_unit_test(a_core_beyond_the_machine_is_an_error_that_names_those_there_are),
        cmocka_unit_test(granted_and_refused_are_told_in_one_line),
        cmocka_unit_test(a_pinned_thread_steps_out_and_in_and_all_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
