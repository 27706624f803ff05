/* What a client has asked on one circuit, as far as its replies cannot be told apart or masked without it: reads and
 * subscriptions of count 0, cancels, puts that wait for their result, channels with filters. Learned from the bytes that are
 * sent. */
#ifndef CAPLAY_REPLAY_ASKED_H
#define CAPLAY_REPLAY_ASKED_H

#include "wire/message.h"

enum asked_kind { ASKED_READ, ASKED_SUBSCRIPTION, ASKED_CANCEL, ASKED_PUT, ASKED_FILTERED };

struct asked_entry {
    enum asked_kind kind;
    uint32_t id, sid, count; /* ioid, subid, or a filtered channel's cid */
};

/* A zeroed struct asked is an empty one. */
struct asked {
    struct asked_entry *at;
    size_t n, room;
    size_t subscriptions, puts, echoes; /* live ones, or unanswered */
    bool has_version, events_off;
};

/* Note the requests in bytes that are sent. False: no memory. */
bool asked_sent(struct asked *asked, const uint8_t *bytes, size_t n);

/* The oldest entry of this kind and id, or NULL. */
struct asked_entry *asked_find(struct asked *asked, enum asked_kind kind, uint32_t id);
void asked_drop(struct asked *asked, struct asked_entry *entry);
void asked_fini(struct asked *asked);

#endif
