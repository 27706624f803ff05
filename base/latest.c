#include "base/latest.h"

#include <stdlib.h>
#include <string.h>

#define IS_NEW 4u /* beside the number of the place between: the reader has not had it */

int latest_init(struct latest *latest, size_t size)
{
    *latest = (struct latest){.writes = 0, .reads = 1};
    atomic_init(&latest->between, 2u);
    for (unsigned i = 0; i < 3; i++) {
        latest->place[i] = malloc(size);
        if (latest->place[i] == NULL) {
            latest_fini(latest);
            return -1;
        }
        memset(latest->place[i], 0, size); /* its pages are there now: no fault holds up the writer */
    }
    return 0;
}

void latest_fini(struct latest *latest)
{
    for (unsigned i = 0; i < 3; i++) {
        free(latest->place[i]);
        latest->place[i] = NULL;
    }
}

void *latest_writes(struct latest *latest)
{
    return latest->place[latest->writes];
}

void latest_publish(struct latest *latest)
{
    const unsigned mine = latest->writes | IS_NEW;
    latest->writes = atomic_exchange_explicit(&latest->between, mine, memory_order_acq_rel) & ~IS_NEW;
}

const void *latest_read(struct latest *latest)
{
    if (atomic_load_explicit(&latest->between, memory_order_relaxed) & IS_NEW)
        latest->reads = atomic_exchange_explicit(&latest->between, latest->reads, memory_order_acq_rel) & ~IS_NEW;
    return latest->place[latest->reads];
}
