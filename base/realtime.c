#include "base/realtime.h"

#include "base/clock.h"
#include "base/isolation.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>

#define MOST_OWED_NS (5 * (uint64_t)REALTIME_OUT_NS)
#define MOST_URGENT  (-20)

/* An ordinary thread may become real-time with CAP_SYS_NICE, or up to a limit (sched(7)): somebody with neither may have made us
 * so, and from a rest there would be no way back. */
static bool may_return(const struct realtime *r)
{
    struct rlimit limit;
    return isolation_is_capable(CAP_SYS_NICE) || (getrlimit(RLIMIT_RTPRIO, &limit) == 0 && limit.rlim_cur >= (rlim_t)r->priority);
}

void realtime_leave(void)
{
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
}

void realtime_init(struct realtime *r)
{
    struct sched_param param = {0};
    *r = (struct realtime){.policy = sched_getscheduler(0)};
    const int policy = r->policy & ~SCHED_RESET_ON_FORK;
    if (sched_getparam(0, &param) == 0)
        r->priority = param.sched_priority;
    r->is_realtime = (policy == SCHED_FIFO || policy == SCHED_RR) && may_return(r);
    r->wall_ns = clock_monotonic_ns();
    r->used_ns = clock_thread_cpu_ns();
}

bool realtime_count(struct realtime *r, uint64_t now_ns, uint64_t used_ns)
{
    const uint64_t passed_ns = now_ns - r->wall_ns, used = used_ns - r->used_ns;
    const uint64_t worked_ns = r->is_out ? 0 : used < passed_ns ? used : passed_ns;
    const uint64_t owed_ns = r->owed_ns + worked_ns / REALTIME_SHARE, rested_ns = passed_ns - worked_ns;
    r->wall_ns = now_ns;
    r->used_ns = used_ns;
    r->owed_ns = owed_ns <= rested_ns ? 0 : owed_ns - rested_ns < MOST_OWED_NS ? owed_ns - rested_ns : MOST_OWED_NS;
    return r->is_out ? r->owed_ns > 0 : r->owed_ns >= REALTIME_OUT_NS;
}

/* False: we may not. */
static bool become(const struct realtime *r, bool out)
{
    if (!out)
        return sched_setscheduler(0, r->policy, &(struct sched_param){.sched_priority = r->priority}) == 0;
    setpriority(PRIO_PROCESS, 0, MOST_URGENT); /* in vain: then the ordinary place has to do */
    return sched_setscheduler(0, SCHED_OTHER | (r->policy & SCHED_RESET_ON_FORK), &(struct sched_param){0}) == 0;
}

void realtime_look(struct realtime *r, uint64_t now_ns)
{
    const bool out = realtime_count(r, now_ns, clock_thread_cpu_ns());
    r->next_ns = now_ns + REALTIME_LOOK_NS;
    if (out == r->is_out)
        return;
    r->is_out = out;
    r->is_realtime = become(r, out);
}
