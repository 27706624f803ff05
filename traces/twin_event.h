/* A message <-> members of a line, but for what other lines have: its circuit, its PV, its peer. */
#ifndef CAPLAY_TRACES_TWIN_EVENT_H
#define CAPLAY_TRACES_TWIN_EVENT_H

#include "traces/twin_payload.h"

/* Adds to `line`. False: it cannot be told as text (no memory). */
bool twin_event_show(json_t *line, const struct trace *t, uint32_t index, struct twin_shared shared, struct twin_body **bodies);

/* Takes from `l` into e and payload. is_udp: its circuit is none of TCP. Faults are the line's. */
void twin_event_make(struct twin_line *l, bool is_udp, struct twin_body **bodies, struct trace_event *e,
                     struct twin_bytes *payload);

#endif
