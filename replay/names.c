#include "replay/names.h"

#include "base/lookup.h"

#include <stdlib.h>
#include <string.h>

struct names {
    struct lookup table;
    char **at;
    uint32_t count, room;
};

static const char *name_of(const void *owner, uint32_t number)
{
    return ((const struct names *)owner)->at[number];
}

struct names *names_new(void)
{
    struct names *names = calloc(1, sizeof *names);
    if (names != NULL)
        lookup_init(&names->table, name_of, names);
    return names;
}

void names_free(struct names *names)
{
    if (names == NULL)
        return;
    lookup_fini(&names->table);
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
    char **at = realloc(names->at, room * sizeof *at);
    if (at == NULL)
        return -1;
    names->at = at;
    names->room = room;
    return 0;
}

uint32_t names_add(struct names *names, const char *name, size_t length)
{
    uint32_t number = lookup_find(&names->table, name, length);
    if (number != LOOKUP_NONE)
        return number;
    char *text = reserve(names) == 0 ? calloc(1, length + 1) : NULL;
    if (text == NULL || lookup_add(&names->table, name, length, names->count) < 0) {
        free(text);
        return NAMES_NONE;
    }
    memcpy(text, name, length);
    names->at[names->count] = text;
    return names->count++;
}

uint32_t names_find(const struct names *names, const char *name, size_t length)
{
    return lookup_find(&names->table, name, length);
}

uint32_t names_count(const struct names *names)
{
    return names->count;
}

const char *names_at(const struct names *names, uint32_t k)
{
    return names->at[k];
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
