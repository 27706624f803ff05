#include "traces/trace.h"

#include "tests/small_trace.h"

/* ---- tests ---- */

#define MANY 200000u /* even */

static void what_was_written_is_read(void **state)
{
    (void)state;
    write_small();
    assert_int_not_equal(access(part, F_OK), 0);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.npvs, 2);
    assert_string_equal(trace_pv_name(&t, 0), "A:ONE");
    assert_string_equal(trace_pv_name(&t, 1), "A:TWO");
    assert_string_equal(trace_pv_name(&t, TRACE_NONE), "?");
    assert_int_equal(t.pvs[0].native, 0xffff);
    assert_int_equal(t.pvs[1].native, WIRE_INT16);
    assert_int_equal(t.ncircuits, 1);
    assert_int_equal(t.circuits[0].client_port, 40000);
    assert_string_equal(trace_string(&t, t.circuits[0].user), "opi");
    assert_string_equal(trace_string(&t, t.circuits[0].host), "?");
    assert_int_equal(t.start_realtime_ns, meta.start_realtime_ns);
    assert_int_equal(t.end_ns, 9000);
    assert_memory_equal(&t.missing, &meta.missing, sizeof t.missing);
    assert_int_equal(t.nlosses, 2);
    assert_memory_equal(t.losses, small_losses, sizeof small_losses);
    assert_string_equal(t.source, "lo");
    assert_string_equal(t.sha256, "");
    trace_close(&t);
}

static void a_payload_comes_back_in_its_three_parts(void **state)
{
    (void)state;
    write_small();
    struct trace t;
    open_good(&t);
    assert_int_equal(t.nevents, 2);
    const struct trace_event *e = &t.events[1];
    assert_int_equal(e->peer, 0);
    assert_int_equal(e->size, 120);
    assert_int_equal(e->head_bytes, 14);
    assert_int_equal(e->body_bytes, 100);
    for (unsigned i = 0; i < 14 + 6; i++) /* head and rest lie together */
        assert_int_equal(trace_head(&t, e)[i], 0xaa);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(trace_body(&t, e)[i], 5);
    trace_close(&t);
}

static void equal_bodies_are_stored_once_whatever_surrounds_them(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    trace_writer_pv(w, "A", 1);
    trace_writer_pv(w, "B", 1);
    for (uint8_t subscriber = 0; subscriber < 3; subscriber++)
        add_values(w, 1000u + subscriber, TRACE_NONE, 9, subscriber);
    add_values(w, 2000, TRACE_NONE, 10, 0);
    finish(w);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.events[1].body, t.events[0].body);
    assert_int_equal(t.events[2].body, t.events[0].body);
    assert_int_not_equal(t.events[3].body, t.events[0].body);
    assert_int_equal(t.pool_bytes, 2 * 100 + 4 * 20);
    for (uint8_t subscriber = 0; subscriber < 3; subscriber++)
        assert_int_equal(trace_head(&t, &t.events[subscriber])[0], subscriber);
    trace_close(&t);
}

static void events_are_sorted_by_time_and_peers_follow(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    trace_writer_pv(w, "A", 1);
    trace_writer_pv(w, "B", 1);
    uint32_t asked = trace_writer_event(w, &request, NULL); /* at 1000 */
    add_values(w, 5000, asked, 1, 0);
    add_values(w, 500, TRACE_NONE, 2, 0);
    add_values(w, 1000, TRACE_NONE, 3, 0); /* as late as the request: stays behind it */
    finish(w);
    struct trace t;
    open_good(&t);
    const uint64_t times[] = {500, 1000, 1000, 5000};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(t.events[i].t_ns, times[i]);
    assert_int_equal(t.events[1].flags & TRACE_FROM_SERVER, 0);
    assert_int_equal(t.events[3].peer, 1);
    assert_int_equal(t.events[0].peer, TRACE_NONE);
    trace_close(&t);
}

/* As many as need large pages; `place` gives the place in time of the i-th that is written. */
static void check_many(uint32_t (*place)(uint32_t i))
{
    struct trace_writer *w = begin();
    struct trace_event e = request;
    struct trace t;
    trace_writer_circuit(w);
    trace_writer_pv(w, "A", 1);
    trace_writer_pv(w, "B", 1);
    for (uint32_t i = 0; i < MANY; i++) {
        e.t_ns = e.p2 = place(i);
        trace_writer_event(w, &e, NULL);
    }
    finish(w);
    open_good(&t);
    assert_int_equal(t.nevents, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(t.events[i].t_ns, i);
        assert_int_equal(t.events[i].p2, i);
    }
    trace_close(&t);
}

static uint32_t in_order(uint32_t i)
{
    return i;
}

static uint32_t neighbours_swapped(uint32_t i)
{
    return i ^ 1;
}

static uint32_t backwards(uint32_t i)
{
    return MANY - 1 - i;
}

static void many_events_are_sorted_whatever_their_order(void **state)
{
    (void)state;
    check_many(in_order);
    check_many(neighbours_swapped);
    check_many(backwards);
}

static void names_are_interned(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    assert_int_equal(trace_writer_pv(w, "SAME", 4), trace_writer_pv(w, "SAME", 4));
    assert_int_not_equal(trace_writer_pv(w, "SAME", 3), trace_writer_pv(w, "SAME", 4));
    assert_int_equal(trace_writer_string(w, "SAME", 4), trace_writer_pv_at(w, 0)->name);
    assert_int_equal(trace_writer_string(w, "", 0), trace_writer_string(w, "\0x", 2));
    finish(w);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.npvs, 2);
    assert_int_equal(t.nstrings, sizeof "SAME" + sizeof "SAM" + sizeof "");
    trace_close(&t);
}

static void payloads_shorter_than_their_type_are_kept_as_they_are(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    struct trace_event e = {.pv = TRACE_NONE,
                            .peer = TRACE_NONE,
                            .command = WIRE_EVENT_ADD,
                            .type = 34,
                            .count = UINT32_MAX,
                            .size = 8,
                            .flags = TRACE_FROM_SERVER};
    trace_writer_event(w, &e, (const uint8_t *)"12345678");
    e.type = 0; /* one STRING, cut as pcas does */
    e.count = 1;
    trace_writer_event(w, &e, (const uint8_t *)"abcdefg");
    finish(w);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.events[0].head_bytes, 8);
    assert_int_equal(t.events[0].body_bytes, 0);
    assert_memory_equal(trace_head(&t, &t.events[0]), "12345678", 8);
    assert_int_equal(t.events[1].body_bytes, 8);
    assert_memory_equal(trace_body(&t, &t.events[1]), "abcdefg", 8);
    trace_close(&t);
}

static void an_empty_trace_is_a_trace(void **state)
{
    (void)state;
    finish(begin());
    struct trace t;
    open_good(&t);
    assert_int_equal(t.nevents + t.npvs + t.ncircuits + t.nlosses + t.nstrings, 0);
    trace_close(&t);
}

static void an_unfinished_trace_never_bears_the_final_name_and_says_what_it_is(void **state)
{
    (void)state;
    write_small();
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    struct trace t;
    open_good(&t); /* the old one is still there */
    trace_close(&t);
    static char big[1u << 21];
    struct trace_event e = {.pv = TRACE_NONE, .peer = TRACE_NONE, .command = WIRE_ECHO, .size = sizeof big};
    trace_writer_event(w, &e, (const uint8_t *)big); /* more than is buffered: the header is on disk */
    char final[sizeof path];
    memcpy(final, path, sizeof path);
    memcpy(path, part, sizeof path);
    assert_refused("is unfinished");
    memcpy(path, final, sizeof path);
    trace_writer_abandon(w);
    assert_int_not_equal(access(part, F_OK), 0);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_place_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    struct diag diag = {0};
    assert_null(trace_writer_open("/proc/nowhere/x.catrace", &diag));
    assert_int_equal(diag.code, DIAG_ENVIRONMENT);
    assert_non_null(strstr(diag.text, "/proc/nowhere/x.catrace.part"));
    assert_null(trace_writer_open("/dev/null", &diag));
    assert_non_null(strstr(diag.text, "is no regular file"));
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(symlink("/dev/full", part), 0);
    struct trace_writer *w = begin();
    struct diag diag = {0};
    assert_int_equal(trace_writer_finish(w, &meta, &diag), -1);
    assert_int_equal(diag.code, DIAG_ENVIRONMENT);
    assert_non_null(strstr(diag.text, "No space left"));
    assert_int_not_equal(access(part, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_payload_comes_back_in_its_three_parts),
        cmocka_unit_test(equal_bodies_are_stored_once_whatever_surrounds_them),
        cmocka_unit_test(events_are_sorted_by_time_and_peers_follow),
        cmocka_unit_test(many_events_are_sorted_whatever_their_order),
        cmocka_unit_test(names_are_interned),
        cmocka_unit_test(payloads_shorter_than_their_type_are_kept_as_they_are),
        cmocka_unit_test(an_empty_trace_is_a_trace),
        cmocka_unit_test(an_unfinished_trace_never_bears_the_final_name_and_says_what_it_is),
        cmocka_unit_test(a_place_that_cannot_be_written_is_told),
        cmocka_unit_test(a_full_disk_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
