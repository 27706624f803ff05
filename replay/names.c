#include "replay/names.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM           1
#define uthash_nonfatal_oom(record) ((record)->number = NAMES_NONE)
#include <uthash.h>

struct name {
    UT_hash_handle hh;
    uint32_t number;
    char text[];
};

struct names {
    struct name *table;
    struct name **at;
    uint32_t count, room;
};

struct names *names_new(void)
{
    return calloc(1, sizeof(struct names));
}

void names_free(struct names *names)
{
    if (names == NULL)
        return;
    HASH_CLEAR(hh, names->table);
    for (uint32_t i = 0; i < names->count; i++)
        free(names->at[i]);
    free(names->at);
    free(names);
}

static int reserve(struct names *names)
{
    if (names->count < names->room)
        return 0;
    uint32_t room = names->room * 2 + 64;
    struct name **at = realloc(names->at, room * sizeof *at);
    if (at == NULL)
        return -1;
    names->at = at;
    names->room = room;
    return 0;
}

static struct name *find(const struct names *names, const char *name, size_t length)
{
    struct name *found;
    HASH_FIND(hh, names->table, name, length, found);
    return found;
}

uint32_t names_add(struct names *names, const char *name, size_t length)
{
    struct name *entry = find(names, name, length);
    if (entry != NULL)
        return entry->number;
    entry = reserve(names) == 0 ? calloc(1, sizeof *entry + length + 1) : NULL;
    if (entry == NULL)
        return NAMES_NONE;
    memcpy(entry->text, name, length);
    entry->number = names->count;
    HASH_ADD_KEYPTR(hh, names->table, entry->text, length, entry);
    if (entry->number == NAMES_NONE) {
        free(entry);
        return NAMES_NONE;
    }
    names->at[names->count] = entry;
    return names->count++;
}

uint32_t names_find(const struct names *names, const char *name, size_t length)
{
    const struct name *entry = find(names, name, length);
    return entry != NULL ? entry->number : NAMES_NONE;
}

uint32_t names_count(const struct names *names)
{
    return names->count;
}

const char *names_at(const struct names *names, uint32_t k)
{
    return names->at[k]->text;
}

size_t names_record_length(const char *name, size_t length)
{
    static const char *const fields[] = {".VAL", "."};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const size_t n = strlen(fields[i]);
        if (length > n && memcmp(name + length - n, fields[i], n) == 0)
            return length - n;
    }
    return length;
}
