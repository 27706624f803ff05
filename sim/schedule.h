/* Absolute deadlines, the earliest first: a binary heap of entries that live in their owners' memory. Setting and removing take
 * O(log n) and allocate nothing. Equal deadlines come in the order in which their entries were added. Pure: no clock.
 * Source: design, "Rules that decide correctness", 1 and 2. */
#ifndef CAPLAY_SIM_SCHEDULE_H
#define CAPLAY_SIM_SCHEDULE_H

#include "base/clock.h"

#include <stddef.h>

struct schedule_entry {
    void (*fire)(void *owner, uint64_t now_ns); /* the deadline has come; the entry is out of the heap and may be set again */
    void *owner;
    uint64_t due_ns; /* CLOCK_NEVER: not in the heap */
    uint64_t rank;   /* order among equal deadlines */
    size_t place;    /* in the heap */
};

struct schedule {
    struct schedule_entry **heap;
    size_t count;   /* entries with a deadline */
    size_t members; /* entries that were added */
    size_t room;
    uint64_t next_rank;
};

void schedule_init(struct schedule *s);
void schedule_fini(struct schedule *s);

/* Make room for one more entry, which has no deadline yet; fire and owner are the caller's to set. 0, or -1 without memory. */
int schedule_add(struct schedule *s, struct schedule_entry *entry);
void schedule_remove(struct schedule *s, struct schedule_entry *entry);

/* Give an entry its deadline, or CLOCK_NEVER for none. */
void schedule_set(struct schedule *s, struct schedule_entry *entry, uint64_t due_ns);

/* The earliest deadline; CLOCK_NEVER if there is none. */
uint64_t schedule_earliest(const struct schedule *s);

/* Fire the earliest entry if its time has come. Returns whether it did. */
int schedule_fire(struct schedule *s, uint64_t now_ns);

#endif
