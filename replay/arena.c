#include "replay/arena.h"

#include <stdlib.h>

#define BLOCK_BYTES (256u << 10)

struct arena_block {
    struct arena_block *next;
    max_align_t bytes[];
};

static int add_block(struct arena *arena, size_t bytes)
{
    struct arena_block *block = calloc(1, sizeof *block + bytes);
    if (block == NULL)
        return -1;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used = 0;
    arena->room = bytes;
    return 0;
}

void *arena_bytes(struct arena *arena, size_t n)
{
    n = (n + 7) & ~(size_t)7;
    if (arena->room - arena->used < n && add_block(arena, n > BLOCK_BYTES ? n : BLOCK_BYTES) < 0)
        return NULL;
    char *at = (char *)arena->blocks->bytes + arena->used;
    arena->used += n;
    return at;
}

void arena_fini(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    *arena = (struct arena){0};
}
