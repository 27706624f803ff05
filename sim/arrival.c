#include "sim/arrival.h"

#include <stdbool.h>
#include <string.h>

#define STEP_NS       1000000u /* the clocks part by more than this: a step */
#define SLEW_FRACTION 1000u    /* apart from what slewing does in the time: NTP's 500 ppm, and as much again */

static bool has_stepped(const struct arrivals *a, const struct clock_pair *now)
{
    if (a->last.monotonic_ns == 0)
        return false;
    uint64_t passed = now->monotonic_ns - a->last.monotonic_ns, expected = a->last.realtime_ns + passed;
    uint64_t apart = expected > now->realtime_ns ? expected - now->realtime_ns : now->realtime_ns - expected;
    return apart > STEP_NS + passed / SLEW_FRACTION;
}

uint64_t arrivals_ns(struct arrivals *a, const struct clock_pair *now, uint64_t stamp_ns)
{
    if (has_stepped(a, now)) {
        a->steps++;
        a->stepped_ns = now->realtime_ns;
    }
    a->last = *now;
    uint64_t age_ns = now->realtime_ns - stamp_ns;
    if (stamp_ns == 0 || stamp_ns > now->realtime_ns || stamp_ns < a->stepped_ns || age_ns > ARRIVAL_OLDEST_NS ||
        age_ns > now->monotonic_ns) {
        a->read++;
        return now->monotonic_ns;
    }
    a->kernel++;
    return now->monotonic_ns - age_ns;
}

static void forget(struct arrival_marks *m, uint64_t begin)
{
    unsigned gone = 0;
    while (gone < m->count && m->mark[gone].end <= begin)
        gone++;
    if (gone == 0)
        return;
    m->count -= gone;
    memmove(m->mark, m->mark + gone, m->count * sizeof *m->mark);
}

void arrival_mark(struct arrival_marks *m, uint64_t begin, uint64_t end, uint64_t at_ns)
{
    forget(m, begin);
    if (m->count < ARRIVAL_MARKS)
        m->count++;
    m->mark[m->count - 1].end = end;
    m->mark[m->count - 1].at_ns = at_ns;
}

uint64_t arrival_of(const struct arrival_marks *m, uint64_t end)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->mark[i].end >= end)
            return m->mark[i].at_ns;
    return m->count > 0 ? m->mark[m->count - 1].at_ns : 0;
}
