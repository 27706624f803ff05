#include "tests/hex.h"
#include "wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name, *hex;
    unsigned minor;
    size_t used;
    struct wire_header h;
} rows[] = {
    {"echo", "0017 0000 0000 0000 00000000 00000000", 13, 16, {.command = WIRE_ECHO}},
    {"search reply",
     "0006 0008 3bd2 0000 ffffffff 00000002",
     13,
     16,
     {.command = WIRE_SEARCH, .type = 0x3bd2, .size = 8, .p1 = 0xffffffff, .p2 = 2}},
    {"614400-byte image update",
     "0001 ffff 0001 0000 00000001 00000007 00096000 0004b000",
     13,
     24,
     {.command = WIRE_EVENT_ADD, .type = 1, .count = 307200, .size = 614400, .p1 = 1, .p2 = 7}},
    {"4.8 peer: ffff is a plain size",
     "0001 ffff 0001 0000 00000001 00000007",
     8,
     16,
     {.command = WIRE_EVENT_ADD, .type = 1, .size = 0xffff, .p1 = 1, .p2 = 7}},
};

static void headers_are_read_and_written_as_they_are_on_the_wire(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[32], again[24];
        size_t n = unhex(rows[i].hex, bytes);
        struct cursor c = cursor_over(bytes, n);
        struct wire_header h;
        assert_int_equal(wire_header_read(&c, rows[i].minor, &h), WIRE_OK);
        assert_memory_equal(&h, &rows[i].h, sizeof h);
        assert_int_equal(c.p - bytes, rows[i].used);
        if (rows[i].minor >= WIRE_MINOR_EXTENDED) {
            assert_int_equal(wire_header_write(again, &h), n);
            assert_memory_equal(again, bytes, n);
        }
    }
}

static void every_prefix_of_a_header_is_short_and_touches_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[32];
        size_t n = unhex(rows[i].hex, bytes);
        for (size_t cut = 0; cut < n; cut++) {
            struct cursor c = cursor_over(bytes, cut);
            struct wire_header h = {.command = 99};
            assert_int_equal(wire_header_read(&c, rows[i].minor, &h), WIRE_SHORT);
            assert_true(c.p == bytes && !c.err && h.command == 99);
        }
    }
}

static void a_message_says_how_many_bytes_it_needs(void **state)
{
    (void)state;
    uint8_t bytes[64];
    unhex("0015 0008 0000 0000 00000000 00000000 7773310000000000", bytes);
    struct wire_header h;
    const uint8_t *payload;
    uint64_t need;
    for (size_t cut = 0; cut < 24; cut++) {
        struct cursor c = cursor_over(bytes, cut);
        assert_int_equal(wire_message_read(&c, 13, &h, &payload, &need), WIRE_SHORT);
        assert_int_equal(need, cut < 16 ? 16 : 24);
        assert_true(c.p == bytes);
    }
    struct cursor c = cursor_over(bytes, 24);
    assert_int_equal(wire_message_read(&c, 13, &h, &payload, &need), WIRE_OK);
    assert_string_equal((const char *)payload, "ws1");
}

/* Payloads of 0xff behind the headers, in memory of exactly the size. */
static void every_prefix_of_a_message_is_short_and_touches_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t whole = rows[i].used + rows[i].h.size;
        for (size_t cut = 0; cut <= whole; cut += cut > 64 && cut + 64 < whole ? 61 : 1) {
            uint8_t *bytes = malloc(cut > 24 ? cut : 24);
            memset(bytes, 0xff, cut);
            unhex(rows[i].hex, bytes);
            bytes = realloc(bytes, cut > 0 ? cut : 1);
            struct cursor c = cursor_over(bytes, cut);
            struct wire_header h = {.command = 99};
            const uint8_t *payload = NULL;
            enum wire_err err = wire_message_read(&c, rows[i].minor, &h, &payload, NULL);
            assert_int_equal(err, cut < whole ? WIRE_SHORT : WIRE_OK);
            assert_true(cut < whole ? c.p == bytes && payload == NULL && h.command == 99 : cursor_left(&c) == 0);
            free(bytes);
        }
    }
}

static void sizes_near_the_end_of_32_bits_do_not_wrap(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    unhex("0004 ffff 0001 0000 00000000 00000000 fffffff8 00000001", bytes);
    struct cursor c = cursor_over(bytes, sizeof bytes);
    struct wire_header h;
    const uint8_t *payload;
    uint64_t need;
    assert_int_equal(wire_message_read(&c, 13, &h, &payload, &need), WIRE_SHORT);
    assert_int_equal(need, UINT64_C(0xfffffff8) + 24);
}

static void the_last_byte_is_never_part_of_a_name(void **state)
{
    (void)state;
    assert_int_equal(wire_name_length((const uint8_t *)"SIM:AI\0\0", 8), 6);
    assert_int_equal(wire_name_length((const uint8_t *)"12345678", 8), 7);
    assert_int_equal(wire_name_length((const uint8_t *)"", 0), 0);
    for (uint32_t cut = 0; cut <= 8; cut++) {
        uint8_t *exact = malloc(cut > 0 ? cut : 1);
        memcpy(exact, "SIM:AI\0\0", cut);
        assert_int_equal(wire_name_length(exact, cut), cut == 0 ? 0 : cut < 7 ? cut - 1 : 6);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_and_written_as_they_are_on_the_wire),
        cmocka_unit_test(every_prefix_of_a_header_is_short_and_touches_nothing),
        cmocka_unit_test(a_message_says_how_many_bytes_it_needs),
        cmocka_unit_test(every_prefix_of_a_message_is_short_and_touches_nothing),
        cmocka_unit_test(sizes_near_the_end_of_32_bits_do_not_wrap),
        cmocka_unit_test(the_last_byte_is_never_part_of_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
