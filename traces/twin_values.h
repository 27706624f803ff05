/* DBR structures <-> members of a line: `value` (or `body`), and what the type has before it. Rule: ca-protocol 7.1. */
#ifndef CAPLAY_TRACES_TWIN_VALUES_H
#define CAPLAY_TRACES_TWIN_VALUES_H

#include "traces/twin_payload.h"

void twin_values_show(json_t *line, const struct trace *t, const struct trace_event *e, struct twin_shared shared);

/* See twin_payload_make(). Without `value` and `body` there is no structure. */
void twin_values_make(struct twin_line *l, struct trace_event *e, bool has_count, struct twin_body **bodies,
                      struct twin_bytes *b);

#endif
