/* A trace that is complete but for its tables is finished by a thread of its own, so that the next part of the recording begins
 * without losing a packet. One at a time. */
#ifndef CAPLAY_CAPTURE_FINISHING_H
#define CAPLAY_CAPTURE_FINISHING_H

#include "traces/trace.h"

#include <pthread.h>

/* Where the trace before is still being written to the same name, its own is another one until it is whole. */
struct finishing_names {
    const char *written, *final; /* written: the writer's path. Both NULL: it is its final name */
};

struct finishing { /* a zeroed one has nothing to do */
    pthread_t thread;
    struct trace_writer *writer; /* NULL: no thread runs */
    struct trace_meta meta;
    struct finishing_names names;
    struct diag diag;
    int status;
};

/* Takes the writer over; meta's and names' strings are borrowed until finishing_wait(). The one before must have been waited for.
 * Where no thread can be had it is done here. */
void finishing_begin(struct finishing *f, struct trace_writer *writer, const struct trace_meta *meta,
                     const struct finishing_names *names);

/* The same at once. 0 or -1 with diag. */
int finishing_now(struct trace_writer *writer, const struct trace_meta *meta, const struct finishing_names *names,
                  struct diag *diag);

/* Until it is done. 0, also where nothing was to be done, or -1 with diag, as trace_writer_finish(). */
int finishing_wait(struct finishing *f, struct diag *diag);

#endif
