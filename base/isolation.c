#include "base/isolation.h"

#include "base/cores.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const isolation_names[ISOLATION_PARTS] = {
    [ISOLATION_CPU] = "core", [ISOLATION_FIFO] = "sched_fifo", [ISOLATION_MEMORY] = "memory_lock"};

int isolation_check(const struct isolation_wish *wish, struct diag *diag)
{
    cpu_set_t online;
    char cores[CORES_TEXT];
    cores_online(&online);
    if (wish->cpu == ISOLATION_NO_CPU || (wish->cpu < CPU_SETSIZE && CPU_ISSET(wish->cpu, &online)))
        return 0;
    cores_show(&online, cores);
    return diag_fail(diag, DIAG_USAGE, "--cpu: this machine has no core %llu, its cores are %s (example: --cpu %d)",
                     (unsigned long long)wish->cpu, cores, CPU_ISSET(1, &online) ? 1 : 0);
}

static void answer(struct isolation *isolation, enum isolation_part part, int result)
{
    isolation->asked[part] = true;
    isolation->error[part] = result < 0 ? errno : 0;
}

static void pin(struct isolation *isolation)
{
    cpu_set_t one;
    const size_t cpu = (size_t)isolation->wish.cpu;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    answer(isolation, ISOLATION_CPU, sched_setaffinity(0, sizeof one, &one));
    if (isolation->error[ISOLATION_CPU] != 0)
        return;
    CPU_CLR(cpu, &isolation->others);
    if (CPU_COUNT(&isolation->others) == 0)
        isolation->others = isolation->before;
}

void isolation_apply(struct isolation *isolation, const struct isolation_wish *wish)
{
    *isolation = (struct isolation){.wish = *wish};
    if (sched_getaffinity(0, sizeof isolation->before, &isolation->before) < 0)
        cores_online(&isolation->before);
    isolation->others = isolation->before;
    if (wish->cpu != ISOLATION_NO_CPU)
        pin(isolation);
    if (wish->realtime)
        answer(
            isolation, ISOLATION_FIFO,
            sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &(struct sched_param){.sched_priority = ISOLATION_PRIORITY}));
}

/* What is there stays once it was used; what comes is there at once, so that no fault comes between a deadline and its send.
 * Under a limit the lock would make later allocations fail: then rather none. */
static int lock(const struct iovec *pageable)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && !isolation_is_capable(CAP_IPC_LOCK)) {
        errno = EPERM;
        return -1;
    }
    if (mlockall(MCL_CURRENT | MCL_ONFAULT) < 0)
        return -1;
    if (pageable != NULL)
        munlock(pageable->iov_base, pageable->iov_len);
    return mlockall(MCL_FUTURE);
}

void isolation_lock_memory(struct isolation *isolation, const struct iovec *pageable)
{
    if (!isolation->wish.realtime)
        return;
    answer(isolation, ISOLATION_MEMORY, lock(pageable));
}

void isolation_step_out(const struct isolation *isolation)
{
    if (isolation_granted(isolation, ISOLATION_CPU))
        sched_setaffinity(0, sizeof isolation->others, &isolation->others);
}

void isolation_step_in(const struct isolation *isolation)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    if (!isolation_granted(isolation, ISOLATION_CPU))
        return;
    CPU_SET((size_t)isolation->wish.cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

void isolation_undo(const struct isolation *isolation)
{
    if (isolation_granted(isolation, ISOLATION_CPU))
        sched_setaffinity(0, sizeof isolation->before, &isolation->before);
    if (isolation_granted(isolation, ISOLATION_FIFO))
        sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){.sched_priority = 0});
}

static void show_part(const struct isolation *isolation, enum isolation_part part, char text[ISOLATION_TEXT])
{
    static const char *const shown[ISOLATION_PARTS] = {
        [ISOLATION_CPU] = "core", [ISOLATION_FIFO] = "SCHED_FIFO", [ISOLATION_MEMORY] = "memory lock"};
    char number[24] = "";
    const size_t n = strlen(text);
    if (part == ISOLATION_CPU)
        snprintf(number, sizeof number, " %llu", (unsigned long long)isolation->wish.cpu);
    if (isolation->error[part] == 0)
        snprintf(text + n, ISOLATION_TEXT - n, "%s%s%s granted", n > 0 ? ", " : "", shown[part], number);
    else
        snprintf(text + n, ISOLATION_TEXT - n, "%s%s%s refused (%s)", n > 0 ? ", " : "", shown[part], number,
                 strerror(isolation->error[part]));
}

void isolation_show(const struct isolation *isolation, char text[ISOLATION_TEXT])
{
    *text = '\0';
    for (enum isolation_part part = 0; part < ISOLATION_PARTS; part++)
        if (isolation->asked[part])
            show_part(isolation, part, text);
}

bool isolation_is_capable(unsigned capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0)
        return false;
    return data[capability / 32].effective >> (capability % 32) & 1;
}
