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
    APPLICATION_OUTCOMES
};

extern const char *const application_outcome_names[APPLICATION_OUTCOMES];

struct application_run {
    enum application_outcome outcome;
    bool warmup;
    bool repeated; /* invalid, and done again */
    int exit_code;
    char why[BENCH_TAIL_LINES * BENCH_LINE_BYTES + 200]; /* if not good: with its last words */
    double life_s, cpu_s;
    struct bench_counts counts;
    struct observed_run seen;
};

struct application {
    char *const *command;
    struct application_run *runs;
    unsigned nruns;
};

/* One word from what is known of a run; pure. */
enum application_outcome application_judge(const struct observed_run *seen, bool timed_out, int exit_code);

/* Figures of good runs without warm-ups: at[0..n) of a caller's array with room for all. */
size_t application_values(const struct application *a, enum observe_figure figure, double *at);
size_t application_counts(const struct application *a, enum bench_counted which, double *at);

void application_print(const struct application *a, FILE *out);
json_t *application_json(const struct application *a, const char *scenario);

/* Options, folder and repeater are r's, which has one server. The exit code, or -1 (a command that does not exist:
 * DIAG_ENVIRONMENT). */
int bench_application(const struct bench_result *r, char *const *command, unsigned runs, struct diag *diag);

/* Before anything is started: -1 with DIAG_USAGE. */
int bench_application_check(const struct bench_result *r, const char *clients, struct diag *diag);

#endif
