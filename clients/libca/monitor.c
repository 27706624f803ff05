#include "base/clock.h"
#include "clients/libca/tasks.h"
#include "clients/libca/value.h"

/* An update came in: under the session's lock. */
static void count_started(struct task *task, bool is_first)
{
    task->started += is_first;
    pthread_cond_signal(&task->session->changed);
}

/* Wait until n subscriptions have had an update, tell the parent, and listen for so many seconds. */
static int listen_for(struct task *task, size_t n, double seconds, struct diag *diag)
{
    pthread_mutex_lock(&task->session->lock);
    bool all = session_wait(task->session, &task->started, n);
    size_t missing = n - task->started;
    pthread_mutex_unlock(&task->session->lock);
    if (!all)
        return diag_fail(diag, DIAG_CLIENT, "%zu of %zu PVs (%s...) without an update in time", missing, n, task->job->names[0]);
    fputs("monitoring\n", stderr);
    session_wait_until(task->session, clock_monotonic_ns() + (uint64_t)(seconds * (double)CLOCK_NS));
    return 0;
}

/* ---- monitor ---- */

struct frame_seen {
    uint64_t serial;
    int64_t sum;
    epicsTimeStamp stamp;
    uint64_t arrived_ns;
};

/* Room for all frames, so that nothing is allocated while they come; pages that no frame reaches cost nothing. */
struct frame_log {
    struct task *task;
    size_t n, room;
    int failed; /* ECA status of an update without data, or 0 */
    struct frame_seen seen[];
};

#define FRAMES_HZ_MAX 5000.0

static void on_frame(struct event_handler_args args)
{
    struct frame_log *log = args.usr;
    const struct dbr_time_short *frame = args.dbr;
    bool good = args.status == ECA_NORMAL && frame != NULL;
    struct frame_seen seen = {.arrived_ns = clock_monotonic_ns()};
    if (good) {
        seen.serial = value_serial(&frame->value, args.count);
        seen.sum = value_sum(&frame->value, args.count);
        seen.stamp = frame->stamp;
    }
    pthread_mutex_lock(&log->task->session->lock);
    bool is_first = log->n == 0 && log->failed == 0;
    if (!good)
        log->failed = args.status;
    else if (log->n < log->room)
        log->seen[log->n++] = seen;
    count_started(log->task, is_first);
    pthread_mutex_unlock(&log->task->session->lock);
}

static json_t *frames_json(const struct frame_log *log)
{
    static const char *const names[] = {"serial", "sum", "seconds", "nanoseconds", "arrived_ns"};
    const size_t nnames = sizeof names / sizeof *names;
    json_t *into = json_object();
    for (size_t k = 0; k < nnames; k++)
        json_object_set_new(into, names[k], json_array());
    for (size_t i = 0; i < log->n; i++) {
        const struct frame_seen *seen = &log->seen[i];
        const json_int_t values[] = {(json_int_t)seen->serial, seen->sum, seen->stamp.secPastEpoch, seen->stamp.nsec,
                                     (json_int_t)seen->arrived_ns};
        for (size_t k = 0; k < nnames; k++)
            json_array_append_new(json_object_get(into, names[k]), json_integer(values[k]));
    }
    return into;
}

static int report_frames(struct task *task, uint64_t begin_ns, struct diag *diag)
{
    const struct frame_log *log = task->frames;
    pthread_mutex_lock(&task->session->lock);
    json_object_set_new(task->line, "frames", frames_json(log));
    if (log->n > 0)
        json_object_set_new(task->line, "first_ns", json_integer((json_int_t)(log->seen[0].arrived_ns - begin_ns)));
    bool full = log->n == log->room;
    int failed = log->failed;
    pthread_mutex_unlock(&task->session->lock);
    if (full)
        return diag_fail(diag, DIAG_CLIENT, "%zu updates, and there is no room for more: over %g a second", log->room,
                         FRAMES_HZ_MAX);
    if (failed != 0)
        return diag_fail(diag, DIAG_CLIENT, "%s: update: %s", task->job->names[0], ca_message(failed));
    return 0;
}

int task_monitor(struct task *task, struct diag *diag)
{
    double seconds = task->job->warmup_s + task->job->seconds;
    size_t room = (size_t)((seconds + 1) * FRAMES_HZ_MAX);
    if (task_connect_all(task, diag) < 0)
        return -1;
    task->frames = task_alloc(1, sizeof *task->frames + room * sizeof task->frames->seen[0], diag);
    if (task->frames == NULL)
        return -1;
    task->frames->task = task;
    task->frames->room = room;
    json_object_set_new(task->line, "native_count", json_integer((json_int_t)ca_element_count(task->channels->id)));
    uint64_t begin_ns = clock_monotonic_ns();
    if (session_monitor(task->channels, DBR_TIME_SHORT, on_frame, task->frames, diag) < 0 ||
        listen_for(task, 1, seconds, diag) < 0)
        return -1;
    return report_frames(task, begin_ns, diag);
}

/* ---- watch ---- */

struct watch {
    struct task *task;
    json_t *updates; /* [[seconds, nanoseconds, value, status, severity], ...] */
};

static void on_watched(struct event_handler_args args)
{
    struct watch *watch = args.usr;
    if (args.status != ECA_NORMAL || args.dbr == NULL)
        return;
    const struct dbr_time_double *time = args.dbr; /* all DBR_TIME structures begin alike */
    json_t *update = json_pack("[I, I, o, i, i]", (json_int_t)time->stamp.secPastEpoch, (json_int_t)time->stamp.nsec,
                               value_short(args.dbr, args.type, args.count), time->status, time->severity);
    pthread_mutex_lock(&watch->task->session->lock);
    json_array_append_new(watch->updates, update);
    count_started(watch->task, json_array_size(watch->updates) == 1);
    pthread_mutex_unlock(&watch->task->session->lock);
}

int task_watch(struct task *task, struct diag *diag)
{
    const struct job *job = task->job;
    task->updates = json_object();
    task->watches = task_alloc(job->nnames, sizeof *task->watches, diag);
    if (task->watches == NULL || task_connect_all(task, diag) < 0)
        return -1;
    for (size_t i = 0; i < job->nnames; i++) {
        task->watches[i] = (struct watch){task, json_array()};
        json_object_set_new(task->updates, job->names[i], task->watches[i].updates);
        chtype type = dbf_type_to_DBR_TIME(ca_field_type(task->channels[i].id));
        if (session_monitor(&task->channels[i], type, on_watched, &task->watches[i], diag) < 0)
            return -1;
    }
    if (listen_for(task, job->nnames, job->seconds, diag) < 0)
        return -1;
    pthread_mutex_lock(&task->session->lock); /* updates may still come */
    json_object_set_new(task->line, "updates", json_deep_copy(task->updates));
    pthread_mutex_unlock(&task->session->lock);
    return 0;
}
