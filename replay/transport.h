/* The replay's own time, as the keys of a tape machine move it: it stands before time 0 and while paused, else it goes with the
 * clock, or so many times as fast. A step moves it to where the next change is. Stamps move along, so that what comes now is
 * stamped now, unless their origin was given. Pure: no clock. Source: design, rule 1: each deadline is one anchor plus an offset.
 */
#ifndef CAPLAY_REPLAY_TRANSPORT_H
#define CAPLAY_REPLAY_TRANSPORT_H

#include "base/clock.h"

struct transport {
    bool is_started, is_paused;
    bool has_fixed_stamps;  /* pauses and steps do not move stamps */
    bool is_stepping;       /* one change may come although time stands */
    uint64_t at_ns;         /* of the replay: at the anchor, and where it stands while paused */
    uint64_t anchor_ns;     /* CLOCK_MONOTONIC */
    uint64_t origin_ns;     /* time 0 as a stamp, had time always gone with the clock; modulo 2^64 */
    struct clock_rate rate; /* ns of the replay for each ns of the clock */
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

/* Time 0 as a stamp, for what comes at an offset from time 0: so that it is stamped by the clock of that moment. */
uint64_t transport_origin_ns(const struct transport *t, uint64_t offset_ns);

/* ns since time 0. */
uint64_t transport_now_ns(const struct transport *t, uint64_t now_ns);

void transport_pause(struct transport *t, uint64_t now_ns);
void transport_go_on(struct transport *t, uint64_t now_ns);

/* From now on so many times as fast as the clock. */
void transport_set_rate(struct transport *t, struct clock_rate rate, uint64_t now_ns);

/* While paused: time is at the offset of the next change now, which is due until transport_stepped(). */
void transport_step(struct transport *t, uint64_t offset_ns, uint64_t now_ns);
void transport_stepped(struct transport *t);

#endif
