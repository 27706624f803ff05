#include "sim/loop.h"

#include "base/clock.h"

#include <sched.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define GUARD_FIRST_NS 100000u /* until a wake-up was measured */
#define GUARD_LEAST_NS 20000u
#define GUARD_MOST_NS  1000000u
#define LAST_NS        4000u    /* before a deadline there is no time for a look at the sockets any more */
#define LINGER_NS      1000000u /* after a client was heard */
#define IDLE_LEAST_NS  300000u  /* less time than this is not worth starting other work in */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct loop *loop = arg;
    uint64_t expirations;
    if (read(fd, &expirations, sizeof expirations) < 0 || loop->armed_ns == CLOCK_NEVER)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t late = now_ns > loop->armed_ns ? now_ns - loop->armed_ns : 0;
    loop->armed_ns = CLOCK_NEVER;
    if (late > GUARD_MOST_NS)
        late = GUARD_MOST_NS;
    struct loop_guard *g = &loop->guard;
    uint64_t error = late > g->mean_ns ? late - g->mean_ns : g->mean_ns - late;
    g->mean_ns = (7 * g->mean_ns + late) / 8;
    g->deviation_ns = (3 * g->deviation_ns + error) / 4;
}

int loop_init(struct loop *loop, struct diag *diag)
{
    schedule_init(&loop->schedule);
    loop->guard = (struct loop_guard){GUARD_FIRST_NS / 2, GUARD_FIRST_NS / 8};
    loop->armed_ns = CLOCK_NEVER;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    loop->base = event_base_new();
    if (loop->timer_fd < 0 || loop->base == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot make an event loop");
    loop->timer = event_new(loop->base, loop->timer_fd, EV_READ | EV_PERSIST, on_timer, loop);
    if (loop->timer == NULL || event_add(loop->timer, NULL) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot watch a timer");
    return 0;
}

void loop_fini(struct loop *loop)
{
    if (loop->timer != NULL)
        event_free(loop->timer);
    if (loop->base != NULL)
        event_base_free(loop->base);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    schedule_fini(&loop->schedule);
}

bool loop_may_spin(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

static uint64_t guard_ns(const struct loop *loop)
{
    uint64_t guard = loop->guard.mean_ns + 4 * loop->guard.deviation_ns;
    if (!loop->spins)
        return 0;
    return guard < GUARD_LEAST_NS ? GUARD_LEAST_NS : guard > GUARD_MOST_NS ? GUARD_MOST_NS : guard;
}

static void arm(struct loop *loop, uint64_t at_ns)
{
    if (loop->armed_ns == at_ns)
        return;
    struct itimerspec when = {0};
    if (at_ns != CLOCK_NEVER) {
        when.it_value.tv_sec = (time_t)(at_ns / CLOCK_NS);
        when.it_value.tv_nsec = (long)(at_ns % CLOCK_NS);
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    loop->armed_ns = at_ns;
}

/* Work that can be done before the deadline comes. Returns whether there may be more of it. */
static bool use_idle_time(struct loop *loop, uint64_t now_ns, uint64_t due_ns)
{
    if (loop->idle == NULL || due_ns - now_ns < IDLE_LEAST_NS)
        return false;
    return loop->idle(loop->arg, due_ns);
}

/* What comes due while others are served waits for the next look at the sockets. */
static void fire_due(struct loop *loop)
{
    uint64_t now_ns = clock_monotonic_ns();
    const uint64_t due_ns = schedule_earliest(&loop->schedule);
    while (loop->spins && now_ns < due_ns && due_ns - now_ns < LAST_NS)
        now_ns = clock_monotonic_ns();
    while (!loop->stopped && schedule_fire(&loop->schedule, now_ns))
        ;
}

/* Wait for sockets, signals or the time that the next deadline needs; only look if there is work already. */
static void wait_for_work(struct loop *loop, bool is_busy)
{
    uint64_t now_ns = clock_monotonic_ns(), due_ns = schedule_earliest(&loop->schedule), guard = guard_ns(loop);
    bool is_near = due_ns != CLOCK_NEVER && (due_ns <= now_ns || due_ns - now_ns <= guard);
    bool lingers = loop->spins && now_ns < loop->heard_ns + LINGER_NS;
    bool blocks = !is_near && !is_busy && !use_idle_time(loop, now_ns, due_ns) && !lingers;
    if (blocks)
        arm(loop, due_ns == CLOCK_NEVER ? CLOCK_NEVER : due_ns - guard);
    event_base_loop(loop->base, blocks ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
}

void loop_run(struct loop *loop)
{
    loop->stopped = false;
    realtime_init(&loop->realtime);
    while (!loop->stopped) {
        fire_due(loop);
        const uint64_t now_ns = clock_monotonic_ns();
        realtime_pass(&loop->realtime, now_ns);
        bool is_busy = loop->after(loop->arg, now_ns);
        wait_for_work(loop, is_busy);
        loop->after(loop->arg, clock_monotonic_ns());
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    event_base_loopbreak(loop->base);
}

bool loop_is_due(const struct loop *loop, uint64_t now_ns)
{
    return schedule_earliest(&loop->schedule) <= now_ns;
}

void loop_heard(struct loop *loop)
{
    loop->heard_ns = clock_monotonic_ns();
    if (loop_is_due(loop, loop->heard_ns))
        event_base_loopbreak(loop->base);
}
