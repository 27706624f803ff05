/* A thread with SCHED_FIFO that does not sleep is stopped by the kernel: once it has run for 950 ms of a second it does not run
 * for the other 50 ms (sched_rt_runtime_us; seen on Linux 6.18 with CONFIG_RT_GROUP_SCHED, on an idle core, too). So a thread
 * that spins, or always has work, is for a part of the time an ordinary one, the most urgent of those (nice -20): that time is
 * not counted, and nobody else is on a core of its own anyway. Counting is pure. */
#ifndef CAPLAY_BASE_REALTIME_H
#define CAPLAY_BASE_REALTIME_H

#include <stdbool.h>
#include <stdint.h>

#define REALTIME_SHARE   12u       /* one part of rest for so many of work: 7.7% of the time, where the kernel wants 5% */
#define REALTIME_OUT_NS  10000000u /* what is owed is rested in pieces of so much */
#define REALTIME_LOOK_NS 1000000u  /* from one look to the next */

struct realtime { /* zeroed: the thread is none that has to rest */
    int policy, priority;
    bool is_realtime;          /* it was SCHED_FIFO or SCHED_RR to begin with, and may become it again */
    bool is_out;               /* it is an ordinary one now */
    uint64_t next_ns;          /* when to look again */
    uint64_t wall_ns, used_ns; /* at the last look: the time, and the thread's CPU time */
    uint64_t owed_ns;
};

/* The calling thread becomes an ordinary one. Who started us with chrt(1) meant the thread that serves: none that helps it must
 * be as urgent. */
void realtime_leave(void);

/* Of the calling thread. */
void realtime_init(struct realtime *r);

/* Look whether the thread has to rest, or has rested; it is changed accordingly. */
void realtime_look(struct realtime *r, uint64_t now_ns);

/* Call it often: it looks once a millisecond. */
static inline void realtime_pass(struct realtime *r, uint64_t now_ns)
{
    if (r->is_realtime && now_ns >= r->next_ns)
        realtime_look(r, now_ns);
}

/* The thread has used so much CPU time by now. Returns whether it should be out. */
bool realtime_count(struct realtime *r, uint64_t now_ns, uint64_t used_ns);

#endif
