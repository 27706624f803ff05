/* The C client under test: libca, as a plain application uses it. Its functions are those of every adapter, setup, connect, get,
 * put, monitor, so that they can be compared side by side (client_pyca.py ...).
 *
 * Callbacks come from libca's own threads, at any time if they are preemptive, else only while this thread is in ca_poll(), which
 * it calls when libca's descriptor says that something waits (as the displays of EPICS do). They only copy and count, under the
 * session's lock; the functions here wait for the counts, at most until the session's deadline, and fail with a diag
 * (DIAG_CLIENT). */
#ifndef CAPLAY_CLIENTS_LIBCA_SESSION_H
#define CAPLAY_CLIENTS_LIBCA_SESSION_H

#include "base/diag.h"

#include <cadef.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t deadline_ns;
    bool preemptive;
    int waits;        /* not preemptive: readable when callbacks wait for ca_poll(); libca's */
    size_t connected; /* channels that are */
    size_t pending;   /* gets and puts without an answer */
};

struct channel {
    struct session *session;
    const char *name; /* borrowed */
    chid id;
    bool connected;
};

/* What came back for one get or put. */
struct answer {
    struct session *session;
    int status; /* ECA_... */
    long type;  /* DBR_... */
    long count;
    void *data; /* a copy of the structure, malloc'ed, or NULL */
};

enum answer_kind { ANSWER_PLAIN, ANSWER_TIME, ANSWER_CTRL }; /* of the channel's native type and count */

/* Create the context; everything must be done `timeout_s` from now. */
int session_setup(struct session *session, bool preemptive, double timeout_s, struct diag *diag);

/* Clear n channels, where they were created, and end all callbacks; the memory of channels and answers may be freed after it. */
void session_end(struct session *session, struct channel *channels, size_t n);

/* One channel; on_connection counts it in session->connected once it is. */
int session_create(struct session *session, struct channel *channel, const char *name, struct diag *diag);

/* n channels, created all before any is waited for, or one after the other; all are connected on return. */
int session_connect(struct session *session, struct channel *channels, const char *const *names, size_t n, bool sequential,
                    struct diag *diag);

/* Send n gets without waiting; session_wait_answers() waits for all that are under way. The answers, zeroed before, must live
 * until session_end(), or until they are all there. */
int session_ask(struct channel *channels, size_t n, enum answer_kind kind, struct answer *answers, struct diag *diag);
int session_wait_answers(struct session *session, struct diag *diag);

/* Ask n channels and wait; each must have answered well. */
int session_get(struct channel *channels, size_t n, enum answer_kind kind, struct answer *answers, struct diag *diag);

void answers_fini(struct answer *answers, size_t n);

/* Write `count` values with a callback and wait for it. type: DBR_DOUBLE, DBR_STRING... The answer must live until session_end().
 */
int session_put(struct channel *channel, chtype type, unsigned long count, const void *values, struct answer *answer,
                struct diag *diag);

/* Subscribe; `on_update` gets each update, in a thread of libca. type: DBR_TIME_... */
int session_monitor(struct channel *channel, chtype type, caEventCallBackFunc *on_update, void *arg, struct diag *diag);

/* Wait, with the lock held, until *count has reached target or the deadline is over; true if it has. */
bool session_wait(struct session *session, const size_t *count, size_t target);

/* Wait until a moment of CLOCK_MONOTONIC, while the callbacks go on. */
void session_wait_until(struct session *session, uint64_t end_ns);

#endif
