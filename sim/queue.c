#include "sim/queue.h"

#include <stdlib.h>
#include <string.h>

void queue_init(struct queue *q, struct memory *memory)
{
    *q = (struct queue){.memory = memory};
}

static uint64_t kept_bytes(const struct queue_entry *entry)
{
    return (uint64_t)entry->count * wire_base_size((enum wire_base)entry->base);
}

static void drop_copy(struct queue_ring *ring, struct queue_entry *entry)
{
    if (entry->kept == QUEUE_COPY) {
        memory_give(ring->memory, kept_bytes(entry));
        free(entry->copy);
    }
    entry->kept = QUEUE_NOTHING;
}

void queue_fini(struct queue *q)
{
    for (struct queue_ring *ring = q->rings, *next; ring != NULL; ring = next) {
        next = ring->next;
        for (unsigned i = 0; i < QUEUE_ENTRIES; i++)
            drop_copy(ring, &ring->entry[i]);
        free(ring);
        memory_give(q->memory, sizeof *ring);
    }
    queue_init(q, q->memory);
}

/* A ring whose entries run short takes no new subscription: each that it has may still add one entry, and these must fit. */
static bool takes_another(const struct queue_ring *ring)
{
    return ring->subscriptions < QUEUE_SUBSCRIPTIONS && QUEUE_ENTRIES - ring->used > QUEUE_REPLACE_AT;
}

static struct queue_ring *make_ring(struct memory *memory)
{
    struct queue_ring *ring = NULL;
    if (memory_take(memory, sizeof *ring) && (ring = calloc(1, sizeof *ring)) == NULL)
        memory_give(memory, sizeof *ring);
    if (ring != NULL)
        ring->memory = memory;
    return ring;
}

int queue_add(struct queue *q, struct queue_slot *slot)
{
    struct queue_ring **at = &q->rings;
    while (*at != NULL && !takes_another(*at))
        at = &(*at)->next;
    if (*at == NULL && (*at = make_ring(q->memory)) == NULL)
        return -1;
    if (q->current == NULL)
        q->current = *at;
    slot->ring = *at;
    slot->pending = slot->newest = 0;
    slot->ring->subscriptions++;
    return 0;
}

void queue_remove(struct queue_slot *slot)
{
    struct queue_ring *ring = slot->ring;
    for (unsigned i = 0; i < ring->used && slot->pending > 0; i++) {
        struct queue_entry *entry = &ring->entry[(ring->get + i) % QUEUE_ENTRIES];
        if (entry->slot != slot)
            continue;
        drop_copy(ring, entry);
        entry->slot = NULL;
        if (slot->pending-- > 1)
            ring->duplicates--;
    }
    ring->subscriptions--;
    slot->ring = NULL;
}

static void take_copy(struct queue_ring *ring, struct queue_entry *entry, const struct wire_value *value)
{
    uint64_t bytes = kept_bytes(entry);
    if (!memory_take(ring->memory, bytes))
        return;
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
    if (copy == NULL) {
        memory_give(ring->memory, bytes);
        return;
    }
    if (bytes > 0)
        memcpy(copy, value->data, bytes);
    entry->copy = copy;
    entry->kept = QUEUE_COPY;
}

static void fill(struct queue_slot *slot, struct queue_entry *entry, const struct wire_value *value)
{
    drop_copy(slot->ring, entry);
    entry->stamp = value->stamp;
    entry->status = value->status;
    entry->severity = value->severity;
    entry->base = value->base;
    entry->count = value->count;
    if (!slot->copies)
        return;
    if (value->count != 1 || wire_base_size((enum wire_base)value->base) > QUEUE_COPIED_BYTES) {
        take_copy(slot->ring, entry, value);
        return;
    }
    entry->kept = QUEUE_NUMBER;
    memcpy(entry->bytes, value->data, wire_base_size((enum wire_base)value->base));
}

static void append(struct queue *q, struct queue_slot *slot, const struct queue_update *update)
{
    struct queue_ring *ring = slot->ring;
    unsigned place = (ring->get + ring->used) % QUEUE_ENTRIES;
    uint64_t due = update->own_ns > q->last_due_ns ? update->own_ns : q->last_due_ns;
    ring->entry[place] = (struct queue_entry){.slot = slot,
                                              .due_ns = due,
                                              .own_ns = update->own_ns,
                                              .asked_ns = update->asked_ns,
                                              .first = update->first,
                                              .timed = update->timed};
    fill(slot, &ring->entry[place], update->value);
    q->last_due_ns = due;
    q->used++;
    ring->used++;
    if (slot->pending++ > 0)
        ring->duplicates++;
    slot->newest = (uint16_t)place;
}

enum queue_outcome queue_post(struct queue *q, struct queue_slot *slot, const struct queue_update *update)
{
    struct queue_ring *ring = slot->ring;
    if (slot->pending > 0 && !slot->copies)
        return QUEUE_MERGED;
    if (slot->pending > 0 && (q->off || QUEUE_ENTRIES - ring->used <= QUEUE_REPLACE_AT)) {
        fill(slot, &ring->entry[slot->newest], update->value);
        return QUEUE_REPLACED;
    }
    append(q, slot, update);
    return QUEUE_ADDED;
}

bool queue_is_pressed(const struct queue_slot *slot)
{
    return slot->pending > 0 && (!slot->copies || QUEUE_ENTRIES - slot->ring->used <= QUEUE_REPLACE_AT);
}

static void advance(struct queue *q, struct queue_ring *ring)
{
    ring->get = (ring->get + 1) % QUEUE_ENTRIES;
    ring->used--;
    q->used--;
}

static void skip_cancelled(struct queue *q, struct queue_ring *ring)
{
    while (ring->used > 0 && ring->entry[ring->get].slot == NULL)
        advance(q, ring);
    if (ring->used == 0)
        ring->emptying = false;
}

struct queue_entry *queue_first(struct queue *q)
{
    if (q->used == 0)
        return NULL;
    struct queue_ring *start = q->current;
    do {
        struct queue_ring *ring = q->current;
        skip_cancelled(q, ring);
        if (ring->used > 0 && (!q->off || ring->emptying || ring->duplicates > 0))
            return &ring->entry[ring->get];
        q->current = ring->next != NULL ? ring->next : q->rings;
    } while (q->current != start);
    return NULL;
}

void queue_pop(struct queue *q)
{
    struct queue_ring *ring = q->current;
    struct queue_slot *slot = ring->entry[ring->get].slot;
    drop_copy(ring, &ring->entry[ring->get]);
    if (slot->pending-- > 1)
        ring->duplicates--;
    advance(q, ring);
    ring->emptying = ring->used > 0;
}

void queue_set_off(struct queue *q, bool off)
{
    q->off = off;
}
