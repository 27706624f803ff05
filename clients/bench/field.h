/* The field's rule on all pairs of clients, with intervals: an application that holds 10,000 PVs and reads 1% of them must not
 * take 1 s more (stats.h). Differences are the second client's cost less the first's, in seconds a PV, as the slope of connect
 * and the median of the first get of one PV tell them. A word says on which side of the limit a difference lies; Holm's
 * correction is over all words of a server. Where one benchmark's runs cannot tell, because others of the same clients differ by
 * as much, the word is undecided, too (FIELD_NEAR). */
#ifndef CAPLAY_CLIENTS_BENCH_FIELD_H
#define CAPLAY_CLIENTS_BENCH_FIELD_H

#include "clients/bench/cells.h"
#include "clients/bench/infer.h"

#define FIELD_PAIRS_MAX (BENCH_CLIENTS * (BENCH_CLIENTS - 1) / 2)

enum field_figure { FIELD_CONNECT, FIELD_GET, FIELD_APPLICATION, FIELD_FIGURES };
extern const char *const field_figure_names[FIELD_FIGURES];

#define FIELD_WORDS_MAX (FIELD_PAIRS_MAX * FIELD_FIGURES)

/* A difference this close to its limit, as a factor, is decided by the day and not by the clients: benchmarks of the same clients
 * on the same machine, hours apart, differed by up to 11%. More runs of one benchmark do not help. */
#define FIELD_NEAR 1.10

struct field_word {
    struct infer_interval difference; /* seconds a PV; 95% */
    struct infer_estimate estimate;   /* the same */
    enum infer_verdict word;          /* of the second beside the first */
    bool near;                        /* undecided, and more runs would not change it */
    unsigned more; /* runs of each step that are needed, of the client with fewer; if undecided, and not near */
};

struct field_pair {
    unsigned first, second; /* clients */
    struct bench_cost cost[2];
    struct field_word figure[FIELD_FIGURES];
};

/* All pairs that have samples on this server; their number. */
unsigned field_judge(const struct bench_result *r, unsigned server, struct field_pair *pairs);

/* Which one to take. FIELD_EITHER: all words are equivalent, so the simpler one; FIELD_UNKNOWN: one is undecided, and none
 * decides it. */
enum field_choice { FIELD_FIRST, FIELD_SECOND, FIELD_EITHER, FIELD_UNKNOWN };
enum field_choice field_choose(const struct field_pair *pair);

/* ---- pure ---- */

/* The words of n differences with their bands, from each one's estimate and runs[]. */
void field_decide(struct field_word *const *words, const struct infer_band *bands, const size_t *runs, unsigned n);

#endif
