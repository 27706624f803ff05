/* The stages of a connect run, and what a client's process used in each, by its own getrusage(): the adapters call it right
 * before and right after each stage (`used` in their line). Those calls are also the marks by which a tool that counts tells
 * stages apart (counting.h). */
#ifndef CAPLAY_CLIENTS_BENCH_STAGE_H
#define CAPLAY_CLIENTS_BENCH_STAGE_H

#include <jansson.h>
#include <stdbool.h>

enum bench_stage { BENCH_STAGE_SETUP, BENCH_STAGE_CONNECT, BENCH_STAGE_GET1, BENCH_STAGE_GET2, BENCH_STAGE_PUT, BENCH_STAGES };
extern const char *const bench_stage_names[BENCH_STAGES]; /* as in a line and in the result file */

enum bench_used {
    BENCH_USED_CPU, /* seconds, user and system */
    BENCH_USED_WAITING,
    BENCH_USED_FORCED,
    BENCH_USED_MINOR,
    BENCH_USED_MAJOR,
    BENCH_USED
};

struct bench_stages {
    unsigned marked;              /* stages that the client told, known ones or not: it called getrusage() twice for each */
    unsigned order[BENCH_STAGES]; /* of a stage among them, from 1 on; 0: it was not told */
    double used[BENCH_STAGES][BENCH_USED]; /* NAN: not told */
};

/* From a client's line, which nobody trusts (NULL: nothing is known). */
void bench_stages_take(struct bench_stages *stages, const json_t *used);

/* To a run's member "stages", and from it. NULL: the client told none. */
json_t *bench_stages_write(const struct bench_stages *stages);
void bench_stages_read(struct bench_stages *stages, const json_t *json);

#endif
