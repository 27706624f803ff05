/* Which bodies does the pool have already? Remembers the last BODIES_MAX of them, by 128 bits of XXH3 and their lengths, which
 * stand for the bytes: comparing the bytes themselves would mean reading the pool back. Beyond, the one is forgotten that nothing
 * was equal to for the longest time, more or less: one that was found since it last came to its turn gets another. A body that
 * was forgotten is stored again. */
#ifndef CAPLAY_TRACES_BODIES_H
#define CAPLAY_TRACES_BODIES_H

#include "traces/table.h"

#include <stdbool.h>
#include <stdint.h>

/* Some 9 MB. Subscribers of one PV get equal bodies within milliseconds; a simulated image comes again after a few hundred. */
#define BODIES_MAX 65536u

struct body_key {
    uint64_t low, high, bytes;
};

struct body {
    UT_hash_handle hh;
    struct body_key key;
    uint64_t offset; /* in the pool */
    bool was_found;  /* since it was added, or spared */
};

struct bodies {         /* a zeroed one is empty */
    struct body *table; /* the next to be forgotten first */
};

/* NULL: it is not known. */
const struct body *bodies_find(struct bodies *b, const struct body_key *key);

/* A body that is not known. False: no memory, nothing has changed. */
bool bodies_add(struct bodies *b, const struct body_key *key, uint64_t offset);

void bodies_fini(struct bodies *b);

#endif
