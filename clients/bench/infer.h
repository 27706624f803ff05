/* Inference: intervals by bootstrap, the rank test, Holm's correction, and the four words that a comparison ends with. GSL draws,
 * sorts and integrates; what is drawn is drawn from a seed, so that the same samples always give the same interval. No I/O, no
 * clock. A "ratio" is the second's median over the first's, a "difference" the second's less the first's. */
#ifndef CAPLAY_CLIENTS_BENCH_INFER_H
#define CAPLAY_CLIENTS_BENCH_INFER_H

#include <stdbool.h>
#include <stddef.h>

/* The median of fewer samples than 6 has no 95% interval: all of them lie on one side of it with a chance of 2 / 2^n. */
#define INFER_SAMPLES_MIN 6u
#define INFER_LEVEL       0.95
#define INFER_RESAMPLES   2000u
#define INFER_MORE_MAX    9999u

struct infer_samples {
    const double *at; /* in any order */
    size_t n;
};

struct infer_interval {
    double value, low, high; /* low, high: -INFINITY, INFINITY where there are too few samples */
};

/* What is no difference: from low to high. */
struct infer_band {
    double low, high;
};

/* Percentile bootstrap at `level`; value is NAN without samples. */
struct infer_interval infer_median(struct infer_samples a, double level, unsigned long seed);
struct infer_interval infer_ratio(struct infer_samples a, struct infer_samples b, double level, unsigned long seed);
/* Of the first deciles: what runs take that nothing disturbed, since a disturbance only adds. */
struct infer_interval infer_quick_ratio(struct infer_samples a, struct infer_samples b, double level, unsigned long seed);
struct infer_interval infer_difference(struct infer_samples a, struct infer_samples b, double level, unsigned long seed);

/* Chance (one-sided) that b's samples lie so high above `factor` times a's where they do not: Mann and Whitney's rank test in
 * its normal approximation, corrected for ties and continuity. 1 without samples. */
double infer_rank(struct infer_samples a, struct infer_samples b, double factor);

/* A value as Student's t has it. */
struct infer_estimate {
    double value, error; /* standard error; INFINITY: too few samples */
    double freedom;      /* degrees, from which the error is known; INFINITY: as a normal one's */
};

/* Least squares of y over x, its error HC3's of MacKinnon and White, since noise grows with x, and its freedom Bell and
 * McCaffrey's: beside 19 runs of smaller x those of 5 runs of the largest are 6.0, of 2 runs 1.2. False: less than 3 points, or
 * one x. */
bool infer_slope(const double *x, const double *y, size_t n, struct infer_estimate *slope);

/* An interval at `level` as an estimate: its wider half is the error's. */
struct infer_estimate infer_normal(const struct infer_interval *i, double level);

/* first + share * second, of independent ones; freedom by Welch and Satterthwaite. */
struct infer_estimate infer_add(const struct infer_estimate *first, double share, const struct infer_estimate *second);

struct infer_interval infer_student(const struct infer_estimate *e, double level);

/* Two-sided chance of a value so far from the nearer edge of the band, on either side, were it at that edge. */
double infer_edge(const struct infer_estimate *e, const struct infer_band *band);

/* How many more samples than n make infer_edge() as small as wanted, at about the same value. At most INFER_MORE_MAX. */
unsigned infer_more_edge(const struct infer_estimate *e, const struct infer_band *band, double wanted, size_t n);

/* Holm: p[] becomes what each p is worth among n. */
void infer_holm(double *p, size_t n);

/* Clopper and Pearson's interval of a share of which `hits` of `n` were seen. */
struct infer_interval infer_share(unsigned hits, unsigned n, double level);

/* The order of block number `block`: n blocks begin with an order drawn by the seed, and the next ones turn it by one place each,
 * so that in n blocks each item has each place once. items: in any fixed order. */
void infer_block(unsigned *items, size_t n, unsigned block, unsigned long seed);

enum infer_verdict { INFER_FASTER, INFER_SLOWER, INFER_EQUIVALENT, INFER_UNDECIDED };
extern const char *const infer_verdict_names[4];

enum infer_verdict infer_judge(const struct infer_interval *i, const struct infer_band *band);

/* How many more samples than n make a two-sided p as small as wanted, at about the same effect: z grows with the root of n. */
unsigned infer_more_sure(double p, double wanted, size_t n);

/* How many more samples than n decide it, at about the same value: widths shrink with the root of n. At most INFER_MORE_MAX. */
unsigned infer_more(const struct infer_interval *i, const struct infer_band *band, size_t n);

#endif
