/* One line a step on stderr, with a bar, where stderr is a terminal and --status does not show more; else nothing. */
#ifndef CAPLAY_CLIENTS_BENCH_PROGRESS_H
#define CAPLAY_CLIENTS_BENCH_PROGRESS_H

#include "clients/bench/live.h"

struct bench_progress {
    struct bench_live *live; /* is told, too; or NULL */
    char name[80];
    unsigned done, of; /* runs */
    uint64_t start_ns;
    bool shown;
};

/* So many steps, which are done together, with so many runs. Sets all but p->live. */
void bench_progress_begin(struct bench_progress *p, const char *name, unsigned steps, unsigned of);
void bench_progress_step(struct bench_progress *p, const char *what); /* what is done now: "pyca on sim" */
void bench_progress_end(struct bench_progress *p);

#endif
