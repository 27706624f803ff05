/* What is made of a server's report on its one client. */
#include "clients/bench/application.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS(n) ((double)(n) / 1e3)

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-12)
        fail_msg("%.12g, not %.12g", value, expected);
}

static void read_text(struct observed_run *run, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    observe_read(run, json, 1000000);
    json_decref(json);
}

static void times_count_from_the_start_and_from_the_first_search(void **state)
{
    (void)state;
    struct observed_run run;
    read_text(&run, "{\"searches\": 2, \"sent\": 5, \"observed\": {\"first_search_ns\": 3000000, \"first_circuit_ns\": 4000000,"
                    "\"first_created_ns\": 5000000, \"last_created_ns\": 8000000, \"first_value_ns\": 9000000,"
                    "\"search_to_created\": {\"count\": 1, \"p50_ns\": 2000000, \"max_ns\": 5000000},"
                    "\"bytes\": [10, 20], \"closed\": 1, \"round_trips\": 4,"
                    "\"messages\": {\"READ_NOTIFY\": [3, 3], \"READ\": [1, 1], \"WRITE\": [2, 0], \"ACCESS_RIGHTS\": [0, 7]}}}");
    assert_near(run.at[OBSERVE_SEARCH], MS(2));
    assert_near(run.at[OBSERVE_CIRCUIT], MS(1));
    assert_near(run.at[OBSERVE_CONNECTED], MS(5));
    assert_near(run.at[OBSERVE_VALUE], MS(6));
    assert_near(run.at[OBSERVE_CHANNEL_MAX], MS(5));
    assert_near(run.at[OBSERVE_READS], 4);
    assert_near(run.at[OBSERVE_PUTS], 2);
    assert_near(run.at[OBSERVE_MESSAGES_IN], 6);
    assert_near(run.at[OBSERVE_MESSAGES_OUT], 11);
    assert_near(run.at[OBSERVE_ROUND_TRIPS], 4);
    assert_near(run.kinds[OBSERVE_TO_IT][WIRE_ACCESS_RIGHTS], 7);
    assert_near(run.at[OBSERVE_BYTES_OUT], 20);
    assert_near(run.at[OBSERVE_UPDATES], 5);
    assert_near(run.at[OBSERVE_CLOSED], 1);
    assert_true(run.searched && run.connected);
}

static void what_has_not_happened_has_no_time(void **state)
{
    (void)state;
    struct observed_run run;
    read_text(&run, "{\"observed\": {\"first_search_ns\": 3000000, \"first_created_ns\": 0}}");
    assert_true(isnan(run.at[OBSERVE_CREATED]) && isnan(run.at[OBSERVE_CHANNEL_P50]));
    assert_true(run.searched && !run.connected);
    observe_read(&run, NULL, 1);
    assert_true(isnan(run.at[OBSERVE_SEARCHES]) && !run.searched);
}

static void each_end_has_its_word(void **state)
{
    (void)state;
    static const struct {
        bool searched, connected, timed_out;
        int exit_code;
        enum application_outcome outcome;
    } rows[] = {
        {.outcome = APPLICATION_ENDED},
        {.exit_code = 3, .outcome = APPLICATION_ENDED},
        {.timed_out = true, .exit_code = 137, .outcome = APPLICATION_UNCONNECTED},
        {.searched = true, .outcome = APPLICATION_UNCONNECTED},
        {.searched = true, .connected = true, .timed_out = true, .exit_code = 137, .outcome = APPLICATION_HUNG},
        {.searched = true, .connected = true, .exit_code = 3, .outcome = APPLICATION_FAILED},
        {.connected = true, .outcome = APPLICATION_GOOD}, /* over TCP only: by a name server, say */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct observed_run seen = {.searched = rows[i].searched, .connected = rows[i].connected};
        assert_int_equal(application_judge(&seen, rows[i].timed_out, rows[i].exit_code), rows[i].outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_count_from_the_start_and_from_the_first_search),
        cmocka_unit_test(what_has_not_happened_has_no_time),
        cmocka_unit_test(each_end_has_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
