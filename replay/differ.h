/* What is different in two recordings, as rows of text. Values, types and metadata are those that a replay would serve
 * (replay/timeline.h): several subscribers of one PV count once. */
#ifndef CAPLAY_REPLAY_DIFFER_H
#define CAPLAY_REPLAY_DIFFER_H

#include "replay/timeline.h"
#include "traces/survey.h"

#include <stdbool.h>

/* Rates are the same up to so much of the larger one. */
#define DIFFER_RATE 0.1

/* Service times are the same unless the distance of their distributions is over this and over what chance alone exceeds in 1% of
 * all pairs (Kolmogorov-Smirnov: DIFFER_KS * sqrt((n + m) / nm)). */
#define DIFFER_DISTANCE 0.1
#define DIFFER_KS       1.628

/* In the order in which they are shown. */
enum differ_kind {
    DIFFER_COMPLETE,
    DIFFER_CIRCUITS,
    DIFFER_CLIENT,
    DIFFER_PV, /* in one of them only */
    DIFFER_TYPE,
    DIFFER_RIGHTS,
    DIFFER_META,
    DIFFER_UPDATES,
    DIFFER_RATE_OF,
    DIFFER_VALUE, /* the first one that is another */
    DIFFER_MESSAGES,
    DIFFER_SERVICE,
    DIFFER_KINDS
};

extern const char *const differ_kind_names[DIFFER_KINDS];

#define DIFFER_NAME_BYTES 160
#define DIFFER_TEXT_BYTES 96

struct differ_row {
    enum differ_kind kind;
    char name[DIFFER_NAME_BYTES]; /* of what is different: one word, but for metadata (PV and what of it) */
    char text[2][DIFFER_TEXT_BYTES];
};

struct differ {
    struct differ_row *rows;
    size_t nrows, room;
    bool failed; /* no memory: rows are missing */
};

/* One recording as it is compared; all borrowed. */
struct differ_side {
    const struct trace *trace;
    const struct timeline *timeline;
    const struct survey *survey;
};

/* All rows, sorted by kind and name. differ_fini() also after a failure. */
void differ_init(struct differ *differ, const struct differ_side sides[2]);
void differ_fini(struct differ *differ);

/* ---- its parts ---- */

/* A new row with name and texts empty, to be filled in; never NULL. */
struct differ_row *differ_add(struct differ *differ, enum differ_kind kind, const char *name);

/* Rows about PVs. */
void differ_pvs(struct differ *differ, const struct differ_side sides[2]);

#endif
