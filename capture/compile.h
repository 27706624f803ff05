/* Packets -> a trace, or one trace after the other: the flows, the dialogue and the trace's writer behind one door. Each part of
 * a recording begins with what is open (traces/carry.c) and can be replayed by itself. */
#ifndef CAPLAY_CAPTURE_COMPILE_H
#define CAPLAY_CAPTURE_COMPILE_H

#include "capture/flows.h"
#include "capture/rotation.h"
#include "capture/source.h"
#include "traces/trace.h"

struct compile;

struct compile_config {
    struct rotation_rules rotation; /* the trace's path, and when the next part begins */
    const struct source *packets;   /* asked for its drops at the end of a part; NULL: it tells of none */
    uint64_t start_ns;              /* the first part's time in its name, since the Unix epoch; 0: the first packet's */
    const char *source;             /* "lo", "x.pcap": kept in the trace */
    const char *sha256;    /* of the file; "" until it is known, before compile_finish(), or before there is a second part */
    const uint16_t *ports; /* see flows_new() */
    unsigned nports;
    bool source_stays; /* a file, which can be compiled again: see trace_writer_forgo_journal() */
};

/* NULL with DIAG_ENVIRONMENT. Borrows the strings until compile_finish(). */
struct compile *compile_open(const struct compile_config *config, struct diag *diag);

/* One packet. False: the trace cannot be written any more, which compile_finish() tells, or the last part is full. */
bool compile_packet(struct compile *c, const struct source_packet *packet);

/* Time passes, CLOCK_MONOTONIC and Unix time: what came before is safe from a kill a second later, also where nothing more comes,
 * and what the kernel has dropped in the meantime is looked at. */
void compile_tick(struct compile *c, uint64_t now_ns, uint64_t realtime_ns);

/* The capture is over: ask for what nobody asked on its wire (capture/ask). 0, or -1 with diag, and all is as it was. Nothing to
 * ask is good, too. */
int compile_ask(struct compile *c, struct diag *diag);

struct compile_summary {
    struct trace_counts counts;   /* of the last part */
    struct trace_missing missing; /* of all parts */
    struct flows_others others;
    unsigned parts;
    uint64_t messages; /* of all parts, without what was said outside their time */
};

/* The capture is over: what only libpcap knows is added to what is missing, and the trace is completed. 0, or -1: it cannot be
 * written (DIAG_ENVIRONMENT), or no Channel Access was seen (DIAG_USAGE; no trace is left). Frees in both cases. */
int compile_finish(struct compile *c, uint64_t drops, bool source_cut, struct compile_summary *summary, struct diag *diag);

#endif
