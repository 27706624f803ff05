/* The replay's own time, as the keys of a tape machine move it: it stands before time 0 and while paused, else it goes with the
 * clock. A step moves it to where the next change is. Stamps move along, so that what comes now is stamped now, unless their
 * origin was given. Pure: no clock. Source: design, rule 1: each deadline is one anchor plus an offset. */
#ifndef CAPLAY_REPLAY_TRANSPORT_H
#define CAPLAY_REPLAY_TRANSPORT_H

#include "base/clock.h"

struct transport {
    bool is_started, is_paused;
    bool has_fixed_stamps; /* pauses and steps do not move stamps */
    bool is_stepping;      /* one change may come although time stands */
    uint64_t at_ns;        /* of the replay: at the anchor, and where it stands while paused */
    uint64_t anchor_ns;    /* CLOCK_MONOTONIC */
    uint64_t origin_ns;    /* time 0 as a stamp; modulo 2^64 */
};

/* Time 0 is now_ns, origin_ns as a stamp. A pause that began before goes on. */
void transport_start(struct transport *t, uint64_t now_ns, uint64_t origin_ns);

/* CLOCK_MONOTONIC of an offset from time 0; CLOCK_NEVER if time stands, or has not begun. Never 0. */
uint64_t transport_due_ns(const struct transport *t, uint64_t offset_ns);

/* Has time not begun, or does it stand, without a step to make? */
static inline bool transport_stands(const struct transport *t)
{
    return !t->is_started || (t->is_paused && !t->is_stepping);
}

/* ns since time 0. */
uint64_t transport_now_ns(const struct transport *t, uint64_t now_ns);

void transport_pause(struct transport *t, uint64_t now_ns);
void transport_go_on(struct transport *t, uint64_t now_ns);

/* While paused: time is at the offset of the next change now, which is due until transport_stepped(). */
void transport_step(struct transport *t, uint64_t offset_ns, uint64_t now_ns);
void transport_stepped(struct transport *t);

#endif
