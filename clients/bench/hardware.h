/* Instructions of another process, by the processor's own counter (perf_event_open): all of its threads, user space only, from
 * its exec() to its end. They cost a run nothing, and are there only where the machine has such counters (few virtual ones do)
 * and the kernel lets us (kernel.perf_event_paranoid). */
#ifndef CAPLAY_CLIENTS_BENCH_HARDWARE_H
#define CAPLAY_CLIENTS_BENCH_HARDWARE_H

#include <stdint.h>
#include <sys/types.h>

/* What is counted: perf_event_open()'s type and config. */
struct hardware_event {
    uint32_t type;
    uint64_t config;
};

extern const struct hardware_event hardware_instructions;

/* Count from the process's next exec() on. A descriptor, or -1 with errno. */
int hardware_open(const struct hardware_event *event, pid_t pid);

/* The count, once the process has ended. NAN: nothing was counted, or the counter was shared out meanwhile, so that it would be
 * an estimate; or fd is -1. */
double hardware_read(int fd);

/* Can instructions be counted here? NULL, or why not. */
const char *hardware_lack(void);

#endif
