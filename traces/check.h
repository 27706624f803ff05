/* What of a mapped trace has been checked, and checking more of it: sections by their chunks' checksums, messages by what their
 * records point at. A chunk or a record is looked at once. */
#ifndef CAPLAY_TRACES_CHECK_H
#define CAPLAY_TRACES_CHECK_H

#include "traces/layout.h"

struct trace_checks {
    struct layout layout;
    bool *has_chunk;                 /* by number of its checksum: it was good; NULL: version 1, where all was checked at once */
    bool *has_block;                 /* by row of INDEX: its records were good */
    void *repacked[FORMAT_SECTIONS]; /* tables whose records are longer than ours */
};

/* Of a file whose layout is read: CHECKS is good; of version 1 everything is. 0, or -1 with diag. */
int check_begin(struct trace_checks *c, struct diag *diag);

/* Bytes of a section by their chunks. 0, or -1 that names section and offset. */
int check_bytes(struct trace_checks *c, const struct format_section *s, uint64_t offset, uint64_t bytes, struct diag *diag);

/* STRINGS, PVS, CIRCUITS, META, INDEX and LOSSES of a trace that points at them: checksums are good already, now what they say.
 */
int check_tables(const struct trace *t, struct diag *diag);

#endif
