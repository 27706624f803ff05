/* A trace that is complete but for its tables is finished by a thread of its own, so that the next part of the recording begins
 * without losing a packet. One at a time. */
#ifndef CAPLAY_CAPTURE_FINISHING_H
#define CAPLAY_CAPTURE_FINISHING_H

#include "traces/trace.h"

#include <pthread.h>

struct finishing { /* a zeroed one has nothing to do */
    pthread_t thread;
    struct trace_writer *writer; /* NULL: no thread runs */
    struct trace_meta meta;
    struct diag diag;
    int status;
};

/* Takes the writer over; meta's strings are borrowed until finishing_wait(). The one before must have been waited for. Where no
 * thread can be had it is done here. */
void finishing_begin(struct finishing *f, struct trace_writer *writer, const struct trace_meta *meta);

/* Until it is done. 0, also where nothing was to be done, or -1 with diag, as trace_writer_finish(). */
int finishing_wait(struct finishing *f, struct diag *diag);

#endif
