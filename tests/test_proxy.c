/* The proxy's pure parts: searches in both directions, and ports in what an IOC says. */
#include "replay/proxy_ports.h"
#include "replay/proxy_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PORT = 7000, IOC_PORT = 5064 };

/* VERSION with a sequence number and searches for cid, cid + 1...; its length. */
static size_t ask(uint8_t *out, unsigned minor, uint32_t sequence, uint32_t cid, unsigned n)
{
    const struct wire_header version = {.command = WIRE_VERSION, .type = 1, .count = minor, .p1 = sequence};
    size_t used = wire_header_write(out, &version);
    for (unsigned i = 0; i < n; i++) {
        const struct wire_header search = {
            .command = WIRE_SEARCH, .type = 5, .count = minor, .size = 8, .p1 = cid + i, .p2 = cid + i};
        used += wire_header_write(out + used, &search);
        memcpy(out + used, "temp\0\0\0\0", 8);
        used += 8;
    }
    return used;
}

/* What an IOC answers to all searches of a datagram, or to every second. */
static size_t answer(const uint8_t *asked, size_t n, unsigned step, uint8_t *out)
{
    struct cursor c = cursor_over(asked, n);
    struct wire_header h;
    const uint8_t *payload;
    const struct wire_header version = {.command = WIRE_VERSION, .type = 1, .count = 13, .p1 = 99};
    size_t used = wire_header_write(out, &version);
    for (unsigned i = 0; wire_message_read(&c, 13, &h, &payload, NULL) == WIRE_OK;)
        if (h.command == WIRE_SEARCH && i++ % step == 0) {
            const struct wire_header found = {.command = WIRE_SEARCH, .type = IOC_PORT, .size = 8, .p1 = UINT32_MAX, .p2 = h.p2};
            used += wire_header_write(out + used, &found);
            memset(out + used, 0, 8);
            used += 8;
        }
    return used;
}

struct heard {      /* what a client got */
    unsigned named; /* the port that the IOC named last */
    unsigned datagrams, replies;
    struct proxy_peer last;
    uint32_t sequence, cids[200];
    bool has_version;
};

static void hear(void *arg, const struct proxy_peer *to, const uint8_t *bytes, size_t n)
{
    struct heard *heard = arg;
    struct cursor c = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    assert_true(n <= 1024);
    heard->datagrams++;
    heard->last = *to;
    heard->has_version = false;
    while (wire_message_read(&c, 13, &h, &payload, NULL) == WIRE_OK) {
        heard->has_version |= h.command == WIRE_VERSION;
        if (h.command == WIRE_VERSION)
            heard->sequence = h.p1;
        if (h.command != WIRE_SEARCH)
            continue;
        assert_int_equal(h.type, PORT);
        assert_int_equal(h.p1, UINT32_MAX);
        heard->cids[heard->replies++] = h.p2;
    }
    assert_int_equal(cursor_left(&c), 0);
}

static uint16_t port_of(void *arg, const struct wire_header *reply)
{
    ((struct heard *)arg)->named = reply->type;
    return PORT;
}

/* The port that the IOC named; 0: it answered nothing that was asked. */
static unsigned take(struct proxy_search *s, const uint8_t *bytes, size_t n, struct heard *heard)
{
    heard->named = 0;
    proxy_search_answer(s, bytes, n, &(struct proxy_answerer){.port = port_of, .send = hear, .arg = heard});
    return heard->named;
}

static uint8_t in[65536], asks[131072], replies[65536];

static void a_reply_goes_to_who_asked_with_its_number_and_our_port(void **state)
{
    (void)state;
    struct proxy_search *s = calloc(1, sizeof *s);
    struct heard heard = {0};
    const struct proxy_peer a = {1, 1000}, b = {2, 2000};
    size_t na = proxy_search_ask(s, &a, in, ask(in, 13, 7, 500, 3), asks);
    size_t n = answer(asks, na, 2, replies);
    size_t nb = proxy_search_ask(s, &b, in, ask(in, 13, 8, 500, 1), asks);
    assert_int_equal(take(s, replies, n, &heard), IOC_PORT);
    assert_int_equal(heard.datagrams, 1);
    assert_int_equal(heard.replies, 2);
    assert_int_equal(heard.cids[0], 500);
    assert_int_equal(heard.cids[1], 502);
    assert_int_equal(heard.last.port, 1000);
    assert_int_equal(heard.sequence, 7);
    take(s, replies, answer(asks, nb, 1, replies), &heard);
    assert_int_equal(heard.last.port, 2000);
    assert_int_equal(heard.sequence, 8);
    free(s);
}

static void an_answer_that_comes_twice_or_was_not_asked_for_goes_nowhere(void **state)
{
    (void)state;
    struct proxy_search *s = calloc(1, sizeof *s);
    struct heard heard = {0};
    const struct proxy_peer a = {1, 1000};
    size_t n = proxy_search_ask(s, &a, in, ask(in, 13, 7, 500, 2), asks);
    n = answer(asks, n, 1, replies);
    take(s, replies, n, &heard);
    assert_int_equal(take(s, replies, n, &heard), 0);
    n = answer(in, ask(in, 13, 7, 123456, 2), 1, replies);
    assert_int_equal(take(s, replies, n, &heard), 0);
    assert_int_equal(heard.replies, 2);
    free(s);
}

static void many_replies_to_a_client_fill_datagrams(void **state)
{
    (void)state;
    struct proxy_search *s = calloc(1, sizeof *s);
    struct heard heard = {0};
    const struct proxy_peer a = {1, 1000};
    size_t n = proxy_search_ask(s, &a, in, ask(in, 13, 7, 0, 100), asks);
    take(s, replies, answer(asks, n, 1, replies), &heard);
    assert_int_equal(heard.replies, 100);
    assert_int_equal(heard.datagrams, 3); /* 42 + 42 + 16 */
    free(s);
}

static void an_old_client_gets_no_version(void **state)
{
    (void)state;
    struct proxy_search *s = calloc(1, sizeof *s);
    struct heard heard = {0};
    const struct proxy_peer a = {1, 1000};
    size_t n = proxy_search_ask(s, &a, in, ask(in, 8, 0, 5, 1), asks);
    take(s, replies, answer(asks, n, 1, replies), &heard);
    assert_int_equal(heard.replies, 1);
    assert_false(heard.has_version);
    free(s);
}

static void rubbish_is_not_passed_on(void **state)
{
    (void)state;
    struct proxy_search *s = calloc(1, sizeof *s);
    const struct proxy_peer a = {1, 1000};
    size_t whole = ask(in, 13, 7, 500, 3);
    for (size_t n = 0; n < 40; n++) /* the first search ends at 40 */
        assert_int_equal(proxy_search_ask(s, &a, in, n, asks), 0);
    assert_int_equal(proxy_search_ask(s, &a, in + 16, whole - 16, asks), 0); /* no VERSION */
    whole = ask(in, 3, 7, 500, 3);                                           /* too old */
    assert_int_equal(proxy_search_ask(s, &a, in, whole, asks), 0);
    free(s);
}

static void what_was_asked_long_ago_is_forgotten(void **state)
{
    (void)state;
    struct proxy_search *s = calloc(1, sizeof *s);
    struct heard heard = {0};
    const struct proxy_peer a = {1, 1000};
    size_t n = answer(asks, proxy_search_ask(s, &a, in, ask(in, 13, 7, 500, 1), asks), 1, replies);
    for (unsigned i = 0; i < PROXY_ASKED; i += 64)
        proxy_search_ask(s, &a, in, ask(in, 13, 7, i, 64), asks);
    assert_int_equal(take(s, replies, n, &heard), 0);
    free(s);
}

/* ---- ports ---- */

/* A search reply over TCP, an update of 70,000 bytes, the reply again. */
static size_t conversation(uint8_t *out)
{
    const struct wire_header found = {.command = WIRE_SEARCH, .type = IOC_PORT, .p1 = UINT32_MAX, .p2 = 5};
    const struct wire_header update = {.command = WIRE_EVENT_ADD, .type = 5, .count = 17500, .size = 70000, .p1 = 1, .p2 = 2};
    size_t n = wire_header_write(out, &found);
    n += wire_header_write(out + n, &update);
    memset(out + n, 6, 70000); /* bytes that look like the command */
    n += 70000;
    return n + wire_header_write(out + n, &found);
}

static void ports_are_replaced_wherever_the_stream_is_cut(void **state)
{
    (void)state;
    static uint8_t all[80000], came[80000], buffer[80000];
    size_t n = conversation(all);
    for (size_t cut = 1; cut < n; cut += cut < 60 || cut > 70020 ? 1 : 1500) {
        struct proxy_ports ports = {0};
        size_t have = 0, out = 0, ends[2] = {cut, n};
        for (size_t at = 0, i = 0; i < 2; at = ends[i++]) {
            memcpy(buffer + have, all + at, ends[i] - at);
            have += ends[i] - at;
            size_t pass = proxy_ports_pass(&ports, buffer, have, PORT);
            memcpy(came + out, buffer, pass);
            out += pass;
            have -= pass;
            memmove(buffer, buffer + pass, have);
        }
        assert_int_equal(out, n);
        assert_int_equal(wire_get16(came + 4), PORT);
        assert_int_equal(wire_get16(came + n - 16 + 4), PORT);
        wire_put16(came + 4, IOC_PORT);
        wire_put16(came + n - 16 + 4, IOC_PORT);
        assert_memory_equal(came, all, n);
    }
}

static void a_reply_that_names_another_address_keeps_its_port(void **state)
{
    (void)state;
    const struct wire_header elsewhere = {.command = WIRE_SEARCH, .type = IOC_PORT, .p1 = 0x0a000001, .p2 = 5};
    struct proxy_ports ports = {0};
    uint8_t bytes[WIRE_EXTENDED_BYTES];
    size_t n = wire_header_write(bytes, &elsewhere);
    assert_int_equal(proxy_ports_pass(&ports, bytes, n, PORT), n);
    assert_int_equal(wire_get16(bytes + 4), IOC_PORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_goes_to_who_asked_with_its_number_and_our_port),
        cmocka_unit_test(an_answer_that_comes_twice_or_was_not_asked_for_goes_nowhere),
        cmocka_unit_test(many_replies_to_a_client_fill_datagrams),
        cmocka_unit_test(an_old_client_gets_no_version),
        cmocka_unit_test(rubbish_is_not_passed_on),
        cmocka_unit_test(what_was_asked_long_ago_is_forgotten),
        cmocka_unit_test(ports_are_replaced_wherever_the_stream_is_cut),
        cmocka_unit_test(a_reply_that_names_another_address_keeps_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
