#include "base/clock.h"

#include <time.h>

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
