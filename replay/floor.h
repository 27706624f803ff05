/* What this machine needs at least for a request and its answer: the median round trip between two threads over loopback TCP. */
#ifndef CAPLAY_REPLAY_FLOOR_H
#define CAPLAY_REPLAY_FLOOR_H

#include <stdint.h>

/* ns, or 0 if it cannot be measured. Takes some milliseconds. */
uint64_t floor_measure_ns(void);

#endif
