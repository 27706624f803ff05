/* What this machine needs at least to answer a request: half the median round trip between two threads over loopback TCP. */
#ifndef CAPLAY_REPLAY_FLOOR_H
#define CAPLAY_REPLAY_FLOOR_H

#include <stdint.h>

/* ns, or 0 if it cannot be measured. Takes some milliseconds. */
uint64_t floor_measure_ns(void);

#endif
