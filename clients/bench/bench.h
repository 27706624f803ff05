/* What the benchmark's files share: the clients, the steps of the procedure, and every run with what it measured. A run is one
 * fresh client process. Times are seconds. */
#ifndef CAPLAY_CLIENTS_BENCH_H
#define CAPLAY_CLIENTS_BENCH_H

#include "base/options.h"
#include "clients/bench/count.h"
#include "clients/bench/counting.h"
#include "clients/bench/frames.h"
#include "clients/bench/machine.h"
#include "clients/bench/process.h"
#include "clients/bench/server.h"
#include "clients/bench/stage.h"

struct bench_live;

#define BENCH_SCALARS    "ten-thousand:" /* + 00000 .. 09999 */
#define BENCH_PVS_MAX    10000u
#define BENCH_MAX_BYTES  "10000000" /* EPICS_CA_MAX_ARRAY_BYTES of the second rows */
#define BENCH_RETRIES    3u         /* of what was invalid */
#define BENCH_CLIENTS    16
#define BENCH_STEPS      16
#define BENCH_NAME_BYTES 200

/* ---- clients ---- */

/* As published for real hardware: seconds, and percent of a core at 120 Hz. 0: not published. */
struct bench_published {
    double connect, get1, get2, cpu;
};

struct bench_client {
    char name[BENCH_NAME_BYTES];
    bool standard;    /* one of those that are measured where none is named */
    bool asked;       /* for by name: being not installed then is a failure */
    unsigned simpler; /* rank: the higher the simpler to use (more Python) */
    bool custom;      /* named "cmd:COMMAND": a line for the shell; the job's file is put behind it */
    char program[BENCH_NAME_BYTES], adapter[BENCH_NAME_BYTES]; /* argv[0], argv[1] or "" */
    const char *about;                                         /* what it is, in some words */
    const char *job;                                           /* what its jobs have besides: a JSON object's text, or NULL */
    struct bench_published published;
    char version[40];
    char missing[160]; /* why it is not installed, or "" */
};

/* Fill clients[] from "pyca,psp" (NULL: the standard five; "all": all that are known); the number, or -1 with DIAG_USAGE (lists
 * them). What is not asked for by its own name may be missing. */
int bench_parse_clients(const char *list, struct bench_client *clients, struct diag *diag);

/* ---- the procedure ---- */

enum bench_kind { BENCH_CONNECT, BENCH_MONITOR };

struct bench_step {
    enum bench_kind kind;
    unsigned group;  /* steps of one group follow each other on one server's start */
    unsigned rounds; /* runs of each client on each server */
    unsigned pvs;    /* connect: so many */
    bool one_by_one; /* each connected before the next is created; else all are created before any is waited for */
    struct option_size size;
    unsigned hertz, seconds; /* monitor */
    bool max_bytes;          /* EPICS_CA_MAX_ARRAY_BYTES is BENCH_MAX_BYTES; else unset */
    bool at_once;            /* all clients beside each other; else one after the other */
};

struct bench_profile {
    const char *name, *about;
    const struct bench_step *steps;
    size_t nsteps;
};

#define BENCH_PROFILES 3
extern const struct bench_profile bench_profiles[BENCH_PROFILES]; /* quick, full, ci */

/* PVs that each get stage of a connect step reads: 1% of what it holds, and at least one. */
static inline unsigned bench_get_pvs(const struct bench_step *step)
{
    return step->pvs < 100 ? 1 : step->pvs / 100;
}

/* "connect 10 PVs one by one", "monitor 640x480 at 120 Hz, default arrays". */
void bench_name_step(const struct bench_step *step, char *name, size_t room);

#define BENCH_WARMUP_S 1u
#define BENCH_MAX_RUNS 50u /* of a step, with --precision, unless told otherwise */

struct bench_options {
    const struct bench_profile *profile;
    const char *pv;       /* the image, instead of the server's own; or NULL */
    const char *output;   /* folder */
    const char *save;     /* also bench.json, under this name; or NULL */
    const char *scenario; /* "ten-thousand": connects only, "area-detector": monitors only; NULL: both */
    uint64_t seed;        /* of the order of runs, and of what is drawn for intervals */
    unsigned warmup;      /* rounds of the first connect step that are no samples */
    double precision;     /* runs go on until every median is known to this share of itself; 0: as many as the step has */
    unsigned max_runs;    /* of each client on each server at a step, where there is a precision */
    uint64_t time_limit_ns, begun_ns;  /* no run beyond the step's own is begun after it; 0: none */
    unsigned counting[COUNTING_TOOLS]; /* runs of each client on each server at a connect step, of its own for each tool */
    bool unseen;                       /* clients' processes are not looked at while they run */
    bool resume;                       /* go on with the runs that OUTPUT/runs.jsonl holds */
    char *const *argv;                 /* the command line */
    uint64_t timeout_ns;               /* of a run, what it waits for on purpose apart */
    unsigned first_core;               /* the servers' */
    uint64_t server_cores, client_cores;
    bool realtime;                 /* servers run as SCHED_FIFO */
    char folder[BENCH_PATH_BYTES]; /* of temporary files */
    uint16_t repeater_port;        /* our own */
    uint64_t repeater_drops;
    pid_t repeater;
};

/* ---- runs ---- */

enum bench_outcome {
    BENCH_GOOD,
    BENCH_WRONG,   /* wrong value, wrong sum, not all connected */
    BENCH_FAILED,  /* the client said that it failed */
    BENCH_CRASHED, /* it ended without an answer */
    BENCH_TIMEOUT, /* it was killed without an answer */
    BENCH_GARBAGE, /* its answer cannot be read */
    BENCH_INVALID, /* the server was late, dropped datagrams or died: says nothing of the client */
    BENCH_OUTCOMES
};

extern const char *const bench_outcome_names[BENCH_OUTCOMES];

#define BENCH_WHY_BYTES 640u /* its last lines on stderr, mostly */

struct bench_run {
    const struct bench_step *step;
    unsigned server, client, round, attempt;
    enum counting_tool tool; /* under which it runs */
    bool alone;              /* that start served nothing else: what it saw is of this run */
    unsigned start;          /* the number of the server's start that served it */
    enum bench_outcome outcome;
    char why[BENCH_WHY_BYTES]; /* if not good */
    bool died_at_exit;         /* it answered, then crashed or hung */
    bool repeated;             /* invalid, and done again */
    int exit_code;
    double setup, rehearse, connect, get1, get2, put; /* NAN: not measured; rehearse: before connect, for a JIT compiler */
    double cpu_s;                                     /* user and system, of the whole process */
    bool warmup;                                      /* no sample, by rule: bench_options.warmup */
    uint64_t udp_drops;
    bool udp_known;
    struct bench_samples cpu, rss;
    double rss_peak;
    struct bench_counts counts;
    struct bench_stages stages;
    struct bench_frames frames;
    struct bench_server_report report; /* of the server that served this run */
    struct json_t *kept;               /* as OUTPUT/runs.jsonl had it, of a benchmark that goes on; or NULL */
};

/* A run under a tool that counts: no sample of anything else. */
struct bench_counting {
    enum counting_tool tool;
    struct bench_run run; /* how it ended; its times are none */
    double total, start;  /* of the whole process; before its first stage. NAN: not told */
    double stage[BENCH_STAGES];
};

struct bench_result {
    struct bench_machine machine; /* before the first run */
    struct bench_options options;
    struct bench_step steps[BENCH_STEPS]; /* the profile's, as the options change them */
    size_t nsteps;
    struct bench_server servers[BENCH_SERVERS];
    struct bench_client clients[BENCH_CLIENTS];
    struct bench_posts posts[BENCH_SERVERS][BENCH_STEPS]; /* of monitors */
    unsigned nservers, nclients, nstarts;                 /* nstarts: how often a server was started */
    struct bench_run *runs;
    size_t nruns, room;
    struct bench_counting *counting; /* runs that count */
    size_t ncounting, counting_room;
    struct bench_own own;     /* what we used while clients ran, those that count apart; with that of earlier parts */
    struct bench_own earlier; /* all that earlier parts had used: of a benchmark that goes on */
    bool interrupted;
    char begun[48];          /* RFC 3339, UTC; of a benchmark that goes on: when its first part began */
    struct bench_live *live; /* --status, --http */
    FILE *journal;           /* OUTPUT/runs.jsonl */
    int journal_errno;       /* what its first failed write said: not all of it is there; 0: none failed */
};

/* A new run at the end of r->runs, r->counting, all zero. */
struct bench_run *bench_add_run(struct bench_result *r);
struct bench_counting *bench_add_counting(struct bench_result *r);

/* ---- one run ---- */

/* Start a client on a step (its job is written to options->folder), and make a run of what it did. The run's step, server and
 * client are set by the caller. */
int bench_run_start(struct bench_process *p, const struct bench_result *r, const struct bench_run *run,
                    const struct bench_target *target, struct diag *diag);

/* Where a client's tool writes what it counts. */
void bench_counted_path(const struct bench_options *options, unsigned client, char path[COUNTING_PATH]);
void bench_run_judge(struct bench_run *run, const struct bench_process *p, struct bench_client *client,
                     const struct bench_posts *posts);

/* ---- the whole ---- */

/* Run the procedure; all runs are in r->runs. 0, or -1 with DIAG_ENVIRONMENT (what was measured so far stays). */
int bench_procedure(struct bench_result *r, struct diag *diag);

void bench_print_tables(const struct bench_result *r, FILE *out);

/* OUTPUT/bench.json, OUTPUT/tables.txt and --save's file: each appears whole, whatever became of the others. -1: the first that
 * failed. */
int bench_write_report(const struct bench_result *r, struct diag *diag);

#endif
