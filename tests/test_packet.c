#include "capture/packet.h"
#include "tests/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ETHERNET "0242ac110002 0242ac110003 "
#define IPV4_UDP "4500 0024 1234 4000 40 11 0000 0a000001 0a000002 "
#define UDP      "13c8 13c9 0010 0000 "
#define TEXT     "4142434445464748"
#define IPV4_TCP "4500 0030 1234 4000 40 06 0000 7f000001 7f000001 "
#define TCP      "13c8 c000 00000001 fffffffe 5018 0200 0000 0000 "

static const struct {
    const char *name, *hex;
    enum packet_link link;
    enum packet_kind kind;
    size_t n; /* payload bytes */
    bool cut;
} rows[] = {
    {"Ethernet, UDP", ETHERNET "0800" IPV4_UDP UDP TEXT, PACKET_ETHERNET, PACKET_UDP, 8, false},
    {"Ethernet pads short frames", ETHERNET "0800" IPV4_UDP UDP TEXT "000000000000", PACKET_ETHERNET, PACKET_UDP, 8, false},
    {"Ethernet, TCP", ETHERNET "0800" IPV4_TCP TCP TEXT, PACKET_ETHERNET, PACKET_TCP, 8, false},
    {"one VLAN tag", ETHERNET "8100 0064 0800" IPV4_UDP UDP TEXT, PACKET_ETHERNET, PACKET_UDP, 8, false},
    {"QinQ: two tags", ETHERNET "88a8 0064 8100 0065 0800" IPV4_UDP UDP TEXT, PACKET_ETHERNET, PACKET_UDP, 8, false},
    {"Linux cooked", "0000 0304 0006 0000000000000000 0800" IPV4_UDP UDP TEXT, PACKET_COOKED, PACKET_UDP, 8, false},
    {"Linux cooked v2", "0800 0000 00000001 0304 00 06 0000000000000000" IPV4_UDP UDP TEXT, PACKET_COOKED_2, PACKET_UDP, 8,
     false},
    {"loopback of a little-endian BSD", "02000000" IPV4_UDP UDP TEXT, PACKET_NULL, PACKET_UDP, 8, false},
    {"loopback of a big-endian BSD", "00000002" IPV4_UDP UDP TEXT, PACKET_NULL, PACKET_UDP, 8, false},
    {"loopback of OpenBSD", "00000002" IPV4_UDP UDP TEXT, PACKET_LOOP, PACKET_UDP, 8, false},
    {"raw IP", IPV4_TCP TCP TEXT, PACKET_RAW, PACKET_TCP, 8, false},
    {"IP options are skipped", "4600 0028 1234 4000 40 11 0000 0a000001 0a000002 01010101" UDP TEXT, PACKET_RAW, PACKET_UDP, 8,
     false},
    {"TCP options are skipped",
     "4500 003c 1234 4000 40 06 0000 7f000001 7f000001 13c8 c000 00000001 fffffffe 8018 0200 0000 0000"
     "0101080a 00000000 00000000" TEXT,
     PACKET_RAW, PACKET_TCP, 8, false},
    {"offload leaves the total length 0", "4500 0000 1234 4000 40 06 0000 7f000001 7f000001" TCP TEXT, PACKET_RAW, PACKET_TCP, 8,
     false},
    {"checksums that a sender's card fills in later",
     "4500 0030 1234 4000 40 06 dead 7f000001 7f000001"
     "13c8 c000 00000001 fffffffe 5018 0200 beef 0000" TEXT,
     PACKET_RAW, PACKET_TCP, 8, false},
    {"a tag in Linux cooked v1", "0000 0001 0006 0000000000000000 8100 0064 0800" IPV4_UDP UDP TEXT, PACKET_COOKED, PACKET_UDP, 8,
     false},
    {"UDP cut by the snapshot length", ETHERNET "0800" IPV4_UDP UDP "4142", PACKET_ETHERNET, PACKET_UDP, 2, true},
    {"TCP cut by the snapshot length", IPV4_TCP TCP, PACKET_RAW, PACKET_TCP, 0, true},
    {"an empty datagram registers with the repeater", "4500 001c 1234 4000 40 11 0000 0a000001 0a000002 13c8 13c9 0008 0000",
     PACKET_RAW, PACKET_UDP, 0, false},
    {"first fragment", "4500 0024 1234 2000 40 11 0000 0a000001 0a000002" UDP TEXT, PACKET_RAW, PACKET_FRAGMENT, 16, false},
    {"last fragment", "4500 0024 1234 0010 40 11 0000 0a000001 0a000002" UDP TEXT, PACKET_RAW, PACKET_FRAGMENT, 16, false},
    {"fragment cut by the snapshot length", "4500 0024 1234 2000 40 11 0000 0a000001 0a000002" UDP "4142", PACKET_RAW,
     PACKET_FRAGMENT, 10, true},
    {"ARP", ETHERNET "0806 0001 0800 06 04 0001", PACKET_ETHERNET, PACKET_NOT_IP, 0, false},
    {"IPv6", ETHERNET "86dd 60000000 0000 11 40", PACKET_ETHERNET, PACKET_IPV6, 0, false},
    {"raw IPv6", "60000000 0008 11 40 00000000000000000000000000000001 00000000000000000000000000000001", PACKET_RAW, PACKET_IPV6,
     0, false},
    {"IPv6 on the loopback of a little-endian FreeBSD", "1c000000 60000000 0000 11 40", PACKET_NULL, PACKET_IPV6, 0, false},
    {"IPv6 on the loopback of OpenBSD", "00000018 60000000 0000 11 40", PACKET_LOOP, PACKET_IPV6, 0, false},
    {"raw, and of no known version", "10000000 0008 11 40 00000000000000000000000000000001", PACKET_RAW, PACKET_NOT_IP, 0, false},
    {"ICMP", "4500 0024 1234 4000 40 01 0000 0a000001 0a000002" UDP TEXT, PACKET_RAW, PACKET_OTHER_PROTOCOL, 0, false},
    {"Wi-Fi", "0802 0000", PACKET_UNKNOWN_LINK, PACKET_OTHER_LINK, 0, false},
    {"header length of 16 bytes", "4400 0024 1234 4000 40 11 0000 0a000001 0a000002" UDP TEXT, PACKET_RAW, PACKET_BROKEN, 0,
     false},
    {"total length within the header", "4500 0010 1234 4000 40 11 0000 0a000001 0a000002" UDP TEXT, PACKET_RAW, PACKET_BROKEN, 0,
     false},
    {"IP header longer than the packet", "4f00 0024 1234 4000 40 11 0000 0a000001 0a000002" UDP TEXT, PACKET_RAW, PACKET_BROKEN,
     0, false},
    {"TCP header longer than the packet",
     "4500 0030 1234 4000 40 06 0000 7f000001 7f000001 13c8 c000 00000001 fffffffe f018 0200"
     "0000 0000" TEXT,
     PACKET_RAW, PACKET_BROKEN, 0, false},
    {"TCP header of 16 bytes",
     "4500 0030 1234 4000 40 06 0000 7f000001 7f000001 13c8 c000 00000001 fffffffe 4018 0200 0000 0000" TEXT, PACKET_RAW,
     PACKET_BROKEN, 0, false},
    {"UDP length within the header", IPV4_UDP "13c8 13c9 0007 0000" TEXT, PACKET_RAW, PACKET_BROKEN, 0, false},
};

static const size_t nrows = sizeof rows / sizeof *rows;

static void each_packet_is_what_its_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < nrows; i++) {
        uint8_t bytes[128];
        struct packet p = {0};
        size_t n = unhex(rows[i].hex, bytes);
        enum packet_kind kind = packet_read(rows[i].link, bytes, n, &p);
        if (kind != rows[i].kind || p.n != rows[i].n || p.cut != rows[i].cut)
            fail_msg("%s: kind %d, payload %zu bytes, cut %d", rows[i].name, kind, p.n, p.cut);
        if (p.n == 8)
            assert_memory_equal(p.payload, "ABCDEFGH", 8);
    }
}

static void addresses_ports_and_numbers_are_in_host_order(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct packet p;
    assert_int_equal(packet_read(PACKET_RAW, bytes, unhex(IPV4_UDP UDP TEXT, bytes), &p), PACKET_UDP);
    assert_int_equal(p.from_address, 0x0a000001);
    assert_int_equal(p.to_address, 0x0a000002);
    assert_int_equal(p.from_port, 5064);
    assert_int_equal(p.to_port, 5065);
    assert_int_equal(packet_read(PACKET_RAW, bytes, unhex(IPV4_TCP TCP TEXT, bytes), &p), PACKET_TCP);
    assert_int_equal(p.seq, 1);
    assert_int_equal(p.ack, 0xfffffffe);
    assert_int_equal(p.flags, 0x18);
}

/* Each prefix lies in memory of exactly its size, so that the sanitizer sees a read behind it. */
static void every_prefix_of_every_packet_is_read_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < nrows; i++) {
        uint8_t bytes[128];
        size_t n = unhex(rows[i].hex, bytes);
        for (size_t cut = 0; cut <= n; cut++) {
            uint8_t *prefix = malloc(cut > 0 ? cut : 1);
            struct packet p = {0};
            memcpy(prefix, bytes, cut);
            enum packet_kind kind = packet_read(rows[i].link, prefix, cut, &p);
            if (kind >= PACKET_UDP || kind == PACKET_FRAGMENT)
                assert_true(p.payload >= prefix && p.payload + p.n <= prefix + cut);
            free(prefix);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_is_what_its_row_says),
        cmocka_unit_test(addresses_ports_and_numbers_are_in_host_order),
        cmocka_unit_test(every_prefix_of_every_packet_is_read_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
