/* Where a replay is, in words: "12.345/60.000 s, loop 2 of 3, paused". Pure. */
#ifndef CAPLAY_REPLAY_POSITION_H
#define CAPLAY_REPLAY_POSITION_H

#include "replay/movers.h"
#include "replay/transport.h"

struct position {
    const struct playback *playback;
    const struct transport *transport;
    const struct movers *movers;
    uint64_t last_due_ns; /* of what came last: with ASAP the replay is there */
    bool is_over;         /* nothing is left to come */
};

/* Recorded time and the recording's length; where every PV has a rate of its own: updates made, and all there are. */
void position_print(const struct position *position, uint64_t now_ns, char *text, size_t room);

#endif
