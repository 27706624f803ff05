/* Memory that is only ever freed as a whole: converted values, padded strings, names. */
#ifndef CAPLAY_REPLAY_ARENA_H
#define CAPLAY_REPLAY_ARENA_H

#include <stddef.h>

struct arena_block;

/* A zeroed struct arena is an empty one. */
struct arena {
    struct arena_block *blocks;
    size_t used, room; /* bytes of the newest block */
};

/* n zeroed bytes, aligned to 8, valid until arena_fini(). NULL if there is no memory. */
void *arena_bytes(struct arena *arena, size_t n);

void arena_fini(struct arena *arena);

#endif
