/* A file that is whole once it bears its name: written as PATH.part, then renamed to PATH. What exists and is no regular file (a
 * pipe, /dev/stdout) is written as it is: a rename would put a file in its place. */
#ifndef CAPLAY_BASE_WHOLE_H
#define CAPLAY_BASE_WHOLE_H

#include "base/diag.h"

#include <limits.h>
#include <stdio.h>

struct whole {
    FILE *file;                           /* to write to; whole_close() sees what failed. NULL: not open */
    char path[PATH_MAX], aside[PATH_MAX]; /* aside: empty where there is none */
};

/* -1 with DIAG_ENVIRONMENT that names the file: nothing is open. */
int whole_open(struct whole *w, const char *path, struct diag *diag);

/* Give it its name. -1 with DIAG_ENVIRONMENT: it could not be written, and nothing is left of it. */
int whole_close(struct whole *w, struct diag *diag);

/* Leave nothing of it. */
void whole_abandon(struct whole *w);

#endif
