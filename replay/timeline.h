/* A recording as a replay needs it: each PV's distinct updates on one clock, the value before them, type, count, rights,
 * metadata. What counts as an update: replay/merge.h.
 *
 * Time 0 of the recording is its first subscription (or its first update, if that subscription was made before the capture
 * began; without any update: its first value). What a PV did before time 0 is its initial value only: the last one known then, or
 * else the first one known at all. The time from 0 to the first update is kept.
 *
 * Arrays are not copied: data point into the mapped trace, big endian as on the wire. Values that were only seen in another base
 * type than the PV's are converted at load. */
#ifndef CAPLAY_REPLAY_TIMELINE_H
#define CAPLAY_REPLAY_TIMELINE_H

#include "replay/arena.h"
#include "replay/names.h"
#include "replay/rights.h"
#include "traces/trace.h"
#include "wire/value.h"

struct timeline_update {
    const uint8_t *data; /* count elements of the PV's native type */
    int64_t due_ns;      /* since time 0; <= 0 only for an initial value */
    uint64_t stamp_ns;   /* since 1990-01-01 UTC; 0: never processed. Without a recorded stamp: the packet's time */
    uint32_t count;
    uint16_t status, severity;
    uint8_t mask; /* DBE bits to post */
};

struct timeline_pv {
    const char *name;  /* without ".VAL" */
    uint32_t count;    /* native */
    uint8_t native;    /* enum wire_base */
    uint8_t rights;    /* at time 0 */
    bool has_holes;    /* some of its updates may be missing */
    bool by_packets;   /* its stamps contradict the packets */
    uint32_t nupdates; /* the first is the initial value; 0: nobody read it */
    const struct timeline_update *updates;
    struct wire_meta meta;
};

/* What was found, for the report at start. */
struct timeline_counts {
    uint32_t unserved;    /* PVs that were searched and never created */
    uint64_t updates;     /* to be replayed: without initial values */
    uint64_t copies;      /* updates that several subscribers saw: dropped but for one */
    uint64_t merged;      /* of these: copies that the IOC's queue had merged with a later post */
    uint64_t before;      /* values from before time 0 that an initial value hides */
    uint64_t unconverted; /* values that cannot be had in the native type */
};

struct timeline {
    struct timeline_pv *pvs; /* the served ones */
    uint32_t npvs;
    uint32_t *of_trace_pv;  /* trace PV -> index in pvs, or NAMES_NONE */
    uint64_t zero_ns;       /* time 0, since the trace's first packet */
    uint64_t zero_stamp_ns; /* time 0 as a stamp */
    uint64_t length_ns;     /* from time 0 to the recording's end */
    uint64_t cut_ns;        /* --to: the same to where it was cut; 0: it was not */
    struct rights rights;   /* its changes' PVs are indices in pvs */
    struct timeline_counts counts;

    struct names *names; /* of the served PVs */
    struct timeline_update *updates;
    struct arena arena;
};

/* Build from an open trace, which must stay open for as long as the timeline lives. 0, or -1 with a diag: memory. timeline_fini()
 * also after a failure. */
int timeline_init(struct timeline *timeline, const struct trace *trace, struct diag *diag);
void timeline_fini(struct timeline *timeline);

/* Is there a PV to serve? 0, or -1 with DIAG_USAGE: no client connected to any. path: the trace's, for the message. */
int timeline_check(const struct timeline *timeline, const struct trace *trace, const char *path, struct diag *diag);

/* Keep what comes from from_ns until before to_ns (CLOCK_NEVER: the end), in recorded time since time 0. Time 0 is at from_ns
 * then, where each PV has its last value before it, as at every time 0. -1 with DIAG_USAGE and both numbers where from_ns is not
 * before the end or to_ns not after from_ns; DIAG_ENVIRONMENT without memory. Once only. */
int timeline_cut(struct timeline *timeline, uint64_t from_ns, uint64_t to_ns, struct diag *diag);

/* Index of a served PV by record or channel name, or NAMES_NONE. Allocates nothing. */
uint32_t timeline_find(const struct timeline *timeline, const char *name, size_t length);

#endif
