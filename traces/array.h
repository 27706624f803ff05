/* A table of records that grows. Once it is large it has pages of its own, large ones where the kernel grants them: they cost a
 * tenth when they are touched for the first time, and move without a copy. Where it has a `spill`, and would take more memory
 * than ARRAY_MEMORY_BYTES, its pages are those of a file: the kernel writes them out when it likes, and array_release() lets go
 * of those that are not needed now. The file has no name any more once it is there, so nothing of it remains, however we end. Its
 * blocks are allocated before they are touched: a full disk is told by array_add(), not by SIGBUS, but on a file system that
 * copies on write or compresses, where blocks that are allocated may still find no room. */
#ifndef CAPLAY_TRACES_ARRAY_H
#define CAPLAY_TRACES_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_MEMORY_BYTES ((size_t)96 << 20)
#define ARRAY_FILE_BYTES   ((size_t)64 << 20) /* by which the file grows */

struct array { /* a zeroed one is empty */
    void *at;
    uint32_t count, room; /* records */
    size_t bytes;         /* of the room */
    const char *spill;    /* how the name of the file begins that may be made, borrowed; NULL: memory takes it all */
    int file;             /* valid if is_on_file */
    bool is_on_file;
};

/* n more records, of zeros; those that there are may move. NULL with errno: nothing has changed. ENOMEM; EOVERFLOW: more than
 * 2^32 - 2 records; ENOSPC, EFBIG...: what the file's disk says. */
void *array_add(struct array *a, uint32_t n, size_t record_bytes);

/* Room for n more records, which are not counted yet. 0, or -1 with errno as above. */
int array_reserve(struct array *a, uint32_t n, size_t record_bytes);

/* Records from <= i < end are not going to be touched soon. They stay what they are; whoever touches them again
 * waits for the disk at worst. */
void array_release(const struct array *a, uint32_t from, uint32_t end, size_t record_bytes);

void array_fini(struct array *a);

#endif
