/* The server's one thread: libevent for readiness and signals, our own schedule for deadlines. A timerfd wakes the thread a guard
 * before the earliest deadline, and from there it polls without blocking until the deadline has come, where spinning is allowed;
 * the guard follows the wake-up errors that are measured. Source: design, rule 2. */
#ifndef CAPLAY_SIM_LOOP_H
#define CAPLAY_SIM_LOOP_H

#include "base/diag.h"
#include "base/realtime.h"
#include "sim/schedule.h"

#include <event2/event.h>
#include <stdbool.h>

struct loop_guard { /* how late wake-ups come: mean and mean deviation, as TCP estimates its round trips */
    uint64_t mean_ns, deviation_ns;
};

struct loop {
    struct event_base *base;
    struct schedule schedule;
    struct loop_guard guard;
    struct event *timer;
    int timer_fd;
    uint64_t armed_ns;        /* for when; CLOCK_NEVER: not */
    uint64_t heard_ns;        /* when a client was heard last */
    struct realtime realtime; /* of the thread that runs it */
    bool spins;
    bool stopped;

    /* Called before and after each look at the sockets, off all callbacks: reap what died, send what is new. Returns whether
     * there is more to do at once. */
    bool (*after)(void *arg, uint64_t now_ns);
    /* There is time until about `until_ns`. Returns whether there is more to do. May be NULL. */
    bool (*idle)(void *arg, uint64_t until_ns);
    void *arg;
};

int loop_init(struct loop *loop, struct diag *diag);
void loop_fini(struct loop *loop);

/* Until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* In a callback, between two pieces of work, at now_ns: has a deadline come? Then return to the loop, which will call again. */
bool loop_is_due(const struct loop *loop, uint64_t now_ns);

/* At the end of a callback that has heard a client: where spinning is allowed, the next message is looked for without sleeping
 * for a while, since a wake-up costs more than a whole get. If a deadline has come, it goes before the other callbacks. */
void loop_heard(struct loop *loop);

/* May a process spin here? Only when it is pinned to one core and the machine has others (design, rule 2). */
bool loop_may_spin(void);

#endif
