/* The task "snapshot": what a live IOC's PVs are now. Asks whoever answers for metadata and values, names the others, and may
 * stay subscribed for a while. Nothing is kept of the answers: the proxy between us and the IOC records them. */
#include "clients/libca/tasks.h"

#include "base/clock.h"

#include <string.h>
#include <unistd.h>

enum { ANSWER_PATIENCE_S = 60, LOOK_NS = 100000000, BAR = 30 };

static void show_progress(const struct task *task, size_t connected)
{
    static const char full[BAR + 1] = "##############################";
    const size_t all = task->job->nnames;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r[%-*.*s] %zu of %zu PVs%s", BAR, (int)(BAR * connected / all), full, connected, all,
                connected == all ? "\n" : "");
}

static size_t connected_now(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    size_t connected = session->connected;
    pthread_mutex_unlock(&session->lock);
    return connected;
}

/* Until all are connected, or nobody else will be. */
static void wait_for_all(struct task *task)
{
    struct session *session = task->session;
    for (uint64_t now_ns = clock_monotonic_ns(); now_ns < session->deadline_ns; now_ns = clock_monotonic_ns()) {
        size_t connected = connected_now(session);
        show_progress(task, connected);
        if (connected == task->job->nnames)
            return;
        const uint64_t look_ns = now_ns + LOOK_NS;
        session_wait_until(session, look_ns < session->deadline_ns ? look_ns : session->deadline_ns);
    }
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
}

static int create_all(struct task *task, struct diag *diag)
{
    const struct job *job = task->job;
    task->channels = task_alloc(job->nnames + 1, sizeof *task->channels, diag);
    if (task->channels == NULL)
        return -1;
    for (size_t i = 0; i < job->nnames; i++)
        if (session_create(task->session, &task->channels[i], job->names[i], diag) < 0)
            return -1;
    ca_flush_io();
    return 0;
}

static bool may_read(const struct channel *channel)
{
    return ca_state(channel->id) == cs_conn && ca_read_access(channel->id);
}

static int ask_all(struct task *task, enum answer_kind kind, struct answer *answers, struct diag *diag)
{
    for (size_t i = 0; i < task->job->nnames; i++)
        if (may_read(&task->channels[i]) && session_ask(&task->channels[i], 1, kind, &answers[i], diag) < 0)
            return -1;
    return session_wait_answers(task->session, diag);
}

static void on_update(struct event_handler_args args)
{
    (void)args;
}

static int subscribe_all(struct task *task, struct diag *diag)
{
    for (size_t i = 0; i < task->job->nnames; i++) {
        struct channel *channel = &task->channels[i];
        if (may_read(channel) &&
            session_monitor(channel, dbf_type_to_DBR_TIME(ca_field_type(channel->id)), on_update, NULL, diag) < 0)
            return -1;
    }
    ca_flush_io();
    session_wait_until(task->session, clock_monotonic_ns() + (uint64_t)(task->job->seconds * (double)CLOCK_NS));
    return 0;
}

static void name_missing(struct task *task)
{
    json_t *missing = json_array();
    for (size_t i = 0; i < task->job->nnames; i++)
        if (ca_state(task->channels[i].id) != cs_conn)
            json_array_append_new(missing, json_string(task->job->names[i]));
    json_object_set_new(task->line, "missing", missing);
}

int task_snapshot(struct task *task, struct diag *diag)
{
    const size_t n = task->job->nnames;
    if (create_all(task, diag) < 0)
        return -1;
    wait_for_all(task);
    name_missing(task);
    task->session->deadline_ns = clock_monotonic_ns() + ANSWER_PATIENCE_S * CLOCK_NS;
    task->answers = task_alloc(2 * n, sizeof *task->answers, diag);
    if (task->answers == NULL || ask_all(task, ANSWER_CTRL, task->answers, diag) < 0 ||
        ask_all(task, ANSWER_TIME, task->answers + n, diag) < 0)
        return -1;
    answers_fini(task->answers, 2 * n);
    return task->job->seconds > 0 ? subscribe_all(task, diag) : 0;
}
