/* Channel filters: what stands in {} behind a channel's name, with the memory that each channel has of its own. They let posts
 * pass or drop them before they are queued, and may put the time stamp in the value's place. As EPICS Base 7.0.10 has them:
 * dbnd, dec, sync, ts, utag; arr is parsed here and belongs to whoever has the elements. Rule: ca-protocol 3.4. Pure. */
#ifndef CAPLAY_SIM_FILTER_H
#define CAPLAY_SIM_FILTER_H

#include "wire/value.h"

#include <stddef.h>

/* To a channel: no more fit behind a record's name in FILTER_NAME_BYTES, the shortest being `ts:{},`. */
#define FILTER_NAME_BYTES 1024u
#define FILTERS_MOST      (FILTER_NAME_BYTES / 6)

#define FILTER_STATE_BYTES 20u
#define FILTER_TEXT_BYTES  WIRE_STRING_BYTES

enum filter_kind { FILTER_DEADBAND, FILTER_DECIMATE, FILTER_SYNC, FILTER_STAMP, FILTER_TAG, FILTER_SLICE };

enum filter_sync { FILTER_BEFORE, FILTER_FIRST, FILTER_LAST, FILTER_AFTER, FILTER_WHILE, FILTER_UNLESS };

/* What is shown for the value: itself under the time of now, or its time stamp. */
enum filter_stamp {
    FILTER_STAMP_NOW = 1,
    FILTER_STAMP_DOUBLE,
    FILTER_STAMP_SECONDS,
    FILTER_STAMP_NANOSECONDS,
    FILTER_STAMP_PAIR, /* seconds and nanoseconds */
    FILTER_STAMP_TEXT,
};

enum filter_text { FILTER_TEXT_NONE, FILTER_TEXT_EPICS, FILTER_TEXT_ISO };

/* [start:step:end], negative: from the end. */
struct filter_slice {
    int32_t start, step, end;
};

/* A post on its way to a subscription, or a value on its way to a read. */
struct filter_event {
    struct wire_value value; /* borrowed; where a post was kept, what it was then */
    unsigned mask;           /* the DBE bits that the subscription gets it for */
    bool is_read;
    uint64_t now_ns;
};

struct filter {
    enum filter_kind kind;
    union {
        struct {
            int32_t is_relative; /* size is in percent of the value */
            double size, deadband, last;
        } deadband;
        struct {
            int32_t n, i;
        } decimate;
        struct {
            int32_t mode; /* enum filter_sync */
            char name[FILTER_STATE_BYTES];
            const bool *state; /* of this name: set by whoever knows it */
            bool was, is_kept;
            struct filter_event kept;
            uint64_t bytes; /* its value, if it is a single number */
        } sync;
        struct {
            int32_t mode;         /* enum filter_stamp */
            int32_t is_unix;      /* since 1970 */
            int32_t text;         /* enum filter_text */
            uint64_t realtime_ns; /* what stamps show - the events' clock: set by whoever knows it */
        } stamp;
        struct {
            int32_t mask, value;
            uint64_t tag; /* the record's UTAG: set by whoever knows it */
            bool is_later;
        } tag;
        struct filter_slice slice;
    };
};

/* What is shown of a value that has passed. */
struct filter_show {
    uint8_t mode; /* enum filter_stamp; 0: the value */
    uint8_t text; /* enum filter_text */
    bool is_unix;
    bool has_stamp; /* of a read: another stamp than the value's */
    struct wire_stamp stamp;
    uint8_t first, count; /* of a pair */
};

struct filters {
    unsigned n;
    bool is_number; /* posts are of single numbers, and copied when they are made */
    struct filter_show show;
    uint64_t number; /* of the event that passes, where it is an earlier one */
    struct filter at[FILTERS_MOST];
};

/* A list may be kept without the filters that it has no use of. */
static inline size_t filters_bytes(unsigned n)
{
    return offsetof(struct filters, at) + n * sizeof(struct filter);
}

/* The elements of a slice, of `count` that there are: how many, and the first. */
uint32_t filter_slice_indices(const struct filter_slice *slice, uint32_t count, uint32_t *first);

/* What shows a stamp, to write it to. */
struct filter_room {
    uint64_t bytes[FILTER_TEXT_BYTES / sizeof(uint64_t)];
};

/* filter_parse.c: take {...} at *text, JSON5, append what it asks for and move on behind it. False: refused, as by a real
 * server: no JSON, unknown, wrong or missing arguments; or more than FILTERS_MOST. */
bool filters_parse(const char **text, struct filters *filters);

/* The list is complete: find out what is shown. */
void filters_settle(struct filters *filters);

/* Does the event pass? It may come out changed, or be an earlier one. */
bool filters_pass(struct filters *filters, struct filter_event *event);

/* What a read shows: a value that does not pass is shown as it is. */
struct filter_show filters_read(struct filters *filters, const struct wire_value *value, uint64_t now_ns);

/* Are there entries in the queue for each post, even of arrays? */
bool filters_copy(const struct filters *filters);

/* Put what is shown in the value's place; its data are in `room` then. */
void filter_show(const struct filter_show *show, struct wire_value *value, struct filter_room *room);

#endif
