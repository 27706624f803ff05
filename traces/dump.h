/* The two forms of `caplay dump`: one line a message, to stdout. */
#ifndef CAPLAY_TRACES_DUMP_H
#define CAPLAY_TRACES_DUMP_H

#include "traces/describe.h"

/* How many elements of an array are shown. */
#define DUMP_ELEMENTS 8u

void dump_text(const struct description *d);

/* false: no memory, nothing was written. */
bool dump_json(const struct description *d);

#endif
