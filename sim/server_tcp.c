#include "sim/server.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG        128
#define TURN_NS        250000u /* of one circuit that has much to do, before the others have theirs */
#define READS_A_TURN   16u
#define ACCEPTS_A_PASS 32
#define TRIM_BYTES     (4u << 20) /* of circuits that end: worth giving back to the system */
#define PAUSE_NS       CLOCK_NS   /* of accepting, unless a circuit ends */

/* A client that is gone without a word is noticed within 2 minutes. (A real server leaves it to the system's keepalive, which is
 * 2 hours as a rule.) There is no limit to how long a client that is there may not read: as in a real server, a stopped one
 * may go on one day. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES     6

struct connection {
    struct server *server;
    struct sim_circuit *circuit;
    struct event *readable, *writable;
    struct schedule_entry deadline;
    struct connection *next_dead, *next_unfinished;
    int fd;
    bool reads, writes; /* what is watched for */
    bool is_unfinished; /* it has more to do, but others had to have their turn */
    bool is_listed;     /* among the unfinished ones */
    bool is_dead;
};

/* ---- lines about clients ---- */

/* May a line be printed? What was left out is told first. */
static bool may_tell(struct server *s)
{
    uint64_t left_out;
    if (!notices_may(&s->notices, clock_monotonic_ns(), &left_out))
        return false;
    if (left_out > 0)
        fprintf(stderr, "caplay: %" PRIu64 " lines about clients were left out\n", left_out);
    return true;
}

static void notice(struct server *s, const char *text)
{
    if (may_tell(s))
        fprintf(stderr, "caplay: %s\n", text);
}

static void on_fault(void *arg, const struct sim_fault *fault)
{
    if (may_tell(arg))
        fprintf(stderr, "caplay: circuit %" PRIu64 ", byte %" PRIu64 ": its client sent %s%s\n", fault->circuit->number,
                fault->offset, fault->what, fault->ends ? ": it ends" : "");
}

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

/* A descriptor is free again. */
static void accept_on(struct server *s)
{
    if (s->accept_again.due_ns != CLOCK_NEVER)
        schedule_set(&s->loop.schedule, &s->accept_again, clock_monotonic_ns());
}

static void forget_unfinished(struct server *s)
{
    struct connection **at = &s->unfinished;
    while (*at != NULL)
        if ((*at)->is_dead)
            *at = (*at)->next_unfinished;
        else
            at = &(*at)->next_unfinished;
}

static void bury_the_dead(struct server *s, uint64_t now_ns)
{
    if (s->dead == NULL)
        return;
    forget_unfinished(s);
    uint64_t used = s->sim.memory.used;
    while (s->dead != NULL) {
        struct connection *k = s->dead;
        s->dead = k->next_dead;
        bury(k, now_ns);
    }
    if (used - s->sim.memory.used >= TRIM_BYTES)
        malloc_trim(0); /* many small pieces stay with the process otherwise */
    accept_on(s);
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

static void begin_turn(struct server *s)
{
    s->turn_ns = clock_monotonic_ns() + TURN_NS;
}

/* Others wait, or a deadline has come. */
static bool is_turn_over(const struct server *s)
{
    return clock_monotonic_ns() >= s->turn_ns || loop_is_due(&s->loop);
}

/* Let the circuit work until it has nothing to do or cannot send, or its turn is over. */
static void work(struct connection *k, bool more)
{
    bool goes_on;
    do {
        bool sends = sim_circuit_work(k->circuit, clock_monotonic_ns(), more);
        if (sends && !send_output(k)) {
            mark_dead(k);
            return;
        }
        goes_on = (sends || k->circuit->has_more) && !sim_circuit_is_over(k->circuit);
    } while (goes_on && !is_turn_over(k->server));
    k->is_unfinished = goes_on;
}

static void list_unfinished(struct connection *k)
{
    if (k->is_listed || !k->is_unfinished)
        return;
    k->is_listed = true;
    k->next_unfinished = k->server->unfinished;
    k->server->unfinished = k;
}

static void settle(struct connection *k)
{
    if (k->is_dead)
        return;
    if (sim_circuit_is_over(k->circuit)) {
        mark_dead(k);
        return;
    }
    watch(k);
    list_unfinished(k);
    schedule_set(&k->server->loop.schedule, &k->deadline, k->is_unfinished ? CLOCK_NEVER : sim_circuit_deadline(k->circuit));
}

static void take_turn(struct connection *k)
{
    if (k->is_dead)
        return;
    begin_turn(k->server);
    work(k, false);
    settle(k);
}

static void on_deadline(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    take_turn(owner);
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
    begin_turn(k->server);
    while (receive(k) && ++reads < READS_A_TURN && !is_turn_over(k->server))
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
    take_turn(k);
}

/* Each once: those that are still not done are listed anew. */
static void serve_unfinished(struct server *s)
{
    struct connection *k = s->unfinished, *next;
    s->unfinished = NULL;
    for (; k != NULL; k = next) {
        next = k->next_unfinished;
        k->is_listed = false;
        take_turn(k);
    }
}

bool tcp_serve(struct server *s, uint64_t now_ns)
{
    struct sim_circuit *c;
    serve_unfinished(s);
    while ((c = sim_next_dirty(&s->sim)) != NULL)
        if (!((struct connection *)c->owner)->is_listed)
            take_turn(c->owner);
    bury_the_dead(s, now_ns);
    return s->unfinished != NULL;
}

/* ---- accept ---- */

static void set_options(int fd)
{
    const int on = 1, idle_s = KEEPALIVE_IDLE_S, interval_s = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
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
        notice(s, "no memory for another circuit: it is closed");
        close(fd);
        return;
    }
    set_options(fd);
    take_turn(k);
}

/* What only time or the end of a circuit brings back: descriptors, and the system's memory. Clients wait in the backlog. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void pause_accepting(struct server *s)
{
    notice(s, "no file descriptor is left (ulimit -n): new clients wait");
    event_del(s->acceptable);
    schedule_set(&s->loop.schedule, &s->accept_again, clock_monotonic_ns() + PAUSE_NS);
}

static void on_accept_again(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    struct server *s = owner;
    event_add(s->acceptable, NULL);
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
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot listen on TCP port %u", port);
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
    s->accept_again = (struct schedule_entry){.fire = on_accept_again, .owner = s};
    s->sim.on_fault = on_fault;
    s->sim.on_fault_arg = s;
    if (schedule_add(&s->loop.schedule, &s->accept_again) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the schedule");
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
}
