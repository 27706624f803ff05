/* What a client's process did, in counts that do not depend on how fast the machine is: beside the times of a run. From the
 * process's rusage when it has ended (whole: from its start to its end), from the processor's counter of instructions where there
 * is one (hardware.h), and from what it held when it was looked at. Threads and files that come and go between two looks are
 * missed, so that they can look equal by chance in all runs of one result and in none of another's: they are shown beside a run's
 * gated "counts", and no gate judges them. */
#ifndef CAPLAY_CLIENTS_BENCH_COUNT_H
#define CAPLAY_CLIENTS_BENCH_COUNT_H

#include "clients/bench/sample.h"

#include <jansson.h>
#include <sys/resource.h>

enum bench_counted {
    BENCH_SWITCHES_WAITING, /* context switches because it waited: voluntary ones */
    BENCH_SWITCHES_FORCED,  /* because another had the core */
    BENCH_FAULTS_MINOR,
    BENCH_FAULTS_MAJOR,
    BENCH_THREADS,
    BENCH_FILES,
    BENCH_PEAK_BYTES, /* VmHWM: ru_maxrss would hold ours, from before exec() */
    BENCH_INSTRUCTIONS,
    BENCH_COUNTED
};

extern const char *const bench_counted_names[BENCH_COUNTED]; /* as in the result file */
extern const char *const bench_counted_heads[BENCH_COUNTED]; /* as in the tables */

struct bench_counts {
    double at[BENCH_COUNTED]; /* NAN: not looked at */
};

void bench_counts_take(struct bench_counts *counts, const struct rusage *used, const struct bench_held *held,
                       double instructions);

/* To a run's member "process", and from it (NULL: nothing is known). */
json_t *bench_counts_write(const struct bench_counts *counts);
void bench_counts_read(struct bench_counts *counts, const json_t *json);

#endif
