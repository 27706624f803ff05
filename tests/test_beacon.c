/* Beacons: their bytes and their times, as a real IOC sends them (ca-protocol 9.1). */
#include "sim/beacon.h"
#include "wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS    UINT64_C(1000000)
#define START (UINT64_C(77) * 1000 * MS)

/* When the k-th is sent, in ms after the first. */
static const struct {
    const char *name, *longest;
    uint64_t at_ms[14];
} rows[] = {
    {"nothing said", NULL, {0, 20, 60, 140, 300, 620, 1260, 2540, 5100, 10220, 20460, 35460, 50460, 65460}},
    {"0.1 s", "0.1", {0, 20, 60, 140, 240, 340, 440, 540, 640, 740, 840, 940, 1040, 1140}},
    {"0.08 s", "0.08", {0, 20, 60, 140, 220, 300, 380, 460, 540, 620, 700, 780, 860, 940}},
    {"no shorter than the first interval", "0.001", {0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220, 240, 260}},
    {"next to nothing", "1e-10", {0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220, 240, 260}},
    {"0", "0", {0, 20, 60, 140, 300, 620, 1260, 2540, 5100, 10220, 20460, 35460, 50460, 65460}},
    {"below 0", "-3", {0, 20, 60, 140, 300, 620, 1260, 2540, 5100, 10220, 20460, 35460, 50460, 65460}},
    {"no number", "often", {0, 20, 60, 140, 300, 620, 1260, 2540, 5100, 10220, 20460, 35460, 50460, 65460}},
    {"nan", "nan", {0, 20, 60, 140, 300, 620, 1260, 2540, 5100, 10220, 20460, 35460, 50460, 65460}},
    {"for ever", "inf", {0, 20, 60, 140, 300, 620, 1260, 2540, 5100, 10220, 20460, 35460, 50460, 65460}},
};

static void the_interval_doubles_up_to_the_longest(void **state)
{
    (void)state;
    uint8_t bytes[BEACON_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct beacon b;
        beacon_init(&b, rows[i].longest, START);
        for (size_t k = 0; k < sizeof rows[i].at_ms / sizeof *rows[i].at_ms; k++) {
            assert_int_equal(b.due_ns, START + rows[i].at_ms[k] * MS);
            beacon_next(&b, 5064, bytes);
        }
    }
}

static void the_first_two_bear_the_same_number(void **state)
{
    (void)state;
    struct beacon b;
    uint8_t bytes[BEACON_BYTES];
    beacon_init(&b, NULL, START);
    for (uint32_t k = 0; k < 40; k++) {
        uint8_t expected[BEACON_BYTES] = {0, WIRE_RSRV_IS_UP, [5] = WIRE_MINOR, [6] = 0x3b, [7] = 0xd2};
        wire_put32(expected + 8, k > 0 ? k - 1 : 0);
        beacon_next(&b, 0x3bd2, bytes);
        assert_memory_equal(bytes, expected, BEACON_BYTES);
    }
}

static void the_number_wraps_and_times_go_on(void **state)
{
    (void)state;
    struct beacon b;
    uint8_t bytes[BEACON_BYTES];
    beacon_init(&b, NULL, START);
    b.sent = UINT32_MAX;
    beacon_next(&b, 5064, bytes);
    assert_int_equal(wire_get32(bytes + 8), UINT32_MAX - 1);
    beacon_next(&b, 5064, bytes);
    assert_int_equal(wire_get32(bytes + 8), 0);
    assert_int_equal(b.due_ns, START + 60 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_doubles_up_to_the_longest),
        cmocka_unit_test(the_first_two_bear_the_same_number),
        cmocka_unit_test(the_number_wraps_and_times_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
