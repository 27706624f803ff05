/* SIGINT, SIGTERM and SIGHUP (a terminal or ssh that is gone) end a capture between two packets. Once one of them was noticed,
 * SIGINT has its default action: a second Ctrl-C ends the program at once. One at a time in a process. */
#ifndef CAPLAY_CAPTURE_INTERRUPT_H
#define CAPLAY_CAPTURE_INTERRUPT_H

#include "base/diag.h"

#include <signal.h>
#include <stdbool.h>

#define INTERRUPT_SIGNALS 3

struct interrupt {
    int fd;    /* becomes readable, for poll(); -1: none */
    bool came; /* interrupt_came() has said so */
    int silent, nothing;
    sigset_t before;
    struct sigaction actions[INTERRUPT_SIGNALS]; /* of before; with `silent` only */
};

/* silent: a descriptor whose reader may wait for ever (a pipe): a signal ends that wait, and what is read from then on is the end
 * of the file; -1: there is none. 0 or -1. interrupt_close() also after a failure. */
int interrupt_open(struct interrupt *i, int silent, struct diag *diag);

bool interrupt_is_open(const struct interrupt *i);

/* Has one come? */
bool interrupt_came(struct interrupt *i);

/* As it was before. What came and was not noticed is forgotten. */
void interrupt_close(struct interrupt *i);

#endif
