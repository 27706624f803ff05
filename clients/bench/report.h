/* The parts of a result file (docs/bench.schema.json). The caller owns what it gets. */
#ifndef CAPLAY_CLIENTS_BENCH_REPORT_H
#define CAPLAY_CLIENTS_BENCH_REPORT_H

#include "clients/bench/cells.h"

#include <jansson.h>

#define BENCH_FORMAT         "caplay-bench"
#define BENCH_FORMAT_VERSION 2

/* JSON knows no NAN: what was not measured, or has no bound, is null. */
json_t *report_number(double value);
json_t *report_count(uint64_t value);

json_t *report_step(const struct bench_step *step);
json_t *report_run(const struct bench_result *r, const struct bench_run *run);

/* Each figure of each step, server and client: samples, summary, 95% interval. */
json_t *report_cells(const struct bench_result *r);

/* What a PV costs to connect, by least squares over all steps, of each server, client and order; no entry: too few runs. */
json_t *report_slopes(const struct bench_result *r);
json_t *report_verdicts(const struct bench_result *r);

/* What the benchmark has used itself until now; of one that goes on, with what its earlier parts had used. */
json_t *report_own(const struct bench_result *r);

/* What a resumed benchmark must have in common with the one that was interrupted. */
json_t *report_configuration(const struct bench_result *r);

#endif
