/* The latest of something, from one thread to one other, without locks: neither ever waits, and what was not looked at is
 * replaced by what is newer. Three places of equal size: the writer's, the reader's, and the one between them, which the two
 * exchange for their own. */
#ifndef CAPLAY_BASE_LATEST_H
#define CAPLAY_BASE_LATEST_H

#include <stdatomic.h>
#include <stddef.h>

struct latest {
    void *place[3];
    unsigned writes, reads; /* the number of the writer's place, and of the reader's */
    _Atomic unsigned between;
};

/* Zeroed places of `size` bytes. 0, or -1 without memory. */
int latest_init(struct latest *latest, size_t size);
void latest_fini(struct latest *latest);

/* The writer's: where to write what comes next, whole (it holds something older), and that it is complete. */
void *latest_writes(struct latest *latest);
void latest_publish(struct latest *latest);

/* The reader's: what was published last, or what was in the beginning; valid until the next call. */
const void *latest_read(struct latest *latest);

#endif
