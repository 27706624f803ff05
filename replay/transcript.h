/* What a server said in a dialogue: one turn a message, masked and as text, with the block of the dialogue that it belongs to and
 * its lane. Only the order within a lane is defined (ca-protocol 5.4). */
#ifndef CAPLAY_REPLAY_TRANSCRIPT_H
#define CAPLAY_REPLAY_TRANSCRIPT_H

#include "replay/arena.h"
#include "replay/normal.h"

/* A lane: replies of a circuit's receive thread, updates of a subscription, results of a channel's puts, a circuit's end. */
enum { LANE_DIRECT, LANE_UPDATES, LANE_PUTS, LANE_END };

struct turn {
    size_t block;
    unsigned place;
    uint64_t lane; /* place, kind, subid or sid: equal for what is ordered */
    const char *text;
    const uint8_t *bytes; /* masked; NULL for what is no message ("END") */
    size_t size;
};

struct transcript {
    struct turn *turns;
    size_t n, room;
    struct normal_sids sids;
    struct arena arena;
};

static inline uint64_t transcript_lane(unsigned place, unsigned kind, uint32_t id)
{
    return (uint64_t)place << 40 | (uint64_t)kind << 32 | id;
}

/* Does the lane's last turn of the same block have the same bytes? */
bool transcript_repeats(const struct transcript *t, const struct turn *turn);

/* Append a turn; text and bytes are copied. False: no memory. */
bool transcript_add(struct transcript *t, const struct turn *turn);
void transcript_fini(struct transcript *t);

#endif
