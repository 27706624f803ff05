#include "traces/slab.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Records of the first block, and the most of one: each has twice as many as the one before. */
enum { FIRST = 4, MOST = 512 };

struct slab_record {
    struct slab_record *next;
};

struct slab_block {
    struct slab_block *before;
    uint32_t records;
    max_align_t first[];
};

static bool add_block(struct slab *s, size_t record_bytes)
{
    const uint32_t before = s->blocks != NULL ? s->blocks->records : FIRST / 2, records = before * 2 < MOST ? before * 2 : MOST;
    struct slab_block *block = malloc(sizeof *block + records * record_bytes);
    if (block == NULL)
        return false;
    block->before = s->blocks;
    block->records = s->left = records;
    s->blocks = block;
    return true;
}

void *slab_take(struct slab *s, size_t record_bytes)
{
    assert(record_bytes >= sizeof(struct slab_record) && record_bytes % sizeof(struct slab_record) == 0);
    struct slab_record *record = s->given_back;
    if (record != NULL)
        s->given_back = record->next;
    else if (s->left > 0 || add_block(s, record_bytes))
        record = (struct slab_record *)(void *)((char *)s->blocks->first + (s->blocks->records - s->left--) * record_bytes);
    return record != NULL ? memset(record, 0, record_bytes) : NULL;
}

void slab_give_back(struct slab *s, void *record)
{
    struct slab_record *first = record;
    first->next = s->given_back;
    s->given_back = first;
}

void slab_fini(struct slab *s)
{
    for (struct slab_block *block = s->blocks, *before; block != NULL; block = before) {
        before = block->before;
        free(block);
    }
    *s = (struct slab){0};
}
