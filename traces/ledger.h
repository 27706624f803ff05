/* What one circuit has open: channels by cid and by sid, requests that wait for their reply, subscriptions. Only tables: what a
 * message means is dialogue.c's. Identifiers are the peers' numbers and hostile: any of them may be reused or wrong at any
 * time. No memory: the functions that add return NULL, and what was to be kept is unknown from then on. What a hostile peer, or
 * one whose other side was not captured, can make a circuit keep is bounded: the oldest is forgotten for the newest, as if it had
 * never been said. */
#ifndef CAPLAY_TRACES_LEDGER_H
#define CAPLAY_TRACES_LEDGER_H

#include "traces/slab.h"
#include "traces/table.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger_subscription;

/* At once, of one circuit; far beyond what a client that is answered leaves open. Some 30, 190 and 120 MB. */
#define LEDGER_REQUESTS_MAX      262144u
#define LEDGER_CHANNELS_MAX      524288u
#define LEDGER_SUBSCRIPTIONS_MAX 524288u

/* Payloads that are kept, of one circuit; what is beyond them is not. */
#define LEDGER_KEPT_BYTES (UINT64_C(1) << 30)

/* A message that is kept whole: the last of its kind. A zeroed one is empty. */
struct ledger_kept {
    struct wire_header header;
    uint8_t *payload; /* header.size bytes */
    uint32_t room;
    bool is_there;
};

struct ledger_channel {
    UT_hash_handle by_cid, by_sid;
    uint32_t cid, sid, pv; /* sid: valid if has_sid */
    uint32_t create;       /* event of its CREATE_CHAN */
    uint32_t write;        /* event of its latest WRITE, which only an ERROR answers */
    bool has_sid, has_rights;
    struct ledger_kept created, rights; /* the latest CREATE_CHAN reply and ACCESS_RIGHTS; neither has a payload */
    struct ledger_kept read[2];         /* the last answers to reads: of values, of metadata */
    struct ledger_subscription *subscriptions;
};

struct ledger_subscription {
    UT_hash_handle hh;
    uint32_t subid, pv;
    uint32_t add, cancel;               /* events; cancel: TRACE_NONE until asked */
    bool updated;                       /* the first update has come */
    unsigned gaps;                      /* of its circuit when it was asked for: behind another one the first may be lost */
    struct ledger_kept request, update; /* its EVENT_ADD; its last update */
    struct ledger_channel *channel;     /* NULL if its sid is unknown */
    struct ledger_subscription *prev, *next;
};

struct ledger_request {
    UT_hash_handle hh;
    struct ledger_key {
        uint32_t command, id;
    } key;
    uint32_t event, pv, sid; /* sid: of a read */
};

/* A zeroed one is empty. */
struct ledger {
    struct ledger_channel *by_cid, *by_sid;
    struct ledger_subscription *subscriptions;
    struct ledger_request *requests; /* with a guard, whose command nobody sends: a table that becomes empty is freed */
    struct slab channel_records, subscription_records, request_records;
    uint32_t echoes_asked, echoes_answered; /* ECHO bears no number: they are answered in order */
    uint64_t kept_bytes;                    /* of payloads */
};

void ledger_fini(struct ledger *l);

/* Keep a message instead of the one that was kept; `kept` belongs to the ledger. Without memory, or beyond LEDGER_KEPT_BYTES:
 * nothing is. */
void ledger_keep(struct ledger *l, struct ledger_kept *kept, const struct wire_header *header, const uint8_t *payload);

/* A channel that is being created. An older one with this cid is dropped. */
struct ledger_channel *ledger_channel_add(struct ledger *l, uint32_t cid, uint32_t pv);
struct ledger_channel *ledger_channel_by_cid(struct ledger *l, uint32_t cid); /* or NULL */
struct ledger_channel *ledger_channel_by_sid(struct ledger *l, uint32_t sid); /* or NULL */

/* The server has named it. An older channel with this sid keeps its cid only. */
void ledger_channel_bind(struct ledger *l, struct ledger_channel *channel, uint32_t sid);

/* Frees the channel and its subscriptions. */
void ledger_channel_drop(struct ledger *l, struct ledger_channel *channel);

/* channel: NULL if unknown. An older subscription with this subid is dropped. */
struct ledger_subscription *ledger_subscription_add(struct ledger *l, struct ledger_channel *channel, uint32_t subid);
struct ledger_subscription *ledger_subscription_find(struct ledger *l, uint32_t subid); /* or NULL */
void ledger_subscription_drop(struct ledger *l, struct ledger_subscription *subscription);

/* The request of this command and number; the one that waits under the same number, if any, is forgotten. */
struct ledger_request *ledger_request_add(struct ledger *l, uint32_t command, uint32_t id, uint32_t pv);
struct ledger_request *ledger_request_find(struct ledger *l, uint32_t command, uint32_t id); /* or NULL */
void ledger_request_drop(struct ledger *l, struct ledger_request *request);

#endif
