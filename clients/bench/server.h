/* The servers of a benchmark: what `--server` names, started as a process of its own on the servers' core, asked for its report
 * at the end. */
#ifndef CAPLAY_CLIENTS_BENCH_SERVER_H
#define CAPLAY_CLIENTS_BENCH_SERVER_H

#include "base/diag.h"
#include "base/options.h"
#include "clients/bench/observe.h"

#define BENCH_SERVERS    8
#define BENCH_PATH_BYTES 240

enum bench_server_kind { BENCH_IOC, BENCH_REPLAY, BENCH_SIM, BENCH_HOST };

struct bench_server {
    const char *name; /* as given: "ioc:build/bench.db" */
    enum bench_server_kind kind;
    const char *what;        /* file, scenario ("" is each for its task), host */
    char host[64];           /* BENCH_HOST */
    uint16_t port;           /* BENCH_HOST */
    bool connects, monitors; /* which tables it can serve */
};

/* 0, or -1 with DIAG_USAGE that lists what there is, or names the file that cannot be read. Borrows the name. */
int bench_parse_server(const char *name, struct bench_server *server, struct diag *diag);

struct bench_image {
    const char *pv; /* asked for by the user, or NULL: the server's own of this size and rate */
    struct option_size size;
    unsigned hertz;
};

/* The PV's name, as the server has it. */
void bench_name_image(const struct bench_server *server, const struct bench_image *image, char *name, size_t room);

/* One that serves. */
struct bench_target {
    pid_t pid; /* 0: not ours */
    char address[64];
    uint16_t udp;
    char image[128]; /* the PV to monitor, if an image was asked for */
    bool reports;    /* it writes a report when it ends */
    char report[BENCH_PATH_BYTES + 16], log[BENCH_PATH_BYTES + 16];
};

struct bench_server_start {
    const struct bench_image *image; /* NULL: scalars only */
    const char *folder;              /* for its report and its log */
    uint64_t cores;
    bool realtime; /* SCHED_FIFO */
    uint16_t repeater_port;
    const char *budget; /* --late-budget of a server of ours */
};

/* Returns once it is ready. 0, or -1 with DIAG_ENVIRONMENT that holds its last words. */
int bench_server_start(const struct bench_server *server, const struct bench_server_start *start, struct bench_target *target,
                       struct diag *diag);

#define BENCH_LATENESS_BOUNDS 41 /* from 100 ns to 10 s, five a decade */

struct bench_lateness {
    uint64_t count, p50_ns, p99_ns, max_ns;
    uint64_t upto[BENCH_LATENESS_BOUNDS]; /* how many were at most bench_lateness_bound(i) late */
};

/* The i-th bound in ns, ascending. */
uint64_t bench_lateness_bound(unsigned i);

/* What the server said of itself; an IOC and a host say nothing. */
struct bench_server_report {
    bool known, valid;
    char why[160];                /* it is not valid, by its own word; or "" */
    bool died;                    /* before it was asked to */
    uint64_t posts, sent, merged; /* of the image */
    bool events_known;            /* by its report, or heard on the wire: */
    uint64_t events_off, events_off_ns;
    uint64_t searches, repeated_searches;
    uint64_t udp_drops; /* of its sockets; known for all but a host */
    struct bench_lateness self, order, peer, contention;
    struct observed_run seen;                        /* of all that it served, without a process's start */
    uint64_t steal_ns, run_queue_ns, preempted, mhz; /* what the machine did to it; 0: not told */
};

/* End it and read its report. */
void bench_server_stop(struct bench_target *target, struct bench_server_report *report);

#endif
