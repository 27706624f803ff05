#include "base/machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t read_steal_ns(void)
{
    unsigned long long ticks = 0;
    FILE *f = fopen("/proc/stat", "re");
    if (f == NULL)
        return 0;
    int n = fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks);
    fclose(f);
    return n == 1 ? ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK)) : 0;
}

uint64_t machine_run_queue_ns(void)
{
    uint64_t ns = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "re");
    if (f == NULL)
        return 0;
    int n = fscanf(f, "%*u %" SCNu64, &ns);
    fclose(f);
    return n == 1 ? ns : 0;
}

static uint32_t read_frequency_khz(uint32_t core)
{
    char path[80];
    uint32_t khz = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%" PRIu32 "/cpufreq/scaling_cur_freq", core);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    int n = fscanf(f, "%" SCNu32, &khz);
    fclose(f);
    return n == 1 ? khz : 0;
}

/* Virtual machines tell it in /proc/cpuinfo only, if at all. */
static uint32_t read_cpuinfo_mhz(uint32_t core)
{
    char line[256];
    uint32_t at = 0;
    double mhz = 0;
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        sscanf(line, "processor : %" SCNu32, &at);
        if (at == core && sscanf(line, "cpu MHz : %lf", &mhz) == 1)
            break;
    }
    if (f != NULL)
        fclose(f);
    return (uint32_t)mhz;
}

void machine_read(struct machine_times *m)
{
    struct rusage usage;
    int core = sched_getcpu();
    m->core = core >= 0 ? (uint32_t)core : 0;
    m->steal_ns = read_steal_ns();
    m->run_queue_ns = machine_run_queue_ns();
    m->preempted = getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw : 0;
    uint32_t khz = read_frequency_khz(m->core);
    m->mhz = khz > 0 ? khz / 1000 : read_cpuinfo_mhz(m->core);
}
