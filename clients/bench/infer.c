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

void infer_shuffle(unsigned *items, size_t n, unsigned long seed)
{
    gsl_rng *rng = new_rng(seed);
    gsl_ran_shuffle(rng, items, n, sizeof *items);
    gsl_rng_free(rng);
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

/* Noise grows with x: each point brings its own (HC3 of MacKinnon and White). */
static double slope_variance(const double *x, const double *y, size_t n, double start, double slope)
{
    const double middle = gsl_stats_mean(x, 1, n);
    const double spread = (double)n * gsl_stats_variance_with_fixed_mean(x, 1, n, middle);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double away = x[i] - middle, left = 1 - 1.0 / (double)n - away * away / spread;
        const double rest = left > 1e-9 ? (y[i] - start - slope * x[i]) / left : INFINITY; /* that point alone is the slope */
        sum += away * away * rest * rest;
    }
    return sum / (spread * spread);
}

bool infer_slope(const double *x, const double *y, size_t n, double level, struct infer_interval *slope)
{
    double start, value, c00, c01, c11, rest, least, most;
    if (n < 3)
        return false;
    gsl_stats_minmax(&least, &most, x, 1, n);
    if (!(most > least))
        return false;
    gsl_fit_linear(x, 1, y, 1, n, &start, &value, &c00, &c01, &c11, &rest);
    const double half = sqrt(slope_variance(x, y, n, start, value)) * gsl_cdf_tdist_Pinv((1 + level) / 2, (double)(n - 2));
    *slope = (struct infer_interval){value, value - half, value + half};
    return true;
}

struct infer_interval infer_less(const struct infer_interval *first, const struct infer_interval *second)
{
    const double value = second->value - first->value;
    return (struct infer_interval){value, value - hypot(second->value - second->low, first->high - first->value),
                                   value + hypot(second->high - second->value, first->value - first->low)};
}

double infer_outside(const struct infer_interval *i, const struct infer_band *band, double level)
{
    const double over = fmax(i->value - band->high, band->low - i->value);
    const double half = i->value > band->high ? i->value - i->low : i->high - i->value;
    if (!(over > 0) || !isfinite(half))
        return 1;
    return half > 0 ? 2 * gsl_cdf_ugaussian_Q(over / half * gsl_cdf_ugaussian_Pinv((1 + level) / 2)) : 0;
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

unsigned infer_more(const struct infer_interval *i, const struct infer_band *band, size_t n)
{
    if (n < INFER_SAMPLES_MIN || !isfinite(i->low) || !isfinite(i->high))
        return n < INFER_SAMPLES_MIN ? INFER_SAMPLES_MIN - (unsigned)n : 1;
    const double half = fmax(i->high - i->value, i->value - i->low);
    const double away = fmin(fabs(i->value - band->high), fabs(i->value - band->low));
    return more_than((double)n * (half / away) * (half / away), n);
}
