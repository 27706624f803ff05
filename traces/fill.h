/* What a snapshot knows, put into another trace for what nobody asked on its wire: metadata, type, rights, and the value of a PV
 * that has none. A snapshot may be days younger than the recording, so it does not go in by time: its answers lie at time 0,
 * flagged TRACE_FILLED, on no circuit, and a replay takes them only where the recording says nothing. */
#ifndef CAPLAY_TRACES_FILL_H
#define CAPLAY_TRACES_FILL_H

#include "traces/trace.h"

/* What `caplay snapshot` writes into META as the trace's source. */
#define FILL_SOURCE "snapshot"

/* A capture file of that name has a SHA-256. */
bool fill_is_snapshot(const struct trace *trace);

/* Append its answers. 0, or -1 with diag: no memory. A writer that failed is told by trace_writer_finish(). */
int fill_trace(const struct trace *snapshot, struct trace_writer *w, struct diag *diag);

/* ---- what is still not known ---- */

enum fill_lacks { FILL_LACKS_LIMITS = 1, FILL_LACKS_LABELS = 2, FILL_LACKS_VALUE = 4, FILL_LACKS_RIGHTS = 8 };

/* npvs sets of enum fill_lacks, to be freed; 0 for PVs that no client was connected to. NULL: no memory. */
uint8_t *fill_lacks(const struct trace *trace);

/* Name each PV that lacks something, a line each. 0, or -1 with diag: no memory. */
int fill_print_lacks(FILE *out, const struct trace *trace, struct diag *diag);

#endif
