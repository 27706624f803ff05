/* What a connection lacks: in all, and each loss at its place in the trace, told as soon as it is known. Pure.
 * Rule: traces/FORMAT.md, "LOSSES". */
#ifndef CAPLAY_CAPTURE_LACKS_H
#define CAPLAY_CAPTURE_LACKS_H

#include "capture/connection.h"

/* The first bytes of this direction were not captured, and the circuit is not one that was joined midway. */
bool lacks_beginning(const struct connection *c, unsigned way);

/* Add what it lacks to the sum; what it has added when it ended is not to be added again. */
void lacks_add(const struct connection *c, struct trace_missing *missing);

/* Tell the dialogue what this direction has lost since the last time; what is told adds up to what lacks_add() adds. until_ns:
 * the time of the packet that shows it. To be called whenever bytes came or were given up. */
void lacks_tell(struct connection *c, struct connection_world *world, unsigned way, uint64_t until_ns);

#endif
