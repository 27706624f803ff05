#include "base/random.h"
#include "sim/latency.h"
#include "tests/sim_fixture.h"
#include "tests/trace_maker.h"

#include <math.h>

#define DRAWS 10000u

/* ---- models ---- */

static struct latency_config parsed(const char *text)
{
    const struct latency_options options = {.models = {.at = {text}, .count = 1}, .seed = 42};
    struct latency_config config;
    struct diag diag = {0};
    if (latency_parse(&config, &options, &diag) < 0)
        fail_msg("%s", diag.text);
    return config;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double normal_cdf(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

static double uniform_cdf(double ns)
{
    return (ns - 100e3) / 900e3;
}

static double truncated_normal_cdf(double ns)
{
    return (normal_cdf((ns - 1e6) / 1e6) - normal_cdf(-1)) / (1 - normal_cdf(-1));
}

static double lognormal_cdf(double ns)
{
    return normal_cdf(log(ns / 1e6) / 0.4);
}

static double pareto_cdf(double ns)
{
    return 1 - pow(100e3 / ns, 1.5);
}

/* The Kolmogorov-Smirnov distance of 10,000 draws of one circuit. */
static double distance(const char *model, double (*cdf)(double ns))
{
    static uint64_t ns[DRAWS];
    struct latency latency = {.config = parsed(model)};
    const struct sim_source_calls nothing = {0};
    const struct sim_source source = {.calls = &nothing};
    for (uint64_t i = 0; i < DRAWS; i++)
        ns[i] = latency_next(&latency, &source, &(struct latency_request){.class = SIM_READ, .circuit = 3, .number = i});
    qsort(ns, DRAWS, sizeof *ns, by_value);
    double most = 0;
    for (unsigned i = 0; i < DRAWS; i++) {
        const double expected = cdf((double)ns[i]);
        most = fmax(most, fmax(fabs(expected - i / (double)DRAWS), fabs(expected - (i + 1) / (double)DRAWS)));
    }
    return most;
}

/* A true sample stays below 1.95 / sqrt(n) in 999 of 1,000 cases; the seed makes this one of them, or the model is wrong. */
static void draws_have_the_distribution_that_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        double (*cdf)(double ns);
    } rows[] = {{"uniform:100us..1ms", uniform_cdf},
                {"normal:1ms,1ms", truncated_normal_cdf},
                {"lognormal:1ms,0.4", lognormal_cdf},
                {"pareto:100us,1.5", pareto_cdf}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const double d = distance(rows[i].model, rows[i].cdf);
        if (d > 1.95 / sqrt(DRAWS))
            fail_msg("%s: the distance is %g", rows[i].model, d);
    }
}

static void bits_at_both_ends_give_delays_that_can_be_kept(void **state)
{
    (void)state;
    const struct latency_config pareto = parsed("pareto:1h,0.01"), uniform = parsed("uniform:0..7ns");
    assert_int_equal(latency_of_bits(&pareto.model[SIM_READ], 0), LATENCY_MOST_NS);
    assert_in_range(latency_of_bits(&pareto.model[SIM_READ], UINT64_MAX), 3600 * CLOCK_NS, 3601 * CLOCK_NS);
    assert_int_equal(latency_of_bits(&uniform.model[SIM_READ], 0), 0);
    assert_int_equal(latency_of_bits(&uniform.model[SIM_READ], UINT64_MAX), 7);
    assert_true(random_unit(0) > 0 && random_unit(UINT64_MAX) < 1);
}

/* ---- the option ---- */

static void a_class_has_its_own_model_or_that_of_all(void **state)
{
    (void)state;
    const struct latency_options options = {.models = {.at = {"read=lognormal:1ms,0.4,search=0", "100us"}, .count = 2}};
    struct latency_config config;
    struct diag diag;
    assert_int_equal(latency_parse(&config, &options, &diag), 0);
    assert_int_equal(config.model[SIM_READ].kind, LATENCY_LOGNORMAL);
    assert_int_equal(config.model[SIM_READ].first_ns, 1000000);
    assert_true(config.model[SIM_READ].factor == 0.4);
    assert_int_equal(config.model[SIM_SEARCH].kind, LATENCY_FIXED);
    assert_int_equal(config.model[SIM_SEARCH].first_ns, 0);
    assert_int_equal(config.model[SIM_PUT_CALLBACK].first_ns, 100000);
    assert_int_equal(config.model[SIM_UPDATE].kind, LATENCY_RECORDED); /* must be named */
    assert_false(latency_needs_recorded(&config));
}

static void what_cannot_be_a_model_is_told_with_an_example(void **state)
{
    (void)state;
    static const struct {
        const char *text, *told;
    } rows[] = {
        {"", "no model"},
        {"5", "no duration with its unit"},
        {"-5ms", "no duration with its unit"},
        {"gauss:1ms", "there are recorded, fixed, uniform"},
        {"rad=1ms", "no class 'rad'; there are search, create"},
        {"read=1ms,rad=1ms", "no class 'rad'"},
        {"read=", "no model"},
        {"read=0,", "'read=0,'"},
        {"fixed", "needs 1 value (delay), and 0 were given"},
        {"lognormal:1ms", "needs 2 values (median, sigma), and 1 was given"},
        {"lognormal:1ms,0.4,3", "and 3 were given"},
        {"lognormal:1,0.4", "'1' is not 0 or a duration"},
        {"lognormal:1ms,-1", "'-1' is not a number"},
        {"lognormal:1ms,1e999", "is not a number"},
        {"normal:1ms,5", "'5' is not 0 or a duration"},
        {"uniform:1ms..100us", "the most is less than the least"},
        {"uniform:1ms,100us", "needs 2 values (least..most)"},
        {"pareto:1ms,0", "the shape must be above 0"},
        {"scaled:-1", "'-1' is not a number"},
        {"scaled:nan", "'nan' is not a number"},
        {"recorded:1", "recorded needs no values"},
        {"empirical:", "file is missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct latency_options options = {.models = {.at = {rows[i].text}, .count = 1}};
        struct latency_config config;
        struct diag diag = {0};
        assert_int_equal(latency_parse(&config, &options, &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
        if (strstr(diag.text, rows[i].told) == NULL || strstr(diag.text, "(example: --latency ") == NULL)
            fail_msg("'%s': %s", rows[i].text, diag.text);
    }
}

static void a_budget_needs_a_mean(void **state)
{
    (void)state;
    const struct latency_config tame = parsed("pareto:1ms,1.5"), wild = parsed("search=pareto:1ms,1");
    struct diag diag = {0};
    assert_int_equal(latency_check_budget(&tame, &diag), 0);
    assert_int_equal(latency_check_budget(&wild, &diag), -1);
    assert_int_equal(diag.code, DIAG_USAGE);
    assert_non_null(strstr(diag.text, "pareto:1ms,1: "));
}

/* ---- recorded times ---- */

static void recorded_times_can_be_scaled(void **state)
{
    (void)state;
    struct fixture f = {.delay_ns = {[SIM_READ] = 1000}};
    const struct sim_source_calls calls = {.delay_ns = fix_delay_ns}, nothing = {0};
    const struct sim_source source = {.calls = &calls, .self = &f, .floor_ns = 2500}, bare = {.calls = &nothing};
    struct latency latency = {.config = parsed("scaled:2")};
    const struct latency_request r = {.class = SIM_READ};
    assert_int_equal(latency_next(&latency, &source, &r), 0); /* under the floor */
    latency.config = parsed("scaled:2.5");
    assert_int_equal(latency_next(&latency, &source, &r), 2500);
    assert_int_equal(latency_next(&latency, &bare, &r), 0);
}

static void what_a_send_takes_is_no_part_of_the_wait(void **state)
{
    (void)state;
    struct fixture f = {.delay_ns = {[SIM_READ] = 1000000, [SIM_CREATE] = 10000000}};
    const struct sim_source_calls calls = {.delay_ns = fix_delay_ns};
    const struct sim_source source = {.calls = &calls, .self = &f, .send_ns = 2000, .rested_send_ns = 9000};
    struct latency latency = {.config = parsed("recorded")};
    assert_int_equal(latency_next(&latency, &source, &(struct latency_request){.class = SIM_READ}), 998000);
    assert_int_equal(latency_next(&latency, &source, &(struct latency_request){.class = SIM_CREATE}), 9991000);
}

static void exchange(struct maker *m, uint32_t pv, uint64_t t_us, uint32_t us)
{
    struct trace_event e = {
        .t_ns = t_us * 1000, .command = WIRE_READ_NOTIFY, .pv = pv, .peer = TRACE_NONE, .circuit = TRACE_NONE};
    e.peer = maker_event(m, e, NULL);
    e.t_ns += us * UINT64_C(1000);
    e.flags = TRACE_FROM_SERVER;
    maker_event(m, e, NULL);
}

static void a_recording_gives_the_times_of_a_pv_or_of_its_class(void **state)
{
    (void)state;
    struct maker m = maker_begin();
    struct diag diag = {0};
    const uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1), y = maker_pv(&m, "y", WIRE_DOUBLE, 1);
    for (uint32_t k = 0; k < 10; k++) {
        exchange(&m, x, 1000 * k, 10 + k);
        exchange(&m, y, 1000 * k + 500, 90 + k);
    }
    maker_write(&m);
    struct latency_trace *recorded = latency_trace_new(m.path, &diag);
    unlink(m.path);
    assert_non_null(recorded);
    assert_true(latency_trace_has(recorded, SIM_READ));
    assert_false(latency_trace_has(recorded, SIM_ECHO));
    unsigned slow = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t bits = random_bits(1, 2, i);
        assert_in_range(latency_trace_draw(recorded, SIM_READ, "x", bits), 10000, 19000);
        slow += latency_trace_draw(recorded, SIM_READ, "elsewhere", bits) >= 90000;
    }
    assert_in_range(slow, 400, 600);
    latency_trace_free(recorded);
}

/* ---- in the server ---- */

#define READ_AI "000f0000 00060001 00000000 00000007"
#define ECHO    "00170000 00000000 00000000 00000000"

static uint64_t last_delay_ns(const struct fixture *f)
{
    const struct reply *reply = lane_at(&f->circuit->direct, f->circuit->direct.count - 1);
    return reply->own_ns - reply->asked_ns;
}

/* The delays of four reads, each after an ECHO or not, with another circuit that reads before each or not. */
static void read_four(uint64_t delay_ns[4], bool alone)
{
    struct fixture *f = fix_with_channels();
    f->sim->latency.config = parsed("read=uniform:1ms..2ms");
    f->sim->latency.config.model[SIM_ECHO] = f->sim->latency.config.model[SIM_READ];
    struct sim_circuit *other = sim_circuit_new(f->sim, f, f->now_ns);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned k = 0; !alone && k < i; k++)
            sim_delay_ns(other, &f->pv[FIX_AI], SIM_READ);
        if (!alone)
            fix_say(f, ECHO);
        fix_say(f, READ_AI);
        delay_ns[i] = last_delay_ns(f);
    }
    sim_circuit_free(other, f->now_ns);
    fix_free(f);
}

static void a_client_gets_the_same_delays_whatever_others_do(void **state)
{
    (void)state;
    uint64_t alone[4], together[4];
    read_four(alone, true);
    read_four(together, false);
    assert_memory_equal(alone, together, sizeof alone);
    assert_true(alone[0] != alone[1] && alone[1] != alone[2] && alone[2] != alone[3]);
}

static void delays_are_counted_as_drawn_and_as_they_became(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct diag diag = {0};
    const struct latency_config config = parsed("read=1us");
    assert_int_equal(latency_open(&f->sim->latency, &config, &f->source, &diag), 0);
    fix_say(f, READ_AI READ_AI);
    f->now_ns += 1500;
    fix_work(f);
    const struct latency *l = &f->sim->latency;
    assert_int_equal(l->drawn[SIM_READ].count, 2);
    assert_int_equal(l->drawn[SIM_READ].max, 1000);
    assert_int_equal(l->effective[SIM_READ].count, 2);
    assert_int_equal(l->effective[SIM_READ].min, 1500);
    assert_int_equal(f->sim->late.of[SIM_LATE_SELF].count, 2);
    assert_int_equal(f->sim->late.of[SIM_LATE_SELF].max, 500);
    latency_close(&f->sim->latency);
    fix_free(f);
}

static void updates_wait_in_their_order(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->latency.config = parsed("update=uniform:1ms..2ms");
    fix_say(f, FIX_SUBSCRIBE_AI);
    f->out_bytes = 0;
    for (unsigned i = 0; i < 3; i++)
        fix_post(f, FIX_AI, i + 1, i);
    fix_work(f);
    assert_int_equal(f->out_bytes, 0);
    const uint64_t first_ns = sim_circuit_deadline(f->circuit);
    assert_in_range(first_ns, f->now_ns + 1000000, f->now_ns + 2000000);
    f->now_ns += 2000000;
    fix_work(f);
    fix_expect(f, "in the order of posting",
               "00010008 00060001 00000001 00000007 | 3ff00000 00000000 | 00010008 00060001 00000001 00000007 | 40000000 00000000"
               "00010008 00060001 00000001 00000007 | 40080000 00000000");
    fix_free(f);
}

/* T:AI by a plain put: the value is there at once, its update a millisecond later. */
static void a_put_without_callback_is_heard_of_later(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->latency.config = parsed("write=1ms");
    fix_say(f, FIX_SUBSCRIBE_AI);
    f->out_bytes = 0;
    fix_say(f, "00040008 00060001 00000000 00000000 | 40450000 00000000");
    assert_int_equal(f->out_bytes, 0);
    assert_int_equal(f->bytes[FIX_AI][0], 0x40);
    assert_int_equal(f->bytes[FIX_AI][1], 0x45);
    assert_int_equal(sim_circuit_deadline(f->circuit), f->now_ns + 1000000);
    f->now_ns += 1000000;
    fix_work(f);
    fix_expect(f, "the update", "00010008 00060001 00000001 00000007 | 40450000 00000000");
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_have_the_distribution_that_was_asked_for),
        cmocka_unit_test(bits_at_both_ends_give_delays_that_can_be_kept),
        cmocka_unit_test(a_class_has_its_own_model_or_that_of_all),
        cmocka_unit_test(what_cannot_be_a_model_is_told_with_an_example),
        cmocka_unit_test(a_budget_needs_a_mean),
        cmocka_unit_test(recorded_times_can_be_scaled),
        cmocka_unit_test(what_a_send_takes_is_no_part_of_the_wait),
        cmocka_unit_test(a_recording_gives_the_times_of_a_pv_or_of_its_class),
        cmocka_unit_test(a_client_gets_the_same_delays_whatever_others_do),
        cmocka_unit_test(delays_are_counted_as_drawn_and_as_they_became),
        cmocka_unit_test(updates_wait_in_their_order),
        cmocka_unit_test(a_put_without_callback_is_heard_of_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
