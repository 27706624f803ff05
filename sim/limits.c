#include "sim/limits.h"

#include <stdlib.h>

uint8_t *memory_resize(struct memory *memory, uint8_t *bytes, uint64_t from, uint64_t to)
{
    if (to > SIZE_MAX || !memory_take(memory, to > from ? to - from : 0))
        return NULL;
    uint8_t *resized = realloc(bytes, (size_t)to);
    uint64_t unused = resized == NULL ? (to > from ? to - from : 0) : (from > to ? from - to : 0);
    memory_give(memory, unused);
    return resized;
}
