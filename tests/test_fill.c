/* A snapshot filled into a recording: what a replay then knows, and what it still takes from the recording alone. */
#include "sim/service.h"
#include "tests/timeline_fixture.h"
#include "traces/copy.h"
#include "traces/fill.h"
#include "traces/survey.h"

#define DAYS_MS (INT64_C(3) * 24 * 3600 * 1000)

/* Made three days later: "x" and "z" with metadata, "s" with labels. Values from after the recording, or from before it. */
static void make_snapshot(struct trace *t)
{
    struct maker m = maker_begin();
    const uint32_t x = maker_pv(&m, "x", WIRE_DOUBLE, 1), z = maker_pv(&m, "z", WIRE_INT32, 1),
                   s = maker_pv(&m, "s", WIRE_ENUM, 1);
    m.meta.has = WIRE_META_UNITS | WIRE_META_DISPLAY | WIRE_META_CONTROL | WIRE_META_PRECISION;
    memcpy(m.meta.units, "mm", 3);
    m.meta.precision = 3;
    m.meta.display[0] = 100;
    maker_read(&m, 1, x, CTRL(WIRE_DOUBLE), 1, (struct maker_value){.number = 77});
    maker_read(&m, 2, x, TIME(WIRE_DOUBLE), 1, (struct maker_value){.number = 77, .stamp_ms = DAYS_MS});
    maker_read(&m, 3, z, CTRL(WIRE_INT32), 1, (struct maker_value){.number = 5});
    maker_read(&m, 4, z, TIME(WIRE_INT32), 1, (struct maker_value){.number = 5, .stamp_ms = -60000});
    m.meta.has = WIRE_META_LABELS;
    m.meta.nlabels = 2;
    memcpy(m.meta.labels[1], "open", 5);
    maker_read(&m, 5, s, CTRL(WIRE_ENUM), 1, (struct maker_value){.number = 1});
    maker_read(&m, 6, s, TIME(WIRE_ENUM), 1, (struct maker_value){.number = 1, .stamp_ms = DAYS_MS});
    maker_rights(&m, 7, x, WIRE_RIGHT_READ, TRACE_RIGHTS_OF);
    maker_rights(&m, 8, z, WIRE_RIGHT_READ, TRACE_RIGHTS_OF);
    maker_finish(&m, t);
}

/* Of "x" two updates and units of its own; of "s" nothing but its type; "z" was never asked for. */
static void make_recording(struct maker *m, bool with_units)
{
    *m = maker_begin();
    const uint32_t x = maker_pv(m, "x", WIRE_DOUBLE, 1);
    maker_pv(m, "s", WIRE_ENUM, 1);
    maker_rights(m, 0, x, WIRE_RIGHT_READ | WIRE_RIGHT_WRITE, TRACE_RIGHTS_OF);
    if (with_units) {
        m->meta.has = WIRE_META_UNITS | WIRE_META_DISPLAY;
        memcpy(m->meta.units, "um", 3);
        maker_read(m, 5, x, CTRL(WIRE_DOUBLE), 1, (struct maker_value){.number = 1});
    }
    struct maker_subscription sub = maker_subscribe(m, 10, x, TIME(WIRE_DOUBLE), 1);
    maker_update(m, 11, &sub, (struct maker_value){.number = 1, .stamp_ms = -5});
    maker_update(m, 20, &sub, (struct maker_value){.number = 2, .stamp_ms = 19});
}

static void fill(struct maker *m)
{
    struct trace snapshot;
    struct diag diag = {0};
    make_snapshot(&snapshot);
    assert_int_equal(fill_trace(&snapshot, m->writer, &diag), 0);
    trace_close(&snapshot);
}

static const struct timeline_pv *find(const struct fixture *f, const char *name)
{
    const uint32_t k = timeline_find(&f->timeline, name, strlen(name));
    assert_int_not_equal(k, NAMES_NONE);
    return &f->timeline.pvs[k];
}

static void a_replay_takes_from_a_snapshot_what_the_recording_lacks(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m;
    make_recording(&m, false);
    fill(&m);
    build(&f, &m);
    const struct timeline_pv *x = find(&f, "x"), *s = find(&f, "s"), *z = find(&f, "z");
    assert_string_equal(x->meta.units, "mm");
    assert_int_equal(x->meta.precision, 3);
    assert_true(x->meta.display[0] == 100);
    assert_string_equal(s->meta.labels[1], "open");
    ASSERT_VALUES(s, 1);
    ASSERT_VALUES(z, 5);
    assert_int_equal(z->native, WIRE_INT32);
    assert_int_equal(z->rights, WIRE_RIGHT_READ);
    done(&f);
}

static void the_recording_s_own_stays(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m;
    make_recording(&m, true);
    fill(&m);
    build(&f, &m);
    const struct timeline_pv *x = find(&f, "x");
    assert_string_equal(x->meta.units, "um");
    assert_true(x->meta.display[0] == 0);
    assert_int_equal(x->meta.precision, 0); /* CTRL_DOUBLE tells it, too */
    ASSERT_VALUES(x, 1, 2);
    assert_int_equal(x->rights, WIRE_RIGHT_READ | WIRE_RIGHT_WRITE);
    done(&f);
}

/* A replay is as long as the recording, and a value from after it does not come out of its future. */
static void the_snapshot_s_time_is_not_the_recording_s(void **state)
{
    (void)state;
    struct fixture f;
    struct maker m;
    make_recording(&m, false);
    m.end_ms = 30;
    fill(&m);
    build(&f, &m);
    assert_int_equal(f.timeline.zero_ns, 10 * MS);
    assert_int_equal(f.timeline.length_ns, 20 * MS);
    assert_int_equal(find(&f, "s")->updates[0].stamp_ns, MAKER_START_STAMP * CLOCK_NS);
    assert_int_equal(find(&f, "z")->updates[0].stamp_ns, MAKER_START_STAMP * CLOCK_NS - 60000 * MS);
    assert_int_equal(f.timeline.counts.updates, 1);
    done(&f);
}

static void what_was_filled_in_counts_nowhere(void **state)
{
    (void)state;
    struct trace t;
    struct maker m;
    struct service service;
    struct diag diag = {0};
    make_recording(&m, false);
    fill(&m);
    maker_finish(&m, &t);
    struct survey *s = survey_new(&t);
    assert_int_equal(s->filled, 8); /* 6 reads, 2 rights */
    assert_int_equal(s->kinds[WIRE_READ_NOTIFY].messages[1], 0);
    assert_int_equal(s->service[SURVEY_READ].count, 0);
    survey_free(s);
    assert_int_equal(service_init(&service, &t, &(struct service_pvs){.n = t.npvs}, &diag), 0);
    assert_int_equal(service.classes[SIM_READ].n, 0);
    service_fini(&service);
    trace_close(&t);
}

static void what_is_still_missing_is_known(void **state)
{
    (void)state;
    struct trace t;
    struct maker m;
    make_recording(&m, false);
    maker_pv(&m, "n", WIRE_STRING, 1);
    trace_writer_pv(m.writer, "never", 5);
    fill(&m);
    maker_finish(&m, &t);
    uint8_t *lacks = fill_lacks(&t);
    const struct {
        const char *name;
        unsigned lacks;
    } rows[] = {{"x", 0}, {"s", FILL_LACKS_RIGHTS}, {"n", FILL_LACKS_VALUE | FILL_LACKS_RIGHTS}, {"never", 0}, {"z", 0}};
    assert_int_equal(t.npvs, sizeof rows / sizeof *rows);
    for (uint32_t i = 0; i < t.npvs; i++) {
        assert_string_equal(trace_pv_name(&t, i), rows[i].name);
        assert_int_equal(lacks[i], rows[i].lacks);
    }
    free(lacks);
    trace_close(&t);
}

static void a_part_of_it_keeps_what_was_filled_in(void **state)
{
    (void)state;
    struct trace t;
    struct maker m, part = maker_begin();
    struct fixture f;
    struct diag diag = {0};
    make_recording(&m, false);
    fill(&m);
    maker_finish(&m, &t);
    const struct copy rules = {.from_ns = 15 * MS, .to_ns = UINT64_MAX};
    assert_int_equal(copy_trace(&t, &rules, part.writer, &diag), 0);
    build(&f, &part);
    assert_string_equal(find(&f, "x")->meta.units, "mm");
    done(&f);
    trace_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_takes_from_a_snapshot_what_the_recording_lacks),
        cmocka_unit_test(the_recording_s_own_stays),
        cmocka_unit_test(the_snapshot_s_time_is_not_the_recording_s),
        cmocka_unit_test(what_was_filled_in_counts_nowhere),
        cmocka_unit_test(what_is_still_missing_is_known),
        cmocka_unit_test(a_part_of_it_keeps_what_was_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
