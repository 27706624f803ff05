/* One job for the C client, from a JSON file; the same that the Python adapters take (clients/adapters/adapter.py). */
#ifndef CAPLAY_CLIENTS_LIBCA_JOB_H
#define CAPLAY_CLIENTS_LIBCA_JOB_H

#include "base/diag.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job {
    const char *task; /* "setup", "connect", "monitor", "read", "watch" */
    const char **names;
    size_t nnames;
    bool sequential;      /* connect one after the other, not together */
    bool preemptive;      /* callbacks; true by default */
    uint64_t gets;        /* so many rounds of gets */
    size_t get_names;     /* of the first so many names */
    const char *put_name; /* NULL: no put */
    const json_t *put_value;
    double seconds, warmup_s, timeout_s;
    json_t *root; /* owns the texts above */
};

/* Read the file; unset members get the adapters' defaults. 0, or -1 with a diag that names the member. */
int job_load(struct job *job, const char *path, struct diag *diag);

void job_fini(struct job *job);

#endif
