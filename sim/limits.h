/* What clients can make the server keep. A real server stops where its memory ends; here the end is set, far beyond what any
 * client library asks for, so that no bytes from the network can bring the machine to it. What is over gets the answer that a
 * real server gives when it finds no memory (ca-protocol 8.2): ECA_TOLARGE for messages, ECA_ALLOCMEM and the circuit's end for
 * channels and subscriptions; a new circuit is closed.
 *
 * Not limited here: circuits, which end with the process's descriptors (server_tcp.c), requests that wait (LANE_MOST), search
 * replies that wait (SEARCH_LANE), updates that wait (the rings of queue.h). Pure. */
#ifndef CAPLAY_SIM_LIMITS_H
#define CAPLAY_SIM_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one circuit. */
#define LIMIT_CHANNELS      500000u
#define LIMIT_SUBSCRIPTIONS 50000u

/* Of all circuits, to one PV: each change of it is posted to all of them at once. */
#define LIMIT_PV_SUBSCRIPTIONS 50000u

/* Zeros behind the elements that a PV has, where a client asks for more of them. (A real server sends as many as it is asked
 * for; libca asks for no more than there are.) */
#define LIMIT_PADDING_BYTES (UINT64_C(1) << 20)

/* Of all circuits of a server: messages on their way in and out, waiting replies, channels, subscriptions. */
#define LIMIT_MEMORY_BYTES (UINT64_C(2) << 30)

/* Buffers that had to grow beyond this are given back when they are empty. */
#define LIMIT_KEPT_BYTES (4u << 20)

struct memory {
    uint64_t used, most;
};

/* Count n bytes before they are allocated. False: they would be over the limit. NULL: no limit. */
static inline bool memory_take(struct memory *memory, uint64_t n)
{
    if (memory == NULL)
        return true;
    if (n > memory->most - memory->used)
        return false;
    memory->used += n;
    return true;
}

static inline void memory_give(struct memory *memory, uint64_t n)
{
    if (memory != NULL)
        memory->used -= n;
}

/* realloc() of `bytes` from `from` to `to` bytes, counted. NULL: not done, nothing has changed. */
uint8_t *memory_resize(struct memory *memory, uint8_t *bytes, uint64_t from, uint64_t to);

#endif
