/* Whole packets in, a trace out: is it CA at all, gaps, cut packets, ends, ports used again. */
#include "tests/flows_scene.h"

static void a_circuit_on_any_port_is_known_by_its_syn_and_first_message(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, OTHER_PORT);
    shake_hands(&s);
    open_channel(&s);
    read_value(&s);
    send_flags(&s, &s.client, TCP_FIN | TCP_ACK, NULL, 0);
    send_flags(&s, &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 7);
    assert_int_equal(s.trace.ncircuits, 1);
    const struct trace_circuit *c = s.trace.circuits;
    assert_int_equal(c->flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(c->client_address, CLIENT);
    assert_int_equal(c->server_port, OTHER_PORT);
    assert_int_equal(c->begin_ns, MS);
    assert_string_equal(trace_pv_name(&s.trace, s.trace.events[6].pv), "temp");
    assert_int_equal(s.trace.events[6].peer, 5);
    assert_int_equal(missing.other_packets + missing.gaps + missing.midway + missing.malformed, 0);
    trace_close(&s.trace);
}

static void another_protocol_is_no_circuit_whatever_its_port(void **state)
{
    (void)state;
    static const char *const hellos[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1 Debian",
                                         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x11\x22\x33\x44\x55\x66"};
    for (size_t i = 0; i < 3; i++) {
        struct scene s;
        begin(&s, i == 0 ? PORT : OTHER_PORT);
        shake_hands(&s);
        send_bytes(&s, &s.client, (const uint8_t *)hellos[i], strlen(hellos[i]) > 16 ? strlen(hellos[i]) : 17);
        read_value(&s);
        struct trace_missing missing = finish(&s);
        assert_int_equal(s.trace.nevents, 0);
        assert_int_equal(missing.other_packets, 6);
        assert_int_equal(missing.packets, 6);
        trace_close(&s.trace);
    }
}

/* An update of 8,000 doubles in three packets of which the second is lost: that update is lost, the next one is not. */
static void a_gap_inside_a_message_costs_that_message_only(void **state)
{
    (void)state;
    static uint8_t bytes[64016];
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &subscribe, mask);
    for (uint8_t serial = 1; serial <= 3; serial++) {
        wire_header_write(bytes, &update);
        bytes[16] = serial;
        send_bytes(&s, &s.server, bytes, 20000);
        if (serial == 2)
            s.server.seq += 30000;
        else
            send_bytes(&s, &s.server, bytes + 20000, 30000);
        send_bytes(&s, &s.server, bytes + 50000, 14016);
        send_bytes(&s, &s.client, NULL, 0);
        s.t_ns += 200 * MS;
    }
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, 64016); /* 30,000 never came; what came of that message is lost, too */
    assert_int_equal(count_of(&s.trace, WIRE_EVENT_ADD), 3);
    const struct trace_event *last = &s.trace.events[s.trace.nevents - 1];
    assert_int_equal(trace_body(&s.trace, last)[0], 3);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    const struct trace_loss *losses = s.trace.losses;
    const uint64_t before_ns = s.trace.events[s.trace.nevents - 2].t_ns;
    assert_int_equal(s.trace.nlosses, 2);
    for (unsigned i = 0; i < 2; i++) { /* between the update before, and the next one */
        assert_in_range(losses[i].t_ns, before_ns, last->t_ns);
        assert_in_range(losses[i].until_ns, losses[i].t_ns, last->t_ns);
        assert_int_equal(losses[i].circuit, 0);
        assert_int_equal(losses[i].flags, TRACE_FROM_SERVER);
        assert_int_equal(losses[i].bytes, losses[i].kind == TRACE_LOSS_GAP ? 30000 : 34016);
    }
    assert_int_not_equal(losses[0].kind, losses[1].kind);
    trace_close(&s.trace);
}

static void after_a_gap_between_messages_decoding_goes_on_at_the_next_segment(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    s.server.seq += 104; /* the end of one message, the beginning of another */
    send_bytes(&s, &s.server, value, 8);
    send_bytes(&s, &s.client, NULL, 0);
    s.t_ns += 200 * MS;
    read_value(&s);
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2);
    trace_close(&s.trace);
}

static void a_packet_cut_by_the_snapshot_length_costs_its_message_only(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &read_request, NULL);
    s.snaplen = 50;
    send_message(&s, &s.server, &read_reply, value);
    s.snaplen = 0;
    acknowledge(&s, &s.client);
    read_value(&s);
    acknowledge(&s, &s.client);
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.cut_packets, 1);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, 24);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 3);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    trace_close(&s.trace);
}

static void what_nothing_proves_behind_a_gap_is_unknown_to_the_end_and_counted(void **state)
{
    (void)state;
    static uint8_t noise[304];
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    memset(noise, 0xff, sizeof noise);
    s.server.seq += 40;
    send_bytes(&s, &s.server, noise, sizeof noise);
    acknowledge(&s, &s.client);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 5);
    assert_int_equal(missing.gap_bytes, 40 + sizeof noise);
    assert_int_equal(missing.malformed, 0);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    trace_close(&s.trace);
}

/* One of 72 updates is lost, and never acknowledged: what comes behind it is held up to a bound. */
static void more_than_is_held_behind_a_hole_makes_it_a_gap_and_decoding_goes_on(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &subscribe, mask);
    send_message(&s, &s.server, &update, image);
    s.server.seq += WIRE_HEADER_BYTES + update.size;
    for (unsigned i = 0; i < 70; i++)
        send_message(&s, &s.server, &update, image);
    assert_int_equal(flows_missing_now(s.flows).gaps, 1);
    struct trace_missing missing = finish(&s);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, WIRE_HEADER_BYTES + update.size);
    assert_int_equal(count_of(&s.trace, WIRE_EVENT_ADD), 1 + 1 + 70);
    trace_close(&s.trace);
}

static void a_side_that_has_ended_still_hears_the_other(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &read_request, NULL);
    send_flags(&s, &s.client, TCP_FIN | TCP_ACK, NULL, 0);
    send_message(&s, &s.server, &read_reply, value);
    send_message(&s, &s.server, &rights, NULL);
    send_flags(&s, &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.nevents, 8);
    assert_int_equal(s.trace.events[6].peer, 5);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(s.trace.circuits[0].end_ns, s.t_ns);
    assert_true(trace_is_complete(&missing));
    trace_close(&s.trace);
}

static void a_reset_ends_a_circuit_and_what_was_lost_before_it_is_told(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    send_message(&s, &s.client, &read_request, NULL);
    s.server.seq += 32;
    send_message(&s, &s.server, &read_reply, value);
    send_flags(&s, &s.client, TCP_RST, NULL, 0);
    struct trace_missing missing = finish(&s);
    assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 2);
    assert_int_equal(missing.gaps, 1);
    assert_int_equal(missing.gap_bytes, 32);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_GAP | TRACE_CLOSED);
    trace_close(&s.trace);
}

static void a_malformed_message_ends_its_direction_and_is_counted_once(void **state)
{
    (void)state;
    static const struct wire_header misaligned = {.command = WIRE_WRITE, .type = WIRE_CHAR, .count = 3, .size = 3, .p1 = 7};
    static const struct wire_header unknown = {.command = 77};
    static const struct wire_header *const bad[] = {&misaligned, &unknown};
    for (size_t i = 0; i < 2; i++) {
        struct scene s;
        begin(&s, PORT);
        shake_hands(&s);
        open_channel(&s);
        send_message(&s, &s.client, bad[i], "abc");
        send_message(&s, &s.client, &read_request, NULL);
        send_message(&s, &s.server, &read_reply, value);
        struct trace_missing missing = finish(&s);
        assert_int_equal(missing.malformed + (i == 1), 1); /* of unknown commands the dialogue knows */
        assert_int_equal(s.trace.nevents, 7);
        assert_int_equal(count_of(&s.trace, WIRE_READ_NOTIFY), 1);
        trace_close(&s.trace);
    }
}

static void a_new_syn_on_used_ports_is_a_new_circuit(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    for (unsigned i = 0; i < 3; i++) { /* ended by RST, by nothing at all, and not */
        shake_hands(&s);
        open_channel(&s);
        if (i == 0)
            send_flags(&s, &s.client, TCP_RST, NULL, 0);
        s.client.seq += 100000;
        s.server.seq += 3000000000u;
    }
    struct trace_missing missing = finish(&s);
    assert_int_equal(s.trace.ncircuits, 3);
    assert_int_equal(s.trace.nevents, 15);
    assert_int_equal(s.trace.circuits[0].flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(s.trace.circuits[1].flags, TRACE_TCP | TRACE_CLOSED);
    assert_int_equal(s.trace.circuits[2].flags, TRACE_TCP);
    assert_int_equal(missing.gaps, 0);
    trace_close(&s.trace);
}

static void what_comes_after_the_end_of_a_circuit_is_no_new_one(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, PORT);
    shake_hands(&s);
    open_channel(&s);
    read_value(&s);
    send_flags(&s, &s.client, TCP_FIN | TCP_ACK, NULL, 0);
    send_flags(&s, &s.server, TCP_FIN | TCP_ACK, NULL, 0);
    for (unsigned i = 0; i < 20; i++) /* late repetitions */
        read_value(&s);
    finish(&s);
    assert_int_equal(s.trace.ncircuits, 1);
    assert_int_equal(s.trace.nevents, 7);
    trace_close(&s.trace);
}

/* One IPv4 fragment of a datagram from the client to the server's UDP port. */
static void send_fragment(struct scene *s, const uint8_t *datagram, size_t from, size_t to, size_t total)
{
    uint8_t packet[1500] = {0x45, 0};
    size_t n = 20 + to - from;
    wire_put16(packet + 2, (uint16_t)n);
    wire_put16(packet + 4, 77);
    wire_put16(packet + 6, (uint16_t)((to < total ? 0x2000 : 0) | from / 8));
    packet[9] = 17;
    wire_put32(packet + 12, s->client.address);
    wire_put32(packet + 16, s->server.address);
    memcpy(packet + 20, datagram + from, to - from);
    s->t_ns += MS;
    flows_packet(s->flows, PACKET_RAW, &(struct flows_packet){.bytes = packet, .captured = n, .length = n, .t_ns = s->t_ns});
}

static void a_fragmented_search_is_read_once_it_is_whole(void **state)
{
    (void)state;
    static const struct wire_header search = {.command = WIRE_SEARCH, .type = 5, .count = 13, .size = 8, .p1 = 1, .p2 = 1};
    for (int lost = 0; lost < 2; lost++) {
        struct scene s;
        uint8_t datagram[48] = {0};
        begin(&s, PORT);
        wire_put16(datagram, CLIENT_PORT);
        wire_put16(datagram + 2, PORT);
        wire_put16(datagram + 4, sizeof datagram);
        wire_header_write(datagram + 8, &version);
        wire_header_write(datagram + 24, &search);
        memcpy(datagram + 40, "temp", 4);
        send_fragment(&s, datagram, 16, 40, sizeof datagram);
        if (!lost)
            send_fragment(&s, datagram, 0, 16, sizeof datagram);
        send_fragment(&s, datagram, 40, 48, sizeof datagram);
        struct trace_missing missing = finish(&s);
        assert_int_equal(count_of(&s.trace, WIRE_SEARCH), lost ? 0 : 1);
        assert_int_equal(missing.cut_packets, lost);
        trace_close(&s.trace);
    }
}

static void packets_without_channel_access_are_counted_by_kind(void **state)
{
    (void)state;
    static const struct {
        enum packet_link link;
        uint8_t bytes[28];
    } rows[] = {
        {PACKET_RAW, {0x60}},                                         /* IPv6 */
        {PACKET_RAW, {0x45, [3] = 28, [9] = 1}},                      /* ICMP */
        {PACKET_RAW, {0x45, [3] = 28, [9] = 17, [23] = 9, [25] = 8}}, /* an empty datagram */
        {PACKET_ETHERNET, {[12] = 0x08, [13] = 0x06}},                /* ARP */
        {PACKET_RAW, {0x45, [3] = 28, [9] = 6}},                      /* TCP whose header is cut */
        {PACKET_UNKNOWN_LINK, {0}},
    };
    struct scene s;
    char text[FLOWS_OTHERS_BYTES];
    begin(&s, OTHER_PORT);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        flows_packet(s.flows, rows[i].link,
                     &(struct flows_packet){.bytes = rows[i].bytes, .captured = 28, .length = 28, .t_ns = s.t_ns});
    shake_hands(&s);
    flows_finish(s.flows, s.t_ns);
    const struct flows_others others = flows_others(s.flows);
    assert_string_equal(flows_others_text(&others, text), "1 of a link layer that is not read, 1 not IP, 1 IPv6, "
                                                          "1 neither UDP nor TCP, 1 broken, 1 UDP, 3 TCP");
    assert_int_equal(finish(&s).other_packets, 9);
    trace_close(&s.trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circuit_on_any_port_is_known_by_its_syn_and_first_message),
        cmocka_unit_test(another_protocol_is_no_circuit_whatever_its_port),
        cmocka_unit_test(a_gap_inside_a_message_costs_that_message_only),
        cmocka_unit_test(after_a_gap_between_messages_decoding_goes_on_at_the_next_segment),
        cmocka_unit_test(a_packet_cut_by_the_snapshot_length_costs_its_message_only),
        cmocka_unit_test(what_nothing_proves_behind_a_gap_is_unknown_to_the_end_and_counted),
        cmocka_unit_test(more_than_is_held_behind_a_hole_makes_it_a_gap_and_decoding_goes_on),
        cmocka_unit_test(a_side_that_has_ended_still_hears_the_other),
        cmocka_unit_test(a_reset_ends_a_circuit_and_what_was_lost_before_it_is_told),
        cmocka_unit_test(a_malformed_message_ends_its_direction_and_is_counted_once),
        cmocka_unit_test(a_new_syn_on_used_ports_is_a_new_circuit),
        cmocka_unit_test(what_comes_after_the_end_of_a_circuit_is_no_new_one),
        cmocka_unit_test(a_fragmented_search_is_read_once_it_is_whole),
        cmocka_unit_test(packets_without_channel_access_are_counted_by_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
