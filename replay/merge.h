/* The samples of one PV, as many clients saw it -> its posts, each once and in order. Pure: no allocation, no clock.
 *
 * - Samples with a stamp are one post if they bear the same stamp and value. Within one subscription each update is a post of
 *   its own, so of n subscribers the k-th occurrences are one post, and the most that one of them saw is what there was.
 * - Arrays and strings are not copied at post time by rsrv: an update that waited bears the stamp of the first post and the
 *   data of the last (ca-protocol 6.5). Their posts are told by the stamp alone. The true copy is that of a subscription which
 *   got the next post, too, with other data; of several, the earliest. A post of which there are only copies with the data of a
 *   later one, made before they were sent, is left out: nobody knows what it was.
 * - Of several DBR types and counts of one post the one that says most is kept: native type (or one that holds it without
 *   loss), then the most elements. Lossy values without a stamp count only where there are no others.
 * - Updates without a stamp add nothing while a subscription with stamps ran. Of several at a time the best one speaks.
 * - Replies to READs, and first updates, tell a state: they count where nobody subscribed, and if they tell something new.
 * - Posts are ordered by stamp, and are due when their earliest copy was captured. Where stamps contradict the packets by more
 *   than MERGE_SLACK_NS (a clock was set, a server restarted), packets order that PV. What a subscription got late, which ran
 *   already and whose stamps never go back, is no contradiction: its client was slow.
 * - A state's own time is its stamp, moved by the smallest delay from stamp to packet of this PV's real updates. */
#ifndef CAPLAY_REPLAY_MERGE_H
#define CAPLAY_REPLAY_MERGE_H

#include "replay/cover.h"
#include "replay/samples.h"

#define MERGE_SLACK_NS UINT64_C(1000000000)

struct post {
    uint64_t due_ns;   /* since the trace's first packet; never goes back */
    uint64_t stamp_ns; /* since 1990; the caller's */
    const struct sample *sample;
    uint32_t taken_by; /* while merging: the last stream that had a copy */
    bool is_state;     /* nobody saw it being posted */
};

struct merge {
    const struct stream *streams; /* of all PVs */
    const struct samples_pv *pv;
    uint64_t start_stamp_ns; /* samples_stamp_ns(trace, 0) */

    struct post *stamped;    /* scratch for nsamples posts */
    struct post *posts;      /* the result: room for nsamples posts */
    struct cover covered[2]; /* scratch: of all subscriptions, and of those with stamps; each with room for the PV's streams */
    size_t nstamped, nposts;

    /* Results. */
    uint64_t copies; /* updates that another subscription had, too */
    uint64_t merged; /* of these: the stamp of one post with the data of another; also of posts that were left out */
    bool by_packets; /* stamps contradicted the packets */
    const struct stream *speaker;
};

/* Sorts pv->nsamples samples in place and fills m->posts, which point to them. The caller has set the members before the
 * results, the others are 0. Returns the number of posts. */
size_t merge_samples(struct merge *m, struct sample *samples);

/* Do two samples tell the same value and alarm, as far as both tell them? */
bool merge_same(const struct merge *m, const struct sample *a, const struct sample *b);

#endif
