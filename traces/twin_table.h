/* What writing and reading a twin have in common: the members of its first line and of a circuit's, and what events tell of PVs.
 */
#ifndef CAPLAY_TRACES_TWIN_TABLE_H
#define CAPLAY_TRACES_TWIN_TABLE_H

#include "traces/losses.h"

#include <stddef.h>

#define TWIN_VERSION 1

static const struct {
    const char *name;
    size_t offset; /* of a uint64_t */
} twin_missing[] = {
    {"packets", offsetof(struct trace_missing, packets)},
    {"kernel_drops", offsetof(struct trace_missing, kernel_drops)},
    {"cut_packets", offsetof(struct trace_missing, cut_packets)},
    {"gaps", offsetof(struct trace_missing, gaps)},
    {"gap_bytes", offsetof(struct trace_missing, gap_bytes)},
    {"midway", offsetof(struct trace_missing, midway)},
    {"malformed", offsetof(struct trace_missing, malformed)},
    {"other_packets", offsetof(struct trace_missing, other_packets)},
    {"retransmits", offsetof(struct trace_missing, retransmits)},
};

#define TWIN_MISSING (sizeof twin_missing / sizeof *twin_missing)

_Static_assert(TWIN_MISSING * sizeof(uint64_t) == sizeof(struct trace_missing), "twin_missing: a row a member");

static const struct {
    const char *name;
    uint32_t flag;
} twin_flags[] = {{"tcp", TRACE_TCP}, {"midway", TRACE_MIDWAY}, {"gap", TRACE_GAP}, {"closed", TRACE_CLOSED}};

#define TWIN_FLAGS       (sizeof twin_flags / sizeof *twin_flags)
#define TWIN_FLAGS_KNOWN (uint32_t)(TRACE_TCP | TRACE_MIDWAY | TRACE_GAP | TRACE_CLOSED)

/* As the dialogue learns it: type and count from CREATE_CHAN's reply, rights from ACCESS_RIGHTS. */
static inline void twin_learn(struct trace_pv *pv, const struct trace_event *e)
{
    if (!(e->flags & TRACE_FROM_SERVER))
        return;
    if (e->command == WIRE_CREATE_CHAN && e->type < WIRE_BASES) {
        pv->native = e->type;
        pv->count = e->count;
    } else if (e->command == WIRE_ACCESS_RIGHTS)
        pv->rights = (uint16_t)(e->p2 & (WIRE_RIGHT_READ | WIRE_RIGHT_WRITE));
}

#endif
