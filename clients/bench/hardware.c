#include "clients/bench/hardware.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct hardware_event hardware_instructions = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS};

int hardware_open(const struct hardware_event *event, pid_t pid)
{
    struct perf_event_attr attr = {.type = event->type,
                                   .size = sizeof attr,
                                   .config = event->config,
                                   .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
                                   .disabled = 1,
                                   .inherit = 1,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1,
                                   .enable_on_exec = 1};
    return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

double hardware_read(int fd)
{
    struct {
        uint64_t count, enabled_ns, running_ns;
    } now;
    if (fd < 0 || read(fd, &now, sizeof now) != (ssize_t)sizeof now || now.count == 0 || now.running_ns < now.enabled_ns)
        return NAN;
    return (double)now.count;
}

const char *hardware_lack(void)
{
    const int fd = hardware_open(&hardware_instructions, 0);
    if (fd >= 0) {
        close(fd);
        return NULL;
    }
    switch (errno) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
        return "this machine has no counter of instructions, or its hypervisor shows none";
    case EACCES:
    case EPERM:
        return "the kernel refuses it: kernel.perf_event_paranoid is above 2, or a sandbox forbids perf_event_open()";
    default:
        return "this kernel has no perf_event_open()";
    }
}
