/* Payloads <-> members of a line. Pure but for memory. Rule: ca-protocol 6.1 to 6.5, 7.1, 8.1. */
#ifndef CAPLAY_TRACES_TWIN_PAYLOAD_H
#define CAPLAY_TRACES_TWIN_PAYLOAD_H

#include "traces/table.h"
#include "traces/trace.h"
#include "traces/twin_line.h"

#define TWIN_INLINE_ELEMENTS 256u /* longer arrays of numbers are digits, unless they are the test image */

/* Values that several messages have, by the number that their first one gave them. Owns the bytes. */
struct twin_body {
    UT_hash_handle hh;
    uint64_t number;
    size_t n;
    uint8_t bytes[];
};

struct twin_bytes { /* growing; owned */
    uint8_t *at;
    size_t n, room;
    bool failed; /* no memory */
};

/* Members of a line for the payload of a message. shared: the number of its values, which are told; or of values that were told
 * before (is_told); TRACE_NONE: nobody else has them. */
struct twin_shared {
    uint32_t number;
    bool is_told;
};
void twin_payload_show(json_t *line, const struct trace *t, const struct trace_event *e, struct twin_shared shared);

/* The payload that the members of a line say, into `payload`, and e->size. has_count: the line gave e->count; else the values do.
 */
void twin_payload_make(struct twin_line *l, struct trace_event *e, bool has_count, struct twin_body **bodies,
                       struct twin_bytes *payload);

/* n zeros more. Where they begin, or NULL: no memory. */
uint8_t *twin_bytes_add(struct twin_bytes *b, size_t n);

void twin_bodies_free(struct twin_body **bodies);

#endif
