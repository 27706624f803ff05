/* A trace, or a part of it, written into another: what cut, merge, rename, anonymise and recover have in common. PVs, circuits
 * and messages get new numbers, losses go along; packets' names can be changed on the way, in the tables and in the payloads
 * alike. */
#ifndef CAPLAY_TRACES_COPY_H
#define CAPLAY_TRACES_COPY_H

#include "traces/trace.h"

#include <stdbool.h>

enum copy_text { COPY_PV, COPY_USER, COPY_HOST };

/* The longest new name, where it is longer than the old one: what a header that is not extended has room for, with its NUL. */
#define COPY_NAME_MAX 65527u

struct copy {
    uint64_t shift_ns, from_ns, to_ns; /* messages of from <= t < to, at t - from + shift */
    const bool *pvs; /* npvs flags: which are kept, and their messages; NULL: all. Messages of no PV are kept. */
    /* A new name, NUL-terminated, into `room` bytes: enough for the old one, and for COPY_NAME_MAX. NULL: names stay. */
    void (*rename)(void *arg, enum copy_text what, const char *text, char *renamed, size_t room);
    uint32_t (*address)(void *arg, uint32_t address);                  /* another IPv4 address for a circuit's end; or NULL */
    void (*scrub)(void *arg, struct trace_event *e, uint8_t *payload); /* change header and payload in place; or NULL */
    void *arg;
};

/* What the copy is going to lack. Where each loss has its place: the losses of its time; else all that the trace lacks. Circuits
 * that began before its time are joined midway. */
struct trace_missing copy_missing(const struct trace *trace, const struct copy *copy);

/* A message's payload in one piece: event->size bytes. */
void copy_payload(const struct trace *trace, const struct trace_event *event, uint8_t *to);

/* Check what is to be copied, and write it. 0, or -1 with diag: no memory, a damaged trace. A writer that failed is told by
 * trace_writer_finish(). */
int copy_trace(const struct trace *trace, const struct copy *copy, struct trace_writer *w, struct diag *diag);

#endif
