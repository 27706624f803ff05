/* Listening and accepting: where descriptors run out, new clients wait. */
#include "sim/server.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG        128
#define ACCEPTS_A_PASS 32
#define PAUSE_NS       CLOCK_NS /* of accepting, unless a circuit ends */

/* A client that is gone without a word is noticed within 2 minutes. (A real server leaves it to the system's keepalive, which is
 * 2 hours as a rule.) There is no limit to how long a client that is there may not read: as in a real server, a stopped one
 * may go on one day. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES     6

static void set_options(int fd)
{
    const int on = 1, idle_s = KEEPALIVE_IDLE_S, interval_s = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static void welcome(struct server *s, int fd)
{
    set_options(fd);
    if (tcp_welcome(s, fd))
        return;
    server_notice(s, "no memory for another circuit: it is closed");
    close(fd);
}

/* What only time or the end of a circuit brings back: descriptors, and the system's memory. Clients wait in the backlog. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void pause_accepting(struct server *s)
{
    server_notice(s, "no file descriptor is left (ulimit -n): new clients wait");
    for (unsigned i = 0; i < s->ninterfaces; i++)
        event_del(s->interface[i].acceptable);
    schedule_set(&s->loop.schedule, &s->accept_again, clock_monotonic_ns() + PAUSE_NS);
}

static void on_accept_again(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    struct server *s = owner;
    for (unsigned i = 0; i < s->ninterfaces; i++)
        event_add(s->interface[i].acceptable, NULL);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct server *s = arg;
    for (unsigned i = 0; i < ACCEPTS_A_PASS; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            welcome(s, client);
        } else if (errno != ECONNABORTED) {
            if (is_shortage(errno))
                pause_accepting(s);
            return;
        }
    }
}

void accept_go_on(struct server *s)
{
    if (s->accept_again.due_ns != CLOCK_NEVER)
        schedule_set(&s->loop.schedule, &s->accept_again, clock_monotonic_ns());
}

int accept_open(struct server_interface *where, uint16_t port, struct diag *diag)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = where->address, .sin_port = htons(port)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot make a TCP socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    stamp_enable(fd);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0) {
        bool is_taken = errno == EADDRINUSE;
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot listen on TCP port %u (--port 0 picks a free one)", port);
        close(fd);
        return is_taken ? 1 : -1;
    }
    getsockname(fd, (struct sockaddr *)&at, &n);
    where->listen_fd = fd;
    where->server->tcp_port = ntohs(at.sin_port);
    return 0;
}

int accept_listen(struct server *s, struct diag *diag)
{
    s->accept_again = (struct schedule_entry){.fire = on_accept_again, .owner = s};
    if (schedule_add(&s->loop.schedule, &s->accept_again) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the schedule");
    for (unsigned i = 0; i < s->ninterfaces; i++) {
        struct server_interface *at = &s->interface[i];
        at->acceptable = event_new(s->loop.base, at->listen_fd, EV_READ | EV_PERSIST, on_acceptable, s);
        if (at->acceptable == NULL || event_add(at->acceptable, NULL) < 0)
            return diag_errno(diag, DIAG_ENVIRONMENT, "cannot watch the TCP socket");
    }
    return 0;
}

void accept_close(struct server *s)
{
    for (unsigned i = 0; i < s->ninterfaces; i++) {
        struct server_interface *at = &s->interface[i];
        if (at->acceptable != NULL)
            event_free(at->acceptable);
        if (at->listen_fd >= 0)
            close(at->listen_fd);
        at->acceptable = NULL;
        at->listen_fd = -1;
    }
}
