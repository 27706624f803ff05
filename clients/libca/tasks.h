/* What the C client under test can be asked to do; the same as the Python adapters (clients/adapters/adapter.py).
 * Each task puts what it measured and read into its line, also where it fails later; 0, or -1 with a diag. */
#ifndef CAPLAY_CLIENTS_LIBCA_TASKS_H
#define CAPLAY_CLIENTS_LIBCA_TASKS_H

#include "clients/libca/job.h"
#include "clients/libca/session.h"

#include <sys/resource.h>

/* One run. The callbacks write to the memory below, so it is freed by task_fini(), after session_end(). */
struct task {
    const struct job *job;
    struct session *session;
    json_t *line;
    struct channel *channels; /* of all names, and room for one more, which a put may need */
    struct answer *answers;
    struct frame_log *frames;
    struct watch *watches;
    json_t *updates; /* of a watch: name -> its updates */
    size_t started;  /* subscriptions that have had their first update */
};

int task_setup(struct task *task, struct diag *diag);    /* nothing more: whether it runs, and its version */
int task_connect(struct task *task, struct diag *diag);  /* the stages connect, get, get, put, timed apart */
int task_read(struct task *task, struct diag *diag);     /* value and metadata of all names */
int task_monitor(struct task *task, struct diag *diag);  /* monitor.c: every frame of an image */
int task_watch(struct task *task, struct diag *diag);    /* monitor.c: every update of all names */
int task_snapshot(struct task *task, struct diag *diag); /* snapshot.c: who answers, asked once; who does not */
void task_fini(struct task *task);

/* ---- shared by the tasks ---- */

int task_connect_all(struct task *task, struct diag *diag);

/* Zeroed memory, or NULL with a diag. */
void *task_alloc(size_t n, size_t size, struct diag *diag);

/* A stage's begin and its end, which adds to the line's "used" what the process used meanwhile, and returns its nanoseconds. The
 * calls of getrusage() in them are also the marks by which `caplay bench --count` tells stages apart, so there are no others. */
struct task_stage {
    struct rusage used;
    uint64_t begin_ns;
};

void task_begin(struct task_stage *stage);
uint64_t task_end(struct task *task, const struct task_stage *stage, const char *name);

/* Put a stage's nanoseconds into the line. */
void task_set_ns(struct task *task, const char *name, uint64_t ns);

#endif
