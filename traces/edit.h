/* What the commands that make a trace of traces have in common: names of files, and the report that is copied. */
#ifndef CAPLAY_TRACES_EDIT_H
#define CAPLAY_TRACES_EDIT_H

#include "traces/copy.h"

/* -o is there. 0, or -1 with DIAG_USAGE and the example. */
int edit_output(const char *command, const char *output, const char *example, struct diag *diag);

/* Are both there, and the same file? */
bool edit_is_same(const char *one, const char *other);

/* -o is there, and none of the inputs. 0, or -1 with DIAG_USAGE. */
int edit_check(const char *command, const char *output, const char *const *inputs, unsigned ninputs, struct diag *diag);

/* The report of a trace, for its copy. Borrows from it. */
struct trace_meta edit_meta(const struct trace *trace);

/* trace_open(); "-" is standard input. */
int edit_open(struct trace *trace, const char *input, struct diag *diag);

/* One trace from one, by the rules; output "-" is standard output. Exit code or -1. */
int edit_one(const struct trace *trace, const struct copy *rules, const struct trace_meta *meta, const char *output,
             struct diag *diag);

/* Which PVs match a shell pattern: npvs flags, to be freed. NULL with diag: none does, or no memory. */
bool *edit_match(const char *option, const char *glob, const struct trace *trace, struct diag *diag);

#endif
