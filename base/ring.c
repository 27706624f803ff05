#include "base/ring.h"

#include <stdlib.h>
#include <string.h>

int ring_init(struct ring *ring, size_t size)
{
    *ring = (struct ring){.bytes = malloc(size), .size = size};
    if (ring->bytes == NULL)
        return -1;
    memset(ring->bytes, 0xff, size); /* its pages are there now: no fault holds up the producer */
    return 0;
}

void ring_fini(struct ring *ring)
{
    free(ring->bytes);
    ring->bytes = NULL;
}

/* The consumer's counter is looked at only where what was seen of it does not suffice: its cache line stays with the consumer. */
bool ring_has_room(struct ring *ring, size_t n)
{
    if (n <= ring->size - (ring->put - ring->seen_taken))
        return true;
    ring->seen_taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
    return n <= ring->size - (ring->put - ring->seen_taken);
}

void ring_put(struct ring *ring, const void *bytes, size_t n)
{
    const size_t at = (size_t)ring->put & (ring->size - 1), first = n < ring->size - at ? n : ring->size - at;
    memcpy(ring->bytes + at, bytes, first);
    memcpy(ring->bytes, (const uint8_t *)bytes + first, n - first);
    ring->put += n;
}

void ring_publish(struct ring *ring)
{
    atomic_store_explicit(&ring->ready, ring->put, memory_order_release);
}

bool ring_take(struct ring *ring, void *bytes, size_t n)
{
    const uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    if (atomic_load_explicit(&ring->ready, memory_order_acquire) - taken < n)
        return false;
    const size_t at = (size_t)taken & (ring->size - 1), first = n < ring->size - at ? n : ring->size - at;
    memcpy(bytes, ring->bytes + at, first);
    memcpy((uint8_t *)bytes + first, ring->bytes, n - first);
    atomic_store_explicit(&ring->taken, taken + n, memory_order_release);
    return true;
}
