#include "traces/framer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { IMAGE_BYTES = 614400 };

static const struct wire_header echo = {.command = WIRE_ECHO};
static const struct wire_header name = {.command = WIRE_CLIENT_NAME, .size = 8};
static const struct wire_header image = {.command = WIRE_EVENT_ADD, .type = 1, .count = 307200, .size = IMAGE_BYTES, .p1 = 1};

/* Three messages, the last one with the long header and 16 bytes of payload. */
static size_t three_messages(uint8_t *out)
{
    size_t n = wire_header_write(out, &echo);
    n += wire_header_write(out + n, &name);
    memcpy(out + n, "operator", 8);
    n += 8;
    n += wire_header_write_extended(out + n, &(struct wire_header){.command = WIRE_WRITE, .type = 4, .count = 16, .size = 16});
    memcpy(out + n, "0123456789abcdef", 16);
    return n + 16;
}

static void assert_third(const struct framer_message *m)
{
    assert_int_equal(m->header.command, WIRE_WRITE);
    assert_int_equal(m->header.count, 16);
    assert_memory_equal(m->payload, "0123456789abcdef", 16);
}

static unsigned feed(struct framer *f, const uint8_t *bytes, size_t n, uint64_t t_ns, struct framer_message *last)
{
    unsigned messages = 0;
    struct framer_message m;
    uint8_t *copy = malloc(n > 0 ? n : 1); /* of exactly this size, so that the sanitizer sees a read behind it */
    memcpy(copy, bytes, n);
    framer_feed(f, copy, n, t_ns);
    while (framer_next(f, WIRE_MINOR, &m) == WIRE_OK) {
        messages++;
        *last = m;
        if (m.header.command == WIRE_WRITE)
            assert_third(&m);
    }
    free(copy);
    return messages;
}

static void messages_come_out_wherever_the_stream_is_split(void **state)
{
    (void)state;
    uint8_t bytes[128];
    size_t n = three_messages(bytes);
    for (size_t a = 0; a <= n; a++)
        for (size_t b = a; b <= n; b++) {
            struct framer f = {0};
            struct framer_message last = {0};
            unsigned messages = feed(&f, bytes, a, 1, &last);
            messages += feed(&f, bytes + a, b - a, 2, &last);
            messages += feed(&f, bytes + b, n - b, 3, &last);
            assert_int_equal(messages, 3);
            framer_fini(&f);
        }
}

static void a_message_bears_the_times_of_its_first_and_its_last_byte(void **state)
{
    (void)state;
    static uint8_t bytes[24 + IMAGE_BYTES];
    struct framer f = {0};
    struct framer_message last = {0};
    size_t n = wire_header_write(bytes, &image);
    assert_int_equal(n, 24);
    for (unsigned run = 0; run < 2; run++) {
        uint64_t t_ns = 100 * run;
        for (size_t at = 0; at < sizeof bytes; at += 65483) {
            size_t piece = sizeof bytes - at < 65483 ? sizeof bytes - at : 65483;
            assert_int_equal(feed(&f, bytes + at, piece, ++t_ns, &last), at + piece == sizeof bytes);
        }
        assert_int_equal(last.header.size, IMAGE_BYTES);
        assert_int_equal(last.first_ns, 100 * run + 1);
        assert_int_equal(last.last_ns, 100 * run + 10);
    }
    framer_fini(&f);
}

static void a_message_whose_end_came_early_is_whole_when_its_beginning_came(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct framer f = {0};
    struct framer_message last = {0};
    size_t n = three_messages(bytes);
    feed(&f, bytes, n - 10, 50, &last);
    assert_int_equal(feed(&f, bytes + n - 10, 10, 40, &last), 1);
    assert_int_equal(last.first_ns, 50);
    assert_int_equal(last.last_ns, 50);
    framer_fini(&f);
}

static void a_gap_within_a_message_is_passed_over(void **state)
{
    (void)state;
    static uint8_t bytes[24 + IMAGE_BYTES + 128];
    struct framer f = {0};
    struct framer_message last = {0};
    wire_header_write(bytes, &image);
    size_t n = 24 + IMAGE_BYTES + three_messages(bytes + 24 + IMAGE_BYTES);
    assert_int_equal(feed(&f, bytes, 1000, 1, &last), 0);
    assert_true(framer_gap(&f, 500));
    assert_int_equal(feed(&f, bytes + 1500, 1000, 1, &last), 0);
    assert_true(framer_gap(&f, 600000));
    assert_int_equal(feed(&f, bytes + 602500, n - 602500, 1, &last), 3);
    framer_fini(&f);
}

static void a_gap_over_a_messages_end_is_not(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct framer f = {0};
    struct framer_message last = {0};
    three_messages(bytes);
    feed(&f, bytes, 12, 1, &last); /* not even a header */
    assert_false(framer_gap(&f, 4));
    assert_int_equal(feed(&f, bytes, 16, 2, &last), 1); /* begins anew */
    assert_false(framer_gap(&f, 1));
    framer_fini(&f);
}

static void a_claim_of_4_GiB_costs_nothing(void **state)
{
    (void)state;
    uint8_t bytes[24];
    struct framer_message m;
    static const uint32_t sizes[] = {FRAMER_MESSAGE_BYTES - 1024, UINT32_MAX - 7};
    for (size_t i = 0; i < 2; i++) {
        struct framer f = {0};
        wire_header_write_extended(bytes, &(struct wire_header){.command = WIRE_WRITE, .size = sizes[i]});
        framer_feed(&f, bytes, sizeof bytes, 1);
        assert_int_equal(framer_next(&f, WIRE_MINOR, &m), i == 0 ? WIRE_SHORT : WIRE_MALFORMED);
        assert_true(f.room <= 65536);
        framer_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_wherever_the_stream_is_split),
        cmocka_unit_test(a_message_bears_the_times_of_its_first_and_its_last_byte),
        cmocka_unit_test(a_message_whose_end_came_early_is_whole_when_its_beginning_came),
        cmocka_unit_test(a_gap_within_a_message_is_passed_over),
        cmocka_unit_test(a_gap_over_a_messages_end_is_not),
        cmocka_unit_test(a_claim_of_4_GiB_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
