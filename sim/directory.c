#include "sim/directory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *directory_text(const struct directory *names, uint32_t number)
{
    return names->text + names->at[number];
}

static const char *text_of(const void *owner, uint32_t number)
{
    return directory_text(owner, number);
}

void directory_init(struct directory *names)
{
    *names = (struct directory){0};
    lookup_init(&names->lookup, text_of, names);
}

void directory_fini(struct directory *names)
{
    lookup_fini(&names->lookup);
    free(names->text);
    free(names->at);
}

uint32_t directory_find(const struct directory *names, const char *name, size_t length)
{
    return lookup_find(&names->lookup, name, length);
}

/* ---- growth ---- */

static bool resize_text(struct directory *names, size_t room)
{
    char *text = realloc(names->text, room);
    if (text != NULL) {
        names->text = text;
        names->room = room;
    }
    return text != NULL;
}

static bool resize_numbers(struct directory *names, uint32_t room)
{
    uint32_t *at = realloc(names->at, (size_t)room * sizeof *at);
    if (at != NULL) {
        names->at = at;
        names->count_room = room;
    }
    return at != NULL;
}

/* By half of what is there: what is too much is never long too much. */
static bool make_room(struct directory *names, size_t length)
{
    const size_t need = names->used + length + 1;
    if (need > UINT32_MAX || (need > names->room && !resize_text(names, need + need / 2 + 4096)))
        return false;
    return names->count < names->count_room || resize_numbers(names, names->count + names->count / 2 + 1024);
}

int directory_add(struct directory *names, const char *name, size_t length)
{
    if (!make_room(names, length))
        return -1;
    names->at[names->count] = (uint32_t)names->used;
    memcpy(names->text + names->used, name, length + 1);
    if (lookup_add(&names->lookup, name, length, names->count) < 0)
        return -1;
    names->used += length + 1;
    names->count++;
    return 0;
}

void directory_settle(struct directory *names)
{
    if (names->count == 0)
        return;
    resize_text(names, names->used);
    resize_numbers(names, names->count);
}
