#include "base/machine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_A_SECOND UINT64_C(1000000000)

size_t machine_read_file(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, room - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static uint64_t read_steal_ns(void)
{
    char text[256];
    unsigned long long ticks = 0;
    machine_read_file("/proc/stat", text, sizeof text);
    if (sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) != 1)
        return 0;
    return ticks * (NS_A_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t machine_run_queue_ns(void)
{
    char text[128];
    uint64_t ns = 0;
    machine_read_file("/proc/thread-self/schedstat", text, sizeof text);
    return sscanf(text, "%*u %" SCNu64, &ns) == 1 ? ns : 0;
}

static uint32_t read_frequency_khz(uint32_t core)
{
    char path[80], text[32];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%" PRIu32 "/cpufreq/scaling_cur_freq", core);
    return machine_read_file(path, text, sizeof text) > 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
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
