/* Intervals, tests and verdicts beside values of scipy 1.x and statsmodels, and the gates of `caplay compare`. */
#include "clients/bench/infer.h"
#include "clients/compare/gate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLES(array) ((struct infer_samples){array, sizeof(array) / sizeof *(array)})

static const double a[] = {3.1, 2.9, 3.0, 3.3, 3.2, 2.8, 3.05, 3.15}, b[] = {3.4, 3.6, 3.3, 3.5, 3.7, 3.2, 3.45, 3.55};

static void assert_within(double value, double expected, double share)
{
    if (!(fabs(value - expected) <= share * fabs(expected) + 1e-12))
        fail_msg("%.12g, not %.12g", value, expected);
}

static void the_rank_test_gives_scipys_p(void **state)
{
    (void)state;
    assert_within(infer_rank(SAMPLES(a), SAMPLES(b), 1), 0.0009588655642131385, 1e-9); /* with a tie */
    assert_within(infer_rank(SAMPLES(a), SAMPLES(b), 1.1), 0.1860146692852217, 1e-9);
    assert_true(infer_rank(SAMPLES(a), (struct infer_samples){b, 0}, 1) >= 1);
}

/* numpy: HC3, and Bell and McCaffrey's degrees of freedom from the whole matrix. */
static void a_slope_has_an_error_for_noise_that_grows_and_few_degrees_of_freedom(void **state)
{
    (void)state;
    const double x[] = {1, 10, 100, 1000, 1, 10, 100, 1000}, y[] = {0.03, 0.031, 0.04, 0.13, 0.029, 0.032, 0.041, 0.125};
    struct infer_estimate slope;
    assert_true(infer_slope(x, y, 8, &slope));
    assert_within(slope.value, 9.734530304342388e-05, 1e-9);
    assert_within(slope.error, 3.640751551240962e-06, 1e-9);
    assert_within(slope.freedom, 1.4671755439192122, 1e-9);
    assert_false(infer_slope(x, y, 2, &slope));
}

static void one_run_of_the_largest_x_leaves_one_degree_of_freedom(void **state)
{
    (void)state;
    const double x[] = {1, 1, 1, 1000}, y[] = {0.03, 0.031, 0.029, 0.13};
    struct infer_estimate slope;
    assert_true(infer_slope(x, y, 4, &slope));
    assert_true(isinf(slope.error) && slope.freedom <= 1);
    const struct infer_interval i = infer_student(&slope, 0.95);
    assert_true(isinf(i.low) && isinf(i.high));
}

static void intervals_are_students(void **state)
{
    (void)state;
    static const struct {
        double freedom, quantile;
    } rows[] = {{1, 12.706204736432095}, {4, 2.7764451051977987}, {INFINITY, 1.959963984540054}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct infer_estimate e = {5, 0.5, rows[i].freedom};
        const struct infer_interval interval = infer_student(&e, 0.95);
        assert_within(interval.high, 5 + 0.5 * rows[i].quantile, 1e-9);
        assert_within(interval.low, 5 - 0.5 * rows[i].quantile, 1e-9);
    }
}

/* Welch: (a + b)^2 / (a^2 / fa + b^2 / fb) of the squares of both errors. */
static void estimates_add_with_their_freedom(void **state)
{
    (void)state;
    const struct infer_estimate three = {10, 3, 4}, four = {7, 4, 8}, sure = {1, 0, INFINITY};
    const struct infer_estimate less = infer_add(&three, -1, &four), same = infer_add(&three, 1, &sure);
    assert_within(less.value, 3, 1e-12);
    assert_within(less.error, 5, 1e-12);
    assert_within(less.freedom, 625 / (81 / 4.0 + 256 / 8.0), 1e-9);
    assert_within(same.error, 3, 1e-12);
    assert_within(same.freedom, 4, 1e-9);
}

static void an_edge_is_as_far_from_within_as_from_without(void **state)
{
    (void)state;
    const struct infer_band band = {-100, 100};
    const double away = 12.706204736432095;
    const struct infer_estimate over = {100 + away, 1, 1}, under = {100 - away, 1, 1}, other = {-100 - away, 1, 1};
    assert_within(infer_edge(&over, &band), 0.05, 1e-9);
    assert_within(infer_edge(&under, &band), 0.05, 1e-9);
    assert_within(infer_edge(&other, &band), 0.05, 1e-9);
    assert_true(infer_edge(&(struct infer_estimate){100, 1, 9}, &band) >= 1);
    assert_true(infer_edge(&(struct infer_estimate){300, INFINITY, 1}, &band) >= 1);
}

/* At n runs p is what it is; at n + more it is small enough, at one less it is not. */
static void more_runs_make_errors_smaller_and_better_known(void **state)
{
    (void)state;
    const struct infer_band band = {-100, 100};
    const struct infer_estimate e = {110, 4, 2};              /* 2.5 of Student's with 2 degrees: p = 0.13 */
    assert_int_equal(infer_more_edge(&e, &band, 0.05, 2), 2); /* 3 runs: 3.06 with 3 degrees, p = 0.055; 4: 3.54 with 4, 0.024 */
    assert_int_equal(infer_more_edge(&e, &band, 0.5, 2), 1);
    assert_int_equal(infer_more_edge(&(struct infer_estimate){100, 4, 2}, &band, 0.05, 2), INFER_MORE_MAX);
    assert_int_equal(infer_more_edge(&(struct infer_estimate){50, INFINITY, INFINITY}, &band, 0.05, 4),
                     2); /* six make an interval */
}

/* ---- blocks ---- */

static void each_block_has_all_and_in_so_many_each_has_each_place(void **state)
{
    enum { N = 5 };
    unsigned seen[N][N] = {{0}}, first[N];
    (void)state;
    for (unsigned block = 0; block < N; block++) {
        unsigned items[N] = {0, 1, 2, 3, 4};
        infer_block(items, N, block, 7);
        if (block == 0)
            memcpy(first, items, sizeof first);
        for (unsigned place = 0; place < N; place++)
            seen[items[place]][place]++;
    }
    for (unsigned item = 0; item < N; item++)
        for (unsigned place = 0; place < N; place++)
            assert_int_equal(seen[item][place], 1);
    unsigned again[N] = {0, 1, 2, 3, 4};
    infer_block(again, N, 0, 7);
    assert_memory_equal(again, first, sizeof first);
    infer_block(again, 0, 3, 7);
}

static void shares_have_clopper_and_pearsons_interval(void **state)
{
    (void)state;
    static const struct {
        unsigned hits, n;
        double low, high;
    } rows[] = {{4, 200, 0.005475565879556446, 0.050413609089896255},
                {0, 200, 0, 0.018275340355148807},
                {19, 20, 0.7512672372279723, 0.998734910502044},
                {20, 20, 0.8315665290169145, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct infer_interval share = infer_share(rows[i].hits, rows[i].n, 0.95);
        assert_within(share.low, rows[i].low, 1e-9);
        assert_within(share.high, rows[i].high, 1e-9);
    }
}

static void holm_raises_what_is_one_of_several(void **state)
{
    (void)state;
    double p[] = {0.01, 0.04, 0.03, 0.005};
    const double expected[] = {0.03, 0.06, 0.06, 0.02};
    infer_holm(p, 4);
    for (size_t i = 0; i < 4; i++)
        assert_within(p[i], expected[i], 1e-9);
}

/* numpy, 200,000 resamples: [2.9, 3.2] and [1.0645, 1.2033]. */
static void bootstrap_intervals_are_those_of_many_resamples_and_the_same_for_a_seed(void **state)
{
    (void)state;
    const struct infer_interval median = infer_median(SAMPLES(a), 0.95, 1), again = infer_median(SAMPLES(a), 0.95, 1);
    const struct infer_interval ratio = infer_ratio(SAMPLES(a), SAMPLES(b), 0.95, 1);
    assert_within(median.value, 3.075, 1e-9);
    assert_within(median.low, 2.9, 0.01);
    assert_within(median.high, 3.2, 0.01);
    assert_memory_equal(&median, &again, sizeof median);
    assert_within(ratio.value, 1.1300813008130082, 1e-9);
    assert_within(ratio.low, 1.06451613, 0.01);
    assert_within(ratio.high, 1.20325203, 0.01);
}

static void five_samples_have_no_interval(void **state)
{
    (void)state;
    const struct infer_interval i = infer_ratio(SAMPLES(a), (struct infer_samples){b, 5}, 0.95, 1);
    const struct infer_band band = {0.9, 1.1};
    assert_true(isinf(i.low) && isinf(i.high));
    assert_int_equal(infer_judge(&i, &band), INFER_UNDECIDED);
    assert_int_equal(infer_more(&i, &band, 5), 1);
}

static void each_word_has_its_interval(void **state)
{
    (void)state;
    const struct infer_band band = {0.9, 1.1};
    static const struct {
        struct infer_interval i;
        enum infer_verdict word;
    } rows[] = {{{1.2, 1.15, 1.25}, INFER_SLOWER},
                {{0.8, 0.7, 0.85}, INFER_FASTER},
                {{1.0, 0.95, 1.05}, INFER_EQUIVALENT},
                {{1.1, 1.0, 1.2}, INFER_UNDECIDED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(infer_judge(&rows[i].i, &band), rows[i].word);
    const struct infer_interval wide = {1.0, 0.8, 1.2}; /* twice as wide as it may be: four times the runs */
    assert_int_equal(infer_more(&wide, &band, 10), 30);
}

static void a_p_that_is_too_large_for_several_looks_needs_more_runs(void **state)
{
    (void)state;
    assert_int_equal(infer_more_sure(0.05, 0.05, 10), 1);
    assert_int_equal(infer_more_sure(0.0455, 0.0027, 10), 13); /* from two sigma to three: 9/4 of the runs */
    assert_int_equal(infer_more_sure(1, 0.05, 10), INFER_MORE_MAX);
}

/* ---- gates ---- */

static struct gates parse(const char *gate, int expected)
{
    struct option_list list = {.at = {gate}, .count = gate != NULL};
    struct gates gates;
    struct diag diag;
    assert_int_equal(gates_parse(&list, &gates, &diag), expected);
    return gates;
}

static void gates_are_parsed_whole(void **state)
{
    (void)state;
    assert_true(parse(NULL, 0).on[GATE_COUNTS] && parse(NULL, 0).on[GATE_INTERVAL]);
    assert_within(parse("ratio:1.25", 0).ratio, 1.25, 1e-12);
    assert_within(parse("interval:1.05", 0).tolerance, 1.05, 1e-12);
    assert_true(parse("field-rule", 0).on[GATE_FIELD]);
    static const char *const wrong[] = {
        "ratio", "ratio:", "ratio:1", "ratio:1.1x", "interval:", "counts:1", "speed", "", "ratio:nan"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        parse(wrong[i], -1);
}

static struct gate_verdict judge(enum figure_kind kind, double base, double fresh, double spread)
{
    static double samples[2][10];
    for (int i = 0; i < 10; i++) {
        samples[0][i] = base * (1 + spread * (i - 4.5) / 4.5);
        samples[1][i] = fresh * (1 + spread * (i - 4.5) / 4.5);
    }
    const struct gate_input in = {.kind = kind, .base = SAMPLES(samples[0]), .fresh = SAMPLES(samples[1]), .pvs = 1};
    struct gate_verdict v, *all = &v;
    gate_measure(&in, 1, &v);
    gates_correct(&all, 1);
    gate_judge_interval(&in, GATE_TOLERANCE, &v);
    return v;
}

static void the_interval_gate_says_one_of_four_words_and_why(void **state)
{
    (void)state;
    assert_int_equal(judge(FIGURE_CONNECT, 0.030, 0.036, 0.01).word, INFER_SLOWER);
    assert_int_equal(judge(FIGURE_CONNECT, 0.036, 0.030, 0.01).word, INFER_FASTER);
    assert_int_equal(judge(FIGURE_CONNECT, 0.030, 0.031, 0.01).word, INFER_EQUIVALENT);
    assert_int_equal(judge(FIGURE_CONNECT, 0.030, 0.033, 0.2).word, INFER_UNDECIDED);
    assert_int_equal(judge(FIGURE_LOAD, 30, 33, 0.2).word, INFER_UNDECIDED);
    const struct gate_verdict tiny = judge(FIGURE_READ, 40e-6, 80e-6, 0.01), field = judge(FIGURE_READ, 30e-3, 33e-3, 0.1);
    assert_int_equal(tiny.word, INFER_EQUIVALENT);
    assert_int_equal(tiny.reason, REASON_FLOOR);
    assert_int_equal(field.word, INFER_EQUIVALENT);
    assert_int_equal(field.reason, REASON_FIELD);
}

/* n runs of which most were disturbed, by up to three times as much as they take, and each fifth was not. */
static enum infer_verdict judge_disturbed(size_t n, double times)
{
    double base[40], fresh[40];
    for (size_t i = 0; i < n; i++) {
        const double noise = i % 5 == 0 ? 0 : 3 * (double)(i * 7 % n) / (double)n;
        base[i] = 0.1 * (1 + noise) + 1e-5 * (double)i;
        fresh[i] = 0.1 * (times + noise) + 1e-5 * (double)i;
    }
    const struct gate_input in = {.kind = FIGURE_LOAD, .base = {base, n}, .fresh = {fresh, n}, .pvs = 1};
    struct gate_verdict v, *all = &v;
    gate_measure(&in, 1, &v);
    gates_correct(&all, 1);
    gate_judge_interval(&in, GATE_TOLERANCE, &v);
    assert_int_equal(v.reason == REASON_QUICK, v.word == INFER_SLOWER);
    return v.word;
}

static void first_deciles_tell_of_twenty_disturbed_runs_and_not_of_ten(void **state)
{
    (void)state;
    assert_int_equal(judge_disturbed(40, 2), INFER_SLOWER);
    assert_int_equal(judge_disturbed(10, 2.5), INFER_UNDECIDED);
}

/* 40 runs, and 40 of which each `undisturbed`th took as long as those, and the others much longer. */
static struct gate_verdict judge_busy(enum figure_kind kind, unsigned undisturbed, uint32_t pvs)
{
    double base[40], fresh[40];
    for (unsigned i = 0; i < 40; i++) {
        base[i] = 0.100 + 1e-4 * (i % 7);
        fresh[i] = i % undisturbed == 0 ? base[i] : 1.5 * base[i] + 1e-3 * i;
    }
    const struct gate_input in = {.kind = kind, .base = SAMPLES(base), .fresh = SAMPLES(fresh), .pvs = pvs};
    struct gate_verdict v, *all = &v;
    gate_measure(&in, 1, &v);
    gates_correct(&all, 1);
    gate_judge_interval(&in, GATE_TOLERANCE, &v);
    return v;
}

/* As a build beside it does, which begins between the two benchmarks. */
static void what_the_least_disturbed_runs_do_not_show_is_not_called_slower(void **state)
{
    (void)state;
    static const uint32_t pvs[] = {1, 1000}; /* the rule of the field does not excuse it either */
    for (size_t i = 0; i < sizeof pvs / sizeof *pvs; i++) {
        const struct gate_verdict busy = judge_busy(FIGURE_CONNECT, 3, pvs[i]);
        assert_int_equal(busy.word, INFER_UNDECIDED);
        assert_int_equal(busy.reason, REASON_BUSY);
    }
    const struct gate_verdict all = judge_busy(FIGURE_CPU, 100, 1);
    assert_int_equal(all.word, INFER_SLOWER);
    assert_int_equal(all.reason, REASON_NONE);
}

/* Clearly slower alone, but one of many rows: more runs, not one. */
static void what_holms_correction_takes_back_needs_more_than_one_run(void **state)
{
    (void)state;
    static const double base[] = {10.0, 10.1, 10.2, 10.3, 10.4, 10.5}, fresh[] = {20.0, 20.1, 20.2, 20.3, 20.4, 20.5};
    const struct gate_input in = {.kind = FIGURE_COUNT, .base = SAMPLES(base), .fresh = SAMPLES(fresh), .pvs = 1};
    enum { ROWS = 30 };
    struct gate_verdict v[ROWS], *all[ROWS];
    for (int i = 0; i < ROWS; i++) {
        gate_measure(&in, 1, &v[i]);
        all[i] = &v[i];
    }
    gates_correct(all, ROWS);
    gate_judge_interval(&in, GATE_TOLERANCE, &v[0]);
    assert_int_equal(v[0].word, INFER_UNDECIDED);
    assert_int_equal(v[0].reason, REASON_HOLM);
    assert_in_range(v[0].more, 2, 6);
}

static void a_count_has_no_floor_and_no_rule_of_the_field(void **state)
{
    (void)state;
    assert_int_equal(judge(FIGURE_COUNT, 1e-3, 1.3e-3, 0.01).word, INFER_SLOWER);
    assert_int_equal(judge(FIGURE_COUNT, 30e-3, 33e-3, 0.1).word, INFER_UNDECIDED);
}

static void counts_are_exact_within_1_percent_or_noisy(void **state)
{
    (void)state;
    const double seven[] = {7, 7, 7, 7, 7, 7}, eight[] = {8, 8, 8, 8, 8, 8}, near[] = {1000, 1001, 1002, 1000, 1001, 1003};
    const double far[] = {1020, 1021, 1020, 1022, 1021, 1020}, wild[] = {1, 2, 3, 4, 5, 6};
    const double around[] = {6, 7, 8, 9, 7, 7};
    enum gate_repeat repeat;
    assert_int_equal(gate_judge_count(SAMPLES(seven), SAMPLES(eight), &repeat), INFER_SLOWER);
    assert_int_equal(repeat, REPEAT_EXACT);
    assert_int_equal(gate_judge_count(SAMPLES(eight), SAMPLES(seven), &repeat), INFER_FASTER);
    assert_int_equal(gate_judge_count(SAMPLES(near), SAMPLES(far), &repeat), INFER_SLOWER);
    assert_int_equal(repeat, REPEAT_1_PERCENT);
    assert_int_equal(gate_judge_count(SAMPLES(near), SAMPLES(near), &repeat), INFER_EQUIVALENT);
    assert_int_equal(gate_judge_count(SAMPLES(wild), SAMPLES(seven), &repeat), INFER_EQUIVALENT);
    assert_int_equal(repeat, REPEAT_NOISY);
    assert_int_equal(gate_judge_count(SAMPLES(seven), SAMPLES(wild), &repeat), INFER_FASTER); /* all of it is away */
    assert_int_equal(gate_judge_count(SAMPLES(seven), SAMPLES(around), &repeat), INFER_EQUIVALENT);
    assert_int_equal(gate_repeat((struct infer_samples){seven, 5}), REPEAT_NOISY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rank_test_gives_scipys_p),
        cmocka_unit_test(a_slope_has_an_error_for_noise_that_grows_and_few_degrees_of_freedom),
        cmocka_unit_test(one_run_of_the_largest_x_leaves_one_degree_of_freedom),
        cmocka_unit_test(intervals_are_students),
        cmocka_unit_test(estimates_add_with_their_freedom),
        cmocka_unit_test(an_edge_is_as_far_from_within_as_from_without),
        cmocka_unit_test(more_runs_make_errors_smaller_and_better_known),
        cmocka_unit_test(each_block_has_all_and_in_so_many_each_has_each_place),
        cmocka_unit_test(shares_have_clopper_and_pearsons_interval),
        cmocka_unit_test(holm_raises_what_is_one_of_several),
        cmocka_unit_test(bootstrap_intervals_are_those_of_many_resamples_and_the_same_for_a_seed),
        cmocka_unit_test(five_samples_have_no_interval),
        cmocka_unit_test(each_word_has_its_interval),
        cmocka_unit_test(a_p_that_is_too_large_for_several_looks_needs_more_runs),
        cmocka_unit_test(gates_are_parsed_whole),
        cmocka_unit_test(the_interval_gate_says_one_of_four_words_and_why),
        cmocka_unit_test(first_deciles_tell_of_twenty_disturbed_runs_and_not_of_ten),
        cmocka_unit_test(what_the_least_disturbed_runs_do_not_show_is_not_called_slower),
        cmocka_unit_test(what_holms_correction_takes_back_needs_more_than_one_run),
        cmocka_unit_test(a_count_has_no_floor_and_no_rule_of_the_field),
        cmocka_unit_test(counts_are_exact_within_1_percent_or_noisy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
