/* OUTPUT/runs.jsonl: every run's raw figures, as runs end. The first line says what is measured; then a line a run, with what the
 * benchmark had used itself until then. A benchmark that was interrupted goes on from it. */
#ifndef CAPLAY_CLIENTS_BENCH_JOURNAL_H
#define CAPLAY_CLIENTS_BENCH_JOURNAL_H

#include "clients/bench/bench.h"

/* Begin it, or with r->options.resume read it: r->runs then holds its runs. -1 with DIAG_USAGE: there is none to resume, or it is
 * of another configuration (which names what differs); DIAG_ENVIRONMENT: it cannot be written. */
int bench_journal_open(struct bench_result *r, struct diag *diag);

/* The runs from r->runs[first] on and those from r->counting[counting] on are judged, with their server's report. What cannot be
 * written is told by bench_journal_check(): measuring goes on. */
void bench_journal_add(struct bench_result *r, size_t first, size_t counting);

/* After the last run. -1 with DIAG_ENVIRONMENT: not every run is in the file (the disk is full). */
int bench_journal_check(const struct bench_result *r, struct diag *diag);

/* Close it, and free what was read. */
void bench_journal_close(struct bench_result *r);

/* Was this run made before the interrupt? */
bool bench_journal_has(const struct bench_result *r, const struct bench_run *run);

#endif
