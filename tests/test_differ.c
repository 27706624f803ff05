/* What is different in two recordings. */
#include "replay/differ.h"
#include "tests/timeline_fixture.h"

#include <stdarg.h>

struct side {
    struct trace trace;
    struct timeline timeline;
    struct survey *survey;
};

/* A monitored PV x, with n updates 100 ms apart, the k-th of value k; and what the caller adds. */
static struct maker with_updates(int n, double step_ms)
{
    struct maker m = maker_begin();
    uint32_t pv = maker_pv(&m, "x", WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(&m, 0, pv, TIME(WIRE_DOUBLE), 1);
    for (int k = 0; k < n; k++)
        maker_update(&m, 10 + step_ms * k, &s, (struct maker_value){.number = k, .stamp_ms = (int64_t)(9 + step_ms * k)});
    return m;
}

static struct side open_side(struct maker *m)
{
    struct side s = {0};
    struct diag diag = {0};
    maker_finish(m, &s.trace);
    assert_int_equal(timeline_init(&s.timeline, &s.trace, &diag), 0);
    s.survey = survey_new(&s.trace);
    assert_non_null(s.survey);
    return s;
}

/* Rows as text, all in one. */
static const char *different(struct maker *a, struct maker *b)
{
    static char text[4096];
    struct side s[2] = {open_side(a), open_side(b)};
    struct differ_side sides[2];
    struct differ d;
    for (unsigned i = 0; i < 2; i++)
        sides[i] = (struct differ_side){&s[i].trace, &s[i].timeline, s[i].survey};
    differ_init(&d, sides);
    *text = '\0';
    for (size_t i = 0; i < d.nrows; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s %s: %s -> %s\n", differ_kind_names[d.rows[i].kind],
                 d.rows[i].name, d.rows[i].text[0], d.rows[i].text[1]);
    differ_fini(&d);
    for (unsigned i = 0; i < 2; i++) {
        survey_free(s[i].survey);
        timeline_fini(&s[i].timeline);
        trace_close(&s[i].trace);
    }
    return text;
}

static void a_recording_is_the_same_as_itself(void **state)
{
    (void)state;
    struct maker a = with_updates(5, 100), b = with_updates(5, 100);
    assert_string_equal(different(&a, &b), "");
}

static void a_rate_is_another_beyond_a_tenth(void **state)
{
    (void)state;
    struct maker a = with_updates(5, 100), b = with_updates(5, 95);
    assert_string_equal(different(&a, &b), "");
    a = with_updates(5, 100), b = with_updates(5, 50);
    assert_string_equal(different(&a, &b), "rate x: 10.000Hz -> 20.000Hz\n");
}

static void updates_are_counted_and_shown(void **state)
{
    (void)state;
    struct maker a = with_updates(5, 100), b = with_updates(4, 100);
    const char *rows = different(&a, &b);
    assert_non_null(strstr(rows, "updates x: 5 -> 4\n"));
    assert_non_null(strstr(rows, "messages EVENT_ADD-from-servers: 5 -> 4\n"));
}

static void the_first_other_value_is_named(void **state)
{
    (void)state;
    struct maker m[2];
    for (int i = 0; i < 2; i++) {
        m[i] = maker_begin();
        uint32_t pv = maker_pv(&m[i], "wave", WIRE_INT16, 4);
        struct maker_subscription s = maker_subscribe(&m[i], 0, pv, TIME(WIRE_INT16), 4);
        maker_update(&m[i], 1, &s, (struct maker_value){.number = 1, .count = 4, .stamp_ms = 1});
        maker_update(&m[i], 2, &s, (struct maker_value){.number = 5 + i, .count = 4, .stamp_ms = 2, .severity = 2, .status = 3});
    }
    assert_string_equal(different(&m[0], &m[1]), "value wave: [0] of update 1: 5 MAJOR/HIHI -> 6 MAJOR/HIHI\n");
}

static void pvs_types_rights_and_metadata_are_compared(void **state)
{
    (void)state;
    struct maker m[2];
    for (int i = 0; i < 2; i++) {
        m[i] = maker_begin();
        uint32_t pv = maker_pv(&m[i], "t", i == 0 ? WIRE_DOUBLE : WIRE_INT32, 1), only = maker_pv(&m[i], i ? "b" : "a", 6, 1);
        m[i].meta.has = WIRE_META_UNITS;
        snprintf((char *)m[i].meta.units, WIRE_UNITS_BYTES, "%s", i == 0 ? "mm" : "um");
        trace_writer_pv_at(m[i].writer, pv)->rights = i == 0 ? 1 : 3;
        maker_read(&m[i], 1, pv, CTRL(WIRE_DOUBLE), 1, (struct maker_value){.number = 1});
        maker_read(&m[i], 2, only, WIRE_DOUBLE, 1, (struct maker_value){.number = 1});
    }
    const char *rows = different(&m[0], &m[1]);
    assert_non_null(strstr(rows, "pv a: there -> \npv b:  -> there\n"));
    assert_non_null(strstr(rows, "type t: DOUBLE[1] -> LONG[1]\n"));
    assert_non_null(strstr(rows, "metadata t:units: 'mm' -> 'um'\n"));
}

static void distributions_have_a_distance(void **state)
{
    (void)state;
    struct histogram a = {0}, b = {0};
    for (uint64_t i = 0; i < 100; i++) {
        histogram_add(&a, i);
        histogram_add(&b, i + 50);
    }
    assert_true(histogram_distance(&a, &a) == 0);
    assert_true(histogram_distance(&a, &b) > 0.49 && histogram_distance(&a, &b) < 0.51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_the_same_as_itself),
        cmocka_unit_test(a_rate_is_another_beyond_a_tenth),
        cmocka_unit_test(updates_are_counted_and_shown),
        cmocka_unit_test(the_first_other_value_is_named),
        cmocka_unit_test(pvs_types_rights_and_metadata_are_compared),
        cmocka_unit_test(distributions_have_a_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
