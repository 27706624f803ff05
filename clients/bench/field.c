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

static struct infer_interval add_gets(const struct infer_interval *connect, const struct infer_interval *get)
{
    const double share = BENCH_READ_FRACTION, value = connect->value + share * get->value;
    return (struct infer_interval){value, value - hypot(connect->value - connect->low, share * (get->value - get->low)),
                                   value + hypot(connect->high - connect->value, share * (get->high - get->value))};
}

/* False: one of them has no samples. */
static bool measure(const struct bench_result *r, unsigned server, struct field_pair *p)
{
    struct infer_interval slopes[2];
    double error;
    if (!bench_cost(r, server, p->first, &p->cost[0], &error) || !bench_cost(r, server, p->second, &p->cost[1], &error) ||
        !bench_slope_interval(r, server, p->first, &slopes[0]) || !bench_slope_interval(r, server, p->second, &slopes[1]))
        return false;
    p->figure[FIELD_CONNECT].difference = infer_less(&slopes[0], &slopes[1]);
    p->figure[FIELD_GET].difference = compare_gets(r, server, p);
    p->figure[FIELD_APPLICATION].difference = add_gets(&p->figure[FIELD_CONNECT].difference, &p->figure[FIELD_GET].difference);
    return true;
}

/* What a figure's interval is from: a slope from all runs that connect together, a get from those of one PV. The application's is
 * from both, and each of its runs is a run more of either. */
static size_t count_runs(const struct bench_result *r, unsigned server, unsigned client, enum field_figure figure)
{
    const struct bench_step *one = find_one(r);
    size_t n = 0;
    for (size_t i = 0; i < r->nruns; i++) {
        const struct bench_run *run = &r->runs[i];
        const bool counts =
            figure == FIELD_CONNECT ? run->step->kind == BENCH_CONNECT && !run->step->one_by_one : run->step == one;
        n += counts && run->server == server && run->client == client && run->outcome == BENCH_GOOD && !run->warmup;
    }
    return n;
}

static size_t count_fewer(const struct bench_result *r, unsigned server, const struct field_pair *p, enum field_figure figure)
{
    const size_t a = count_runs(r, server, p->first, figure), b = count_runs(r, server, p->second, figure);
    return a < b ? a : b;
}

/* A difference that only several looks found is none. */
static void decide(const struct bench_result *r, unsigned server, struct field_pair *pairs, unsigned n)
{
    double p[FIELD_PAIRS_MAX * FIELD_FIGURES], alone[FIELD_PAIRS_MAX * FIELD_FIGURES];
    const unsigned looks = n * FIELD_FIGURES;
    for (unsigned i = 0; i < looks; i++)
        alone[i] = p[i] =
            infer_outside(&pairs[i / FIELD_FIGURES].figure[i % FIELD_FIGURES].difference, &bands[i % FIELD_FIGURES], INFER_LEVEL);
    infer_holm(p, looks);
    for (unsigned i = 0; i < looks; i++) {
        struct field_word *w = &pairs[i / FIELD_FIGURES].figure[i % FIELD_FIGURES];
        const struct infer_band *band = &bands[i % FIELD_FIGURES];
        const size_t runs = count_fewer(r, server, &pairs[i / FIELD_FIGURES], (enum field_figure)(i % FIELD_FIGURES));
        w->word = infer_judge(&w->difference, band);
        w->more = infer_more(&w->difference, band, runs);
        if (w->word != INFER_EQUIVALENT && w->word != INFER_UNDECIDED && p[i] > 1 - INFER_LEVEL) {
            w->word = INFER_UNDECIDED;
            w->more = infer_more_sure(alone[i], (1 - INFER_LEVEL) / looks, runs);
        }
    }
}

unsigned field_judge(const struct bench_result *r, unsigned server, struct field_pair *pairs)
{
    unsigned n = 0;
    for (unsigned a = 0; a < r->nclients; a++)
        for (unsigned b = a + 1; b < r->nclients; b++) {
            pairs[n] = (struct field_pair){.first = a, .second = b};
            n += measure(r, server, &pairs[n]);
        }
    decide(r, server, pairs, n);
    return n;
}
