/* A recording in two parts: what the second one tells again, how it goes on, and that it can be replayed by itself. */
#include "session.h"

#include "replay/timeline.h"
#include "traces/survey.h"
#include "wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    char path[2][64];
    struct trace_writer *writer[2];
    struct session said;
    struct trace t; /* the second part */
    uint32_t circuit;
} at;

static struct trace_writer *open_part(unsigned i)
{
    struct diag diag = {0};
    snprintf(at.path[i], sizeof at.path[i], "/tmp/caplay-test-XXXXXX");
    const int fd = mkstemp(at.path[i]);
    assert_true(fd >= 0);
    close(fd);
    at.writer[i] = trace_writer_open(at.path[i], &diag);
    assert_non_null(at.writer[i]);
    return at.writer[i];
}

static int begin(void **state)
{
    (void)state;
    memset(&at, 0, sizeof at);
    at.said.d = dialogue_new(open_part(0));
    dialogue_keep(at.said.d);
    return 0;
}

static void finish_part(unsigned i, uint64_t end_ns)
{
    struct diag diag = {0};
    if (trace_writer_finish(at.writer[i], &(struct trace_meta){.end_ns = end_ns}, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void go_on(void)
{
    dialogue_continue(at.said.d, open_part(1), at.said.now_ns);
    finish_part(0, at.said.now_ns);
}

static void finish(void)
{
    struct diag diag = {0};
    dialogue_free(at.said.d);
    finish_part(1, at.said.now_ns);
    if (trace_open(&at.t, at.path[1], &diag) < 0)
        fail_msg("%s", diag.text);
}

static int end(void **state)
{
    (void)state;
    trace_close(&at.t);
    unlink(at.path[0]);
    unlink(at.path[1]);
    return 0;
}

static void client_says(const char *hex)
{
    session_says(&at.said, at.circuit, false, hex);
}

static void server_says(const char *hex)
{
    session_says(&at.said, at.circuit, true, hex);
}

#define SUBSCRIBE "00010010 00140001 00000001 00000007 | 00000000 00000000 00000000 00050000"

/* A channel SIM:AI whose value is 1.5, with a subscription to it. `last` is the last update's second half. */
static void open_and_subscribe(void)
{
    at.circuit = session_circuit(&at.said, false);
    client_says("00000000 0003000d 00000000 00000000 | 00150008 00000000 00000000 00000000 | 77733100 00000000"
                "00140008 00000000 00000000 00000000 | 6f706900 00000000");
    client_says("00120008 00000000 00000001 0000000d | 53494d3a 41490000");
    server_says("00160000 00000000 00000001 00000001 | 00120000 00060001 00000001 00000001 |");
    client_says(SUBSCRIBE);
    server_says("00010018 00140001 00000001 00000007 | 00000000 456771f7 0d9b92db 00000003 3ff80000 00000000");
    server_says("00010018 00140001 00000001 00000007 | 00000000 456771f8 0d9b92db 00000003 40000000 00000000");
}

struct expected {
    unsigned command;
    const char *pv;
    int peer; /* -1: none */
    unsigned flags;
};

#define SERVER  TRACE_FROM_SERVER
#define CARRIED TRACE_CARRIED

static void assert_events(const struct expected *expected, uint32_t n)
{
    for (uint32_t i = 0; i < n && i < at.t.nevents; i++) {
        const struct trace_event *e = &at.t.events[i];
        const struct expected *x = &expected[i];
        if (e->command != x->command || strcmp(trace_pv_name(&at.t, e->pv), x->pv) != 0 || (int)e->peer != x->peer ||
            e->flags != x->flags)
            fail_msg("event %u: %s of %s, peer %d, flags %x; expected %s of %s, peer %d, flags %x", i,
                     wire_command_name(e->command), trace_pv_name(&at.t, e->pv), (int)e->peer, e->flags,
                     wire_command_name(x->command), x->pv, x->peer, x->flags);
        assert_true(!(e->flags & CARRIED) || e->t_ns == 0);
    }
    assert_int_equal(at.t.nevents, n);
}

static const struct expected opened[] = {
    {WIRE_VERSION, "?", -1, CARRIED},
    {WIRE_HOST_NAME, "?", -1, CARRIED},
    {WIRE_CLIENT_NAME, "?", -1, CARRIED},
    {WIRE_CREATE_CHAN, "SIM:AI", -1, CARRIED},
    {WIRE_ACCESS_RIGHTS, "SIM:AI", 3, CARRIED | SERVER | TRACE_RIGHTS_OF},
    {WIRE_CREATE_CHAN, "SIM:AI", 3, CARRIED | SERVER},
    {WIRE_EVENT_ADD, "SIM:AI", -1, CARRIED},
    {WIRE_EVENT_ADD, "SIM:AI", 6, CARRIED | SERVER | TRACE_UPDATE | TRACE_FIRST},
};
enum { OPENED = sizeof opened / sizeof *opened };

static void assert_opened_and(const struct expected *more, uint32_t n)
{
    struct expected all[OPENED + 8];
    memcpy(all, opened, sizeof opened);
    memcpy(all + OPENED, more, n * sizeof *more);
    assert_events(all, OPENED + n);
}

static void what_is_open_is_told_again_and_goes_on(void **state)
{
    (void)state;
    open_and_subscribe();
    go_on();
    server_says("00010018 00140001 00000001 00000007 | 00000000 456771f9 0d9b92db 00000003 40080000 00000000");
    dialogue_circuit_close(at.said.d, at.circuit, at.said.now_ns);
    finish();
    assert_opened_and((struct expected[]){{WIRE_EVENT_ADD, "SIM:AI", 6, SERVER | TRACE_UPDATE}}, 1);
    assert_int_equal(at.t.events[OPENED].t_ns, 1000);
    assert_int_equal(at.t.ncircuits, 1);
    const struct trace_circuit *c = &at.t.circuits[0];
    assert_int_equal(c->flags, TRACE_TCP | TRACE_CONTINUED | TRACE_CLOSED);
    assert_int_equal(c->priority, 3);
    assert_string_equal(trace_string(&at.t, c->user), "opi");
    assert_string_equal(trace_string(&at.t, c->host), "ws1");
    assert_int_equal(c->server_port, SESSION_TCP_PORT);
    assert_int_equal(at.t.pvs[0].native, WIRE_DOUBLE);
    assert_int_equal(at.t.pvs[0].rights, WIRE_RIGHT_READ);
}

static void the_second_part_replays_by_itself(void **state)
{
    (void)state;
    struct timeline timeline;
    struct diag diag = {0};
    open_and_subscribe();
    go_on();
    server_says("00010018 00140001 00000001 00000007 | 00000000 456771f9 0d9b92db 00000003 40080000 00000000");
    finish();
    assert_int_equal(timeline_init(&timeline, &at.t, &diag), 0);
    assert_int_equal(timeline.npvs, 1);
    const struct timeline_pv *pv = &timeline.pvs[0];
    assert_int_equal(pv->nupdates, 2); /* 2.0, which the first part told last, and 3.0 */
    assert_memory_equal(pv->updates[0].data, "\x40\0\0\0\0\0\0\0", 8);
    assert_memory_equal(pv->updates[1].data, "\x40\x08\0\0\0\0\0\0", 8);
    assert_int_equal(pv->updates[1].due_ns, 1000);
    assert_int_equal(pv->rights, WIRE_RIGHT_READ);
    timeline_fini(&timeline);
}

/* PREC 2 and "mm" by CTRL_DOUBLE, then 4.5 by TIME_DOUBLE. */
#define ANSWER_CTRL                                                                                                              \
    "000f0058 00220001 00000001 00000003 | 00000000 00020000 6d6d0000 00000000 40590000 00000000 00000000 00000000"              \
    "7ff80000 00000000 7ff80000 00000000 7ff80000 00000000 7ff80000 00000000 40590000 00000000 00000000 00000000"                \
    "40120000 00000000"
#define ANSWER_TIME "000f0018 00140001 00000001 00000004 | 00000000 456771f7 0d9b92db 00000003 40120000 00000000"

static void what_was_read_stays_known(void **state)
{
    (void)state;
    struct timeline timeline;
    struct diag diag = {0};
    open_and_subscribe();
    client_says("000f0000 00220001 00000001 00000003 | 000f0000 00140001 00000001 00000004 |");
    server_says(ANSWER_CTRL);
    server_says(ANSWER_TIME);
    go_on();
    finish();
    const struct expected read[] = {{WIRE_READ_NOTIFY, "SIM:AI", -1, CARRIED},
                                    {WIRE_READ_NOTIFY, "SIM:AI", 6, CARRIED | SERVER},
                                    {WIRE_READ_NOTIFY, "SIM:AI", -1, CARRIED},
                                    {WIRE_READ_NOTIFY, "SIM:AI", 8, CARRIED | SERVER}};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(at.t.events[6 + i].command, read[i].command);
        assert_int_equal((int)at.t.events[6 + i].peer, read[i].peer);
        assert_int_equal(at.t.events[6 + i].flags, read[i].flags);
    }
    assert_int_equal(timeline_init(&timeline, &at.t, &diag), 0);
    assert_string_equal(timeline.pvs[0].meta.units, "mm");
    assert_int_equal(timeline.pvs[0].meta.precision, 2);
    timeline_fini(&timeline);
}

static void an_answer_in_the_next_part_knows_its_pv(void **state)
{
    (void)state;
    open_and_subscribe();
    client_says("000f0000 00140001 00000001 00000004 |");
    go_on();
    server_says(ANSWER_TIME);
    finish();
    assert_opened_and((struct expected[]){{WIRE_READ_NOTIFY, "SIM:AI", -1, SERVER}}, 1);
}

static void a_cancel_is_confirmed_in_the_next_part(void **state)
{
    (void)state;
    open_and_subscribe();
    client_says("00020000 00140001 00000001 00000007 |");
    go_on();
    server_says("00010000 00140001 00000001 00000007 |");
    finish();
    assert_opened_and((struct expected[]){{WIRE_EVENT_CANCEL, "SIM:AI", -1, CARRIED}, {WIRE_EVENT_ADD, "SIM:AI", OPENED, SERVER}},
                      2);
}

static void a_channel_is_created_in_the_next_part(void **state)
{
    (void)state;
    at.circuit = session_circuit(&at.said, false);
    client_says("00120008 00000000 00000001 0000000d | 53494d3a 41490000");
    go_on();
    server_says("00160000 00000000 00000001 00000001 | 00120000 00060001 00000001 00000001 |");
    finish();
    const struct expected all[] = {{WIRE_CREATE_CHAN, "SIM:AI", -1, CARRIED},
                                   {WIRE_ACCESS_RIGHTS, "SIM:AI", 0, SERVER | TRACE_RIGHTS_OF},
                                   {WIRE_CREATE_CHAN, "SIM:AI", 0, SERVER}};
    assert_events(all, 3);
    uint64_t ns;
    assert_false(trace_service_ns(&at.t, &at.t.events[2], &ns));
}

/* Joined midway: what nobody knew in the first part is not known in the second. */
static void what_was_unknown_stays_unknown(void **state)
{
    (void)state;
    at.circuit = session_circuit(&at.said, true);
    client_says(SUBSCRIBE);
    server_says("00010018 00140001 00000001 00000007 | 00000000 456771f8 0d9b92db 00000003 40000000 00000000");
    go_on();
    finish();
    const struct expected all[] = {{WIRE_EVENT_ADD, "?", -1, CARRIED},
                                   {WIRE_EVENT_ADD, "?", 0, CARRIED | SERVER | TRACE_UPDATE | TRACE_FIRST}};
    assert_events(all, 2);
    assert_int_equal(at.t.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY | TRACE_CONTINUED);
}

static void what_ended_is_not_told_again(void **state)
{
    (void)state;
    session_whole(&at.said);
    go_on();
    session_sends(&at.said, SESSION_CLIENT_PORT, false,
                  "00000000 0001000d 00000001 00000000 | 00060008 0005000d 00000001 00000001 | 53494d3a 41490000");
    finish();
    const struct expected all[] = {{WIRE_VERSION, "?", -1, 0}, {WIRE_SEARCH, "SIM:AI", -1, 0}};
    assert_events(all, 2);
    assert_int_equal(at.t.ncircuits, 1);
}

static void it_counts_only_as_what_is_open(void **state)
{
    (void)state;
    open_and_subscribe();
    go_on();
    server_says("00010018 00140001 00000001 00000007 | 00000000 456771f9 0d9b92db 00000003 40080000 00000000");
    finish();
    struct survey *s = survey_new(&at.t);
    assert_int_equal(s->carried, OPENED);
    assert_int_equal(s->updates, 1);
    assert_int_equal(s->subscriptions, 1);
    assert_int_equal(s->circuits[0].channels, 1);
    assert_int_equal(s->circuits[0].messages, 1);
    assert_int_equal(s->service[SURVEY_SUBSCRIBE].count, 0);
    survey_free(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_open_is_told_again_and_goes_on),
        TEST(the_second_part_replays_by_itself),
        TEST(what_was_read_stays_known),
        TEST(an_answer_in_the_next_part_knows_its_pv),
        TEST(a_cancel_is_confirmed_in_the_next_part),
        TEST(a_channel_is_created_in_the_next_part),
        TEST(what_was_unknown_stays_unknown),
        TEST(what_ended_is_not_told_again),
        TEST(it_counts_only_as_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
