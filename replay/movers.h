/* The PVs whose value changes, each with its next update: a heap, the one that is due first on top. Of equal due times the PV
 * with the lower number comes first. Pure; allocates nothing after movers_init(). */
#ifndef CAPLAY_REPLAY_MOVERS_H
#define CAPLAY_REPLAY_MOVERS_H

#include "replay/playback.h"

#include <stddef.h>

struct mover {
    uint64_t due_ns; /* after time 0 */
    uint64_t k;
    uint32_t pv;
    size_t touched; /* bytes of update k that are known to be in memory */
};

struct movers {
    const struct playback *playback;
    struct mover *heap;
    uint32_t count;
    uint64_t made; /* updates that have come */
};

/* Every PV at its first update. Borrows playback. 0, or -1 without memory; movers_fini() also after a failure. */
int movers_init(struct movers *movers, const struct playback *playback);
void movers_fini(struct movers *movers);

/* The next one, or NULL if all have come. */
static inline struct mover *movers_first(const struct movers *movers)
{
    return movers->count > 0 ? &movers->heap[0] : NULL;
}

/* Go on to the first mover's next update; one that would come before the last (a round that is too short) comes with it. */
void movers_advance(struct movers *movers);

#endif
