#include "clients/bench/field.h"

#include <math.h>
#include <stdlib.h>

const char *const field_figure_names[FIELD_FIGURES] = {"connect", "get", "application"};

/* What is no difference, in seconds a PV. */
static const struct infer_band bands[FIELD_FIGURES] = {
    [FIELD_CONNECT] = {-BENCH_CONNECT_LIMIT, BENCH_CONNECT_LIMIT},
    [FIELD_GET] = {-BENCH_GET_LIMIT, BENCH_GET_LIMIT},
    [FIELD_APPLICATION] = {-BENCH_ACCEPTABLE_S / BENCH_APPLICATION_PVS, BENCH_ACCEPTABLE_S / BENCH_APPLICATION_PVS},
};

static const struct bench_step *find_one(const struct bench_result *r)
{
    for (size_t i = 0; i < r->nsteps; i++)
        if (r->steps[i].kind == BENCH_CONNECT && r->steps[i].pvs == 1 && !r->steps[i].one_by_one)
            return &r->steps[i];
    return NULL;
}

static struct infer_interval compare_gets(const struct bench_result *r, unsigned server, const struct field_pair *p)
{
    const struct bench_step *one = find_one(r);
    struct infer_interval difference = {NAN, -INFINITY, INFINITY};
    if (one == NULL)
        return difference;
    struct bench_values a = bench_values(r, &(struct bench_cell){server, p->first, one}, BENCH_FIGURE_GET1);
    struct bench_values b = bench_values(r, &(struct bench_cell){server, p->second, one}, BENCH_FIGURE_GET1);
    difference =
        infer_difference((struct infer_samples){a.at, a.n}, (struct infer_samples){b.at, b.n}, INFER_LEVEL, r->options.seed);
    free(a.at);
    free(b.at);
    return difference;
}

/* The slopes, the gets, and both together. False: one of them has no samples. */
static bool measure(const struct bench_result *r, unsigned server, struct field_pair *p)
{
    struct infer_estimate slopes[2];
    struct field_word *connect = &p->figure[FIELD_CONNECT], *get = &p->figure[FIELD_GET], *both = &p->figure[FIELD_APPLICATION];
    if (!bench_cost(r, server, p->first, &p->cost[0]) || !bench_cost(r, server, p->second, &p->cost[1]) ||
        !bench_slope_estimate(r, server, p->first, false, &slopes[0]) ||
        !bench_slope_estimate(r, server, p->second, false, &slopes[1]))
        return false;
    connect->estimate = infer_add(&slopes[1], -1, &slopes[0]);
    connect->difference = infer_student(&connect->estimate, INFER_LEVEL);
    get->difference = compare_gets(r, server, p);
    get->estimate = infer_normal(&get->difference, INFER_LEVEL);
    both->estimate = infer_add(&connect->estimate, BENCH_READ_FRACTION, &get->estimate);
    both->difference = infer_student(&both->estimate, INFER_LEVEL);
    return true;
}

/* The step whose runs are the fewest that a slope rests on: its largest. */
static const struct bench_step *find_most(const struct bench_result *r)
{
    const struct bench_step *most = NULL;
    for (size_t i = 0; i < r->nsteps; i++)
        if (r->steps[i].kind == BENCH_CONNECT && !r->steps[i].one_by_one && (most == NULL || r->steps[i].pvs > most->pvs))
            most = &r->steps[i];
    return most;
}

/* The good runs that a figure's interval rests on, of the client that has fewer. The application's rests on both, and each of its
 * runs is a run more of either. */
static size_t count_fewer(const struct bench_result *r, unsigned server, const struct field_pair *p, enum field_figure figure)
{
    const struct bench_step *step = figure == FIELD_GET ? find_one(r) : find_most(r);
    struct bench_tally a = {.good = 0}, b = {.good = 0};
    if (step != NULL) {
        bench_tally(r, &(struct bench_cell){server, p->first, step}, &a);
        bench_tally(r, &(struct bench_cell){server, p->second, step}, &b);
    }
    return a.good < b.good ? a.good : b.good;
}

/* ---- words ---- */

static double limit_of(double value, const struct infer_band *band)
{
    return value > 0 ? band->high : -band->low;
}

static bool is_near(double value, const struct infer_band *band)
{
    const double size = fabs(value), limit = limit_of(value, band);
    return size > limit / FIELD_NEAR && size < limit * FIELD_NEAR;
}

/* Is it known so well that more runs would not take it away from the limit? */
static bool is_known(const struct infer_estimate *e, const struct infer_band *band)
{
    return 2 * e->error < (FIELD_NEAR - 1) * limit_of(e->value, band);
}

static enum infer_verdict find_side(double value, const struct infer_band *band)
{
    return value > band->high ? INFER_SLOWER : value < band->low ? INFER_FASTER : INFER_EQUIVALENT;
}

/* alone: its chance by itself; all: as one of several. */
static void decide(struct field_word *w, const struct infer_band *band, double alone, double all, size_t runs)
{
    w->word = all <= 1 - INFER_LEVEL ? find_side(w->estimate.value, band) : INFER_UNDECIDED;
    w->near = is_near(w->estimate.value, band) && is_known(&w->estimate, band);
    w->more = 0;
    if (w->near)
        w->word = INFER_UNDECIDED;
    else if (w->word == INFER_UNDECIDED)
        w->more = infer_more_edge(&w->estimate, band, (1 - INFER_LEVEL) * alone / all, runs);
}

void field_decide(struct field_word *const *words, const struct infer_band *which, const size_t *runs, unsigned n)
{
    double alone[FIELD_WORDS_MAX], all[FIELD_WORDS_MAX];
    for (unsigned i = 0; i < n; i++)
        all[i] = alone[i] = infer_edge(&words[i]->estimate, &which[i]);
    infer_holm(all, n);
    for (unsigned i = 0; i < n; i++)
        decide(words[i], &which[i], alone[i], all[i], runs[i]);
}

static void decide_pairs(const struct bench_result *r, unsigned server, struct field_pair *pairs, unsigned npairs)
{
    struct field_word *words[FIELD_WORDS_MAX];
    struct infer_band which[FIELD_WORDS_MAX];
    size_t runs[FIELD_WORDS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < npairs; i++)
        for (unsigned f = 0; f < FIELD_FIGURES; f++, n++) {
            words[n] = &pairs[i].figure[f];
            which[n] = bands[f];
            runs[n] = count_fewer(r, server, &pairs[i], (enum field_figure)f);
        }
    field_decide(words, which, runs, n);
}

unsigned field_judge(const struct bench_result *r, unsigned server, struct field_pair *pairs)
{
    unsigned n = 0;
    for (unsigned a = 0; a < r->nclients; a++)
        for (unsigned b = a + 1; b < r->nclients; b++) {
            pairs[n] = (struct field_pair){.first = a, .second = b};
            n += measure(r, server, &pairs[n]);
        }
    decide_pairs(r, server, pairs, n);
    return n;
}

/* A decided application outweighs the parts that it is made of. */
enum field_choice field_choose(const struct field_pair *pair)
{
    static const enum field_figure in_order[] = {FIELD_APPLICATION, FIELD_CONNECT, FIELD_GET};
    bool undecided = false;
    for (unsigned i = 0; i < FIELD_FIGURES; i++) {
        const enum infer_verdict word = pair->figure[in_order[i]].word;
        if (word == INFER_SLOWER || word == INFER_FASTER)
            return word == INFER_SLOWER ? FIELD_FIRST : FIELD_SECOND;
        undecided |= word == INFER_UNDECIDED;
    }
    return undecided ? FIELD_UNKNOWN : FIELD_EITHER;
}
