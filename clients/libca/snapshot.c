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

/* A round of gets; its answers may still come when the next round is under way. */
struct round {
    struct session *session;
    size_t pending, refused;
};

static void on_read(struct event_handler_args args)
{
    struct round *round = args.usr;
    pthread_mutex_lock(&round->session->lock);
    round->pending--;
    pthread_cond_signal(&round->session->changed);
    pthread_mutex_unlock(&round->session->lock);
}

static void ask(struct round *round, const struct channel *channel, chtype type)
{
    pthread_mutex_lock(&round->session->lock);
    round->pending++;
    pthread_mutex_unlock(&round->session->lock);
    if (ca_array_get_callback(type, ca_element_count(channel->id), channel->id, on_read, round) == ECA_NORMAL)
        return;
    pthread_mutex_lock(&round->session->lock);
    round->pending--;
    round->refused++;
    pthread_mutex_unlock(&round->session->lock);
}

/* PVs that do not answer do not keep the others from it. How many there are. */
static size_t ask_all(struct task *task, struct round *round, bool metadata)
{
    round->session = task->session;
    for (size_t i = 0; i < task->job->nnames; i++) {
        const struct channel *channel = &task->channels[i];
        if (!may_read(channel))
            continue;
        const short native = ca_field_type(channel->id);
        ask(round, channel, metadata ? dbf_type_to_DBR_CTRL(native) : dbf_type_to_DBR_TIME(native));
    }
    ca_flush_io();
    task->session->deadline_ns = clock_monotonic_ns() + ANSWER_PATIENCE_S * CLOCK_NS;
    pthread_mutex_lock(&task->session->lock);
    (void)session_wait(task->session, &round->pending, 0);
    const size_t without = round->pending + round->refused;
    pthread_mutex_unlock(&task->session->lock);
    return without;
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
    static struct round rounds[2]; /* until the session ends */
    if (create_all(task, diag) < 0)
        return -1;
    wait_for_all(task);
    name_missing(task);
    const size_t metadata = ask_all(task, &rounds[0], true), values = ask_all(task, &rounds[1], false);
    if (task->job->seconds > 0 && subscribe_all(task, diag) < 0)
        return -1;
    if (metadata + values == 0)
        return 0;
    return diag_fail(diag, DIAG_CLIENT, "%zu PVs did not tell their metadata, %zu their values", metadata, values);
}
