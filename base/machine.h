/* What the machine did with our time meanwhile, as far as it tells: from /proc and /sys. What is not told is 0. */
#ifndef CAPLAY_BASE_MACHINE_H
#define CAPLAY_BASE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

struct machine_times {
    uint64_t steal_ns;     /* all cores: what the hypervisor gave to others (in ticks of 10 ms) */
    uint64_t run_queue_ns; /* this thread: ready to run, and waiting for its core */
    uint64_t preempted;    /* this thread: how often it lost its core while it had work */
    uint32_t core;         /* it runs on now */
    uint32_t mhz;          /* of that core now */
};

/* Since the machine's or the thread's start. May allocate. */
void machine_read(struct machine_times *m);

/* The run-queue delay alone. Allocates nothing. */
uint64_t machine_run_queue_ns(void);

/* The begin of a small file, with a NUL behind it; its length, 0 where there is none. Allocates nothing. */
size_t machine_read_file(const char *path, char *text, size_t room);

#endif
