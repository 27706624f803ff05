#include "traces/scenario.h"

#include "traces/scenario_parts.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 18)

struct scenario_block {
    struct scenario_block *next;
    size_t used, room;
    max_align_t bytes[];
};

void *scenario_alloc(struct scenario *s, size_t n, size_t size)
{
    size_t bytes = (n * size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct scenario_block *block = s->blocks;
    if (block == NULL || block->room - block->used < bytes) {
        size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block = calloc(1, sizeof *block + room);
        if (block == NULL)
            abort();
        block->room = room;
        block->next = s->blocks;
        s->blocks = block;
    }
    void *at = (char *)block->bytes + block->used;
    block->used += bytes;
    return at;
}

const char *scenario_copy(struct scenario *s, const char *text)
{
    return strcpy(scenario_alloc(s, strlen(text) + 1, 1), text);
}

void scenario_free(struct scenario *s)
{
    if (s == NULL)
        return;
    for (struct scenario_block *block = s->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(s);
}

int scenario_field_find(const struct scenario_type *type, const char *name, size_t length)
{
    for (unsigned i = 0; i < type->nfields; i++)
        if (strlen(type->field[i].name) == length && memcmp(type->field[i].name, name, length) == 0)
            return (int)i;
    return SCENARIO_NOWHERE;
}

const struct scenario_field *scenario_field_of(const struct scenario_record *record, int field)
{
    for (unsigned i = 0; i < record->nown; i++)
        if (record->own[i].field == field)
            return &record->own[i].is;
    return &record->type->field[field];
}

const struct scenario_value *scenario_value_of(const struct scenario_record *record, int field)
{
    for (unsigned i = 0; i < record->nvalues; i++)
        if (record->value[i].field == field)
            return &record->value[i].value;
    return &scenario_field_of(record, field)->value;
}

size_t scenario_element_bytes(enum scenario_kind kind)
{
    static const size_t bytes[SCENARIO_KINDS] = {
        [SCENARIO_STRING] = sizeof(char *),
        [SCENARIO_CHAR] = 1,
        [SCENARIO_UCHAR] = 1,
        [SCENARIO_SHORT] = 2,
        [SCENARIO_USHORT] = 2,
        [SCENARIO_LONG] = 4,
        [SCENARIO_ULONG] = 4,
        [SCENARIO_INT64] = 8,
        [SCENARIO_UINT64] = 8,
        [SCENARIO_FLOAT] = 4,
        [SCENARIO_DOUBLE] = 8,
        [SCENARIO_ENUM] = 2,
        [SCENARIO_MENU] = 2,
        [SCENARIO_DEVICE] = 2,
        [SCENARIO_INLINK] = sizeof(char *),
        [SCENARIO_OUTLINK] = sizeof(char *),
        [SCENARIO_FWDLINK] = sizeof(char *),
    };
    return bytes[kind];
}
