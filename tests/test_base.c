#include "base/clock.h"
#include "base/frame.h"
#include "base/histogram.h"
#include "base/lookup.h"
#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ticks_never_drift(void **state)
{
    (void)state;
    assert_int_equal(clock_tick_ns((struct clock_rate){120, 1}, 120 * 3600), UINT64_C(3600) * CLOCK_NS);
    assert_int_equal(clock_tick_ns((struct clock_rate){2997, 100}, 2997), 100 * CLOCK_NS);
    assert_int_equal(clock_tick_ns((struct clock_rate){1, 10}, 3), 30 * CLOCK_NS);
}

static void durations_need_a_unit(void **state)
{
    (void)state;
    uint64_t ns;
    assert_int_equal(options_duration("1.5ms", &ns), 0);
    assert_int_equal(ns, 1500000);
    assert_int_equal(options_duration("0", &ns), 0);
    assert_int_equal(ns, 0);
    const char *const bad[] = {"5", "-1s", "1 s", "1sx", "", "nan", "s", "1e30h"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(options_duration(bad[i], &ns), -1);
}

static void rates_are_exact_fractions(void **state)
{
    (void)state;
    struct clock_rate rate;
    assert_int_equal(options_rate("29.97Hz", &rate), 0);
    assert_int_equal(rate.num, 2997);
    assert_int_equal(rate.den, 100);
    const char *const bad[] = {"0Hz", "120", "-1Hz", "1.2.3Hz", "Hz", "120Hzz", ".Hz"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(options_rate(bad[i], &rate), -1);
}

static void times_are_utc_and_complete(void **state)
{
    (void)state;
    uint64_t ns;
    assert_int_equal(options_time("2026-01-01T12:00:00Z", &ns), 0);
    assert_int_equal(ns, UINT64_C(1767268800) * CLOCK_NS);
    assert_int_equal(options_time("1990-01-01T00:00:00.25Z", &ns), 0);
    assert_int_equal(ns, CLOCK_EPICS_EPOCH * CLOCK_NS + CLOCK_NS / 4);
    const char *const bad[] = {"2026-01-01",
                               "2026-01-01T12:00:00",
                               "2026-06-31T12:00:00Z",
                               "2026-01-01T24:00:00Z",
                               "2026-1-1T12:00:00Z",
                               "1989-12-31T23:59:59Z",
                               "2200-01-01T00:00:00Z",
                               "2026-01-01T12:00:00.Z",
                               "2026-01-01T12:00:00Zx",
                               "2026-01-01T12:00:00+1Z",
                               "1767268800",
                               ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(options_time(bad[i], &ns), -1);
}

struct settings {
    bool flag;
    uint64_t n, many, t;
    const char *s;
};

static const struct option settings_options[] = {
    {"flag", 'f', OPTION_FLAG, offsetof(struct settings, flag), NULL, NULL, 0, 0, "a flag"},
    {"n", 0, OPTION_COUNT, offsetof(struct settings, n), "N", NULL, 1, 10, "a count"},
    {"many", 0, OPTION_COUNT, offsetof(struct settings, many), "N", NULL, 1, 0, "a count without limit"},
    {"t", 0, OPTION_DURATION, offsetof(struct settings, t), "T", NULL, 1, 0, "a duration"},
    {"s", 's', OPTION_STRING, offsetof(struct settings, s), "S", NULL, 0, 0, "a string"},
};
static const struct option_command settings_command = {.name = "x",
                                                       .synopsis = "FILE",
                                                       .about = "about",
                                                       .examples = "",
                                                       .options = settings_options,
                                                       .noptions = sizeof settings_options / sizeof *settings_options,
                                                       .min_operands = 1,
                                                       .max_operands = 1};

static int parse(char *line, struct settings *settings, struct option_result *result, struct diag *diag)
{
    static char *argv[20];
    int argc = 0;
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return options_parse(&settings_command, argc, argv, settings, result, diag);
}

#define NAMES 100000u

static char names[NAMES][16];

static const char *name_of(const void *owner, uint32_t number)
{
    (void)owner;
    return names[number];
}

static void names_are_found_and_no_others(void **state)
{
    (void)state;
    struct lookup l;
    lookup_init(&l, name_of, NULL);
    assert_int_equal(lookup_find(&l, "a", 1), LOOKUP_NONE);
    for (uint32_t i = 0; i < NAMES; i++) {
        sprintf(names[i], "ABC:%u", i);
        assert_int_equal(lookup_find(&l, names[i], strlen(names[i])), LOOKUP_NONE);
        assert_int_equal(lookup_add(&l, names[i], strlen(names[i]), i), 0);
    }
    for (uint32_t i = 0; i < NAMES; i++)
        assert_int_equal(lookup_find(&l, names[i], strlen(names[i])), i);
    assert_int_equal(lookup_find(&l, "ABC:100000", 10), LOOKUP_NONE);
    assert_int_equal(lookup_find(&l, "ABC:", 4), LOOKUP_NONE);
    assert_int_equal(lookup_find(&l, "", 0), LOOKUP_NONE);
    assert_int_equal(lookup_find(&l, "ABC:7\0", 6), LOOKUP_NONE);
    lookup_fini(&l);
}

static void a_command_line_fills_its_struct(void **state)
{
    (void)state;
    struct settings settings = {0};
    struct option_result result;
    struct diag diag;
    char line[] = "x --n=7 -f --t 10us file -s v -- run --n 8";
    assert_int_equal(parse(line, &settings, &result, &diag), 0);
    assert_true(settings.flag && settings.n == 7 && settings.t == 10000);
    assert_string_equal(settings.s, "v");
    assert_string_equal(result.operands.at[0], "file");
    assert_string_equal(result.command[1], "--n");
}

static void a_bad_command_line_names_the_option_and_the_value(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"x --n 11 file", "11 is outside 1 to 10"},
        {"x --n 1x file", "--n: '1x'"},
        {"x --n 18446744073709551617 file", "--n: '18446744073709551617'"},
        {"x --many 0 file", "0 is less than 1"},
        {"x --tt 1 file", "'--tt'"},
        {"x --t 5 file", "--t: '5'"},
        {"x --t 0 file", "a duration above 0"},
        {"x", "0 operands given, 1 expected"},
        {"x a b", "2 operands"},
        {"x a --n", "--n needs a value"},
        {"x a --flag=1", "takes no value"},
        {"x a --", "a command must follow"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings settings = {0};
        struct option_result result;
        struct diag diag = {0};
        char line[64];
        strcpy(line, rows[i].line);
        assert_int_equal(parse(line, &settings, &result, &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
        assert_non_null(strstr(diag.text, rows[i].says));
    }
}

static void quantiles_are_right_to_three_digits(void **state)
{
    (void)state;
    struct histogram *h = calloc(1, sizeof *h);
    for (uint64_t ns = 1; ns <= 100000; ns++)
        histogram_add(h, ns * 100);
    uint64_t p50 = histogram_quantile(h, 0.5), p99 = histogram_quantile(h, 0.99);
    assert_in_range(p50, 5000000, 5005000);
    assert_in_range(p99, 9900000, 9910000);
    assert_int_equal(histogram_quantile(h, 1.0), 10000000);
    histogram_add(h, UINT64_C(1) << 41);
    assert_int_equal(h->overflow, 1);
    assert_int_equal(h->max, UINT64_C(1) << 41);
    free(h);
}

static void a_frame_is_known_from_its_serial(void **state)
{
    (void)state;
    enum { N = 640 * 480 };
    int16_t *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b);
    frame_fill(a, N, 0x0001000200030004);
    assert_true(a[0] == 1 && a[1] == 2 && a[2] == 3 && a[3] == 4);
    int64_t sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += a[i];
    assert_int_equal(sum, frame_sum(N, 0x0001000200030004));
    for (size_t n = 4; n < 70; n += 3)
        for (uint64_t serial = 0; serial < 5000; serial += 37) {
            struct frame_sums sums;
            frame_sums_init(&sums, n);
            assert_int_equal(frame_sums_get(&sums, serial << serial % 40), frame_sum(n, serial << serial % 40));
        }
    frame_fill(b, N, 0x0001000200030005);
    for (size_t i = 0; i < N; i += 4)
        assert_memory_not_equal(a + i, b + i, 8);
    uint8_t *be = malloc(2 * N);
    for (size_t at = 0; at < N; at += 1000)
        frame_fill_be(be, at, at + 1000 < N ? at + 1000 : N, 0x0001000200030004);
    assert_int_equal(frame_serial_be(be), 0x0001000200030004);
    for (size_t i = 0; i < N; i++)
        assert_int_equal((int16_t)(be[2 * i] << 8 | be[2 * i + 1]), a[i]);
    free(be);
    free(a);
    free(b);
}

/* In pieces, from any frame to any other, of any size. */
static void a_frame_is_made_of_another(void **state)
{
    (void)state;
    enum { N = 4 * 1001 + 3, PIECE = 4 * 17 };
    static const uint64_t serials[] = {0, 1, 7, 0x0001000200030004, UINT64_MAX};
    uint8_t made[2 * N], filled[2 * N];
    for (size_t n = 4; n <= N; n += n < 100 ? 1 : 997) {
        frame_fill_be(made, 0, n, 12);
        for (size_t i = 0; i < sizeof serials / sizeof *serials; i++) {
            for (size_t at = 0; at < n; at += PIECE)
                frame_turn_be(made, at, at + PIECE < n ? at + PIECE : n, i > 0 ? serials[i - 1] : 12, serials[i]);
            frame_fill_be(filled, 0, n, serials[i]);
            assert_memory_equal(made, filled, 2 * n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_never_drift),
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(rates_are_exact_fractions),
        cmocka_unit_test(times_are_utc_and_complete),
        cmocka_unit_test(names_are_found_and_no_others),
        cmocka_unit_test(a_command_line_fills_its_struct),
        cmocka_unit_test(a_bad_command_line_names_the_option_and_the_value),
        cmocka_unit_test(quantiles_are_right_to_three_digits),
        cmocka_unit_test(a_frame_is_known_from_its_serial),
        cmocka_unit_test(a_frame_is_made_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
