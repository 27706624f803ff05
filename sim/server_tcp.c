#include "sim/server.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG        128
#define READS_A_PASS   16 /* of one circuit, before the others have their turn */
#define ACCEPTS_A_PASS 32

struct connection {
    struct server *server;
    struct sim_circuit *circuit;
    struct event *readable, *writable;
    struct schedule_entry deadline;
    struct connection *next_dead;
    int fd;
    bool reads, writes; /* what is watched for */
    bool is_unfinished; /* it has more to do, but others had to have their turn */
    bool is_dead;
};

/* ---- life ---- */

static void mark_dead(struct connection *k)
{
    if (k->is_dead)
        return;
    k->is_dead = true;
    event_del(k->readable);
    event_del(k->writable);
    schedule_set(&k->server->loop.schedule, &k->deadline, CLOCK_NEVER);
    k->next_dead = k->server->dead;
    k->server->dead = k;
}

/* The one place where a circuit dies, called by the loop off every callback. Who reached it: its two events and its deadline,
 * which end here, and the core's lists, which sim_circuit_free() leaves. */
static void bury(struct connection *k, uint64_t now_ns)
{
    schedule_remove(&k->server->loop.schedule, &k->deadline);
    event_free(k->readable);
    event_free(k->writable);
    sim_circuit_free(k->circuit, now_ns);
    close(k->fd);
    free(k);
}

static void bury_the_dead(struct server *s, uint64_t now_ns)
{
    while (s->dead != NULL) {
        struct connection *k = s->dead;
        s->dead = k->next_dead;
        bury(k, now_ns);
    }
}

/* ---- work ---- */

static void watch(struct connection *k)
{
    bool reads = sim_circuit_wants_input(k->circuit), writes = k->circuit->is_blocked;
    if (reads != k->reads && (reads ? event_add(k->readable, NULL) : event_del(k->readable)) == 0)
        k->reads = reads;
    if (writes != k->writes && (writes ? event_add(k->writable, NULL) : event_del(k->writable)) == 0)
        k->writes = writes;
}

/* Send what the circuit shows. False: the peer is gone. */
static bool send_output(struct connection *k)
{
    struct iovec pieces[OUTBOX_PIECES];
    struct msghdr message = {.msg_iov = pieces};
    message.msg_iovlen = (size_t)sim_circuit_output(k->circuit, clock_monotonic_ns(), pieces);
    ssize_t n = sendmsg(k->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return false;
    sim_circuit_sent(k->circuit, n > 0 ? (size_t)n : 0);
    return true;
}

/* Let the circuit work until it has nothing to do or cannot send, or another deadline has come. */
static void work(struct connection *k, bool more)
{
    k->is_unfinished = false;
    while (!k->is_unfinished && sim_circuit_work(k->circuit, clock_monotonic_ns(), more)) {
        if (!send_output(k)) {
            mark_dead(k);
            return;
        }
        k->is_unfinished = loop_is_due(&k->server->loop);
    }
}

static void settle(struct connection *k)
{
    if (k->is_dead)
        return;
    if (sim_circuit_is_over(k->circuit)) {
        if (k->circuit->why != NULL)
            fprintf(stderr, "caplay: circuit %" PRIu64 " ended: its client sent %s\n", k->circuit->number, k->circuit->why);
        mark_dead(k);
        return;
    }
    watch(k);
    uint64_t due_ns = k->is_unfinished ? clock_monotonic_ns() : sim_circuit_deadline(k->circuit);
    schedule_set(&k->server->loop.schedule, &k->deadline, due_ns);
}

static void on_deadline(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    struct connection *k = owner;
    work(k, false);
    settle(k);
}

/* Read once. False: the socket has no more for now. */
static bool receive(struct connection *k)
{
    size_t room;
    uint8_t *at = sim_circuit_room(k->circuit, &room);
    ssize_t n = recv(k->fd, at, room, MSG_DONTWAIT);
    if (n > 0)
        sim_circuit_received(k->circuit, (size_t)n);
    else if (n == 0)
        sim_circuit_end_of_file(k->circuit);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        mark_dead(k);
    bool more = n > 0 && (size_t)n == room;
    if (!k->is_dead)
        work(k, more);
    return more && !k->is_dead && sim_circuit_wants_input(k->circuit);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct connection *k = arg;
    unsigned reads = 0;
    while (receive(k) && ++reads < READS_A_PASS && !loop_is_due(&k->server->loop))
        ;
    if (!k->is_dead)
        work(k, false);
    settle(k);
    if (loop_is_due(&k->server->loop))
        event_base_loopbreak(k->server->loop.base);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct connection *k = arg;
    sim_circuit_unblock(k->circuit, clock_monotonic_ns());
    work(k, false);
    settle(k);
}

void tcp_serve(struct server *s, uint64_t now_ns)
{
    struct sim_circuit *c;
    while ((c = sim_next_dirty(&s->sim)) != NULL) {
        struct connection *k = c->owner;
        if (k->is_dead)
            continue;
        work(k, false);
        settle(k);
    }
    bury_the_dead(s, now_ns);
}

/* ---- accept ---- */

static void set_options(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int make_events(struct connection *k)
{
    struct event_base *base = k->server->loop.base;
    k->readable = event_new(base, k->fd, EV_READ | EV_PERSIST, on_readable, k);
    k->writable = event_new(base, k->fd, EV_WRITE | EV_PERSIST, on_writable, k);
    return k->readable != NULL && k->writable != NULL ? 0 : -1;
}

static void abandon(struct connection *k)
{
    if (k->readable != NULL)
        event_free(k->readable);
    if (k->writable != NULL)
        event_free(k->writable);
    free(k);
}

static struct connection *make_connection(struct server *s, int fd)
{
    struct connection *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    *k = (struct connection){.server = s, .fd = fd, .deadline = {.fire = on_deadline, .owner = k}};
    if (make_events(k) == 0 && schedule_add(&s->loop.schedule, &k->deadline) == 0) {
        k->circuit = sim_circuit_new(&s->sim, k, clock_monotonic_ns());
        if (k->circuit != NULL)
            return k;
        schedule_remove(&s->loop.schedule, &k->deadline);
    }
    abandon(k);
    return NULL;
}

static void welcome(struct server *s, int fd)
{
    struct connection *k = make_connection(s, fd);
    if (k == NULL) {
        close(fd);
        return;
    }
    set_options(fd);
    work(k, false);
    settle(k);
}

/* No descriptor is left: take the connection with the spare one and close it, or it would be reported for ever. */
static void turn_away(struct server *s)
{
    close(s->spare_fd);
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (s->turned_away++ == 0)
        fprintf(stderr, "caplay: a client was turned away: no file descriptor is left (ulimit -n)\n");
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct server *s = arg;
    for (unsigned i = 0; i < ACCEPTS_A_PASS; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0)
            welcome(s, client);
        else if (errno == EMFILE || errno == ENFILE)
            turn_away(s);
        else
            return;
    }
}

/* ---- open and close ---- */

int tcp_open(struct server *s, uint16_t port, struct diag *diag)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = s->address, .sin_port = htons(port)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot make a TCP socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0) {
        bool is_taken = errno == EADDRINUSE;
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot listen on TCP port %u (--port 0 picks a free one)", port);
        close(fd);
        return is_taken ? 1 : -1;
    }
    getsockname(fd, (struct sockaddr *)&at, &n);
    s->listen_fd = fd;
    s->tcp_port = ntohs(at.sin_port);
    return 0;
}

int tcp_listen(struct server *s, struct diag *diag)
{
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    s->acceptable = event_new(s->loop.base, s->listen_fd, EV_READ | EV_PERSIST, on_acceptable, s);
    if (s->acceptable == NULL || event_add(s->acceptable, NULL) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot watch the TCP socket");
    return 0;
}

void tcp_close(struct server *s, uint64_t now_ns)
{
    for (struct sim_circuit *c = s->sim.circuits; c != NULL; c = c->next)
        mark_dead(c->owner);
    bury_the_dead(s, now_ns);
    if (s->acceptable != NULL)
        event_free(s->acceptable);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->spare_fd >= 0)
        close(s->spare_fd);
}
