/* What a writer and a dialogue keep in memory has an end, and what is beyond it is forgotten or lies in a file. */
#include "tests/small_trace.h"
#include "traces/array.h"
#include "traces/bodies.h"
#include "traces/dialogue.h"
#include "traces/ledger.h"

#include <errno.h>

#define RECORD_BYTES 4096u

/* More than memory is to take; events are even in number. */
#define RECORDS ((uint32_t)(ARRAY_MEMORY_BYTES / RECORD_BYTES * 5 / 4))
#define EVENTS  ((uint32_t)(ARRAY_MEMORY_BYTES / sizeof(struct trace_event) * 5 / 4) & ~1u)

/* ---- tables ---- */

static void a_table_that_grows_too_large_lies_in_a_file_without_a_name(void **state)
{
    (void)state;
    struct array a = {.spill = part};
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint32_t *record = array_add(&a, 1, RECORD_BYTES);
        assert_non_null(record);
        assert_int_equal(*record, 0);
        *record = i;
        if (i % 1000 == 0)
            array_release(&a, 0, i, RECORD_BYTES);
    }
    assert_true(a.is_on_file);
    assert_int_not_equal(access(part, F_OK), 0);
    for (uint32_t i = 0; i < RECORDS; i++)
        assert_int_equal(*(uint32_t *)(void *)((char *)a.at + (size_t)i * RECORD_BYTES), i);
    array_fini(&a);
}

static void without_a_place_for_the_file_nothing_changes(void **state)
{
    (void)state;
    struct array a = {.spill = "/proc/nowhere/x"};
    const uint32_t most = ARRAY_MEMORY_BYTES / sizeof(uint64_t) - 1024;
    memset(array_add(&a, most, sizeof(uint64_t)), 0x5a, most * sizeof(uint64_t));
    assert_null(array_add(&a, 4096, sizeof(uint64_t)));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(a.count, most);
    assert_int_equal(((uint8_t *)a.at)[most * sizeof(uint64_t) - 1], 0x5a);
    array_fini(&a);
}

static void messages_that_memory_does_not_take_are_in_the_trace(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    struct trace_event e = request;
    struct trace t;
    trace_writer_circuit(w);
    trace_writer_pv(w, "A", 1);
    trace_writer_pv(w, "B", 1);
    for (uint32_t i = 0; i < EVENTS; i++) {
        e.t_ns = e.p2 = i ^ 1;
        e.peer = i % 2 ? i - 1 : TRACE_NONE;
        trace_writer_event(w, &e, NULL);
    }
    finish(w);
    open_good(&t);
    assert_int_equal(t.nevents, EVENTS);
    for (uint32_t i = 0; i < EVENTS; i++) {
        assert_int_equal(t.events[i].p2, i);
        assert_int_equal(t.events[i].peer, i % 2 ? TRACE_NONE : i + 1);
    }
    trace_close(&t);
}

/* ---- bodies ---- */

static struct body_key key_of(uint64_t i)
{
    return (struct body_key){.low = i * UINT64_C(0x9e3779b97f4a7c15), .high = i, .bytes = 100};
}

static bool is_known(struct bodies *b, uint64_t i)
{
    const struct body_key key = key_of(i);
    const struct body *body = bodies_find(b, &key);
    return body != NULL && body->offset == i;
}

static void add_body(struct bodies *b, uint64_t i)
{
    const struct body_key key = key_of(i);
    assert_true(bodies_add(b, &key, i));
}

static void the_body_that_was_not_found_for_longest_is_forgotten(void **state)
{
    (void)state;
    struct bodies b = {0};
    for (uint64_t i = 0; i < BODIES_MAX; i++)
        add_body(&b, i);
    assert_true(is_known(&b, 0));
    add_body(&b, BODIES_MAX);
    assert_int_equal(HASH_COUNT(b.table), BODIES_MAX);
    assert_true(is_known(&b, 0));
    assert_false(is_known(&b, 1));
    assert_true(is_known(&b, 2));
    assert_true(is_known(&b, BODIES_MAX));
    bodies_fini(&b);
}

/* An update of 13 doubles, whose first is i. */
static void add_numbered(struct trace_writer *w, uint64_t t_ns, uint64_t i)
{
    uint8_t payload[104] = {0};
    struct trace_event e = request;
    memcpy(payload, &i, sizeof i);
    e.flags = TRACE_FROM_SERVER;
    e.type = WIRE_DOUBLE;
    e.count = 13;
    e.t_ns = t_ns;
    e.size = sizeof payload;
    trace_writer_event(w, &e, payload);
}

static void a_body_that_was_forgotten_is_stored_again(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    struct trace t;
    trace_writer_circuit(w);
    trace_writer_pv(w, "A", 1);
    trace_writer_pv(w, "B", 1);
    for (uint64_t i = 0; i <= BODIES_MAX; i++)
        add_numbered(w, i, i);
    add_numbered(w, BODIES_MAX + 1, 0);
    add_numbered(w, BODIES_MAX + 2, 0);
    finish(w);
    open_good(&t);
    const struct trace_event *first = t.events, *again = &t.events[BODIES_MAX + 1];
    assert_int_not_equal(again[0].body, first->body);
    assert_int_equal(again[1].body, again[0].body);
    assert_memory_equal(trace_body(&t, again), trace_body(&t, first), 104);
    assert_int_equal(t.pool_bytes, (BODIES_MAX + 2) * UINT64_C(104));
    trace_close(&t);
}

/* ---- what a circuit has open ---- */

static void of_requests_that_nobody_answers_the_oldest_is_forgotten(void **state)
{
    (void)state;
    struct ledger l = {0};
    for (uint32_t i = 0; i < LEDGER_REQUESTS_MAX; i++)
        assert_non_null(ledger_request_add(&l, WIRE_READ_NOTIFY, i, i));
    ledger_request_add(&l, WIRE_READ_NOTIFY, 0, 77); /* again: it is the newest now */
    ledger_request_add(&l, WIRE_READ_NOTIFY, LEDGER_REQUESTS_MAX, 0);
    assert_int_equal(HASH_COUNT(l.requests), LEDGER_REQUESTS_MAX + 1); /* with the guard */
    assert_int_equal(ledger_request_find(&l, WIRE_READ_NOTIFY, 0)->pv, 77);
    assert_null(ledger_request_find(&l, WIRE_READ_NOTIFY, 1));
    assert_non_null(ledger_request_find(&l, WIRE_READ_NOTIFY, 2));
    assert_non_null(ledger_request_find(&l, WIRE_READ_NOTIFY, LEDGER_REQUESTS_MAX));
    ledger_fini(&l);
}

static void of_channels_and_subscriptions_the_oldest_is_forgotten(void **state)
{
    (void)state;
    struct ledger l = {0};
    for (uint32_t i = 0; i <= LEDGER_CHANNELS_MAX; i++)
        ledger_channel_bind(&l, ledger_channel_add(&l, i, 0), i);
    for (uint32_t i = 0; i <= LEDGER_SUBSCRIPTIONS_MAX; i++)
        assert_non_null(ledger_subscription_add(&l, NULL, i));
    assert_null(ledger_channel_by_cid(&l, 0));
    assert_null(ledger_channel_by_sid(&l, 0));
    assert_non_null(ledger_channel_by_sid(&l, 1));
    assert_non_null(ledger_channel_by_cid(&l, LEDGER_CHANNELS_MAX));
    assert_null(ledger_subscription_find(&l, 0));
    assert_non_null(ledger_subscription_find(&l, 1));
    assert_non_null(ledger_subscription_find(&l, LEDGER_SUBSCRIPTIONS_MAX));
    ledger_fini(&l);
}

static void payloads_are_kept_as_long_as_there_is_room_for_them(void **state)
{
    (void)state;
    static const uint8_t payload[16] = {1};
    struct ledger l = {.kept_bytes = LEDGER_KEPT_BYTES - 8};
    struct ledger_kept *kept = &ledger_channel_add(&l, 1, 0)->read[0];
    ledger_keep(&l, kept, &(struct wire_header){.command = WIRE_READ_NOTIFY, .size = 16}, payload);
    assert_false(kept->is_there);
    ledger_keep(&l, kept, &(struct wire_header){.command = WIRE_READ_NOTIFY, .size = 8}, payload);
    assert_true(kept->is_there);
    assert_int_equal(l.kept_bytes, LEDGER_KEPT_BYTES);
    ledger_keep(&l, kept, &(struct wire_header){.command = WIRE_READ_NOTIFY, .size = 16}, payload);
    assert_false(kept->is_there);
    ledger_channel_drop(&l, ledger_channel_by_cid(&l, 1));
    assert_int_equal(l.kept_bytes, LEDGER_KEPT_BYTES - 8);
    ledger_fini(&l);
}

/* ---- sockets that searched once ---- */

static void search_from(struct dialogue *d, uint32_t address)
{
    static const uint8_t search[] = {0, 6, 0, 8, 0, 5, 0, 13, 0, 0, 0, 1, 0, 0, 0, 1, 't', 'e', 'm', 'p', 0, 0, 0, 0};
    assert_true(dialogue_datagram(d, address, 40000, 0x0a0000ff, 5064, search, sizeof search, address));
}

static void a_socket_that_was_silent_for_longest_is_forgotten(void **state)
{
    (void)state;
    enum { CLIENTS = 16384 };
    struct trace_writer *w = begin();
    struct dialogue *d = dialogue_new(w);
    for (uint32_t i = 1; i <= CLIENTS; i++)
        search_from(d, i);
    search_from(d, 1);
    assert_int_equal(trace_writer_counts(w).circuits, CLIENTS);
    search_from(d, CLIENTS + 1);
    search_from(d, 1);
    assert_int_equal(trace_writer_counts(w).circuits, CLIENTS + 1);
    search_from(d, 2);
    assert_int_equal(trace_writer_counts(w).circuits, CLIENTS + 2); /* it was forgotten */
    dialogue_free(d);
    finish(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_grows_too_large_lies_in_a_file_without_a_name),
        cmocka_unit_test(without_a_place_for_the_file_nothing_changes),
        cmocka_unit_test(messages_that_memory_does_not_take_are_in_the_trace),
        cmocka_unit_test(the_body_that_was_not_found_for_longest_is_forgotten),
        cmocka_unit_test(a_body_that_was_forgotten_is_stored_again),
        cmocka_unit_test(of_requests_that_nobody_answers_the_oldest_is_forgotten),
        cmocka_unit_test(of_channels_and_subscriptions_the_oldest_is_forgotten),
        cmocka_unit_test(payloads_are_kept_as_long_as_there_is_room_for_them),
        cmocka_unit_test(a_socket_that_was_silent_for_longest_is_forgotten),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
