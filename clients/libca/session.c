#include "clients/libca/session.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static struct timespec to_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / CLOCK_NS), .tv_nsec = (long)(ns % CLOCK_NS)};
}

static int complain(struct diag *diag, const char *what, const char *name, int status)
{
    return diag_fail(diag, DIAG_CLIENT, "%s: %s: %s", name, what, ca_message(status));
}

/* libca tells the descriptor that it wakes us with. */
static void on_descriptor(void *arg, int fd, int opened)
{
    struct session *session = arg;
    session->waits = opened ? fd : -1;
}

static int create_context(struct session *session, bool preemptive)
{
    session->preemptive = preemptive;
    session->waits = -1;
    int status = ca_context_create(preemptive ? ca_enable_preemptive_callback : ca_disable_preemptive_callback);
    return status == ECA_NORMAL && !preemptive ? ca_add_fd_registration(on_descriptor, session) : status;
}

int session_setup(struct session *session, bool preemptive, double timeout_s, struct diag *diag)
{
    memset(session, 0, sizeof *session);
    session->deadline_ns = clock_monotonic_ns() + (uint64_t)(timeout_s * (double)CLOCK_NS);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&session->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&session->lock, NULL);
    int status = create_context(session, preemptive);
    return status == ECA_NORMAL ? 0 : complain(diag, "ca_context_create", "libca", status);
}

void session_end(struct session *session, struct channel *channels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (channels[i].id != NULL)
            ca_clear_channel(channels[i].id);
    ca_context_destroy();
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->lock);
}

/* ---- waiting ---- */

/* Until something has changed, or the end; false: it is over. With the lock held, but for the time that callbacks need it. */
static bool wait_change(struct session *session, uint64_t end_ns)
{
    struct timespec end = to_timespec(end_ns);
    if (session->preemptive)
        return pthread_cond_timedwait(&session->changed, &session->lock, &end) != ETIMEDOUT;
    uint64_t now_ns = clock_monotonic_ns();
    struct timespec left = to_timespec(end_ns > now_ns ? end_ns - now_ns : 0);
    struct pollfd waits = {session->waits, POLLIN, 0};
    pthread_mutex_unlock(&session->lock);
    ppoll(&waits, 1, &left, NULL);
    ca_poll();
    pthread_mutex_lock(&session->lock);
    return now_ns < end_ns;
}

bool session_wait(struct session *session, const size_t *count, size_t target)
{
    while (*count != target && wait_change(session, session->deadline_ns))
        continue;
    return *count == target;
}

void session_wait_until(struct session *session, uint64_t end_ns)
{
    pthread_mutex_lock(&session->lock);
    while (wait_change(session, end_ns))
        continue;
    pthread_mutex_unlock(&session->lock);
}

/* ---- connect ---- */

static void on_connection(struct connection_handler_args args)
{
    struct channel *channel = ca_puser(args.chid);
    struct session *session = channel->session;
    bool up = args.op == CA_OP_CONN_UP;
    pthread_mutex_lock(&session->lock);
    if (up != channel->connected)
        session->connected += up ? 1 : (size_t)-1;
    channel->connected = up;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

int session_create(struct session *session, struct channel *channel, const char *name, struct diag *diag)
{
    *channel = (struct channel){.session = session, .name = name};
    int status = ca_create_channel(name, on_connection, channel, CA_PRIORITY_DEFAULT, &channel->id);
    return status == ECA_NORMAL ? 0 : complain(diag, "ca_create_channel", name, status);
}

static int wait_connected(struct session *session, const struct channel *channels, size_t n, size_t before, struct diag *diag)
{
    ca_flush_io();
    pthread_mutex_lock(&session->lock);
    bool all = session_wait(session, &session->connected, before + n);
    size_t missing = before + n - session->connected, first = 0;
    while (!all && first + 1 < n && channels[first].connected)
        first++;
    pthread_mutex_unlock(&session->lock);
    if (all)
        return 0;
    return diag_fail(diag, DIAG_CLIENT, "%zu of %zu PVs not connected in time, %s first", missing, n, channels[first].name);
}

int session_connect(struct session *session, struct channel *channels, const char *const *names, size_t n, bool sequential,
                    struct diag *diag)
{
    pthread_mutex_lock(&session->lock);
    size_t before = session->connected;
    pthread_mutex_unlock(&session->lock);
    for (size_t i = 0; i < n; i++)
        if (session_create(session, &channels[i], names[i], diag) < 0 ||
            (sequential && wait_connected(session, &channels[i], 1, before + i, diag) < 0))
            return -1;
    return wait_connected(session, channels, n, before, diag);
}

/* ---- get and put ---- */

static void on_answer(struct event_handler_args args)
{
    struct answer *answer = args.usr;
    struct session *session = answer->session;
    size_t size = args.dbr != NULL ? dbr_size_n(args.type, args.count) : 0;
    pthread_mutex_lock(&session->lock);
    answer->status = args.status;
    answer->type = args.type;
    answer->count = args.count;
    answer->data = size > 0 ? malloc(size) : NULL;
    if (answer->data != NULL)
        memcpy(answer->data, args.dbr, size);
    session->pending--;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

/* Of an answer that is under way. */
static void expect(struct session *session, struct answer *answer)
{
    *answer = (struct answer){.session = session, .status = ECA_TIMEOUT};
    pthread_mutex_lock(&session->lock);
    session->pending++;
    pthread_mutex_unlock(&session->lock);
}

static chtype type_of(chid id, enum answer_kind kind)
{
    short native = ca_field_type(id);
    if (kind == ANSWER_TIME)
        return dbf_type_to_DBR_TIME(native);
    return kind == ANSWER_CTRL ? dbf_type_to_DBR_CTRL(native) : dbf_type_to_DBR(native);
}

int session_ask(struct channel *channels, size_t n, enum answer_kind kind, struct answer *answers, struct diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        chid id = channels[i].id;
        expect(channels[i].session, &answers[i]);
        int status = ca_array_get_callback(type_of(id, kind), ca_element_count(id), id, on_answer, &answers[i]);
        if (status != ECA_NORMAL)
            return complain(diag, "ca_array_get_callback", channels[i].name, status);
    }
    ca_flush_io();
    return 0;
}

int session_wait_answers(struct session *session, struct diag *diag)
{
    pthread_mutex_lock(&session->lock);
    bool all = session_wait(session, &session->pending, 0);
    size_t missing = session->pending;
    pthread_mutex_unlock(&session->lock);
    return all ? 0 : diag_fail(diag, DIAG_CLIENT, "%zu requests without an answer in time", missing);
}

int session_get(struct channel *channels, size_t n, enum answer_kind kind, struct answer *answers, struct diag *diag)
{
    if (n == 0)
        return 0;
    if (session_ask(channels, n, kind, answers, diag) < 0 || session_wait_answers(channels->session, diag) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (answers[i].status != ECA_NORMAL || answers[i].data == NULL)
            return complain(diag, "get", channels[i].name, answers[i].status);
    return 0;
}

void answers_fini(struct answer *answers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(answers[i].data);
    memset(answers, 0, n * sizeof *answers);
}

int session_put(struct channel *channel, chtype type, unsigned long count, const void *values, struct answer *answer,
                struct diag *diag)
{
    expect(channel->session, answer);
    int status = ca_array_put_callback(type, count, channel->id, values, on_answer, answer);
    if (status != ECA_NORMAL)
        return complain(diag, "ca_array_put_callback", channel->name, status);
    ca_flush_io();
    if (session_wait_answers(channel->session, diag) < 0)
        return -1;
    return answer->status == ECA_NORMAL ? 0 : complain(diag, "put", channel->name, answer->status);
}

/* ---- monitor ---- */

int session_monitor(struct channel *channel, chtype type, caEventCallBackFunc *on_update, void *arg, struct diag *diag)
{
    chid id = channel->id;
    int status = ca_create_subscription(type, ca_element_count(id), id, DBE_VALUE | DBE_LOG | DBE_ALARM, on_update, arg, NULL);
    if (status != ECA_NORMAL)
        return complain(diag, "ca_create_subscription", channel->name, status);
    ca_flush_io();
    return 0;
}
