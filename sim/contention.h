/* Did the command that we run (`-- COMMAND`, the client) take our core from us? As far as can be told: our thread was ready and
 * waited for its core (run-queue delay), meanwhile the command's processes used CPU time, and one of their threads ran last on
 * our core. Without a command of ours nothing is known of clients, and nothing is contention: another process that takes our core
 * is our own lateness. Reads /proc: for times at which nothing is due. */
#ifndef CAPLAY_SIM_CONTENTION_H
#define CAPLAY_SIM_CONTENTION_H

#include <stdint.h>
#include <sys/types.h>

struct contention {
    pid_t command; /* 0: none */
    uint64_t waited_ns, used_ns;
};

void contention_begin(struct contention *c, pid_t command);

/* At most so long has the command kept us from our core since the last call. */
uint64_t contention_since(struct contention *c);

#endif
