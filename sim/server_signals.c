#include "sim/server.h"

#include "base/child.h"
#include "base/clock.h"

#include <signal.h>
#include <sys/wait.h>

static void on_end(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    struct server *s = arg;
    if (s->child == 0 || s->is_ending) {
        loop_stop(&s->loop);
        return;
    }
    s->is_ending = true; /* its end is ours; a second signal does not wait for it */
    kill(s->child, (int)number);
}

static void on_user(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct server *s = arg;
    if (s->sim.start.kind == SIM_START_SIGNAL)
        sim_begin(&s->sim, clock_monotonic_ns());
    else
        report_print(s);
}

static void on_child(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct server *s = arg;
    int status;
    if (s->child == 0 || waitpid(s->child, &status, WNOHANG) != s->child)
        return;
    s->child = 0;
    s->exit_code = child_exit_code(status);
    loop_stop(&s->loop);
}

int signals_open(struct server *s, struct diag *diag)
{
    static const struct {
        int number;
        event_callback_fn on;
    } rows[SERVER_SIGNALS] = {{SIGINT, on_end}, {SIGTERM, on_end}, {SIGUSR1, on_user}, {SIGCHLD, on_child}};
    for (unsigned i = 0; i < SERVER_SIGNALS; i++) {
        s->signals[i] = evsignal_new(s->loop.base, rows[i].number, rows[i].on, s);
        if (s->signals[i] == NULL || event_add(s->signals[i], NULL) < 0)
            return diag_errno(diag, DIAG_ENVIRONMENT, "cannot watch signal %d", rows[i].number);
    }
    return 0;
}

void signals_close(struct server *s)
{
    if (s->child != 0) { /* it was told to end, and did not */
        kill(s->child, SIGKILL);
        waitpid(s->child, NULL, 0);
    }
    for (unsigned i = 0; i < SERVER_SIGNALS; i++)
        if (s->signals[i] != NULL)
            event_free(s->signals[i]);
}

int server_spawn(struct server *s, char **command, char *const *env, struct diag *diag)
{
    const struct child_spec spec = {.argv = command, .env = env, .in = -1, .out = -1, .err = -1};
    isolation_step_out(&s->isolation);
    pid_t pid = child_spawn(&spec, diag);
    isolation_step_in(&s->isolation);
    if (pid < 0)
        return -1;
    s->child = pid;
    return 0;
}
