/* What is left of a message that was anonymised: labels, strings, and the bytes that mean nothing. */
#include "tests/key_fixture.h"
#include "traces/scrub.h"
#include "wire/value.h"

#define PAYLOAD_BYTES 512
#define JUNK          0xa5 /* what a server left of another message */
#define PV            "SIM:MAGNET.RBV"

enum { TIME_STRING = 14, TIME_SHORT = 15, TIME_CHAR = 18, TIME_DOUBLE = 20, CTRL_ENUM = 31 };

struct message {
    struct trace_event e;
    uint8_t payload[PAYLOAD_BYTES];
};

/* A server's answer of this type with `count` values, all of whose bytes are JUNK. */
static struct message answer(unsigned type, uint32_t count)
{
    struct message m = {.e = {.command = WIRE_READ_NOTIFY,
                              .flags = TRACE_FROM_SERVER,
                              .type = (uint16_t)type,
                              .count = count,
                              .size = (uint32_t)wire_dbr_padded(type, count),
                              .head_bytes = wire_types[type].offset,
                              .body_bytes = wire_types[type].size * count}};
    memset(m.payload, JUNK, sizeof m.payload);
    return m;
}

static uint8_t *body_of(struct message *m)
{
    return m->payload + m->e.head_bytes;
}

static void scrub(struct message *m, bool values)
{
    struct scrub s = {.keyed = key_of("0123456789abcdef"), .values = values};
    scrub_event(&s, &m->e, m->payload);
    keyed_free(s.keyed);
    scrub_fini(&s);
}

static const char *pseudonym_of(const char *name, char out[TEXT_BYTES])
{
    struct keyed *k = key_of("0123456789abcdef");
    named(k, name, out);
    keyed_free(k);
    return out;
}

static void assert_zeros(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bytes[i], 0);
}

/* A field of `room` bytes that holds this text, with JUNK behind its NUL. */
static void put_text(uint8_t *field, const char *text)
{
    memcpy(field, text, strlen(text) + 1);
}

static void assert_text(const uint8_t *field, size_t room, const char *text)
{
    const size_t n = strlen(text);
    assert_memory_equal(field, text, n);
    assert_zeros(field + n, room - n);
}

/* ---- labels ---- */

static uint8_t *label_of(struct message *m, unsigned i)
{
    return m->payload + 6 + i * WIRE_LABEL_BYTES;
}

static struct message states(void)
{
    struct message m = answer(CTRL_ENUM, 1);
    wire_put16(m.payload + 4, 3);
    put_text(label_of(&m, 0), PV);
    put_text(label_of(&m, 1), "12.5");
    memset(label_of(&m, 2), 'x', WIRE_LABEL_BYTES); /* without its NUL */
    put_text(label_of(&m, 9), "of another record");
    wire_put16(body_of(&m), 1);
    return m;
}

static void labels_become_pseudonyms_and_none_is_behind_them(void **state)
{
    (void)state;
    char name[TEXT_BYTES];
    struct message m = states();
    scrub(&m, false);
    assert_int_equal(wire_get16(m.payload + 4), 3);
    assert_text(label_of(&m, 0), WIRE_LABEL_BYTES, pseudonym_of(PV, name));
    assert_text(label_of(&m, 1), WIRE_LABEL_BYTES, "12.5");
    for (unsigned i = 0; i < WIRE_LABEL_BYTES; i++)
        assert_int_not_equal(label_of(&m, 2)[i], 'x');
    assert_zeros(label_of(&m, 3), (size_t)(WIRE_LABELS - 3) * WIRE_LABEL_BYTES);
    assert_int_equal(wire_get16(body_of(&m)), 1);
}

static void labels_that_are_numbers_are_values(void **state)
{
    (void)state;
    struct message m = states();
    scrub(&m, true);
    assert_string_not_equal((char *)label_of(&m, 1), "12.5");
    assert_int_equal(strlen((char *)label_of(&m, 1)), 4);
    assert_true(wire_get16(body_of(&m)) < 2);
}

static void more_labels_than_there_can_be_do_no_harm(void **state)
{
    (void)state;
    struct message m = answer(CTRL_ENUM, 1);
    wire_put16(m.payload + 4, 0xffff);
    scrub(&m, false);
    assert_int_equal(wire_get16(m.payload + 4), WIRE_LABELS);
    for (size_t i = 0; i < (size_t)WIRE_LABELS * WIRE_LABEL_BYTES; i++)
        assert_int_not_equal(label_of(&m, 0)[i], JUNK);
}

/* ---- strings ---- */

static void a_string_that_holds_a_pv_s_name_holds_its_pseudonym(void **state)
{
    (void)state;
    char name[TEXT_BYTES];
    struct message m = answer(TIME_STRING, 3);
    for (unsigned i = 0; i < 3; i++)
        put_text(body_of(&m) + i * WIRE_STRING_BYTES, i == 1 ? "-7.25" : PV);
    scrub(&m, false);
    for (unsigned i = 0; i < 3; i++)
        assert_text(body_of(&m) + i * WIRE_STRING_BYTES, WIRE_STRING_BYTES, i == 1 ? "-7.25" : pseudonym_of(PV, name));
}

/* READ, and a client's WRITE, end behind the text. */
static void so_does_a_string_that_is_cut_behind_its_text(void **state)
{
    (void)state;
    char name[TEXT_BYTES];
    struct message m = {.e = {.command = WIRE_WRITE, .type = WIRE_STRING, .count = 1, .size = 16, .body_bytes = 16}};
    put_text(m.payload, PV);
    m.payload[15] = JUNK;
    scrub(&m, false);
    assert_text(m.payload, 16, pseudonym_of(PV, name));
}

/* Long strings as `$` of a link: pieces between NULs are names of their own. */
static void characters_are_strings_where_they_hold_text_only(void **state)
{
    (void)state;
    char name[TEXT_BYTES];
    const size_t n = strlen(PV) + 1;
    struct message m = answer(TIME_CHAR, (uint32_t)(2 * n));
    put_text(body_of(&m), PV);
    put_text(body_of(&m) + n, PV);
    scrub(&m, false);
    for (unsigned i = 0; i < 2; i++)
        assert_string_equal((char *)body_of(&m) + i * n, pseudonym_of(PV, name));
}

/* ---- bytes that mean nothing ---- */

static void pads_become_zeros_and_values_stay(void **state)
{
    (void)state;
    static const struct {
        unsigned type, pad, bytes; /* where the head's pad is */
        uint32_t count;
    } rows[] = {{TIME_SHORT, 12, 2, 1}, {TIME_SHORT, 12, 2, 4}, {TIME_CHAR, 12, 3, 1}, {TIME_DOUBLE, 12, 4, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message m = answer(rows[i].type, rows[i].count);
        const uint32_t used = m.e.head_bytes + m.e.body_bytes;
        scrub(&m, false);
        assert_zeros(m.payload + rows[i].pad, rows[i].bytes);
        assert_zeros(m.payload + used, m.e.size - used);
        for (uint32_t k = 0; k < m.e.body_bytes; k++)
            assert_int_equal(body_of(&m)[k], JUNK);
    }
}

static void of_a_subscription_only_the_mask_stays(void **state)
{
    (void)state;
    struct message m = {.e = {.command = WIRE_EVENT_ADD, .type = TIME_DOUBLE, .count = 1, .size = 16}};
    memset(m.payload, JUNK, 16);
    wire_put16(m.payload + 12, 5);
    scrub(&m, false);
    assert_zeros(m.payload, 12);
    assert_int_equal(wire_get16(m.payload + 12), 5);
    assert_zeros(m.payload + 14, 2);
}

static void of_a_search_reply_only_the_version_stays(void **state)
{
    (void)state;
    struct message m = {.e = {.command = WIRE_SEARCH, .flags = TRACE_FROM_SERVER, .size = 8}};
    memset(m.payload, JUNK, 8);
    wire_put16(m.payload, 13);
    scrub(&m, false);
    assert_int_equal(wire_get16(m.payload), 13);
    assert_zeros(m.payload + 2, 6);
}

static void of_unknown_messages_nothing_stays(void **state)
{
    (void)state;
    struct message m = {.e = {.command = 153, .flags = TRACE_FROM_SERVER, .size = 40}};
    memset(m.payload, 'A', 40);
    scrub(&m, false);
    assert_zeros(m.payload, 40);
}

/* Values that are not whole cannot be told from pads. */
static void of_an_answer_without_its_head_nothing_stays(void **state)
{
    (void)state;
    struct message m = answer(TIME_DOUBLE, 1);
    m.e.size = m.e.head_bytes = 8;
    m.e.body_bytes = 0;
    scrub(&m, false);
    assert_zeros(m.payload, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_become_pseudonyms_and_none_is_behind_them),
        cmocka_unit_test(labels_that_are_numbers_are_values),
        cmocka_unit_test(more_labels_than_there_can_be_do_no_harm),
        cmocka_unit_test(a_string_that_holds_a_pv_s_name_holds_its_pseudonym),
        cmocka_unit_test(so_does_a_string_that_is_cut_behind_its_text),
        cmocka_unit_test(characters_are_strings_where_they_hold_text_only),
        cmocka_unit_test(pads_become_zeros_and_values_stay),
        cmocka_unit_test(of_a_subscription_only_the_mask_stays),
        cmocka_unit_test(of_a_search_reply_only_the_version_stays),
        cmocka_unit_test(of_unknown_messages_nothing_stays),
        cmocka_unit_test(of_an_answer_without_its_head_nothing_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
