/* The field's rule on all pairs of clients, with intervals: an application that holds 10,000 PVs and reads 1% of them must not
 * take 1 s more (stats.h). Differences are the second client's cost less the first's, in seconds a PV, as the slope of connect
 * and the median of the first get of one PV tell them. Holm's correction is over all pairs and figures of a server. */
#ifndef CAPLAY_CLIENTS_BENCH_FIELD_H
#define CAPLAY_CLIENTS_BENCH_FIELD_H

#include "clients/bench/cells.h"
#include "clients/bench/infer.h"

#define FIELD_PAIRS_MAX (BENCH_CLIENTS * (BENCH_CLIENTS - 1) / 2)

enum field_figure { FIELD_CONNECT, FIELD_GET, FIELD_APPLICATION, FIELD_FIGURES };
extern const char *const field_figure_names[FIELD_FIGURES];

struct field_word {
    struct infer_interval difference; /* seconds a PV */
    enum infer_verdict word;          /* of the second beside the first */
    unsigned more;                    /* runs that are needed, of the client with fewer, if undecided */
};

struct field_pair {
    unsigned first, second; /* clients */
    struct bench_cost cost[2];
    struct field_word figure[FIELD_FIGURES];
};

/* All pairs that have samples on this server; their number. */
unsigned field_judge(const struct bench_result *r, unsigned server, struct field_pair *pairs);

#endif
