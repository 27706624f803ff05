#include "clients/bench/precision.h"

#include "clients/bench/cells.h"
#include "clients/bench/infer.h"

#include <math.h>
#include <stdlib.h>

/* A cell without a good run never gets one by waiting: its client fails. */
static bool is_precise(const struct bench_result *r, const struct bench_cell *cell)
{
    const enum bench_figure figure = cell->step->kind == BENCH_CONNECT ? BENCH_FIGURE_CONNECT : BENCH_FIGURE_LOAD;
    struct bench_values v = bench_values(r, cell, figure);
    const struct infer_interval i = infer_median((struct infer_samples){v.at, v.n}, INFER_LEVEL, r->options.seed);
    const bool precise = v.n == 0 || (i.high - i.low) / 2 <= r->options.precision * fabs(i.value);
    free(v.at);
    return precise;
}

static bool is_step_precise(const struct bench_result *r, const struct bench_step *step)
{
    for (unsigned s = 0; s < r->nservers; s++)
        for (unsigned c = 0; c < r->nclients; c++)
            if (!is_precise(r, &(struct bench_cell){s, c, step}))
                return false;
    return true;
}

bool bench_want_more(struct bench_result *r, const struct bench_step *steps, size_t n, unsigned round)
{
    const struct bench_options *o = &r->options;
    struct bench_step *first = &r->steps[steps - r->steps];
    bool more = false;
    if (!(o->precision > 0) || round >= o->max_runs)
        return false;
    if (o->time_limit_ns > 0 && clock_monotonic_ns() - o->begun_ns >= o->time_limit_ns)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_step_precise(r, &first[i])) {
            first[i].rounds = round + 1;
            more = true;
        }
    return more;
}
