/* Do two servers say the same, and does one say what a written dialogue states? Pure.
 * Messages are compared byte by byte, masked, within a block of the dialogue and within a lane, as only there the order is
 * defined (ca-protocol 5.4). */
#ifndef CAPLAY_REPLAY_JUDGE_H
#define CAPLAY_REPLAY_JUDGE_H

#include "replay/script.h"
#include "replay/transcript.h"

#define JUDGE_FIELDS_BYTES 128

struct judge_difference {
    size_t block;
    const struct turn *a, *b;        /* NULL: this server did not send it */
    char command[32];                /* "READ_NOTIFY", or "END" and the like */
    char fields[JUDGE_FIELDS_BYTES]; /* the words that differ: "status,value", or "missing", "extra", "command", "bytes" */
};

/* A later difference than the first of its lane may only follow from it. */
typedef void judge_fn(const struct judge_difference *difference, void *arg);

/* Call `found` for each pair of messages that differ; with b missing, what only a sent; and the other way round. */
void judge_compare(const struct transcript *a, const struct transcript *b, judge_fn *found, void *arg);

struct judge_breach {
    size_t block;
    const struct script_reply *stated; /* NULL: more came than was stated */
    const struct turn *came;           /* NULL: nothing came */
};

/* The first statement of each block that the server does not keep. */
typedef void judge_breach_fn(const struct judge_breach *breach, void *arg);
void judge_check(const struct script *script, const struct transcript *transcript, judge_breach_fn *found, void *arg);

#endif
