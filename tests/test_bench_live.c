/* What a benchmark tells while it runs. */
#include "clients/bench/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct bench_view view = {.group = "connect 10 PVs",
                                       .what = "pyca on sim",
                                       .step = 2,
                                       .steps = 8,
                                       .done = 3,
                                       .of = 12,
                                       .outcomes = {[BENCH_GOOD] = 4, [BENCH_CRASHED] = 1, [BENCH_INVALID] = 1},
                                       .begun_ns = 5 * CLOCK_NS};

#define NOW_NS (17 * CLOCK_NS)

static char *text_of(void (*write)(const struct bench_view *, uint64_t, FILE *))
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    write(&view, NOW_NS, out);
    fclose(out);
    return text;
}

static void expect(char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void the_line_says_where_it_is_and_what_failed(void **state)
{
    char line[BENCH_LIVE_LINE];
    (void)state;
    bench_view_line(&view, NOW_NS, line);
    assert_string_equal(line, "12 s | step 2/8 connect 10 PVs | run 3/12 pyca on sim | 30.0 runs/min | 1 crashed | 1 invalid");
}

static void a_line_of_the_longest_names_fits(void **state)
{
    struct bench_view long_one = view;
    char line[BENCH_LIVE_LINE];
    (void)state;
    memset(long_one.group, 'g', sizeof long_one.group - 1);
    memset(long_one.what, 'w', sizeof long_one.what - 1);
    for (unsigned i = 0; i < BENCH_OUTCOMES; i++)
        long_one.outcomes[i] = UINT32_MAX / BENCH_OUTCOMES;
    long_one.step = long_one.steps = long_one.done = long_one.of = UINT32_MAX;
    bench_view_line(&long_one, UINT64_MAX, line);
    assert_in_range(strlen(line), 200, BENCH_LIVE_LINE - 1);
}

static void prometheus_gets_runs_by_how_they_ended(void **state)
{
    (void)state;
    char *text = text_of(bench_view_metrics);
    expect(text, "# TYPE caplay_bench_runs_total counter\ncaplay_bench_runs_total{outcome=\"good\"} 4\n");
    expect(text, "caplay_bench_runs_total{outcome=\"crashed\"} 1\n");
    expect(text, "caplay_bench_runs_total{outcome=\"time-out\"} 0\n");
    expect(text, "caplay_bench_elapsed_seconds 12\n");
    free(text);
}

static void the_page_gets_json(void **state)
{
    (void)state;
    char *text = text_of(bench_view_json);
    expect(text, "\"kind\":\"bench\"");
    expect(text, "\"position\":\"connect 10 PVs: pyca on sim\"");
    expect(text, "\"runs\":6");
    expect(text, "\"invalid\":1");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_says_where_it_is_and_what_failed),
        cmocka_unit_test(a_line_of_the_longest_names_fits),
        cmocka_unit_test(prometheus_gets_runs_by_how_they_ended),
        cmocka_unit_test(the_page_gets_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
