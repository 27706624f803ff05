/* The machine that a benchmark ran on, for the head of its tables. */
#ifndef CAPLAY_CLIENTS_BENCH_MACHINE_H
#define CAPLAY_CLIENTS_BENCH_MACHINE_H

struct bench_machine {
    char host[72], kernel[80], system[80], processor[80], memory[24];
    unsigned cores; /* online */
    char load[16];  /* average of the last minute, now */
};

/* What cannot be found out is "?". */
void bench_read_machine(struct bench_machine *m);

#endif
