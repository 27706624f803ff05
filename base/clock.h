/* The one place that reads a clock. Everything else takes `now_ns` as a parameter.
 * Design rule 1: CLOCK_MONOTONIC in 64-bit nanoseconds, deadlines from one anchor. */
#ifndef CAPLAY_BASE_CLOCK_H
#define CAPLAY_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLOCK_NS    UINT64_C(1000000000)
#define CLOCK_NEVER UINT64_MAX

/* Seconds from the Unix epoch to the EPICS epoch, 1990-01-01 00:00:00 UTC (ca-protocol 7.2). */
#define CLOCK_EPICS_EPOCH UINT64_C(631152000)

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void); /* since the Unix epoch */

/* Both clocks at one instant, as nearly as it can be had: on the way from one clock to the other. */
struct clock_pair {
    uint64_t monotonic_ns, realtime_ns;
};

struct clock_pair clock_pair(void);

/* CPU time that all threads of a process have used so far, by its CPU clock (/proc has ticks of 10 ms only). False: no such
 * process. */
bool clock_process_cpu_ns(pid_t pid, uint64_t *ns);

uint64_t clock_thread_cpu_ns(void); /* of the calling thread */

/* A rate as a fraction, so that 0.1 Hz and 29.97 Hz are exact. den > 0. */
struct clock_rate {
    uint64_t num, den; /* num/den per second */
};

/* Offset of the k-th tick from tick 0: k * den / num seconds, rounded down, computed in 128 bits
 * from k alone, so that no rounding error adds up. rate.num > 0. */
uint64_t clock_tick_ns(struct clock_rate rate, uint64_t k);

#endif
