#include "clients/bench/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_AFTER_NS (2 * CLOCK_NS)
#define BAR_WIDTH    24u

static double seconds_since(uint64_t start_ns)
{
    return (double)(clock_monotonic_ns() - start_ns) / (double)CLOCK_NS;
}

void bench_progress_begin(struct bench_progress *p, const char *name, unsigned steps, unsigned of)
{
    const bool shown = isatty(STDERR_FILENO) == 1 && !bench_live_shows(p->live);
    *p = (struct bench_progress){.live = p->live, .of = of, .start_ns = clock_monotonic_ns(), .shown = shown};
    bench_live_group(p->live, name, steps, of);
    snprintf(p->name, sizeof p->name, "%s", name);
    if (p->shown)
        fprintf(stderr, "%-44s", p->name);
}

void bench_progress_step(struct bench_progress *p, const char *what)
{
    unsigned filled = p->of > 0 && p->done < p->of ? p->done * BAR_WIDTH / p->of : BAR_WIDTH;
    if (p->shown && clock_monotonic_ns() - p->start_ns >= BAR_AFTER_NS)
        fprintf(stderr, "\r%-44s [%.*s%*s] %u/%u %.40s\033[K", p->name, (int)filled,
                "========================", (int)(BAR_WIDTH - filled), "", p->done, p->of, what);
    p->done++;
    bench_live_run(p->live, what);
}

void bench_progress_end(struct bench_progress *p)
{
    if (p->shown)
        fprintf(stderr, "\r%-44s %u runs, %.1f s\033[K\n", p->name, p->done, seconds_since(p->start_ns));
}
