/* What `capture -r` and `compile` have in common. */
#ifndef CAPLAY_CAPTURE_FILE_H
#define CAPLAY_CAPTURE_FILE_H

#include "base/options.h"

/* A trace of a capture file; "-": of standard input. Exit code or -1 with diag. */
int capture_file(const char *file, const char *output, const struct option_list *ports, struct diag *diag);

#endif
