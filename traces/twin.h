/* The text twin of a trace: JSON Lines, both ways without loss, so that a small trace can be read, edited and kept in git. Its
 * form is docs/twin.md. trace -> twin -> trace gives the same bytes: lines come in the order in which the messages were written,
 * and the names of PVs, circuits and texts where they were first needed. What a line says of a message is what it says; bytes
 * that its members do not tell (pads that a server never cleared) stand in `bytes`, and a payload that they cannot tell in
 * `payload`. */
#ifndef CAPLAY_TRACES_TWIN_H
#define CAPLAY_TRACES_TWIN_H

#include "traces/trace.h"

#include <stdio.h>

/* Write the twin. 0, or -1 with diag: no memory, or a time above 2^63 ns. What `out` did not take is the caller's to see. */
int twin_write(const struct trace *trace, FILE *out, struct diag *diag);

/* Make a trace of a twin, which is read twice: `in` is at its beginning and can be rewound. `name` is for messages. 0, or -1 with
 * diag: DIAG_USAGE with line, member, what was expected and found; or DIAG_ENVIRONMENT. */
int twin_read(FILE *in, const char *name, const char *output, struct trace_counts *counts, struct diag *diag);

#endif
