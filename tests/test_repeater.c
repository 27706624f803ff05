/* The CA repeater: who is registered, who gets which bytes, who is dropped. What libca's own repeater does with the same bytes is
 * in test_repeater.py. */
#include "sim/repeater.h"
#include "wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LOOPBACK 0x7f000001u
#define OTHER    0x0a000005u /* of this machine, too */
#define FOREIGN  0x0a0000c8u

#define REGISTER "0018 0000 0000 0000 00000000 7f000001"
#define CONFIRM  "0011 0000 0000 0000 00000000 7f000001"
#define NOOP     "0000 0000 0000 0000 00000000 00000000"
#define BEACON   "000d 0000 000d 13c8 00000007 00000000"
#define FILLED   "000d 0000 000d 13c8 00000007 7f000001"

/* A machine with clients at the ports 1 to 9 and above: those that are gone neither take anything nor hold their port. */
struct machine {
    struct repeater repeater;
    bool is_gone[65536];
    bool is_deaf[65536]; /* takes nothing, but holds its port */
    unsigned is_open;    /* sockets */
    uint16_t port_of[2 * REPEATER_CLIENTS];
    char said[4096]; /* "1:HEX 2:HEX " */
    bool quiet;
};

static bool is_local(void *self, uint32_t address)
{
    (void)self;
    return address == LOOPBACK || address == OTHER;
}

static bool is_held(void *self, uint16_t port)
{
    return !((struct machine *)self)->is_gone[port];
}

static int open_socket(void *self, const struct repeater_peer *client)
{
    struct machine *m = self;
    for (int i = 0; i < (int)(sizeof m->port_of / sizeof *m->port_of); i++)
        if (m->port_of[i] == 0) {
            m->port_of[i] = client->port;
            m->is_open++;
            return i;
        }
    return -1;
}

static bool send_bytes(void *self, int fd, const uint8_t *bytes, size_t n)
{
    struct machine *m = self;
    const uint16_t port = m->port_of[fd];
    if (m->is_gone[port] || m->is_deaf[port])
        return false;
    if (m->quiet)
        return true;
    char *at = m->said + strlen(m->said);
    at += sprintf(at, "%u:", port);
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%02x", bytes[i]);
    strcpy(at, " ");
    return true;
}

static void close_socket(void *self, int fd)
{
    struct machine *m = self;
    assert_int_not_equal(m->port_of[fd], 0);
    m->port_of[fd] = 0;
    m->is_open--;
}

static const struct repeater_calls calls = {is_local, is_held, open_socket, send_bytes, close_socket};

static struct machine machine;

static struct machine *fresh(void)
{
    memset(&machine, 0, sizeof machine);
    machine.repeater = (struct repeater){.calls = &calls, .self = &machine};
    return &machine;
}

static size_t unhex(const char *hex, uint8_t *bytes)
{
    size_t n = 0;
    unsigned byte;
    for (; *hex != '\0'; hex++)
        if (*hex != ' ' && sscanf(hex, "%2x", &byte) == 1) {
            bytes[n++] = (uint8_t)byte;
            hex++;
        }
    return n;
}

static void say(struct machine *m, uint32_t address, uint16_t port, const char *hex)
{
    uint8_t bytes[256];
    const struct repeater_peer from = {.address = address, .port = port};
    size_t n = unhex(hex, bytes);
    repeater_datagram(&m->repeater, &from, bytes, n);
}

/* Exactly these were sent since the last look: port and hex, in turn, in any order; NULL ends. */
static void expect(struct machine *m, ...)
{
    va_list rows;
    char row[512];
    uint8_t bytes[256];
    size_t left = strlen(m->said);
    va_start(rows, m);
    for (int port; (port = va_arg(rows, int)) != 0;) {
        int at = sprintf(row, "%d:", port);
        size_t n = unhex(va_arg(rows, const char *), bytes);
        for (size_t i = 0; i < n; i++)
            at += sprintf(row + at, "%02x", bytes[i]);
        strcpy(row + at, " ");
        if (strstr(m->said, row) == NULL)
            fail_msg("expected %s among %s", row, m->said);
        left -= strlen(row);
    }
    va_end(rows);
    if (left != 0)
        fail_msg("more than expected: %s", m->said);
    m->said[0] = '\0';
}

static void end(struct machine *m)
{
    repeater_fini(&m->repeater);
    assert_int_equal(m->is_open, 0);
    assert_int_equal(m->repeater.nclients, 0);
}

/* Clients 1 and 2. */
static struct machine *with_two(void)
{
    struct machine *m = fresh();
    say(m, LOOPBACK, 1, "");
    say(m, LOOPBACK, 2, "");
    m->said[0] = '\0';
    return m;
}

static void a_client_registers_by_an_empty_datagram_or_by_a_message(void **state)
{
    (void)state;
    struct machine *m = fresh();
    say(m, LOOPBACK, 1, "");
    expect(m, 1, CONFIRM, 0);
    say(m, LOOPBACK, 2, REGISTER);
    expect(m, 2, CONFIRM, 1, NOOP, 0);
    say(m, OTHER, 3, "");
    expect(m, 3, "0011 0000 0000 0000 00000000 0a000005", 1, NOOP, 2, NOOP, 0);
    end(m);
}

static void it_is_confirmed_as_often_as_it_asks(void **state)
{
    (void)state;
    struct machine *m = with_two();
    say(m, LOOPBACK, 1, REGISTER);
    expect(m, 1, CONFIRM, 2, NOOP, 0);
    assert_int_equal(m->is_open, 2);
    end(m);
}

static void nobody_registers_from_another_host(void **state)
{
    (void)state;
    struct machine *m = with_two();
    say(m, FOREIGN, 3, "");
    say(m, FOREIGN, 3, REGISTER);
    expect(m, 0);
    assert_int_equal(m->is_open, 2);
    end(m);
}

static const struct {
    const char *name, *sent, *passed_on;
} datagrams[] = {
    {"a beacon gets its sender's address", BEACON, FILLED},
    {"a beacon that has one keeps it", "000d0000 000d13c8 00000007 0a000063", "000d0000 000d13c8 00000007 0a000063"},
    {"only the first beacon of a datagram gets one", BEACON BEACON, FILLED BEACON},
    {"behind a registration none does", REGISTER BEACON, BEACON},
    {"any bytes are passed on", "ffff0102 030405", "ffff0102 030405"},
    {"a beacon that is cut", "000d0000 000d13c8 000000", "000d0000 000d13c8 000000"},
    {"one byte behind a registration", REGISTER "2a", "2a"},
    {"a beacon and some bytes", BEACON "0102", FILLED "0102"},
};

static void what_comes_is_passed_on_to_all_but_its_sender(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof datagrams / sizeof *datagrams; i++) {
        struct machine *m = with_two();
        bool registers = strncmp(datagrams[i].sent, REGISTER, sizeof REGISTER - 1) == 0;
        say(m, LOOPBACK, 2, datagrams[i].sent);
        if (registers)
            expect(m, 2, CONFIRM, 1, NOOP, 1, datagrams[i].passed_on, 0);
        else
            expect(m, 1, datagrams[i].passed_on, 0);
        end(m);
    }
}

static void every_prefix_of_every_datagram_is_passed_on_as_long_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof datagrams / sizeof *datagrams; i++) {
        uint8_t bytes[256];
        const struct repeater_peer from = {.address = LOOPBACK, .port = 9};
        size_t n = unhex(datagrams[i].sent, bytes);
        for (size_t cut = 1; cut < n; cut++) {
            struct machine *m = with_two();
            bool registers = cut >= 16 && wire_get16(bytes) == WIRE_REPEATER_REGISTER;
            unhex(datagrams[i].sent, bytes);
            repeater_datagram(&m->repeater, &from, bytes, cut);
            size_t passed = registers ? cut - 16 : cut;
            size_t other = registers ? strlen("1:") + 2 * 16 + 1 : 0;
            size_t each = passed > 0 ? strlen("1:") + 2 * passed + 1 : 0;
            size_t confirm = registers ? strlen("9:") + 2 * 16 + 1 : 0;
            assert_int_equal(strlen(m->said), 2 * (each + other) + confirm);
            end(m);
        }
    }
}

static void a_beacon_of_a_server_that_is_no_client_reaches_all(void **state)
{
    (void)state;
    struct machine *m = with_two();
    say(m, FOREIGN, 5064, BEACON);
    expect(m, 1, "000d0000 000d13c8 00000007 0a0000c8", 2, "000d0000 000d13c8 00000007 0a0000c8", 0);
    end(m);
}

static void a_client_that_is_gone_is_dropped_by_the_next_datagram(void **state)
{
    (void)state;
    struct machine *m = with_two();
    m->is_gone[1] = true;
    say(m, LOOPBACK, 9, BEACON);
    expect(m, 2, FILLED, 0);
    assert_int_equal(m->is_open, 1);
    end(m);
}

static void a_client_that_takes_nothing_but_is_there_stays(void **state)
{
    (void)state;
    struct machine *m = with_two();
    m->is_deaf[1] = true;
    say(m, LOOPBACK, 9, BEACON);
    expect(m, 2, FILLED, 0);
    assert_int_equal(m->is_open, 2);
    end(m);
}

static void a_client_that_is_gone_is_dropped_when_another_comes(void **state)
{
    (void)state;
    struct machine *m = with_two();
    m->is_gone[1] = m->is_gone[2] = true;
    say(m, LOOPBACK, 3, "");
    expect(m, 3, CONFIRM, 0);
    assert_int_equal(m->is_open, 1);
    end(m);
}

static void a_client_whose_confirmation_is_refused_is_none(void **state)
{
    (void)state;
    struct machine *m = with_two();
    m->is_gone[3] = true;
    say(m, LOOPBACK, 3, "");
    expect(m, 1, NOOP, 2, NOOP, 0);
    assert_int_equal(m->is_open, 2);
    end(m);
}

static void there_are_no_more_clients_than_the_limit_until_one_is_gone(void **state)
{
    (void)state;
    struct machine *m = fresh();
    m->quiet = true;
    for (unsigned i = 0; i < 2 * REPEATER_CLIENTS; i++)
        say(m, LOOPBACK, (uint16_t)(1000 + i), "");
    assert_int_equal(m->is_open, REPEATER_CLIENTS);
    m->quiet = false;
    say(m, LOOPBACK, 9, "");
    expect(m, 0);
    m->is_gone[1000] = true;
    m->quiet = true;
    say(m, LOOPBACK, 9, "");
    assert_int_equal(m->is_open, REPEATER_CLIENTS);
    assert_int_equal(m->repeater.client[REPEATER_CLIENTS - 1].peer.port, 9);
    end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_registers_by_an_empty_datagram_or_by_a_message),
        cmocka_unit_test(it_is_confirmed_as_often_as_it_asks),
        cmocka_unit_test(nobody_registers_from_another_host),
        cmocka_unit_test(what_comes_is_passed_on_to_all_but_its_sender),
        cmocka_unit_test(every_prefix_of_every_datagram_is_passed_on_as_long_as_it_is),
        cmocka_unit_test(a_beacon_of_a_server_that_is_no_client_reaches_all),
        cmocka_unit_test(a_client_that_is_gone_is_dropped_by_the_next_datagram),
        cmocka_unit_test(a_client_that_takes_nothing_but_is_there_stays),
        cmocka_unit_test(a_client_that_is_gone_is_dropped_when_another_comes),
        cmocka_unit_test(a_client_whose_confirmation_is_refused_is_none),
        cmocka_unit_test(there_are_no_more_clients_than_the_limit_until_one_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
