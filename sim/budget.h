/* How late a run may be by itself before it says nothing: "p99=1ms,max=20ms". Pure. */
#ifndef CAPLAY_SIM_BUDGET_H
#define CAPLAY_SIM_BUDGET_H

#include "base/diag.h"
#include "base/histogram.h"

#include <stdbool.h>
#include <stddef.h>

#define BUDGET_LINES 5u

struct budget {
    bool is_given;
    const char *text;               /* borrowed */
    uint64_t most_ns[BUDGET_LINES]; /* of p50, p90, p99, p999, max; 0: any */
};

/* NULL: none is given. 0, or -1 with DIAG_USAGE that has the option, the value and an example. */
int budget_parse(struct budget *budget, const char *text, struct diag *diag);

/* Is self over it? Then `why` says by what: "own lateness p99 1.52 ms is over the budget of 1 ms". */
bool budget_is_over(const struct budget *budget, const struct histogram *self, char *why, size_t room);

/* "1.52 ms": three digits. */
#define BUDGET_TEXT 24u
const char *budget_show(uint64_t ns, char text[BUDGET_TEXT]);

#endif
