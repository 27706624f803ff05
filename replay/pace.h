/* The options that say what of a recording is played, and how fast. */
#ifndef CAPLAY_REPLAY_PACE_H
#define CAPLAY_REPLAY_PACE_H

#include "base/options.h"
#include "replay/playback.h"

struct pace {
    struct clock_rate speed;  /* num 0: not given */
    struct option_list rates; /* "120Hz", "PATTERN=120Hz" */
    bool asap, step;
    uint64_t from_ns, to_ns, loops;
};

/* clang-format off */
#define PACE_DEFAULTS {.to_ns = CLOCK_NEVER, .loops = 1}

#define PACE_OPTIONS(type, member) \
    {"speed", .kind = OPTION_RATIO, .offset = offsetof(type, member.speed), .metavar = "X", \
     .help = "recorded seconds a second, 0.01 to 1000 (default 1)"}, \
    {"rate", .kind = OPTION_LIST, .offset = offsetof(type, member.rates), .metavar = "[PATTERN=]HZ", \
     .help = "every PV's k-th update k/HZ after time 0; PATTERN=HZ: that of PVs it matches; may be repeated, the last one counts"}, \
    {"asap", .kind = OPTION_FLAG, .offset = offsetof(type, member.asap), \
     .help = "updates in their order, as fast as the server goes"}, \
    {"step", .kind = OPTION_FLAG, .offset = offsetof(type, member.step), \
     .help = "one change each time that Enter is pressed, or at SIGUSR2; p and Enter: go on, pause"}, \
    {"from", .kind = OPTION_DURATION, .offset = offsetof(type, member.from_ns), .metavar = "T", \
     .help = "begin there, in the recording's time (example: 1.5s); each PV has its last value before it"}, \
    {"to", .kind = OPTION_DURATION, .offset = offsetof(type, member.to_ns), .metavar = "T", \
     .help = "end before that; a round of --loop is as long as from there to here"}, \
    {"loop", .kind = OPTION_COUNT, .offset = offsetof(type, member.loops), .metavar = "N", \
     .help = "play N times; 0: for ever (default 1)"}
/* clang-format on */

/* What needs no recording: 0, or -1 with DIAG_USAGE for what contradicts itself or is out of range. Sets all of *playback but
 * the rates and recorded_stamps. */
int pace_check(const struct pace *pace, struct playback_config *playback, struct diag *diag);

/* The rate of each of the timeline's PVs, num 0: as recorded. NULL in *rates where no rate was given; else the caller frees it.
 * -1 with DIAG_USAGE: a pattern that matches nothing; DIAG_ENVIRONMENT: memory. */
int pace_rates(const struct pace *pace, const struct timeline *timeline, struct clock_rate **rates, struct diag *diag);

#endif
