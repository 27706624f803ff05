/* When the subscriptions of a recording ended: EVENT_CANCEL names one, CLEAR_CHANNEL all of a channel (ca-protocol 6.4). Takes
 * O(n log n) whatever the recording says, since it may be hostile. */
#ifndef CAPLAY_REPLAY_ENDS_H
#define CAPLAY_REPLAY_ENDS_H

#include "replay/samples.h"

/* Set end_ns of all streams, which are at the ends of their circuits. 0, or -1 without memory. */
int ends_find(struct samples *samples);

#endif
