/* A table of records that grows. Once it is large it has pages of its own, large ones where the kernel grants them: they cost a
 * tenth when they are touched for the first time, and move without a copy. */
#ifndef CAPLAY_TRACES_ARRAY_H
#define CAPLAY_TRACES_ARRAY_H

#include <stddef.h>
#include <stdint.h>

struct array { /* a zeroed one is empty */
    void *at;
    uint32_t count, room; /* records */
    size_t bytes;         /* of the room */
};

/* Room for so many records, more than there is; those that there are may move. 0, or -1 with errno: nothing has changed. */
int array_reserve(struct array *a, uint32_t room, size_t record_bytes);

void array_fini(struct array *a);

#endif
