#include "base/clock.h"

#include <time.h>

#define PAIR_TRIES    3u
#define PAIR_APART_NS 1000u

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * CLOCK_NS + (uint64_t)t.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

struct clock_pair clock_pair(void)
{
    struct clock_pair pair = {0};
    uint64_t apart_ns = CLOCK_NEVER;
    for (unsigned i = 0; i < PAIR_TRIES && apart_ns > PAIR_APART_NS; i++) { /* we may lose the CPU in between */
        uint64_t before_ns = clock_monotonic_ns(), realtime_ns = clock_realtime_ns(), after_ns = clock_monotonic_ns();
        if (after_ns - before_ns >= apart_ns)
            continue;
        apart_ns = after_ns - before_ns;
        pair = (struct clock_pair){.monotonic_ns = after_ns, .realtime_ns = realtime_ns};
    }
    return pair;
}

uint64_t clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

bool clock_process_cpu_ns(pid_t pid, uint64_t *ns)
{
    clockid_t id;
    if (clock_getcpuclockid(pid, &id) != 0)
        return false;
    *ns = read_clock(id);
    return true;
}

uint64_t clock_tick_ns(struct clock_rate rate, uint64_t k)
{
    __extension__ typedef unsigned __int128 u128;
    return (uint64_t)((u128)k * rate.den * CLOCK_NS / rate.num);
}
