/* Which PVs does a loss concern? Those that had a channel on its circuit when it came, as far as the trace names them: a channel
 * is open from when its CREATE_CHAN was asked for until it is cleared, disconnected or refused, and from its circuit's beginning
 * where nobody was seen to ask. One walk over the messages. */
#ifndef CAPLAY_TRACES_REACH_H
#define CAPLAY_TRACES_REACH_H

#include "traces/trace.h"

#include <stdbool.h>

struct reach;

/* The messages' records must have been checked; borrows the trace. NULL: no memory. */
struct reach *reach_new(const struct trace *trace);
void reach_free(struct reach *reach);

/* It may concern any PV: nobody knows whose circuit it was. */
static inline bool reach_is_any(const struct trace_loss *loss)
{
    return loss->circuit == TRACE_NONE;
}

/* How many PVs, and the first `most` of them into pvs, in the order of the trace. 0 for a loss that may concern any. */
uint32_t reach_pvs(const struct reach *reach, const struct trace_loss *loss, uint32_t *pvs, uint32_t most);

#endif
