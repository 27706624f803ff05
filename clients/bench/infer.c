#include "clients/bench/infer.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *const infer_verdict_names[4] = {"faster", "slower", "equivalent", "undecided"};

/* ---- drawing ---- */

static gsl_rng *new_rng(unsigned long seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    assert(rng != NULL);
    gsl_rng_set(rng, seed);
    return rng;
}

static void turn(unsigned *items, size_t n)
{
    const unsigned first = items[0];
    memmove(items, items + 1, (n - 1) * sizeof *items);
    items[n - 1] = first;
}

void infer_block(unsigned *items, size_t n, unsigned block, unsigned long seed)
{
    if (n == 0)
        return;
    gsl_rng *rng = new_rng(seed ^ (block / n + 1) << 16);
    gsl_ran_shuffle(rng, items, n, sizeof *items);
    gsl_rng_free(rng);
    for (size_t i = 0; i < block % n; i++)
        turn(items, n);
}

/* ---- bootstrap ---- */

/* A quantile of a sample drawn from `s` with replacement, or of `s` itself. */
static double draw_quantile(gsl_rng *rng, struct infer_samples s, double fraction, double *scratch)
{
    if (rng != NULL)
        gsl_ran_sample(rng, scratch, s.n, (void *)(uintptr_t)s.at, s.n, sizeof *scratch);
    else
        memcpy(scratch, s.at, s.n * sizeof *scratch);
    gsl_sort(scratch, 1, s.n);
    return gsl_stats_quantile_from_sorted_data(scratch, 1, s.n, fraction);
}

enum measure { MEDIAN, RATIO, QUICK_RATIO, DIFFERENCE };

struct draw {
    enum measure measure;
    struct infer_samples a, b; /* b: MEDIAN has none */
    double *scratch;
};

static double draw_value(const struct draw *d, gsl_rng *rng)
{
    const double fraction = d->measure == QUICK_RATIO ? 0.1 : 0.5, a = draw_quantile(rng, d->a, fraction, d->scratch);
    if (d->measure == MEDIAN)
        return a;
    const double b = draw_quantile(rng, d->b, fraction, d->scratch);
    return d->measure == DIFFERENCE ? b - a : b / a;
}

static void draw_interval(const struct draw *d, double level, unsigned long seed, struct infer_interval *i)
{
    double *values = malloc(INFER_RESAMPLES * sizeof *values);
    gsl_rng *rng = new_rng(seed);
    assert(values != NULL);
    for (size_t k = 0; k < INFER_RESAMPLES; k++)
        values[k] = draw_value(d, rng);
    gsl_sort(values, 1, INFER_RESAMPLES);
    i->low = gsl_stats_quantile_from_sorted_data(values, 1, INFER_RESAMPLES, (1 - level) / 2);
    i->high = gsl_stats_quantile_from_sorted_data(values, 1, INFER_RESAMPLES, (1 + level) / 2);
    gsl_rng_free(rng);
    free(values);
}

static struct infer_interval bootstrap(struct draw d, double level, unsigned long seed)
{
    struct infer_interval i = {NAN, -INFINITY, INFINITY};
    const size_t least = d.measure == MEDIAN || d.a.n < d.b.n ? d.a.n : d.b.n, most = d.a.n > d.b.n ? d.a.n : d.b.n;
    if (least == 0)
        return i;
    d.scratch = malloc(most * sizeof *d.scratch);
    assert(d.scratch != NULL);
    i.value = draw_value(&d, NULL);
    if (least >= INFER_SAMPLES_MIN)
        draw_interval(&d, level, seed, &i);
    free(d.scratch);
    return i;
}

struct infer_interval infer_median(struct infer_samples a, double level, unsigned long seed)
{
    return bootstrap((struct draw){.measure = MEDIAN, .a = a}, level, seed);
}

struct infer_interval infer_ratio(struct infer_samples a, struct infer_samples b, double level, unsigned long seed)
{
    return bootstrap((struct draw){.measure = RATIO, .a = a, .b = b}, level, seed);
}

struct infer_interval infer_quick_ratio(struct infer_samples a, struct infer_samples b, double level, unsigned long seed)
{
    return bootstrap((struct draw){.measure = QUICK_RATIO, .a = a, .b = b}, level, seed);
}

struct infer_interval infer_difference(struct infer_samples a, struct infer_samples b, double level, unsigned long seed)
{
    return bootstrap((struct draw){.measure = DIFFERENCE, .a = a, .b = b}, level, seed);
}

/* ---- ranks ---- */

/* Pairs of which b's is higher; equal ones count one half. */
static double count_higher(struct infer_samples a, struct infer_samples b, double factor)
{
    double higher = 0;
    for (size_t i = 0; i < a.n; i++)
        for (size_t j = 0; j < b.n; j++) {
            const double base = factor * a.at[i];
            higher += b.at[j] > base ? 1 : b.at[j] < base ? 0 : 0.5;
        }
    return higher;
}

/* Sum of t^3 - t over all groups of t equal values. */
static double count_ties(struct infer_samples a, struct infer_samples b, double factor)
{
    const size_t n = a.n + b.n;
    double *all = malloc(n * sizeof *all), ties = 0;
    assert(all != NULL);
    for (size_t i = 0; i < n; i++)
        all[i] = i < a.n ? factor * a.at[i] : b.at[i - a.n];
    gsl_sort(all, 1, n);
    for (size_t i = 0, t; i < n; i += t) {
        for (t = 1; i + t < n && !(all[i + t] > all[i]); t++)
            ;
        ties += (double)t * (double)t * (double)t - (double)t;
    }
    free(all);
    return ties;
}

double infer_rank(struct infer_samples a, struct infer_samples b, double factor)
{
    if (a.n == 0 || b.n == 0)
        return 1;
    const double na = (double)a.n, nb = (double)b.n, n = na + nb;
    const double variance = na * nb / 12 * (n + 1 - count_ties(a, b, factor) / (n * (n - 1)));
    const double over = count_higher(a, b, factor) - na * nb / 2 - 0.5;
    return variance > 0 ? gsl_cdf_ugaussian_Q(over / sqrt(variance)) : 1;
}

/* ---- lines ---- */

/* Each point's part in HC3's variance of a slope, but for the square of its own residual. */
struct weights {
    const double *x;
    size_t n;
    double middle, spread; /* mean; sum of squares about it */
};

/* Of the matrix that makes residuals of points. */
static double residual_maker(const struct weights *w, size_t i, size_t j)
{
    return (i == j ? 1 : 0) - 1 / (double)w->n - (w->x[i] - w->middle) * (w->x[j] - w->middle) / w->spread;
}

/* INFINITY: that point alone is the slope. */
static double weight(const struct weights *w, size_t i)
{
    const double away = (w->x[i] - w->middle) / w->spread, left = residual_maker(w, i, i);
    return left > 1e-9 ? away * away / (left * left) : away != 0 ? INFINITY : 0;
}

static double slope_variance(const struct weights *w, const double *y, double start, double slope)
{
    double sum = 0;
    for (size_t i = 0; i < w->n; i++) {
        const double rest = y[i] - start - slope * w->x[i];
        sum += isfinite(weight(w, i)) ? weight(w, i) * rest * rest : INFINITY;
    }
    return sum;
}

/* Of a variance that is a sum of squares of residuals, were all points equally noisy: those of the largest x weigh most, and are
 * few. */
static double slope_freedom(const struct weights *w)
{
    double trace = 0, square = 0;
    for (size_t i = 0; i < w->n; i++)
        trace += weight(w, i) * residual_maker(w, i, i);
    for (size_t i = 0; i < w->n; i++)
        for (size_t j = 0; j < w->n; j++)
            square += weight(w, i) * weight(w, j) * pow(residual_maker(w, i, j), 2);
    return isfinite(square) && square > 0 ? fmax(1, trace * trace / square) : 1;
}

bool infer_slope(const double *x, const double *y, size_t n, struct infer_estimate *slope)
{
    double start, value, c00, c01, c11, rest, least, most;
    if (n < 3)
        return false;
    gsl_stats_minmax(&least, &most, x, 1, n);
    if (!(most > least))
        return false;
    const double middle = gsl_stats_mean(x, 1, n);
    const struct weights w = {x, n, middle, (double)n * gsl_stats_variance_with_fixed_mean(x, 1, n, middle)};
    gsl_fit_linear(x, 1, y, 1, n, &start, &value, &c00, &c01, &c11, &rest);
    *slope = (struct infer_estimate){value, sqrt(slope_variance(&w, y, start, value)), slope_freedom(&w)};
    return true;
}

/* ---- Student's ---- */

/* GSL's t has no infinite freedom. */
static double upper_tail(double t, double freedom)
{
    return isfinite(freedom) ? gsl_cdf_tdist_Q(t, freedom) : gsl_cdf_ugaussian_Q(t);
}

static double upper_quantile(double tail, double freedom)
{
    return isfinite(freedom) ? gsl_cdf_tdist_Qinv(tail, freedom) : gsl_cdf_ugaussian_Qinv(tail);
}

struct infer_estimate infer_normal(const struct infer_interval *i, double level)
{
    const double half = fmax(i->high - i->value, i->value - i->low);
    return (struct infer_estimate){i->value, half / gsl_cdf_ugaussian_Qinv((1 - level) / 2), INFINITY};
}

struct infer_estimate infer_add(const struct infer_estimate *first, double share, const struct infer_estimate *second)
{
    const double a = pow(first->error, 2), b = pow(share * second->error, 2);
    struct infer_estimate sum = {first->value + share * second->value, sqrt(a + b), INFINITY};
    const double known = a * a / first->freedom + b * b / second->freedom;
    if (isfinite(sum.error) && known > 0)
        sum.freedom = (a + b) * (a + b) / known;
    return sum;
}

struct infer_interval infer_student(const struct infer_estimate *e, double level)
{
    const double half = isfinite(e->error) ? e->error * upper_quantile((1 - level) / 2, e->freedom) : INFINITY;
    return (struct infer_interval){e->value, e->value - half, e->value + half};
}

double infer_edge(const struct infer_estimate *e, const struct infer_band *band)
{
    const double away = fmin(fabs(e->value - band->high), fabs(e->value - band->low));
    if (!(away > 0) || !isfinite(e->error))
        return 1;
    return e->error > 0 ? 2 * upper_tail(away / e->error, e->freedom) : 0;
}

/* ---- several at once, and shares ---- */

void infer_holm(double *p, size_t n)
{
    size_t *order = malloc((n + 1) * sizeof *order);
    double least = 0;
    assert(order != NULL);
    gsl_sort_index(order, p, 1, n);
    for (size_t i = 0; i < n; i++) {
        const double worth = fmin(1, p[order[i]] * (double)(n - i));
        least = fmax(least, worth);
        p[order[i]] = least;
    }
    free(order);
}

struct infer_interval infer_share(unsigned hits, unsigned n, double level)
{
    const double tail = (1 - level) / 2;
    struct infer_interval i = {n > 0 ? (double)hits / n : NAN, 0, 1};
    if (hits > 0)
        i.low = gsl_cdf_beta_Pinv(tail, hits, n - hits + 1);
    if (hits < n)
        i.high = gsl_cdf_beta_Qinv(tail, hits + 1, n - hits);
    return i;
}

/* ---- verdicts ---- */

enum infer_verdict infer_judge(const struct infer_interval *i, const struct infer_band *band)
{
    if (i->low > band->high)
        return INFER_SLOWER;
    if (i->high < band->low)
        return INFER_FASTER;
    return i->low >= band->low && i->high <= band->high ? INFER_EQUIVALENT : INFER_UNDECIDED;
}

static unsigned more_than(double wanted, size_t n)
{
    const double more = wanted - (double)n;
    return more < 1 ? 1 : more < INFER_MORE_MAX ? (unsigned)ceil(more) : INFER_MORE_MAX;
}

unsigned infer_more_sure(double p, double wanted, size_t n)
{
    const double z = gsl_cdf_ugaussian_Qinv(p / 2), needed = gsl_cdf_ugaussian_Qinv(wanted / 2);
    return z > 0 ? more_than((double)n * (needed / z) * (needed / z), n) : INFER_MORE_MAX;
}

/* With m samples more errors shrink with the root, and are known from more. */
static double edge_with(const struct infer_estimate *e, const struct infer_band *band, size_t n, unsigned more)
{
    const double times = (double)(n + more) / (double)n;
    return infer_edge(&(struct infer_estimate){e->value, e->error / sqrt(times), e->freedom * times}, band);
}

unsigned infer_more_edge(const struct infer_estimate *e, const struct infer_band *band, double wanted, size_t n)
{
    unsigned low = 1, high = INFER_MORE_MAX;
    if (n == 0 || !isfinite(e->error))
        return n < INFER_SAMPLES_MIN ? INFER_SAMPLES_MIN - (unsigned)n : 1;
    while (low < high) {
        const unsigned middle = low + (high - low) / 2;
        if (edge_with(e, band, n, middle) <= wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

unsigned infer_more(const struct infer_interval *i, const struct infer_band *band, size_t n)
{
    if (n < INFER_SAMPLES_MIN || !isfinite(i->low) || !isfinite(i->high))
        return n < INFER_SAMPLES_MIN ? INFER_SAMPLES_MIN - (unsigned)n : 1;
    const double half = fmax(i->high - i->value, i->value - i->low);
    const double away = fmin(fabs(i->value - band->high), fabs(i->value - band->low));
    return more_than((double)n * (half / away) * (half / away), n);
}
