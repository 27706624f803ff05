/* What a user tells a source that plays (source.h, enum sim_control): SIGUSR2, and lines on the terminal where no command of ours
 * reads from it. Lines, not single keys: the terminal stays as it is, whatever ends this process. */
#include "sim/server.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define POSITION_BYTES 128

static void control(struct server *s, enum sim_control what)
{
    const struct sim_source *source = s->sim.source;
    const uint64_t now_ns = clock_monotonic_ns();
    char position[POSITION_BYTES] = "";
    source->calls->control(source->self, what, now_ns);
    if (source->calls->position != NULL)
        source->calls->position(source->self, now_ns, position, sizeof position);
    fprintf(stderr, "caplay: %s\n", position);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    control(arg, SIM_CONTROL_SIGNAL);
}

/* In the background the terminal belongs to the shell: reading from it would stop the server. */
static void on_line(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct server *s = arg;
    char line[64];
    ssize_t n = tcgetpgrp(fd) == getpgrp() ? read(fd, line, sizeof line) : 0;
    if (n <= 0)
        event_del(s->lines);
    else if (line[0] == '\n' || line[0] == ' ')
        control(s, SIM_CONTROL_STEP);
    else if (line[0] == 'p')
        control(s, SIM_CONTROL_PAUSE);
}

static int watch(struct event **event, struct event *made, struct diag *diag)
{
    *event = made;
    return made != NULL && event_add(made, NULL) == 0 ? 0 : diag_errno(diag, DIAG_ENVIRONMENT, "cannot watch for keys");
}

int keys_open(struct server *s, bool has_command, struct diag *diag)
{
    if (s->sim.source->calls->control == NULL)
        return 0;
    if (watch(&s->controls, evsignal_new(s->loop.base, SIGUSR2, on_signal, s), diag) < 0)
        return -1;
    if (has_command || tcgetpgrp(STDIN_FILENO) != getpgrp())
        return 0;
    return watch(&s->lines, event_new(s->loop.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_line, s), diag);
}

void keys_close(struct server *s)
{
    if (s->controls != NULL)
        event_free(s->controls);
    if (s->lines != NULL)
        event_free(s->lines);
}
