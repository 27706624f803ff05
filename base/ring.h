/* A ring of bytes from one thread to one other, without locks: neither ever waits. What the producer puts is seen once it is
 * published, so the consumer finds whole records. */
#ifndef CAPLAY_BASE_RING_H
#define CAPLAY_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_LINE 64 /* bytes of a cache line: the two threads' counters do not share one */

struct ring {
    uint8_t *bytes;
    size_t size;                                /* a power of two */
    _Alignas(RING_LINE) uint64_t put;           /* the producer's: bytes ever put */
    uint64_t seen_taken;                        /* the producer's: what it last saw of `taken` */
    _Alignas(RING_LINE) _Atomic uint64_t ready; /* bytes ever published */
    _Alignas(RING_LINE) _Atomic uint64_t taken; /* bytes ever taken */
};

/* size: a power of two. 0, or -1 without memory. */
int ring_init(struct ring *ring, size_t size);
void ring_fini(struct ring *ring);

/* The producer's. Has the ring room for n bytes more? Then ring_put() may be called for so many. */
bool ring_has_room(struct ring *ring, size_t n);
void ring_put(struct ring *ring, const void *bytes, size_t n);
void ring_publish(struct ring *ring);

/* The consumer's: copy n bytes out. False: they are not there yet, and nothing is taken. */
bool ring_take(struct ring *ring, void *bytes, size_t n);

#endif
