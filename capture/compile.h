/* Packets -> a trace: the flows, the dialogue and the trace's writer behind one door. */
#ifndef CAPLAY_CAPTURE_COMPILE_H
#define CAPLAY_CAPTURE_COMPILE_H

#include "capture/source.h"
#include "traces/trace.h"

struct compile;

struct compile_config {
    const char *path;      /* of the trace */
    const char *source;    /* "lo", "x.pcap": kept in the trace */
    const char *sha256;    /* of the file; "" until it is known, before compile_finish() */
    const uint16_t *ports; /* see flows_new() */
    unsigned nports;
};

/* NULL with DIAG_ENVIRONMENT. Borrows the strings until compile_finish(). */
struct compile *compile_open(const struct compile_config *config, struct diag *diag);

/* One packet. False: the trace cannot be written any more; compile_finish() tells why. */
bool compile_packet(struct compile *c, const struct source_packet *packet);

struct compile_summary {
    struct trace_counts counts;
    struct trace_missing missing;
};

/* The capture is over: what only libpcap knows is added to what is missing, and the trace is completed. 0, or -1: it cannot be
 * written (DIAG_ENVIRONMENT), or no Channel Access was seen (DIAG_USAGE; no trace is left). Frees in both cases. */
int compile_finish(struct compile *c, uint64_t drops, bool source_cut, struct compile_summary *summary, struct diag *diag);

#endif
