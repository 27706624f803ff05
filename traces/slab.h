/* Records of one size, for a table whose records come and go by the ten thousand: they lie in blocks, one that is given back is
 * the next to be taken, and all are freed at once. */
#ifndef CAPLAY_TRACES_SLAB_H
#define CAPLAY_TRACES_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab { /* a zeroed one has none */
    struct slab_record *given_back;
    struct slab_block *blocks; /* the latest first */
    uint32_t left;             /* records of the latest block that were never taken */
};

/* A zeroed record; NULL: no memory. record_bytes: the same for all, at least a pointer's, a multiple of it. */
void *slab_take(struct slab *s, size_t record_bytes);

/* A record of this slab. */
void slab_give_back(struct slab *s, void *record);

/* Frees all records, whoever has them. */
void slab_fini(struct slab *s);

#endif
