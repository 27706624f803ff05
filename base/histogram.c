#include "base/histogram.h"

/* Octave 0 holds 0 .. 2*STEPS-1 one by one; octave k holds values of STEPS<<k .. 2*STEPS<<k in steps of 1<<k. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < 2 * HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned octave = 63u - (unsigned)__builtin_clzll(ns) - 10u;
    return octave * HISTOGRAM_STEPS + (unsigned)(ns >> octave);
}

uint64_t histogram_top(unsigned bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    unsigned octave = bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket - octave * HISTOGRAM_STEPS;
    return ((step + 1) << octave) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    unsigned bucket = bucket_of(ns);
    if (bucket >= HISTOGRAM_BUCKETS) {
        bucket = HISTOGRAM_BUCKETS - 1;
        h->overflow++;
    }
    h->bucket[bucket]++;
    if (h->count++ == 0 || ns < h->min)
        h->min = ns;
    if (ns > h->max)
        h->max = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
    into->count += from->count;
    into->overflow += from->overflow;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
}

unsigned histogram_next(const struct histogram *h, unsigned bucket)
{
    while (bucket < HISTOGRAM_BUCKETS && h->bucket[bucket] == 0)
        bucket++;
    return bucket;
}

uint64_t histogram_quantile(const struct histogram *h, double fraction)
{
    uint64_t seen = 0;
    for (unsigned i = h->count > 0 ? bucket_of(h->min) : 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > 0 && (double)seen >= fraction * (double)h->count)
            return histogram_top(i) < h->max ? histogram_top(i) : h->max;
    }
    return 0;
}

uint64_t histogram_spread(const struct histogram *h, const uint64_t *bound, unsigned n, uint64_t *upto)
{
    uint64_t sum = 0, seen = 0;
    unsigned i = 0;
    for (unsigned b = h->count > 0 ? bucket_of(h->min) : 0; seen < h->count; b++) {
        const uint64_t top = histogram_top(b);
        for (; i < n && bound[i] < top; i++)
            upto[i] = seen;
        seen += h->bucket[b];
        sum += h->bucket[b] * (top < h->max ? top : h->max);
    }
    for (; i < n; i++)
        upto[i] = seen;
    return sum;
}

double histogram_distance(const struct histogram *a, const struct histogram *b)
{
    uint64_t upto_a = 0, upto_b = 0;
    double most = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        upto_a += a->bucket[i];
        upto_b += b->bucket[i];
        const double apart = (double)upto_a / (double)a->count - (double)upto_b / (double)b->count;
        most = apart > most ? apart : -apart > most ? -apart : most;
    }
    return most;
}
