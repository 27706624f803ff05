#include "base/lookup.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64u
#define MULTIPLIER  UINT64_C(0x9e3779b97f4a7c15)

void lookup_init(struct lookup *l, const char *(*name)(const void *owner, uint32_t number), const void *owner)
{
    *l = (struct lookup){.name = name, .owner = owner};
}

void lookup_fini(struct lookup *l)
{
    free(l->slot);
    l->slot = NULL;
    l->mask = l->count = 0;
}

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * MULTIPLIER;
    return h ^ (h >> 29);
}

static uint32_t hash_of(const char *name, size_t length)
{
    uint64_t h = length, word;
    for (; length >= sizeof word; name += sizeof word, length -= sizeof word) {
        memcpy(&word, name, sizeof word);
        h = mix(h, word);
    }
    word = 0;
    memcpy(&word, name, length);
    return (uint32_t)(mix(h, word) * MULTIPLIER >> 32);
}

static bool is_it(const struct lookup *l, const struct lookup_slot *slot, const char *name, size_t length)
{
    const char *its = l->name(l->owner, slot->place - 1);
    return strncmp(its, name, length) == 0 && its[length] == '\0';
}

uint32_t lookup_find(const struct lookup *l, const char *name, size_t length)
{
    if (l->count == 0 || memchr(name, '\0', length) != NULL)
        return LOOKUP_NONE;
    const uint32_t hash = hash_of(name, length);
    for (uint32_t i = hash & l->mask; l->slot[i].place != 0; i = (i + 1) & l->mask)
        if (l->slot[i].hash == hash && is_it(l, &l->slot[i], name, length))
            return l->slot[i].place - 1;
    return LOOKUP_NONE;
}

static void put(struct lookup_slot *slots, uint32_t mask, const struct lookup_slot *one)
{
    uint32_t i = one->hash & mask;
    while (slots[i].place != 0)
        i = (i + 1) & mask;
    slots[i] = *one;
}

static int grow(struct lookup *l)
{
    const uint32_t room = l->slot != NULL ? 2 * (l->mask + 1) : SLOTS_FIRST;
    struct lookup_slot *slots = room != 0 ? calloc(room, sizeof *slots) : NULL;
    if (slots == NULL)
        return -1;
    for (uint32_t i = 0; l->slot != NULL && i <= l->mask; i++)
        if (l->slot[i].place != 0)
            put(slots, room - 1, &l->slot[i]);
    free(l->slot);
    l->slot = slots;
    l->mask = room - 1;
    return 0;
}

int lookup_add(struct lookup *l, const char *name, size_t length, uint32_t number)
{
    if ((l->slot == NULL || l->count >= (l->mask + 1) / 2) && grow(l) < 0)
        return -1;
    l->count++;
    put(l->slot, l->mask, &(struct lookup_slot){.hash = hash_of(name, length), .place = number + 1});
    return 0;
}
