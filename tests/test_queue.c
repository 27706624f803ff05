#include "sim/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum queue_outcome post(struct queue *q, struct queue_slot *slot, uint32_t number)
{
    uint8_t bytes[8] = {0};
    wire_put32(bytes, number);
    const struct wire_value value = {.data = bytes, .count = 1, .base = WIRE_DOUBLE, .stamp = {number, 0}};
    return queue_post(q, slot, &(struct queue_update){.value = &value, .own_ns = number});
}

/* Take all that may leave; returns how many, and the numbers. */
static unsigned take_all(struct queue *q, uint32_t *numbers)
{
    unsigned n = 0;
    for (struct queue_entry *entry; (entry = queue_first(q)) != NULL; queue_pop(q))
        numbers[n++] = wire_get32(entry->bytes);
    return n;
}

static void values_leave_in_the_order_they_were_posted(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot a = {.copies = true}, b = {.copies = true};
    uint32_t got[QUEUE_ENTRIES];
    queue_init(&q, NULL);
    queue_add(&q, &a);
    queue_add(&q, &b);
    post(&q, &a, 1);
    post(&q, &b, 2);
    post(&q, &a, 3);
    assert_int_equal(take_all(&q, got), 3);
    assert_true(got[0] == 1 && got[1] == 2 && got[2] == 3);
    queue_fini(&q);
}

/* Measured with a real server: 500 posts to a blocked reader, behind the first update: 1 .. 106 and 500 (ca-protocol 6.5). */
static void a_full_ring_keeps_the_oldest_and_the_newest(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot slot = {.copies = true};
    uint32_t got[QUEUE_ENTRIES];
    queue_init(&q, NULL);
    queue_add(&q, &slot);
    for (uint32_t i = 0; i <= 500; i++) {
        assert_int_equal(post(&q, &slot, i), i < 108 ? QUEUE_ADDED : QUEUE_REPLACED);
        assert_true(queue_is_pressed(&slot) == (i >= 107));
    }
    assert_int_equal(take_all(&q, got), 108);
    for (uint32_t i = 0; i < 107; i++)
        assert_int_equal(got[i], i);
    assert_int_equal(got[107], 500);
    queue_fini(&q);
}

static void an_array_has_one_entry_with_the_first_stamp(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot slot = {.copies = false};
    queue_init(&q, NULL);
    queue_add(&q, &slot);
    assert_false(queue_is_pressed(&slot));
    assert_int_equal(post(&q, &slot, 1), QUEUE_ADDED);
    assert_true(queue_is_pressed(&slot));
    assert_int_equal(post(&q, &slot, 2), QUEUE_MERGED);
    assert_int_equal(post(&q, &slot, 3), QUEUE_MERGED);
    assert_int_equal(queue_first(&q)->stamp.seconds, 1);
    queue_pop(&q);
    assert_null(queue_first(&q));
    queue_fini(&q);
}

static void events_off_empties_a_ring_with_duplicates_once(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot slot = {.copies = true};
    uint32_t got[QUEUE_ENTRIES];
    queue_init(&q, NULL);
    queue_add(&q, &slot);
    post(&q, &slot, 1);
    post(&q, &slot, 2);
    post(&q, &slot, 3);
    queue_set_off(&q, true);
    assert_int_equal(take_all(&q, got), 3);
    post(&q, &slot, 4);
    post(&q, &slot, 5);
    assert_null(queue_first(&q));
    queue_set_off(&q, false);
    assert_int_equal(take_all(&q, got), 1);
    assert_int_equal(got[0], 5);
    queue_fini(&q);
}

static void events_off_holds_a_single_entry_back(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot slot = {.copies = true};
    queue_init(&q, NULL);
    queue_add(&q, &slot);
    post(&q, &slot, 1);
    queue_set_off(&q, true);
    assert_null(queue_first(&q));
    queue_set_off(&q, false);
    assert_non_null(queue_first(&q));
    queue_fini(&q);
}

static void thirty_five_subscriptions_share_a_ring(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot slots[72] = {0};
    uint32_t got[72];
    queue_init(&q, NULL);
    for (unsigned i = 0; i < 72; i++) {
        slots[i].copies = true;
        queue_add(&q, &slots[i]);
        assert_ptr_equal(slots[i].ring, slots[i / 35 * 35].ring);
    }
    assert_ptr_not_equal(slots[0].ring, slots[35].ring);
    assert_ptr_not_equal(slots[35].ring, slots[70].ring);
    for (unsigned i = 72; i-- > 0;)
        post(&q, &slots[i], i);
    assert_int_equal(take_all(&q, got), 72);
    assert_int_equal(got[0], 34); /* ring after ring, and in a ring as posted */
    assert_int_equal(got[35], 69);
    assert_int_equal(got[71], 70);
    queue_fini(&q);
}

static void a_removed_subscription_is_not_heard_of_again(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot a = {.copies = true}, b = {.copies = true};
    uint32_t got[QUEUE_ENTRIES];
    queue_init(&q, NULL);
    queue_add(&q, &a);
    queue_add(&q, &b);
    post(&q, &a, 1);
    post(&q, &b, 2);
    post(&q, &a, 3);
    queue_remove(&a);
    assert_int_equal(take_all(&q, got), 1);
    assert_int_equal(got[0], 2);
    queue_fini(&q);
}

/* Subscriptions that come and go leave cancelled entries behind: no ring may run over. */
static void rings_never_run_over(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot slots[70] = {0};
    uint32_t got[4 * QUEUE_ENTRIES];
    queue_init(&q, NULL);
    for (unsigned i = 0; i < 70; i++) {
        slots[i].copies = true;
        queue_add(&q, &slots[i]);
    }
    for (unsigned i = 0; i < 200; i++)
        post(&q, &slots[0], i);
    for (unsigned round = 0; round < 500; round++) {
        struct queue_slot *slot = &slots[1 + round % 69];
        post(&q, slot, round);
        queue_remove(slot);
        queue_add(&q, slot);
        for (struct queue_ring *ring = q.rings; ring != NULL; ring = ring->next)
            assert_true(ring->used <= QUEUE_ENTRIES);
    }
    assert_int_equal(take_all(&q, got), 108);
    assert_int_equal(q.used, 0);
    queue_fini(&q);
}

static void due_times_never_fall_behind_the_one_before(void **state)
{
    (void)state;
    struct queue q;
    struct queue_slot a = {.copies = true}, b = {.copies = true};
    queue_init(&q, NULL);
    queue_add(&q, &a);
    queue_add(&q, &b);
    post(&q, &a, 100);
    post(&q, &b, 50);
    assert_int_equal(queue_first(&q)->due_ns, 100);
    queue_pop(&q);
    assert_int_equal(queue_first(&q)->due_ns, 100);
    assert_int_equal(queue_first(&q)->own_ns, 50);
    queue_fini(&q);
}

static enum queue_outcome post_text(struct queue *q, struct queue_slot *slot, const char *text)
{
    uint8_t bytes[WIRE_STRING_BYTES] = {0};
    memcpy(bytes, text, strlen(text));
    const struct wire_value value = {.data = bytes, .count = 1, .base = WIRE_STRING};
    return queue_post(q, slot, &(struct queue_update){.value = &value});
}

static void what_a_filter_copies_is_kept_as_it_was_posted(void **state)
{
    (void)state;
    struct queue q;
    struct memory memory = {.most = 1 << 20};
    struct queue_slot slot = {.copies = true}, other = {.copies = true};
    queue_init(&q, &memory);
    queue_add(&q, &slot);
    queue_add(&q, &other);
    uint64_t empty = memory.used;
    assert_int_equal(post_text(&q, &slot, "one"), QUEUE_ADDED);
    assert_int_equal(post_text(&q, &slot, "two"), QUEUE_ADDED);
    post_text(&q, &other, "gone");
    queue_set_off(&q, true);
    assert_int_equal(post_text(&q, &slot, "three"), QUEUE_REPLACED);
    assert_int_equal(memory.used, empty + UINT64_C(3) * WIRE_STRING_BYTES);
    queue_remove(&other);
    assert_string_equal((const char *)queue_first(&q)->copy, "one");
    queue_pop(&q);
    assert_string_equal((const char *)queue_first(&q)->copy, "three");
    assert_int_equal(memory.used, empty + WIRE_STRING_BYTES);
    queue_fini(&q);
    assert_int_equal(memory.used, 0);
}

static void without_memory_a_copy_is_read_when_it_is_sent(void **state)
{
    (void)state;
    struct queue q;
    struct memory memory = {.most = sizeof(struct queue_ring)};
    struct queue_slot slot = {.copies = true};
    queue_init(&q, &memory);
    assert_int_equal(queue_add(&q, &slot), 0);
    assert_int_equal(post_text(&q, &slot, "one"), QUEUE_ADDED);
    assert_int_equal(queue_first(&q)->kept, QUEUE_NOTHING);
    queue_fini(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_leave_in_the_order_they_were_posted),
        cmocka_unit_test(a_full_ring_keeps_the_oldest_and_the_newest),
        cmocka_unit_test(an_array_has_one_entry_with_the_first_stamp),
        cmocka_unit_test(events_off_empties_a_ring_with_duplicates_once),
        cmocka_unit_test(events_off_holds_a_single_entry_back),
        cmocka_unit_test(thirty_five_subscriptions_share_a_ring),
        cmocka_unit_test(a_removed_subscription_is_not_heard_of_again),
        cmocka_unit_test(rings_never_run_over),
        cmocka_unit_test(what_a_filter_copies_is_kept_as_it_was_posted),
        cmocka_unit_test(without_memory_a_copy_is_read_when_it_is_sent),
        cmocka_unit_test(due_times_never_fall_behind_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
