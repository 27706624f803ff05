/* The times in which some subscription of a PV ran, as intervals without overlaps, so that n samples are held against m
 * subscriptions in O((n + m) log m). Pure; memory is the caller's. */
#ifndef CAPLAY_REPLAY_COVER_H
#define CAPLAY_REPLAY_COVER_H

#include "replay/samples.h"

struct cover_interval {
    uint64_t begin_ns, end_ns; /* both inside */
};

struct cover {
    struct cover_interval *at;
    size_t n;
};

/* Of the streams from `first` on that bring values, or only those with stamps. cover->at has room for all of them. */
void cover_make(struct cover *cover, const struct stream *streams, uint32_t first, bool with_stamps);

bool cover_has(const struct cover *cover, uint64_t t_ns);

#endif
