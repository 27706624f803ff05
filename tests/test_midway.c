/* Circuits whose beginning was not captured, or not on both sides: who speaks, where do messages begin, what are they called. */
#include "tests/flows_scene.h"

static void joined_midway_the_server_is_known_by_its_port(void **state)
{
    (void)state;
    static const uint16_t ports[] = {OTHER_PORT};
    for (int declared = 0; declared < 2; declared++) {
        struct scene s;
        begin_with(&s, declared ? OTHER_PORT : PORT, ports, (unsigned)declared);
        send_bytes(&s, &s.server, value, 8); /* the end of a message */
        for (unsigned i = 0; i < READS; i++)
            read_value(&s);
        struct trace_missing missing = finish(&s);
        assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2 * READS);
        assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY);
        assert_int_equal(s.trace.circuits[0].server_port, declared ? OTHER_PORT : PORT);
        assert_int_equal(missing.midway, 1);
        trace_close(&s.trace);
    }
}

static void joined_midway_on_an_unknown_port_the_messages_tell_who_speaks(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    for (unsigned i = 0; i < READS; i++)
        read_value(&s);
    finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2 * READS);
    assert_int_equal(s.trace.circuits[0].client_port, CLIENT_PORT);
    assert_int_equal(s.trace.events[1].flags & TRACE_FROM_SERVER, TRACE_FROM_SERVER);
    trace_close(&s.trace);
}

/* A display that was there before: its server sends updates, it reads once, and again much later or never. */
static void joined_midway_a_request_is_known_by_its_answer(void **state)
{
    (void)state;
    static const struct wire_header small = {
        .command = WIRE_EVENT_ADD, .type = WIRE_DOUBLE, .count = 1, .size = 8, .p1 = 1, .p2 = 9};
    struct scene s;
    begin(&s, PORT);
    for (unsigned i = 0; i < READS; i++) {
        send_message(&s, &s.server, &small, value);
        acknowledge(&s, &s.client);
    }
    read_value(&s);
    finish(&s);
    const struct trace_event *reply = &s.trace.events[s.trace.nevents - 1];
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2);
    assert_int_equal(reply->peer, s.trace.nevents - 2);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY);
    trace_close(&s.trace);
}

static void joined_midway_a_last_request_that_nobody_answers_is_known_at_the_end(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    send_message(&s, &s.client, &read_request, NULL);
    s.t_ns += 200 * MS;
    for (int ends = 0; ends < 2; ends++)
        send_flags(&s, ends == 0 ? &s.client : &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 1);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY | TRACE_CLOSED);
    trace_close(&s.trace);
}

static void joined_midway_names_are_unknown_until_a_client_says_them(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    for (unsigned i = 0; i < READS; i++)
        read_value(&s); /* of sid 7, which was created before */
    send_message(&s, &s.client, &create, "temp\0\0\0\0");
    send_message(&s, &s.server, &rights, NULL);
    struct wire_header h = created;
    h.p2 = 8;
    send_message(&s, &s.server, &h, NULL);
    h = read_request;
    h.p1 = 8;
    send_message(&s, &s.client, &h, NULL);
    send_message(&s, &s.server, &read_reply, value);
    finish(&s);
    const uint32_t n = s.trace.nevents;
    for (uint32_t i = 0; i < n - 5; i++)
        assert_string_equal(trace_pv_name(&s.trace, s.trace.events[i].pv), "?");
    for (uint32_t i = n - 5; i < n; i++)
        assert_string_equal(trace_pv_name(&s.trace, s.trace.events[i].pv), "temp");
    trace_close(&s.trace);
}

static void without_the_servers_syn_its_first_bytes_are_missing_and_told(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    send_flags(&s, &s.client, TCP_SYN, NULL, 0);
    s.server.seq++;
    open_channel(&s);
    for (unsigned i = 0; i < READS; i++)
        read_value(&s);
    struct trace_missing missing = finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2 * READS);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.midway, 0);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    assert_int_equal(s.trace.circuits[0].server_port, OTHER_PORT);
    trace_close(&s.trace);
}

static void without_the_clients_syn_the_servers_tells_where_both_begin(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    s.client.seq++;
    send_flags(&s, &s.server, TCP_SYN | TCP_ACK, NULL, 0);
    open_channel(&s);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 5);
    assert_int_equal(s.trace.circuits[0].server_port, OTHER_PORT);
    assert_int_equal(missing.midway, 0);
    trace_close(&s.trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_midway_the_server_is_known_by_its_port),
        cmocka_unit_test(joined_midway_on_an_unknown_port_the_messages_tell_who_speaks),
        cmocka_unit_test(joined_midway_a_request_is_known_by_its_answer),
        cmocka_unit_test(joined_midway_a_last_request_that_nobody_answers_is_known_at_the_end),
        cmocka_unit_test(joined_midway_names_are_unknown_until_a_client_says_them),
        cmocka_unit_test(without_the_servers_syn_its_first_bytes_are_missing_and_told),
        cmocka_unit_test(without_the_clients_syn_the_servers_tells_where_both_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
