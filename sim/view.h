/* What a server tells of itself while it serves: a snapshot that the serving thread fills in, and the texts that are made of it
 * in the thread of --http. Pure. */
#ifndef CAPLAY_SIM_VIEW_H
#define CAPLAY_SIM_VIEW_H

#include "sim/core.h"

#include <stdio.h>

#define VIEW_BOUNDS   16u
#define VIEW_POSITION 128u
#define VIEW_WHY      200u

extern const uint64_t view_bounds_ns[VIEW_BOUNDS]; /* of the histograms of lateness: 10 us to 1 s */

struct view_lateness { /* of one owner */
    uint64_t count, sum_ns;
    uint64_t p50_ns, p99_ns, max_ns;
    uint64_t upto[VIEW_BOUNDS]; /* how many were at most so late */
};

struct view {
    const char *server; /* "caplay replay" */
    uint64_t served_ns;
    bool can_pause;
    struct sim_playing playing;
    char position[VIEW_POSITION]; /* of what is played, in words, or "" */
    struct sim_counts counts;
    uint32_t circuits, channels;          /* now */
    uint64_t lost_searches, buffer_bytes; /* that the kernel had no room for; for how much it had room */
    uint64_t bytes[OBSERVED_WAYS], datagrams[OBSERVED_WAYS], datagram_bytes[OBSERVED_WAYS]; /* of circuits; of searches */
    struct view_lateness late[SIM_OWNERS];
    bool is_valid;
    char why[VIEW_WHY]; /* it is not */
};

/* Some 10 us of work, 40 us where lateness is spread over milliseconds. */
void view_lateness(struct view_lateness *view, const struct histogram *of);

/* Prometheus' text format 0.0.4: names with units, each with its help and type. */
void view_metrics(const struct view *view, FILE *out);

/* What the page shows, as one JSON object; times in ns. */
void view_json(const struct view *view, FILE *out);

#endif
