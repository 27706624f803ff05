/* The event queue of a circuit, by the rules of the real server's (ca-protocol 6.5, 6.6): rings of 144 entries, at most 35
 * subscriptions to a ring; scalars are copied when they are posted, arrays and strings keep one entry with the first stamp and
 * alarm, and their data are read when they are sent, unless a filter has them copied: then each post is an entry with memory of
 * its own. A full ring replaces a subscription's newest entry, so a slow reader gets the oldest values and then the newest.
 * Entries also bear due times: the queue is the circuit's lane of events. No I/O, no clock. */
#ifndef CAPLAY_SIM_QUEUE_H
#define CAPLAY_SIM_QUEUE_H

#include "base/clock.h"
#include "sim/limits.h"
#include "wire/value.h"

#define QUEUE_ENTRIES       144u /* to a ring */
#define QUEUE_REPLACE_AT    36u  /* free entries: from here on the newest pending one is replaced */
#define QUEUE_SUBSCRIPTIONS 35u  /* to a ring */
#define QUEUE_COPIED_BYTES  8u   /* the largest scalar */

struct queue_slot { /* a subscription's part, embedded in it */
    struct queue_ring *ring;
    uint16_t pending; /* its entries in the ring */
    uint16_t newest;  /* where the last of them is */
    bool copies;      /* values are copied when they are posted: each post is an entry */
};

enum queue_kept { QUEUE_NOTHING, QUEUE_NUMBER, QUEUE_COPY };

struct queue_entry {
    struct queue_slot *slot; /* whose; NULL: cancelled */
    uint64_t due_ns;         /* when it may leave: max(own, the one before) */
    uint64_t own_ns, asked_ns;
    union {
        uint8_t bytes[QUEUE_COPIED_BYTES]; /* QUEUE_NUMBER: the value */
        uint8_t *copy;                     /* QUEUE_COPY: its elements, in memory of their own */
    };
    uint32_t count; /* elements that were kept */
    uint8_t base;   /* their type */
    uint8_t kept;   /* enum queue_kept; QUEUE_NOTHING: to be read when it is sent */
    struct wire_stamp stamp;
    uint16_t status, severity;
    bool first; /* the first update of its subscription */
    bool timed; /* it has a due time that lateness is counted from */
};

struct queue_ring {
    struct queue_entry entry[QUEUE_ENTRIES];
    unsigned get, used; /* used: pending and cancelled entries */
    unsigned subscriptions;
    unsigned duplicates; /* entries beyond the first of their subscriptions */
    bool emptying;       /* being emptied: EVENTS_OFF takes effect when that is done */
    struct memory *memory;
    struct queue_ring *next;
};

struct queue {
    struct queue_ring *rings, *current;
    unsigned used; /* in all rings */
    bool off;      /* EVENTS_OFF */
    uint64_t last_due_ns;
    struct memory *memory;
};

struct queue_update {
    const struct wire_value *value;
    uint64_t own_ns;   /* when it may leave at the earliest */
    uint64_t asked_ns; /* what its delay counts from; 0: nothing */
    bool first, timed;
};

enum queue_outcome {
    QUEUE_ADDED,
    QUEUE_REPLACED, /* the value took the place of a pending one */
    QUEUE_MERGED,   /* an array's: the pending entry will bring the latest data */
};

void queue_init(struct queue *q, struct memory *memory); /* what its rings count to, or NULL */
void queue_fini(struct queue *q);

/* Assign a slot to a ring; a new ring is allocated if none has room. 0, or -1 without memory. slot->copies is the caller's. */
int queue_add(struct queue *q, struct queue_slot *slot);

/* Take a slot out: its pending entries will not be seen again. */
void queue_remove(struct queue_slot *slot);

/* The only one that may allocate after queue_add(): where slot->copies is set for arrays or strings, which filters of a
 * database's channels ask for, and those change by puts only. Without memory the value is read when it is sent, as from an IOC
 * that finds none. */
enum queue_outcome queue_post(struct queue *q, struct queue_slot *slot, const struct queue_update *update);

/* Would the next post cost one that waits? Whoever makes posts faster than they are due sends these first. */
bool queue_is_pressed(const struct queue_slot *slot);

/* The entry to leave next, whether its time has come or not; NULL if there is none or EVENTS_OFF holds it back. */
struct queue_entry *queue_first(struct queue *q);
void queue_pop(struct queue *q); /* the entry that queue_first() gave */

/* EVENTS_OFF, EVENTS_ON. */
void queue_set_off(struct queue *q, bool off);

#endif
