/* What this machine needs at least for a request and an answer that waits for a timer, as replayed ones do: the lower quartile
 * of round trips between two threads over loopback TCP; and how long a send is on its way. */
#ifndef CAPLAY_REPLAY_FLOOR_H
#define CAPLAY_REPLAY_FLOOR_H

#include <stdint.h>

/* ns, or 0 if it cannot be measured. Takes some 10 ms. */
uint64_t floor_measure_ns(void);

/* From when a message is handed to the kernel, after a rest of so long, to the stamp that its receiver's kernel gives it: the part of
 * a recorded service time that comes by itself, however exactly a replay sends. The median, in ns, or 0 if it cannot be measured.
 * Takes ten times the rest. */
uint64_t floor_send_ns(uint64_t rest_ns);

#endif
