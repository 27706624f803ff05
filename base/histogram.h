/* Log-linear histogram of nanoseconds, after HdrHistogram: 3 significant digits (1,024 steps an octave), exact
 * below 2,048 ns, up to 2^40 ns (18 minutes); larger values go to the last bucket and are counted in `overflow`.
 * No allocation; two histograms add up exactly. A zeroed struct histogram is an empty one. */
#ifndef CAPLAY_BASE_HISTOGRAM_H
#define CAPLAY_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   1024u
#define HISTOGRAM_OCTAVES 29u /* above the first 2 * STEPS values: 2^11 .. 2^40 */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_OCTAVES + 2) * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count, overflow, min, max; /* min, max: exact; undefined while count is 0 */
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest bucket top that at least `fraction` (0..1) of all values do not exceed, at most `max`; 0 if empty. */
uint64_t histogram_quantile(const struct histogram *h, double fraction);

/* upto[i] is how many values are at most bound[i], for n ascending bounds, as exactly as buckets tell; the sum of all values is
 * returned, at most 0.1% too large. One pass over the buckets between min and max. */
uint64_t histogram_spread(const struct histogram *h, const uint64_t *bound, unsigned n, uint64_t *upto);

/* The largest distance between the two shares of values up to x, over all x (Kolmogorov-Smirnov): 0 to 1, as exactly as buckets
 * tell. Neither is empty. */
double histogram_distance(const struct histogram *a, const struct histogram *b);

/* The first bucket from `bucket` on that holds values, or HISTOGRAM_BUCKETS; and the largest value that belongs into a bucket,
 * which names it wherever histograms are written down: two that were written add up by it. */
unsigned histogram_next(const struct histogram *h, unsigned bucket);
uint64_t histogram_top(unsigned bucket);

#endif
