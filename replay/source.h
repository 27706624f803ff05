/* A recording as the server's source: which PV, which delay, what changes next, what a put does. Knows no clock and no socket.
 * Rule: sim/source.h; what a replay means: replay/timeline.h, replay/playback.h, sim/service.h. */
#ifndef CAPLAY_REPLAY_SOURCE_H
#define CAPLAY_REPLAY_SOURCE_H

#include "replay/playback.h"
#include "sim/service.h"

enum replay_puts {
    REPLAY_PUTS_KEEP,   /* the value is kept and posted until the next recorded update */
    REPLAY_PUTS_IGNORE, /* success, and nothing changes */
    REPLAY_PUTS_REFUSE, /* no PV can be written */
};

struct replay_source_config {
    enum replay_puts puts;
    struct service *service;          /* recorded delays, or NULL: none */
    uint64_t floor_ns;                /* a recorded delay below is none: waiting for a timer would take longer */
    uint64_t send_ns, rested_send_ns; /* see sim/source.h */
    uint64_t now_ns, now_stamp_ns;    /* CLOCK_MONOTONIC, and the same instant in ns since 1990: for stamps before time 0 */
    bool has_fixed_stamps;            /* --clock-origin: stamps do not move with pauses */
    void (*on_unknown)(void *arg, const char *name, size_t length); /* somebody searched for it; or NULL */
    void *arg;
};

struct replay_source;

/* Borrows timeline and config->service. NULL: no memory (diag). */
struct replay_source *replay_source_new(const struct timeline *timeline, const struct playback_config *playback,
                                        const struct replay_source_config *config, struct diag *diag);
void replay_source_free(struct replay_source *source);

/* What the server takes; valid until replay_source_free(). */
struct sim_source replay_source_calls(struct replay_source *source);

#endif
