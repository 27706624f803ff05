#include "clients/bench/count.h"

#include <math.h>

const char *const bench_counted_names[BENCH_COUNTED] = {
    [BENCH_SWITCHES_WAITING] = "switches_waiting",
    [BENCH_SWITCHES_FORCED] = "switches_forced",
    [BENCH_FAULTS_MINOR] = "faults_minor",
    [BENCH_FAULTS_MAJOR] = "faults_major",
    [BENCH_THREADS] = "threads",
    [BENCH_FILES] = "files",
    [BENCH_PEAK_BYTES] = "peak_bytes",
    [BENCH_INSTRUCTIONS] = "instructions",
};

const char *const bench_counted_heads[BENCH_COUNTED] = {
    [BENCH_SWITCHES_WAITING] = "waits", [BENCH_SWITCHES_FORCED] = "preempted", [BENCH_FAULTS_MINOR] = "page faults",
    [BENCH_FAULTS_MAJOR] = "from disk", [BENCH_THREADS] = "threads",           [BENCH_FILES] = "files",
    [BENCH_PEAK_BYTES] = "memory peak", [BENCH_INSTRUCTIONS] = "instructions",
};

/* A process always has a thread: 0 is one that was never looked at. */
void bench_counts_take(struct bench_counts *counts, const struct rusage *used, const struct bench_held *held, double instructions)
{
    const bool looked = held->threads > 0;
    *counts = (struct bench_counts){{
        [BENCH_SWITCHES_WAITING] = (double)used->ru_nvcsw,
        [BENCH_SWITCHES_FORCED] = (double)used->ru_nivcsw,
        [BENCH_FAULTS_MINOR] = (double)used->ru_minflt,
        [BENCH_FAULTS_MAJOR] = (double)used->ru_majflt,
        [BENCH_THREADS] = looked ? (double)held->threads : NAN,
        [BENCH_FILES] = looked ? (double)held->files : NAN,
        [BENCH_PEAK_BYTES] = looked ? (double)held->peak_bytes : NAN,
        [BENCH_INSTRUCTIONS] = instructions,
    }};
}

json_t *bench_counts_write(const struct bench_counts *counts)
{
    json_t *json = json_object();
    for (unsigned i = 0; i < BENCH_COUNTED; i++)
        json_object_set_new(json, bench_counted_names[i],
                            isnan(counts->at[i]) ? json_null() : json_integer((json_int_t)counts->at[i]));
    return json;
}

void bench_counts_read(struct bench_counts *counts, const json_t *json)
{
    for (unsigned i = 0; i < BENCH_COUNTED; i++) {
        const json_t *value = json_object_get(json, bench_counted_names[i]);
        counts->at[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
}
