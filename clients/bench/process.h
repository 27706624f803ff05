/* One run's process: started on its cores with its environment, heard on stdout and stderr, sampled while it works, ended when
 * its time is over. Several may run at once. Knows no job and no Channel Access. */
#ifndef CAPLAY_CLIENTS_BENCH_PROCESS_H
#define CAPLAY_CLIENTS_BENCH_PROCESS_H

#include "base/clock.h"
#include "base/diag.h"
#include "clients/bench/sample.h"

#include <stddef.h>
#include <sys/resource.h>

#define BENCH_NOFILE      1024u
#define BENCH_SAMPLES_MAX 120u
#define BENCH_AT_ONCE     16
#define BENCH_TAIL_LINES  3
#define BENCH_LINE_BYTES  400
#define BENCH_WORDS_BYTES (BENCH_TAIL_LINES * (BENCH_LINE_BYTES + 3))

/* A client that wrote this line to stderr has its first frame: its start-up is over. */
#define BENCH_MONITORING "monitoring"

struct bench_samples {
    double at[BENCH_SAMPLES_MAX];
    unsigned n;
};

struct bench_process_spec {
    char *const *argv;
    char *const *env;
    uint64_t cores;
    uint64_t timeout_ns; /* from its start to its end */
    uint64_t warmup_ns;  /* from BENCH_MONITORING to the first reading of the CPU clock */
    unsigned samples;    /* of 1 s each; 0: not sampled */
    bool unseen;         /* its files, threads, memory and sockets are not looked at */
};

struct bench_process {
    /* What it did, once bench_process_wait() has returned. */
    char *answer; /* its stdout, NUL-terminated */
    size_t answer_bytes;
    char said[BENCH_LINE_BYTES];                   /* the last line of its stderr */
    char tail[BENCH_TAIL_LINES][BENCH_LINE_BYTES]; /* and those before: oldest first, "": none */
    int status;                                    /* as of waitpid() */
    struct rusage used;                            /* by it, from its start to its end */
    bool timed_out;                                /* it was killed */
    double instructions;                           /* by the processor's counter; NAN: not counted */
    struct bench_drops drops;                      /* read while it ran, and when it had answered */
    struct bench_held held;                        /* read at the same times */
    struct bench_samples cpu;                      /* percent of one core, each over a second */
    struct bench_samples rss;                      /* bytes, at the begin and at the end of each of these seconds */
    uint64_t rss_peak;

    /* Private. */
    struct bench_process_spec spec;
    pid_t pid;
    int out, err, end; /* pipes, pidfd; -1: closed */
    int counter;       /* of instructions; -1: there is none */
    size_t room, said_bytes;
    char word[400]; /* the line of stderr that is not complete yet */
    uint64_t deadline_ns, look_ns, cpu_ns, cpu_at_ns;
};

/* 0, or -1 with DIAG_ENVIRONMENT. spec's pointers are used by this call only. */
int bench_process_start(struct bench_process *p, const struct bench_process_spec *spec, struct diag *diag);

/* Its last lines on stderr as one, the oldest first: "one | two | three". */
void bench_process_words(const struct bench_process *p, char words[BENCH_WORDS_BYTES]);

/* What we used ourselves while we waited for clients: CPU time of all our threads, and time. */
struct bench_own {
    uint64_t cpu_ns, wall_ns;
};

/* Until all n <= BENCH_AT_ONCE have ended; adds to *own (or NULL). */
void bench_process_wait(struct bench_process *p, size_t n, struct bench_own *own);
void bench_process_fini(struct bench_process *p);

/* SIGINT, SIGTERM and SIGHUP (a terminal that is gone; not under nohup): after catch, they end every wait and every run;
 * interrupted tells it. */
void bench_interrupt_catch(void);
bool bench_interrupted(void);

/* Wait for something to read or the end of the other side; false: time-out or interrupt. */
bool bench_wait_readable(int fd, uint64_t until_ns);

/* Wait until this process of ours has ended, at most so long, then kill it; its status as of waitpid(). */
int bench_reap(pid_t pid, uint64_t patience_ns);

#endif
