#include "clients/bench/stats.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double fraction)
{
    double at = fraction * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static double mean(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

void bench_summarize(double *values, size_t n, struct bench_summary *s)
{
    *s = (struct bench_summary){.n = n};
    if (n == 0)
        return;
    qsort(values, n, sizeof *values, by_value);
    s->median = quantile(values, n, 0.5);
    s->q1 = quantile(values, n, 0.25);
    s->q3 = quantile(values, n, 0.75);
    s->min = values[0];
    s->max = values[n - 1];
    s->mean = mean(values, n);
}

bool bench_fit(const double *x, const double *y, size_t n, struct bench_line *line)
{
    if (n < 2)
        return false;
    double mx = mean(x, n), my = mean(y, n), sxx = 0, sxy = 0;
    for (size_t i = 0; i < n; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        sxy += (x[i] - mx) * (y[i] - my);
    }
    if (sxx <= 0)
        return false;
    double slope = sxy / sxx, start = my - slope * mx;
    *line = (struct bench_line){slope, start};
    return true;
}

void bench_judge(const struct bench_cost *first, const struct bench_cost *second, struct bench_verdict *v)
{
    v->connect = second->connect - first->connect;
    v->get = second->get - first->get;
    double more = v->connect + BENCH_READ_FRACTION * v->get; /* of the second, for each PV held */
    v->faster = more >= 0 ? BENCH_FIRST : BENCH_SECOND;
    v->worth_pvs = more == 0 ? INFINITY : BENCH_ACCEPTABLE_S / fabs(more); /* NOLINT: exactly equal */
}
