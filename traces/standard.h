/* Standard input and output in the place of traces, which are mapped: "-" as a file's name. */
#ifndef CAPLAY_TRACES_STANDARD_H
#define CAPLAY_TRACES_STANDARD_H

#include "base/diag.h"

/* Standard input can be rewound from now on, and is at its beginning: what is a pipe becomes a file without a name. 0 or -1. */
int standard_rewindable(struct diag *diag);

/* The name to open: path, or for "-" one of a rewindable standard input. NULL with diag. */
const char *standard_input(const char *path, struct diag *diag);

struct standard_output {
    char folder[64], file[80]; /* empty: none is needed */
};

/* The name to write to: path, or for "-" a temporary one. NULL with diag: no temporary file, or standard output is a terminal. */
const char *standard_output(struct standard_output *o, const char *path, struct diag *diag);

/* What was written goes to standard output, if the code is good, and the temporary file goes. The code, or -1 with diag. */
int standard_deliver(struct standard_output *o, int code, struct diag *diag);

#endif
