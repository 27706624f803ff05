/* Names -> numbers, by open addressing: one slot of 8 bytes a name, at most half of them used, so that a name that is there costs
 * two cache misses and one that is not mostly one. The names are held once, by the owner. Finding allocates nothing. */
#ifndef CAPLAY_BASE_LOOKUP_H
#define CAPLAY_BASE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#define LOOKUP_NONE UINT32_MAX

struct lookup_slot {
    uint32_t hash, place; /* place: number + 1; 0: free */
};

struct lookup {
    struct lookup_slot *slot;
    uint32_t mask, count;
    /* The name of a number that was added, NUL-terminated. */
    const char *(*name)(const void *owner, uint32_t number);
    const void *owner;
};

/* Nothing is allocated yet. */
void lookup_init(struct lookup *l, const char *(*name)(const void *owner, uint32_t number), const void *owner);
void lookup_fini(struct lookup *l);

/* The number that was added with this name, or LOOKUP_NONE. */
uint32_t lookup_find(const struct lookup *l, const char *name, size_t length);

/* Add a name that is not there. 0, or -1 without memory: nothing has changed. */
int lookup_add(struct lookup *l, const char *name, size_t length, uint32_t number);

#endif
