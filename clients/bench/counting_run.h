/* Runs under a tool that counts: what the tool wrote, gathered when the client has ended; as JSON, and from it. */
#ifndef CAPLAY_CLIENTS_BENCH_COUNTING_RUN_H
#define CAPLAY_CLIENTS_BENCH_COUNTING_RUN_H

#include "clients/bench/bench.h"

/* Add a run that is judged, whose process was pid, to r->counting, with what its tool counted. */
void bench_counting_take(struct bench_result *r, const struct bench_run *run, pid_t pid);

/* Gather what c's tool wrote of c's client into c, stages as c's run has them, and remove the files. pid: the client's own
 * process, whose sections are stages. */
void bench_counting_gather(struct bench_counting *c, const struct bench_options *o, pid_t pid);

/* Their server has ended: those from r->counting[first] on that it left alone are no counts. */
void bench_counting_attach(struct bench_result *r, size_t first, const struct bench_server_report *report);

/* One of the result's "counting". */
json_t *bench_counting_write(const struct bench_result *r, const struct bench_counting *c);

/* What is counted besides a run's own members, from one of the result's "counting". */
void bench_counting_read(struct bench_counting *c, const json_t *json);

#endif
