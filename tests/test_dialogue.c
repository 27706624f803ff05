#include "session.h"

#include "traces/describe.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A dialogue into a file, and the trace that came of it. */
static struct {
    char dir[PATH_MAX], path[PATH_MAX + 16];
    struct trace_writer *writer;
    struct session said;
    struct trace t;
} at;

static int begin(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    memset(&at, 0, sizeof at);
    snprintf(at.dir, sizeof at.dir, "%s/caplay-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(at.dir) == NULL)
        return -1;
    snprintf(at.path, sizeof at.path, "%s/x.catrace", at.dir);
    struct diag diag = {0};
    at.writer = trace_writer_open(at.path, &diag);
    at.said.d = at.writer != NULL ? dialogue_new(at.writer) : NULL;
    return at.said.d != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    trace_close(&at.t);
    unlink(at.path);
    return rmdir(at.dir);
}

static void finish(void)
{
    struct diag diag = {0};
    const struct trace_meta meta = {.end_ns = at.said.now_ns};
    dialogue_free(at.said.d);
    if (trace_writer_finish(at.writer, &meta, &diag) < 0 || trace_open(&at.t, at.path, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* ---- saying things ---- */

static uint32_t open_circuit(bool midway)
{
    return session_circuit(&at.said, midway);
}

static void client_says(uint32_t circuit, const char *hex)
{
    session_says(&at.said, circuit, false, hex);
}

static void server_says(uint32_t circuit, const char *hex)
{
    session_says(&at.said, circuit, true, hex);
}

static bool client_sends(uint16_t from_port, const char *hex)
{
    return session_sends(&at.said, from_port, false, hex);
}

static bool server_sends(uint16_t to_port, const char *hex)
{
    return session_sends(&at.said, to_port, true, hex);
}

static const char create_ai[] = "00120008 00000000 00000001 0000000d | 53494d3a 41490000 ";
static const char created_ai[] = "00160000 00000000 00000001 00000003 | 00120000 00060001 00000001 00000000 | ";

/* ---- what came of it ---- */

static const struct trace_event *event(uint32_t i)
{
    assert_true(i < at.t.nevents);
    return &at.t.events[i];
}

static void assert_event(uint32_t i, unsigned command, const char *pv, uint32_t peer, unsigned flags)
{
    const struct trace_event *e = event(i);
    if (e->command != command || strcmp(trace_pv_name(&at.t, e->pv), pv) != 0 || e->peer != peer || e->flags != flags)
        fail_msg("event %u: %s of %s, peer %d, flags %x; expected %s of %s, peer %d, flags %x", i, wire_command_name(e->command),
                 trace_pv_name(&at.t, e->pv), (int)e->peer, e->flags, wire_command_name(command), pv, (int)peer, flags);
}

#define SERVER TRACE_FROM_SERVER
#define NONE   TRACE_NONE

/* ---- tests ---- */

static void each_reply_of_a_session_names_its_request(void **state)
{
    (void)state;
    session_whole(&at.said);
    assert_int_equal(dialogue_malformed(at.said.d), 0);
    finish();
    const char *ai = "SIM:AI", *image = "SIM:IMAGE";
    assert_event(0, WIRE_VERSION, "?", NONE, 0);
    assert_event(1, WIRE_SEARCH, ai, NONE, 0);
    assert_event(2, WIRE_SEARCH, image, NONE, 0);
    assert_event(3, WIRE_VERSION, "?", NONE, SERVER);
    assert_event(4, WIRE_SEARCH, ai, 1, SERVER);
    assert_event(5, WIRE_SEARCH, image, 2, SERVER);
    assert_event(6, WIRE_VERSION, "?", NONE, 0);
    assert_event(7, WIRE_CLIENT_NAME, "?", NONE, 0);
    assert_event(8, WIRE_HOST_NAME, "?", NONE, 0);
    assert_event(9, WIRE_CREATE_CHAN, ai, NONE, 0);
    assert_event(10, WIRE_VERSION, "?", NONE, SERVER);
    assert_event(11, WIRE_ACCESS_RIGHTS, ai, 9, SERVER | TRACE_RIGHTS_OF);
    assert_event(12, WIRE_CREATE_CHAN, ai, 9, SERVER);
    assert_event(13, WIRE_READ_NOTIFY, ai, NONE, 0);
    assert_event(14, WIRE_READ_NOTIFY, ai, 13, SERVER);
    assert_event(15, WIRE_CREATE_CHAN, image, NONE, 0);
    assert_event(16, WIRE_ACCESS_RIGHTS, image, 15, SERVER | TRACE_RIGHTS_OF);
    assert_event(17, WIRE_CREATE_CHAN, image, 15, SERVER);
    assert_event(18, WIRE_EVENT_ADD, image, NONE, 0);
    assert_event(19, WIRE_EVENT_ADD, image, 18, SERVER | TRACE_UPDATE | TRACE_FIRST);
    assert_event(20, WIRE_EVENT_ADD, image, 18, SERVER | TRACE_UPDATE);
    assert_event(21, WIRE_EVENT_ADD, image, 18, SERVER | TRACE_UPDATE);
    assert_event(22, WIRE_EVENT_CANCEL, image, NONE, 0);
    assert_event(23, WIRE_EVENT_ADD, image, 22, SERVER);
    assert_event(24, WIRE_ECHO, "?", NONE, 0);
    assert_event(25, WIRE_ECHO, "?", 24, SERVER);
    assert_event(26, WIRE_CLEAR_CHANNEL, image, NONE, 0);
    assert_event(27, WIRE_CLEAR_CHANNEL, image, 26, SERVER);
    assert_event(28, WIRE_CLEAR_CHANNEL, ai, NONE, 0);
    assert_event(29, WIRE_CLEAR_CHANNEL, ai, 28, SERVER);
    assert_int_equal(at.t.nevents, 30);
}

static void a_session_tells_its_pvs_and_circuits(void **state)
{
    (void)state;
    session_whole(&at.said);
    assert_true(dialogue_is_server_port(at.said.d, 0x3bd2));
    assert_false(dialogue_is_server_port(at.said.d, 0x3bd3));
    finish();
    assert_int_equal(at.t.npvs, 2);
    assert_string_equal(trace_pv_name(&at.t, 0), "SIM:AI");
    assert_int_equal(at.t.pvs[0].native, WIRE_DOUBLE);
    assert_int_equal(at.t.pvs[0].count, 1);
    assert_int_equal(at.t.pvs[0].rights, WIRE_RIGHT_READ | WIRE_RIGHT_WRITE);
    assert_int_equal(at.t.pvs[1].native, WIRE_INT16);
    assert_int_equal(at.t.pvs[1].count, 307200);
    assert_int_equal(at.t.ncircuits, 2);
    const struct trace_circuit *udp = &at.t.circuits[0], *tcp = &at.t.circuits[1];
    assert_int_equal(udp->flags, 0);
    assert_int_equal(udp->client_port, SESSION_CLIENT_PORT);
    assert_int_equal(udp->server_address, SESSION_SERVER_ADDRESS);
    assert_int_equal(tcp->flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(tcp->minor, 13);
    assert_string_equal(trace_string(&at.t, tcp->user), "opi");
    assert_string_equal(trace_string(&at.t, tcp->host), "ws1");
    assert_int_equal(tcp->end_ns, at.said.now_ns + 5);
}

static void a_priority_comes_from_the_first_version_only(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(false);
    client_says(circuit, "00000000 0014000d 00000000 00000000 | 00000000 0001000c 00000007 00000000");
    assert_int_equal(dialogue_minor(at.said.d, circuit), 12);
    finish();
    assert_int_equal(at.t.circuits[0].priority, 20);
}

static void a_circuit_met_midway_has_updates_without_names(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(true);
    assert_int_equal(dialogue_minor(at.said.d, circuit), WIRE_MINOR);
    server_says(circuit, "00010008 00060001 00000001 00000007 | 3ff80000 00000000"); /* 0: an update of nobody knows what */
    client_says(circuit, "000f0000 00140001 00000000 00000001 |");                   /* 1 */
    server_says(circuit, "000f0018 00140001 00000001 00000001 | 00000000 456771f7 0d9b92db 00000003 3ff80000 00000000"); /* 2 */
    server_says(circuit, "00010000 00060001 00000003 00000007 |"); /* 3: the end of a subscription that nobody saw begin */
    server_says(circuit, "00160000 00000000 00000009 00000001 |"); /* 4: rights of nobody knows what */
    client_says(circuit, create_ai);                               /* 5 */
    server_says(circuit, created_ai);                              /* 6, 7 */
    finish();
    assert_event(0, WIRE_EVENT_ADD, "?", NONE, SERVER | TRACE_UPDATE);
    assert_event(2, WIRE_READ_NOTIFY, "?", 1, SERVER);
    assert_event(3, WIRE_EVENT_ADD, "?", NONE, SERVER);
    assert_event(4, WIRE_ACCESS_RIGHTS, "?", NONE, SERVER);
    assert_event(7, WIRE_CREATE_CHAN, "SIM:AI", 5, SERVER);
    assert_int_equal(at.t.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY);
    static const struct {
        bool is_nameless, has_sid;
    } rows[] = {{true, false}, {true, false}, {true, true}, {true, false}, {true, false}, {false, false}, {false, false}};
    static struct description d;
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) { /* 1 has a sid of its own, and 2 gets it from there */
        describe(&at.t, i, &d);
        assert_true(d.is_nameless == rows[i].is_nameless && d.has_sid == rows[i].has_sid && d.sid == 0);
    }
}

static void equal_numbers_on_two_circuits_are_two_things(void **state)
{
    (void)state;
    uint32_t a = open_circuit(false), b = open_circuit(false);
    client_says(a, create_ai);                                                 /* 0 */
    client_says(b, "00120008 00000000 00000001 0000000d | 4f544845 52000000"); /* 1: cid 1, too */
    server_says(b, created_ai);                                                /* 2, 3: sid 0 */
    server_says(a, created_ai);                                                /* 4, 5: sid 0 as well */
    client_says(a, "000f0000 00060001 00000000 00000005 |");                   /* 6 */
    client_says(b, "000f0000 00060001 00000000 00000005 |");                   /* 7 */
    server_says(b, "000f0008 00060001 00000001 00000005 | 3ff80000 00000000"); /* 8 */
    server_says(a, "000f0008 00060001 00000001 00000005 | 40000000 00000000"); /* 9 */
    finish();
    assert_event(3, WIRE_CREATE_CHAN, "OTHER", 1, SERVER);
    assert_event(5, WIRE_CREATE_CHAN, "SIM:AI", 0, SERVER);
    assert_event(8, WIRE_READ_NOTIFY, "OTHER", 7, SERVER);
    assert_event(9, WIRE_READ_NOTIFY, "SIM:AI", 6, SERVER);
}

static void pipelined_requests_are_answered_by_number_not_by_order(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(false);
    client_says(circuit, create_ai);                                                                   /* 0 */
    server_says(circuit, created_ai);                                                                  /* 1, 2 */
    client_says(circuit, "00130008 00060001 00000000 00000004 | 3ff80000 00000000");                   /* 3: WRITE_NOTIFY */
    client_says(circuit, "000f0000 00060001 00000000 00000005 | 000f0000 00060001 00000000 00000006"); /* 4, 5 */
    client_says(circuit, "00030000 00060001 00000000 00000007");                                       /* 6: READ */
    server_says(circuit, "000f0008 00060001 00000001 00000006 | 3ff80000 00000000");                   /* 7 */
    server_says(circuit, "00030008 00060001 00000001 00000007 | 3ff80000 00000000");                   /* 8 */
    server_says(circuit, "000f0008 00060001 00000001 00000005 | 3ff80000 00000000");                   /* 9 */
    server_says(circuit, "00130000 00060001 000000a0 00000004");                                       /* 10 */
    server_says(circuit, "00130000 00060001 000000a0 00000004"); /* 11: once more: nobody asked */
    finish();
    assert_event(7, WIRE_READ_NOTIFY, "SIM:AI", 5, SERVER);
    assert_event(8, WIRE_READ, "SIM:AI", 6, SERVER);
    assert_event(9, WIRE_READ_NOTIFY, "SIM:AI", 4, SERVER);
    assert_event(10, WIRE_WRITE_NOTIFY, "SIM:AI", 3, SERVER);
    assert_event(11, WIRE_WRITE_NOTIFY, "?", NONE, SERVER);
}

static void an_error_belongs_to_the_request_in_it(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(false);
    client_says(circuit, create_ai);                                                                   /* 0 */
    server_says(circuit, created_ai);                                                                  /* 1, 2 */
    client_says(circuit, "00040008 00060001 00000000 00000001 | 3ff80000 00000000");                   /* 3: WRITE */
    client_says(circuit, "00030000 00060001 00000000 0000004d");                                       /* 4: READ */
    client_says(circuit, "00010010 00060001 00000000 00000009 | 00000000 00000000 00000000 00000000"); /* 5: mask 0 */
    server_says(circuit, "000b0018 00000000 00000001 00000178 | 00040008 00060001 00000000 00000001 | 53494d3a 41490000");
    server_says(circuit, "000b0018 00000000 00000001 00000098 | 00030000 00060001 00000000 0000004d | 53494d3a 41490000");
    server_says(circuit, "000b0018 00000000 00000001 00000030 | 00010010 00060001 00000000 00000009 | 53494d3a 41490000");
    server_says(circuit, "000b0018 00000000 ffffffff 0000008e | 00990000 00060001 00000000 00000009 | 62616400 00000000");
    server_says(circuit, "000b0008 00000000 ffffffff 0000008e | 00030000 00060001"); /* not even a header */
    assert_int_equal(dialogue_malformed(at.said.d), 1);
    finish();
    assert_event(6, WIRE_ERROR, "SIM:AI", 3, SERVER);
    assert_event(7, WIRE_ERROR, "SIM:AI", 4, SERVER);
    assert_event(8, WIRE_ERROR, "SIM:AI", 5, SERVER);
    assert_event(9, WIRE_ERROR, "?", NONE, SERVER);
    assert_event(10, WIRE_ERROR, "?", NONE, SERVER);
}

static void an_array_that_became_empty_is_no_cancel(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(false);
    client_says(circuit, create_ai);                                                                   /* 0 */
    server_says(circuit, created_ai);                                                                  /* 1, 2 */
    client_says(circuit, "00010010 00060000 00000000 00000009 | 00000000 00000000 00000000 00010000"); /* 3: count 0 */
    server_says(circuit, "00010000 00060000 00000001 00000009");                                       /* 4: empty */
    server_says(circuit, "00010008 00060001 00000001 00000009 | 3ff80000 00000000");                   /* 5 */
    client_says(circuit, "00020000 00060000 00000000 00000009");                                       /* 6 */
    server_says(circuit, "00010008 00060001 00000001 00000009 | 40000000 00000000");                   /* 7: was on its way */
    server_says(circuit, "00010000 00060000 00000000 00000009");                                       /* 8 */
    finish();
    assert_event(4, WIRE_EVENT_ADD, "SIM:AI", 3, SERVER | TRACE_UPDATE | TRACE_FIRST);
    assert_event(5, WIRE_EVENT_ADD, "SIM:AI", 3, SERVER | TRACE_UPDATE);
    assert_event(7, WIRE_EVENT_ADD, "SIM:AI", 3, SERVER | TRACE_UPDATE);
    assert_event(8, WIRE_EVENT_ADD, "SIM:AI", 6, SERVER);
}

static void a_name_that_cannot_be_created_and_rights_that_change(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(false);
    client_says(circuit, "00120008 00000000 00000002 0000000d | 4e4f5045 00000000"); /* 0 */
    server_says(circuit, "001a0000 00000000 00000002 00000000");                     /* 1 */
    client_says(circuit, create_ai);                                                 /* 2 */
    server_says(circuit, created_ai);                                                /* 3, 4 */
    server_says(circuit, "00160000 00000000 00000001 00000001");                     /* 5 */
    server_says(circuit, "001b0000 00000000 00000001 00000000");                     /* 6: SERVER_DISCONN */
    client_says(circuit, "000f0000 00060001 00000000 00000005");                     /* 7: its sid means nothing any more */
    finish();
    assert_event(1, WIRE_CREATE_CH_FAIL, "NOPE", 0, SERVER);
    assert_event(5, WIRE_ACCESS_RIGHTS, "SIM:AI", NONE, SERVER);
    assert_event(6, WIRE_SERVER_DISCONN, "SIM:AI", NONE, SERVER);
    assert_event(7, WIRE_READ_NOTIFY, "?", NONE, 0);
    assert_int_equal(at.t.pvs[0].native, 0xffff);
    assert_int_equal(at.t.pvs[1].rights, WIRE_RIGHT_READ);
}

static void echoes_are_answered_in_order(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(false);
    const char echo[] = "00170000 00000000 00000000 00000000";
    client_says(circuit, echo);
    client_says(circuit, echo);
    server_says(circuit, echo);
    server_says(circuit, echo);
    server_says(circuit, echo); /* nobody asked */
    client_says(circuit, echo); /* 5 */
    dialogue_circuit_gap(at.said.d, circuit, at.said.now_ns);
    client_says(circuit, echo); /* 6 */
    server_says(circuit, echo); /* 7 */
    finish();
    assert_event(2, WIRE_ECHO, "?", 0, SERVER);
    assert_event(3, WIRE_ECHO, "?", 1, SERVER);
    assert_event(4, WIRE_ECHO, "?", NONE, SERVER);
    assert_event(7, WIRE_ECHO, "?", 6, SERVER);
    assert_int_equal(at.t.circuits[0].flags, TRACE_TCP | TRACE_GAP);
}

/* What came in the gap may have been the first one. */
static void behind_a_gap_no_update_is_the_answer_to_its_subscription(void **state)
{
    (void)state;
    const char subscribe[] = "00010010 00060001 00000000 00000009 | 00000000 00000000 00000000 00010000",
               update[] = "00010008 00060001 00000001 00000009 | 3ff80000 00000000";
    for (int has_gap = 0; has_gap < 2; has_gap++) {
        uint32_t circuit = open_circuit(false);
        client_says(circuit, create_ai);
        server_says(circuit, created_ai);
        client_says(circuit, subscribe); /* 3, 8 */
        if (has_gap)
            dialogue_circuit_gap(at.said.d, circuit, at.said.now_ns);
        server_says(circuit, update);
    }
    finish();
    assert_event(4, WIRE_EVENT_ADD, "SIM:AI", 3, SERVER | TRACE_UPDATE | TRACE_FIRST);
    assert_event(9, WIRE_EVENT_ADD, "SIM:AI", 8, SERVER | TRACE_UPDATE);
}

static const char search_ai[] = "00000000 0001000d 00000001 00000000 | 00060008 0005000d 00000001 00000001 | 53494d3a 41490000";
static const char found_1[] = "00060008 3bd20000 ffffffff 00000001 | 000d0000 00000000";

static void searches_are_tied_by_socket_and_cid(void **state)
{
    (void)state;
    assert_true(client_sends(40001, search_ai)); /* 0, 1 */
    assert_true(client_sends(40002, search_ai)); /* 2, 3: another client, the same cid */
    assert_true(server_sends(40001, found_1));   /* 4 */
    assert_true(client_sends(40002, search_ai)); /* 5, 6: repeated */
    assert_true(server_sends(40002, found_1));   /* 7 */
    assert_true(server_sends(40002, found_1));   /* 8: a second server */
    assert_true(server_sends(40003, found_1));   /* 9: nobody asked */
    finish();
    assert_event(4, WIRE_SEARCH, "SIM:AI", 1, SERVER);
    assert_event(7, WIRE_SEARCH, "SIM:AI", 6, SERVER);
    assert_event(8, WIRE_SEARCH, "SIM:AI", 6, SERVER);
    assert_event(9, WIRE_SEARCH, "?", NONE, SERVER);
    assert_int_equal(at.t.ncircuits, 3);
}

static void a_beacon_announces_a_server_port(void **state)
{
    (void)state;
    assert_true(server_sends(5065, "000d0000 000d13c9 00000003 00000000"));
    assert_true(dialogue_is_server_port(at.said.d, 0x13c9));
    assert_true(client_sends(40001, "00180000 00000000 00000000 7f000001"));
    assert_true(server_sends(40001, "00110000 00000000 00000000 7f000001"));
    finish();
    assert_event(0, WIRE_RSRV_IS_UP, "?", NONE, SERVER);
    assert_event(1, WIRE_REPEATER_REGISTER, "?", NONE, 0);
    assert_event(2, WIRE_REPEATER_CONFIRM, "?", NONE, SERVER);
}

static void other_datagrams_are_left_alone(void **state)
{
    (void)state;
    assert_false(client_sends(53, ""));
    assert_false(client_sends(53, "1234 0100 0001 0000 0000 0000 03777777 00 0001 0001")); /* DNS */
    assert_false(client_sends(53, "00000000 00000000 00000000 00000000"));
    assert_false(client_sends(53, "00060008 0005000d 00000001 00000002 | 53494d3a 41490000")); /* p1 is not p2 */
    assert_false(client_sends(53, "00060010 0005000d 00000001 00000001 | 53494d3a 41490000")); /* cut */
    assert_false(client_sends(53, "000f0000 00140001 00000000 00000001"));                     /* TCP only */
    assert_int_equal(dialogue_malformed(at.said.d), 0);
    finish();
    assert_int_equal(at.t.nevents + at.t.ncircuits, 0);
}

static void the_good_part_of_a_datagram_counts(void **state)
{
    (void)state;
    assert_true(
        client_sends(40001, "00060008 0005000d 00000001 00000001 | 53494d3a 41490000 000f0000 00140001 00000000 00000001"));
    assert_int_equal(dialogue_malformed(at.said.d), 1);
    finish();
    assert_int_equal(at.t.nevents, 1);
}

/* Any header, either direction, on one circuit: whatever it says, the trace is sound (trace_open checks every index). */
static void nonsense_makes_a_sound_trace(void **state)
{
    (void)state;
    uint32_t circuit = open_circuit(false), seed = 1;
    static const uint8_t payload[512];
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t r[5];
        for (unsigned k = 0; k < 5; k++)
            r[k] = (seed = seed * 1664525u + 1013904223u) >> 8;
        const struct wire_header h = {.command = (uint16_t)(r[0] % (WIRE_COMMANDS + 2)),
                                      .type = (uint16_t)(r[1] % 45),
                                      .count = r[2] % 3,
                                      .size = r[2] / 3 % 3 * 8,
                                      .p1 = r[3] % 5,
                                      .p2 = r[4] % 5};
        const struct dialogue_message m = {
            .header = &h, .payload = payload, .first_ns = i, .last_ns = i, .from_server = r[0] / 64 % 2};
        dialogue_message(at.said.d, circuit, &m);
        if (i % 1000 == 999) {
            dialogue_circuit_close(at.said.d, circuit, i);
            dialogue_message(at.said.d, circuit, &m); /* too late: left out */
            circuit = open_circuit(true);
        }
    }
    assert_true(dialogue_malformed(at.said.d) > 0);
    finish();
    assert_int_equal(at.t.nevents, 20000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_reply_of_a_session_names_its_request),
        TEST(a_session_tells_its_pvs_and_circuits),
        TEST(a_priority_comes_from_the_first_version_only),
        TEST(a_circuit_met_midway_has_updates_without_names),
        TEST(equal_numbers_on_two_circuits_are_two_things),
        TEST(pipelined_requests_are_answered_by_number_not_by_order),
        TEST(an_error_belongs_to_the_request_in_it),
        TEST(an_array_that_became_empty_is_no_cancel),
        TEST(a_name_that_cannot_be_created_and_rights_that_change),
        TEST(echoes_are_answered_in_order),
        TEST(behind_a_gap_no_update_is_the_answer_to_its_subscription),
        TEST(searches_are_tied_by_socket_and_cid),
        TEST(a_beacon_announces_a_server_port),
        TEST(other_datagrams_are_left_alone),
        TEST(the_good_part_of_a_datagram_counts),
        TEST(nonsense_makes_a_sound_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
