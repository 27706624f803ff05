/* One line a step on stderr, with a bar, where stderr is a terminal; else nothing. */
#ifndef CAPLAY_CLIENTS_BENCH_PROGRESS_H
#define CAPLAY_CLIENTS_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct bench_progress {
    char name[80];
    unsigned done, of; /* runs */
    uint64_t start_ns;
    bool shown;
};

void bench_progress_begin(struct bench_progress *p, const char *name, unsigned of);
void bench_progress_step(struct bench_progress *p, const char *what); /* what is done now: "pyca on sim" */
void bench_progress_end(struct bench_progress *p);

#endif
