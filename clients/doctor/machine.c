#include "clients/doctor/doctor.h"

#include "base/cores.h"

#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define CPU "/sys/devices/system/cpu/"

/* The beginning of a file; empty where it cannot be read. */
static const char *slurp(const char *path, char *text, size_t room)
{
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(text, 1, room - 1, f) : 0;
    if (f != NULL)
        fclose(f);
    text[n] = '\0';
    return text;
}

/* The same without the line feed. */
static const char *slurp_line(const char *path, char *text, size_t room)
{
    slurp(path, text, room);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* ---- cores ---- */

static void look_at_cores(struct doctor *d)
{
    cpu_set_t online, ours;
    char all[CORES_TEXT], allowed[CORES_TEXT];
    cores_online(&online);
    if (sched_getaffinity(0, sizeof ours, &ours) < 0)
        ours = online;
    cores_show(&online, all);
    cores_show(&ours, allowed);
    doctor_find(d, "cores", CPU_COUNT(&ours) > 1, "server and client need a core each: a machine with 2, or a wider taskset",
                "%d online (%.40s), we may use %.40s", CPU_COUNT(&online), all, allowed);
}

static void look_at_isolation(struct doctor *d)
{
    char text[CORES_TEXT], shown[CORES_TEXT];
    cpu_set_t isolated;
    if (cores_parse(slurp(CPU "isolated", text, sizeof text), &isolated) < 0)
        CPU_ZERO(&isolated);
    cores_show(&isolated, shown);
    doctor_find(d, "isolated cores", CPU_COUNT(&isolated) > 0,
                "boot with isolcpus=N nohz_full=N rcu_nocbs=N, then --cpu N: else any process may run on the server's core",
                "%.80s", shown);
}

static void look_at_siblings(struct doctor *d)
{
    char text[16];
    bool shares = *slurp(CPU "smt/active", text, sizeof text) == '1';
    doctor_find(d, "hyperthreads", !shares, "leave the sibling of --cpu's core idle, or `echo off > " CPU "smt/control`",
                shares ? "two threads share a core's units" : "each core is whole");
}

static void look_at_governor(struct doctor *d)
{
    char governor[32], least[32], most[32];
    slurp_line(CPU "cpu0/cpufreq/scaling_governor", governor, sizeof governor);
    slurp_line(CPU "cpu0/cpufreq/scaling_min_freq", least, sizeof least);
    slurp_line(CPU "cpu0/cpufreq/scaling_max_freq", most, sizeof most);
    if (*governor == '\0')
        doctor_find(d, "frequency", true, "", "not ours to set (fixed, or the hypervisor's)");
    else
        doctor_find(d, "frequency", strcmp(governor, "performance") == 0, "cpupower frequency-set -g performance",
                    "governor %s, %s to %s kHz", governor, least, most);
}

/* ---- who else runs here ---- */

static void look_at_hypervisor(struct doctor *d)
{
    char text[8192];
    bool is_guest = doctor_has_flag(slurp("/proc/cpuinfo", text, sizeof text), "flags", "hypervisor");
    doctor_find(d, "hypervisor", !is_guest, "compare within one run only, or measure on bare metal",
                is_guest ? "this is a virtual machine: others may take its cores" : "none");
}

static void look_at_load(struct doctor *d, uint64_t sample_ns)
{
    char text[4096];
    struct doctor_ticks before, after;
    bool known = doctor_parse_stat(slurp("/proc/stat", text, sizeof text), &before);
    const struct timespec sample = {(time_t)(sample_ns / CLOCK_NS), (long)(sample_ns % CLOCK_NS)};
    nanosleep(&sample, NULL);
    known = known && doctor_parse_stat(slurp("/proc/stat", text, sizeof text), &after) && after.total > before.total;
    if (!known)
        return;
    const double total = (double)(after.total - before.total);
    const double steal = 100 * (double)(after.steal - before.steal) / total;
    const double busy = 100 - 100 * (double)(after.idle - before.idle) / total - steal;
    doctor_find(d, "steal", steal < 0.5, "another host, or fewer guests on it", "%.1f %% of %.1f s", steal,
                (double)sample_ns / 1e9);
    doctor_find(d, "load", busy < 10, "end what runs beside (`top`)", "others used %.0f %% of all cores for %.1f s", busy,
                (double)sample_ns / 1e9);
}

/* ---- the kernel ---- */

static void look_at_preemption(struct doctor *d)
{
    struct utsname u;
    bool known = uname(&u) == 0, preempts = known && strstr(u.version, "PREEMPT") != NULL;
    doctor_find(d, "preemption", preempts, "a kernel with PREEMPT_DYNAMIC (boot with preempt=full) or PREEMPT_RT",
                "Linux %.40s, %.60s", known ? u.release : "?", known ? u.version : "?");
}

/* A thread with SCHED_FIFO that never sleeps is stopped for the rest of each second. */
static void look_at_throttling(struct doctor *d)
{
    char text[32];
    int64_t us;
    if (!doctor_parse_number(slurp("/proc/sys/kernel/sched_rt_runtime_us", text, sizeof text), 0, &us))
        return;
    doctor_find(d, "real-time throttling", us < 0 || us >= 950000, "sysctl -w kernel.sched_rt_runtime_us=950000",
                us < 0 ? "off" : "%lld us of each second%s", (long long)us,
                us < 1000000 ? " are left to SCHED_FIFO: a server that spins rests as an ordinary thread for 8 % of the time"
                             : "");
}

static void look_at_clock(struct doctor *d)
{
    static const char *const fast[] = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"};
    char name[64];
    bool is_fast = false;
    slurp_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", name, sizeof name);
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++)
        is_fast |= strcmp(name, fast[i]) == 0;
    doctor_find(d, "clock source", is_fast, "boot with clocksource=tsc tsc=reliable, if the processor's is", "%s",
                *name != '\0' ? name : "unknown");
}

static void look_at_pages(struct doctor *d)
{
    char text[128], chosen[32];
    if (!doctor_parse_chosen(slurp("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text), chosen, sizeof chosen))
        return;
    doctor_find(d, "huge pages", strcmp(chosen, "always") != 0,
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: making them stalls a process now and then",
                "transparent ones: %s", chosen);
}

void doctor_machine(struct doctor *d, uint64_t sample_ns)
{
    look_at_cores(d);
    look_at_isolation(d);
    look_at_siblings(d);
    look_at_governor(d);
    look_at_hypervisor(d);
    look_at_load(d, sample_ns);
    look_at_preemption(d);
    look_at_throttling(d);
    look_at_clock(d);
    look_at_pages(d);
}
