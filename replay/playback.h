/* When each update of a timeline comes, and with which stamp. Pure: computed from the update's number alone, so that no
 * rounding and no late moment shifts the next one. Update k of a PV with n updates is its update k % n in round k / n; update 0
 * is the value before time 0.
 *
 * A round is as long as the recording, stretched so that the PV with the most updates keeps its rhythm: from its last update to
 * its first of the next round there is a whole number of mean intervals, one if no other PV needs longer. From the second round
 * on a PV falls back to its initial value, at that value's own time if it was part of its rhythm, else when the round begins.
 * Where the recording was cut at an end (--to), a round is as long as the cut, and all fall back when it begins.
 * A PV with a rate of its own goes round on its own. */
#ifndef CAPLAY_REPLAY_PLAYBACK_H
#define CAPLAY_REPLAY_PLAYBACK_H

#include "base/clock.h"
#include "replay/timeline.h"

enum playback_pace {
    PLAYBACK_RECORDED, /* by its times, or its PVs' rates */
    PLAYBACK_ASAP,     /* in that order, as fast as it goes */
    PLAYBACK_STEP,     /* in that order, each when it is told to come */
};

struct playback_config {
    enum playback_pace pace;
    struct clock_rate speed;        /* recorded seconds a second; 1/1 with ASAP and STEP */
    const struct clock_rate *rates; /* each PV's updates a second, num 0: as recorded. NULL: all as recorded. Borrowed */
    uint64_t loops;                 /* rounds; 0: for ever */
    bool recorded_stamps;           /* leave stamps as they are */
};

struct playback {
    struct playback_config config;
    const struct timeline *timeline;
    uint64_t period_ns;   /* of a round, recorded time */
    uint64_t interval_ns; /* mean interval of the busiest PV */
    uint64_t total;       /* all updates of all PVs in all rounds; 0: for ever */
    bool has_recorded;    /* some PV has no rate of its own */
};

void playback_init(struct playback *playback, const struct timeline *timeline, const struct playback_config *config);

/* Is there an update k of this PV? k >= 1. */
bool playback_has(const struct playback *playback, const struct timeline_pv *pv, uint64_t k);

/* ns after time 0 at which update k >= 1 is due. */
uint64_t playback_due_ns(const struct playback *playback, const struct timeline_pv *pv, uint64_t k);

/* Stamp of update k >= 0, in ns since 1990, of a replay whose time 0 is origin_ns (since 1990). What was stamped before time 0
 * keeps its age, 0 stays 0. With a rate of its own the stamp of an update is its due time. */
uint64_t playback_stamp_ns(const struct playback *playback, const struct timeline_pv *pv, uint64_t k, uint64_t origin_ns);

/* ns after time 0 -> recorded time since the begin of the first round, and back (rounded down). */
uint64_t playback_recorded_ns(const struct playback *playback, uint64_t ns);

/* Changes of rights, k >= 0; they come at their recorded times only: none where every PV has a rate of its own. */
bool playback_has_rights(const struct playback *playback, uint64_t k);
uint64_t playback_rights_ns(const struct playback *playback, uint64_t k);

static inline const struct rights_change *playback_rights(const struct playback *playback, uint64_t k)
{
    return &playback->timeline->rights.changes[k % playback->timeline->rights.nchanges];
}

static inline const struct timeline_update *playback_update(const struct timeline_pv *pv, uint64_t k)
{
    return &pv->updates[k % pv->nupdates];
}

#endif
