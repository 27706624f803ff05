#include "sim/schedule.h"

#include <stdbool.h>
#include <stdlib.h>

void schedule_init(struct schedule *s)
{
    *s = (struct schedule){0};
}

void schedule_fini(struct schedule *s)
{
    free(s->heap);
    schedule_init(s);
}

static bool is_before(const struct schedule_entry *a, const struct schedule_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->rank < b->rank;
}

static void put(struct schedule *s, size_t place, struct schedule_entry *entry)
{
    s->heap[place] = entry;
    entry->place = place;
}

static void sift_up(struct schedule *s, struct schedule_entry *entry, size_t place)
{
    while (place > 0 && is_before(entry, s->heap[(place - 1) / 2])) {
        put(s, place, s->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(s, place, entry);
}

static void sift_down(struct schedule *s, struct schedule_entry *entry, size_t place)
{
    for (size_t child; (child = 2 * place + 1) < s->count; place = child) {
        if (child + 1 < s->count && is_before(s->heap[child + 1], s->heap[child]))
            child++;
        if (!is_before(s->heap[child], entry))
            break;
        put(s, place, s->heap[child]);
    }
    put(s, place, entry);
}

/* Find the right place for an entry, when its neighbours in the heap are right among themselves. */
static void settle(struct schedule *s, struct schedule_entry *entry, size_t place)
{
    sift_up(s, entry, place);
    sift_down(s, entry, entry->place);
}

int schedule_add(struct schedule *s, struct schedule_entry *entry)
{
    if (s->members == s->room) {
        size_t room = s->room == 0 ? 16 : 2 * s->room;
        struct schedule_entry **heap = realloc(s->heap, room * sizeof(*heap));
        if (heap == NULL)
            return -1;
        s->heap = heap;
        s->room = room;
    }
    s->members++;
    entry->due_ns = CLOCK_NEVER;
    entry->rank = s->next_rank++;
    entry->place = 0;
    return 0;
}

void schedule_remove(struct schedule *s, struct schedule_entry *entry)
{
    schedule_set(s, entry, CLOCK_NEVER);
    s->members--;
}

static void take_out(struct schedule *s, struct schedule_entry *entry)
{
    struct schedule_entry *last = s->heap[--s->count];
    entry->due_ns = CLOCK_NEVER;
    if (last != entry)
        settle(s, last, entry->place);
}

void schedule_set(struct schedule *s, struct schedule_entry *entry, uint64_t due_ns)
{
    bool was_in = entry->due_ns != CLOCK_NEVER;
    if (entry->due_ns == due_ns)
        return;
    if (due_ns == CLOCK_NEVER) {
        take_out(s, entry);
        return;
    }
    entry->due_ns = due_ns;
    settle(s, entry, was_in ? entry->place : s->count++);
}

uint64_t schedule_earliest(const struct schedule *s)
{
    return s->count > 0 ? s->heap[0]->due_ns : CLOCK_NEVER;
}

int schedule_fire(struct schedule *s, uint64_t now_ns)
{
    if (schedule_earliest(s) > now_ns || s->count == 0)
        return 0;
    struct schedule_entry *entry = s->heap[0];
    take_out(s, entry);
    entry->fire(entry->owner, now_ns);
    return 1;
}
