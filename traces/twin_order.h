/* In which order were a trace's messages written? Its table has them by time. The pool tells the order of those with a payload;
 * of those without one only what the table says of one time: as they were written. Pure, but for its scratch memory. */
#ifndef CAPLAY_TRACES_TWIN_ORDER_H
#define CAPLAY_TRACES_TWIN_ORDER_H

#include "traces/trace.h"

#include <stdbool.h>

/* order: the trace's nevents indices as they were written; place: where each of them is there. A message without a payload comes
 * as early as it can: with those before it in the table, but behind the earlier ones of its own time. About n log n steps,
 * however many messages have one time. False: no memory. */
bool twin_order(const struct trace *trace, uint32_t *order, uint32_t *place);

#endif
