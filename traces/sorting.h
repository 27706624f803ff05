/* In which order events lie in the file: by time, those of the same time as they came. They come when they are whole, with the
 * times of their beginnings, so nearly in order, and each one looks at its neighbours only. Memory: two numbers an event, in
 * arrays that go to a file where they are large; what is done with is released on the way. Only events that are far from any
 * order (two recordings one behind the other, a clock that stepped back) cost more: qsort_r() touches all of them again and
 * again, so they are read from the disk again and again where memory does not hold their 72 bytes each, and it may take 4 bytes
 * an event of memory for itself. */
#ifndef CAPLAY_TRACES_SORTING_H
#define CAPLAY_TRACES_SORTING_H

#include "traces/array.h"

/* Moves an event, on average, after which events are sorted as if they were in no order. */
#define SORTING_MOVES 16u

/* What is looked at in one go, and released then. */
#define SORTING_BLOCK 65536u

struct sorting {
    struct array order; /* order[k]: the index of the k-th event in time */
    struct array place; /* place[i]: where event i comes */
};

/* Sort `events`, of struct trace_event. s: zeroed, with the arrays' `spill` set. 0, or -1 with errno as array_add() sets it. */
int sorting_run(struct sorting *s, const struct array *events);

void sorting_fini(struct sorting *s);

#endif
