/* `caplay bench SCENARIO -- COMMAND`: any command is a client. It knows no job and says nothing to us: a fresh server of ours for
 * each run tells what it saw of it. */
#ifndef CAPLAY_CLIENTS_BENCH_APPLICATION_H
#define CAPLAY_CLIENTS_BENCH_APPLICATION_H

#include "clients/bench/bench.h"
#include "clients/bench/observe.h"

#define APPLICATION_RUNS 10u /* unless told otherwise */

enum application_outcome {
    APPLICATION_GOOD,
    APPLICATION_ENDED,       /* it ended, and had searched for nothing */
    APPLICATION_UNCONNECTED, /* it ended, or had to be killed, without a channel */
    APPLICATION_HUNG,        /* it had channels, and had to be killed */
    APPLICATION_FAILED,      /* it had channels, and ended with another exit code than 0 */
    APPLICATION_INVALID,     /* the server was late or died: says nothing of the command */
    APPLICATION_UNCOUNTED,   /* under a tool that counts it was not good, or the tool wrote no count: says nothing, either */
    APPLICATION_OUTCOMES
};

extern const char *const application_outcome_names[APPLICATION_OUTCOMES];

struct application_run {
    enum application_outcome outcome;
    enum counting_tool tool; /* it ran under this one, and is no sample of anything else */
    double counted;          /* by the tool, of the process and of all that it started; NAN: nothing */
    bool warmup;
    bool repeated; /* invalid, and done again */
    bool killed;   /* it did not end within its time-out */
    int exit_code;
    char why[BENCH_WORDS_BYTES + 200]; /* if not good: with its last words */
    double life_s, cpu_s;
    struct bench_counts counts;
    struct observed_run seen;
};

struct application {
    struct bench_result *r; /* its options; live is told of each run */
    char *const *command;
    struct application_run *runs;
    unsigned nruns;
};

/* One word from what is known of a run; pure. */
enum application_outcome application_judge(const struct observed_run *seen, bool timed_out, int exit_code);

/* Run it once, as run->tool says, and set the rest of *run. -1 with DIAG_ENVIRONMENT: the command does not exist, or no server.
 */
int application_run_once(const struct application *a, struct application_run *run, struct diag *diag);

/* Figures of good runs without warm-ups: at[0..n) of a caller's array with room for all. */
size_t application_values(const struct application *a, enum observe_figure figure, double *at);
size_t application_counts(const struct application *a, enum bench_counted which, double *at);

/* Messages of one command that a client sent (OBSERVE_FROM_IT) or got, alike; 0: no run had any. */
size_t application_kinds(const struct application *a, unsigned way, unsigned command, double *at);

/* What a tool counted of good runs under it, alike. */
size_t application_counted(const struct application *a, enum counting_tool tool, double *at);

void application_print(const struct application *a, FILE *out);
json_t *application_json(const struct application *a);

/* Options, folder and repeater are r's, which has one server. The exit code, or -1 (a command that does not exist:
 * DIAG_ENVIRONMENT). */
int bench_application(struct bench_result *r, char *const *command, unsigned runs, struct diag *diag);

/* Steps that --status and --http tell of: without a tool, and under each that counts. */
unsigned bench_application_steps(const struct bench_options *o);

/* Before anything is started: -1 with DIAG_USAGE. unfit: an option that was given and means nothing to a command, or NULL. */
int bench_application_check(const struct bench_result *r, const char *clients, const char *unfit, struct diag *diag);

#endif
