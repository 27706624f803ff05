/* What this machine needs at least for a request and an answer that waits for a timer, as replayed ones do: the median round
 * trip between two threads over loopback TCP. */
#ifndef CAPLAY_REPLAY_FLOOR_H
#define CAPLAY_REPLAY_FLOOR_H

#include <stdint.h>

/* ns, or 0 if it cannot be measured. Takes some 10 ms. */
uint64_t floor_measure_ns(void);

#endif
