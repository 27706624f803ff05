/* What a client's process did, counted by a tool under which it runs many times slower: instructions by valgrind's callgrind,
 * system calls by strace. Such runs are runs of their own, and none of their times is a sample.
 *
 * A tool sees where a stage begins and ends by the client's calls of getrusage() (stage.h): callgrind makes a new profile at
 * each, strace has a line of it. So what is counted falls into sections: before the first mark, between two, after the last. */
#ifndef CAPLAY_CLIENTS_BENCH_COUNTING_H
#define CAPLAY_CLIENTS_BENCH_COUNTING_H

#include "base/options.h"
#include "clients/bench/stage.h"

enum counting_tool { COUNTING_NONE, COUNTING_CALLGRIND, COUNTING_SYSCALLS, COUNTING_TOOLS };
extern const char *const counting_names[COUNTING_TOOLS];    /* as --count has it */
extern const char *const counting_figures[COUNTING_TOOLS];  /* what is counted: "instructions" */
extern const char *const counting_programs[COUNTING_TOOLS]; /* that counts it: "valgrind" */
extern const char *const counting_by[COUNTING_TOOLS];       /* as results and tables have it: "callgrind" */

/* Runs of each client on each server at a connect step, unless told otherwise: the fewest that have an interval. */
#define COUNTING_RUNS 6u

/* A client's time-out is longer by this. */
#define COUNTING_SLOWER 50u

/* From "--count callgrind:10" options: how often each tool counts; 0: not. -1 with DIAG_USAGE; with DIAG_ENVIRONMENT if the
 * tool's program is not installed. */
int counting_parse(const struct option_list *list, unsigned runs[COUNTING_TOOLS], struct diag *diag);

/* Is set for what runs under a tool: Python's dictionaries have another order in each process, and so other counts, unless it is
 * told not to. */
#define COUNTING_ENVIRONMENT "PYTHONHASHSEED=0"

/* Words to put before a command: they run it under the tool, which writes what it counted to `path`; by section, or just in all,
 * where the command may fork. */
#define COUNTING_WORDS 12
#define COUNTING_PATH  300
struct counting_words {
    const char *at[COUNTING_WORDS];
    unsigned n;
    char file[COUNTING_PATH]; /* at[] points into it */
};

void counting_words(enum counting_tool tool, const char *path, bool by_section, struct counting_words *words);

#define COUNTING_SECTIONS 64
struct counted {
    double section[COUNTING_SECTIONS];
    unsigned n;   /* sections: one more than marks */
    double total; /* of all, also of those beyond the last section; NAN: nothing was counted */
};

/* What the tool wrote. */
void counting_read(enum counting_tool tool, FILE *file, struct counted *counted);

/* What was counted in a stage, or before the first one. NAN: not counted, or somebody else called getrusage(), too. */
double counting_stage(const struct counted *counted, const struct bench_stages *stages, enum bench_stage stage);
double counting_start(const struct counted *counted, const struct bench_stages *stages);

#endif
