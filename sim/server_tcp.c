#include "sim/server.h"

#include "base/clock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#define TURN_NS      100000u /* of one circuit that has much to do, before the others have theirs */
#define READS_A_TURN 16u
#define TRIM_BYTES   (4u << 20) /* of circuits that end: worth giving back to the system */

struct connection {
    struct server *server;
    struct sim_circuit *circuit;
    struct event *readable, *writable;
    struct schedule_entry deadline;
    struct connection *next_dead, *prev_unfinished, *next_unfinished;
    struct tap_circuit tap;
    struct link_pipe *pipe; /* --link: what is on its way; or NULL */
    int fd;
    bool reads, writes; /* what is watched for */
    bool is_unfinished; /* it has more to do, but others had to have their turn */
    bool is_listed;     /* among the unfinished ones */
    bool is_dead;
};

/* ---- life ---- */

static bool make_pipe(struct connection *k)
{
    struct sim *sim = &k->server->sim;
    if (!link_is_on(&sim->link))
        return true;
    if (memory_take(&sim->memory, link_pipe_bytes(&sim->link)) && (k->pipe = link_pipe_new(&sim->link)) == NULL)
        memory_give(&sim->memory, link_pipe_bytes(&sim->link));
    return k->pipe != NULL;
}

static void free_pipe(struct connection *k)
{
    if (k->pipe != NULL)
        memory_give(&k->server->sim.memory, k->pipe->room);
    link_pipe_free(k->pipe);
}

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

/* What the kernel counted for a circuit. */
static void observe_segments(const struct connection *k)
{
    struct observed *o = &k->server->sim.observed;
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t n = sizeof info;
    if (getsockopt(k->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0) {
        o->segments[OBSERVED_IN] += info.tcpi_data_segs_in;
        o->segments[OBSERVED_OUT] += info.tcpi_data_segs_out;
    }
}

static void observe_end(const struct connection *k)
{
    struct observed *o = &k->server->sim.observed;
    observe_segments(k);
    (*(k->circuit->at_end_of_file ? &o->closed : &o->reset))++;
}

void tcp_observe_open(struct server *s)
{
    for (const struct sim_circuit *c = s->sim.circuits; c != NULL; c = c->next) {
        observe_segments(c->owner);
        s->sim.observed.open++;
    }
}

/* The one place where a circuit dies, called by the loop off every callback. Who reached it: its two events, its deadline and the
 * list of unfinished ones, which end here, and the core's lists, which sim_circuit_free() leaves. */
static void bury(struct connection *k, uint64_t now_ns)
{
    schedule_remove(&k->server->loop.schedule, &k->deadline);
    if (k->is_listed)
        DL_DELETE2(k->server->unfinished, k, prev_unfinished, next_unfinished);
    event_free(k->readable);
    event_free(k->writable);
    observe_end(k);
    if (k->server->tap != NULL)
        tap_end(k->server->tap, &k->tap, now_ns);
    sim_circuit_free(k->circuit, now_ns);
    close(k->fd);
    free_pipe(k);
    free(k);
}

static void bury_the_dead(struct server *s, uint64_t now_ns)
{
    if (s->dead == NULL)
        return;
    uint64_t used = s->sim.memory.used;
    while (s->dead != NULL) {
        struct connection *k = s->dead;
        s->dead = k->next_dead;
        bury(k, now_ns);
    }
    if (used - s->sim.memory.used >= TRIM_BYTES)
        malloc_trim(0); /* many small pieces stay with the process otherwise */
    accept_go_on(s);
}

/* ---- work ---- */

static void watch(struct connection *k)
{
    bool reads = sim_circuit_wants_input(k->circuit);
    bool writes = k->pipe != NULL ? k->pipe->is_blocked : k->circuit->is_blocked;
    if (reads != k->reads && (reads ? event_add(k->readable, NULL) : event_del(k->readable)) == 0)
        k->reads = reads;
    if (writes != k->writes && (writes ? event_add(k->writable, NULL) : event_del(k->writable)) == 0)
        k->writes = writes;
}

/* Bytes in the socket that have not left this machine, since the peer's window or the network took no more. */
static size_t unsent_bytes(const struct connection *k)
{
    int bytes = 0;
    return ioctl(k->fd, SIOCOUTQNSD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

/* How many bytes the socket took; -1: the peer is gone. */
static ssize_t send_pieces(struct connection *k, struct iovec *pieces, int npieces, uint64_t now_ns)
{
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)npieces};
    ssize_t n = sendmsg(k->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR ? -1 : 0;
    if (n > 0 && k->server->tap != NULL)
        tap_stream(k->server->tap, &k->tap,
                   &(struct tap_bytes){.pieces = pieces, .n = (size_t)n, .from_server = true, .t_ns = now_ns});
    return n;
}

/* Send what the circuit shows, or give it to the link. False: the peer is gone. */
static bool send_output(struct connection *k)
{
    struct iovec pieces[OUTBOX_PIECES];
    const uint64_t now_ns = clock_monotonic_ns();
    const bool is_timed = sim_circuit_is_timed(k->circuit) && k->pipe == NULL;
    const int npieces = sim_circuit_output(k->circuit, now_ns, pieces);
    const ssize_t n = k->pipe != NULL ? (ssize_t)link_pipe_take(k->pipe, &k->server->sim.link, pieces, (size_t)npieces, now_ns)
                                      : send_pieces(k, pieces, npieces, now_ns);
    if (n < 0)
        return false;
    if (is_timed && n > 0 && unsent_bytes(k) > (size_t)n)
        sim_circuit_is_behind(k->circuit);
    sim_circuit_sent(k->circuit, (size_t)n);
    return true;
}

/* Send what has come out of the link. False: the peer is gone. */
static bool deliver(struct connection *k)
{
    struct iovec pieces[2];
    uint64_t due_ns, now_ns;
    while ((due_ns = link_pipe_deadline(k->pipe)) <= (now_ns = clock_monotonic_ns())) {
        const int npieces = link_pipe_view(k->pipe, pieces);
        const ssize_t n = send_pieces(k, pieces, npieces, now_ns);
        if (n < 0)
            return false;
        link_pipe_sent(k->pipe, (size_t)n);
        if (n > 0)
            lateness_count(&k->server->sim.late, due_ns, k->pipe->ready_ns, now_ns);
    }
    if (k->circuit->is_blocked && link_pipe_has_room(k->pipe))
        sim_circuit_unblock(k->circuit, now_ns);
    return true;
}

static void begin_turn(struct server *s)
{
    s->turn_ns = clock_monotonic_ns() + TURN_NS;
}

/* Others wait, or a deadline has come. It is *now_ns by then. */
static bool is_turn_over(const struct server *s, uint64_t *now_ns)
{
    *now_ns = clock_monotonic_ns();
    return *now_ns >= s->turn_ns || loop_is_due(&s->loop, *now_ns);
}

/* Let the circuit work until it has nothing to do or cannot send, or its turn is over. */
static void work(struct connection *k, bool more)
{
    uint64_t now_ns = clock_monotonic_ns();
    bool goes_on;
    do {
        bool sends = sim_circuit_work(k->circuit, now_ns, more);
        if (sends && !send_output(k)) {
            mark_dead(k);
            return;
        }
        goes_on = (sends || k->circuit->has_more) && !sim_circuit_is_over(k->circuit);
    } while (goes_on && !is_turn_over(k->server, &now_ns));
    k->is_unfinished = goes_on;
}

static void list_unfinished(struct connection *k)
{
    if (k->is_listed || !k->is_unfinished)
        return;
    k->is_listed = true;
    DL_APPEND2(k->server->unfinished, k, prev_unfinished, next_unfinished); /* all have their turns in the same order each time */
}

static uint64_t next_deadline(const struct connection *k)
{
    const uint64_t circuit_ns = sim_circuit_deadline(k->circuit);
    const uint64_t link_ns = k->pipe != NULL ? link_pipe_deadline(k->pipe) : CLOCK_NEVER;
    return circuit_ns < link_ns ? circuit_ns : link_ns;
}

static void settle(struct connection *k)
{
    if (k->is_dead)
        return;
    if (sim_circuit_is_over(k->circuit) && (k->pipe == NULL || link_pipe_is_empty(k->pipe))) {
        mark_dead(k);
        return;
    }
    watch(k);
    list_unfinished(k);
    schedule_set(&k->server->loop.schedule, &k->deadline, k->is_unfinished ? CLOCK_NEVER : next_deadline(k));
}

static void take_turn(struct connection *k)
{
    if (k->is_dead)
        return;
    if (k->pipe != NULL && !deliver(k)) {
        mark_dead(k);
        return;
    }
    begin_turn(k->server);
    work(k, false);
    settle(k);
}

static void on_deadline(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    take_turn(owner);
}

/* As recv(), with the arrival of the last byte. */
static ssize_t receive_stamped(const struct connection *k, const struct iovec *room, uint64_t *arrived_ns)
{
    union stamp_room stamp;
    struct iovec piece = *room;
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    stamp_expect(&message, &stamp);
    ssize_t n = recvmsg(k->fd, &message, MSG_DONTWAIT);
    if (n <= 0)
        return n;
    const struct clock_pair now = clock_pair();
    *arrived_ns = stamp_arrival(k->server, &message, &now);
    return n;
}

/* Read once, and work. True: the socket may hold more, and replies still wait for company. */
static bool receive(struct connection *k)
{
    size_t room;
    uint64_t arrived_ns;
    uint8_t *at = sim_circuit_room(k->circuit, &room);
    const struct iovec piece = {at, room};
    ssize_t n = receive_stamped(k, &piece, &arrived_ns);
    if (n > 0 && k->server->tap != NULL)
        tap_stream(k->server->tap, &k->tap, &(struct tap_bytes){.pieces = &piece, .n = (size_t)n, .t_ns = arrived_ns});
    if (n > 0)
        sim_circuit_received(k->circuit, (size_t)n, arrived_ns);
    else if (n == 0)
        sim_circuit_end_of_file(k->circuit);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        mark_dead(k);
    bool more = n > 0 && (size_t)n == room;
    if (!k->is_dead)
        work(k, more);
    return more && !k->is_dead;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct connection *k = arg;
    unsigned reads = 0;
    uint64_t now_ns;
    bool more;
    begin_turn(k->server);
    do
        more = receive(k);
    while (more && sim_circuit_wants_input(k->circuit) && ++reads < READS_A_TURN && !is_turn_over(k->server, &now_ns));
    if (more)
        work(k, false);
    settle(k);
    loop_heard(&k->server->loop);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct connection *k = arg;
    const uint64_t now_ns = clock_monotonic_ns();
    if (k->pipe != NULL)
        link_pipe_unblock(k->pipe, now_ns);
    else
        sim_circuit_unblock(k->circuit, now_ns);
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

/* ---- the beginning and the end of all ---- */

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
    free_pipe(k);
    free(k);
}

static struct connection *make_connection(struct server *s, int fd)
{
    struct connection *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    *k = (struct connection){.server = s, .fd = fd, .deadline = {.fire = on_deadline, .owner = k}};
    if (make_events(k) == 0 && make_pipe(k) && schedule_add(&s->loop.schedule, &k->deadline) == 0) {
        k->circuit = sim_circuit_new(&s->sim, k, clock_monotonic_ns());
        if (k->circuit != NULL)
            return k;
        schedule_remove(&s->loop.schedule, &k->deadline);
    }
    abandon(k);
    return NULL;
}

bool tcp_welcome(struct server *s, int fd)
{
    struct connection *k = make_connection(s, fd);
    if (k == NULL)
        return false;
    k->tap.number = k->circuit->number;
    server_tap_circuit(s, fd, &k->tap, clock_monotonic_ns());
    take_turn(k);
    return true;
}

void tcp_end(struct server *s, uint64_t now_ns)
{
    for (struct sim_circuit *c = s->sim.circuits; c != NULL; c = c->next)
        mark_dead(c->owner);
    bury_the_dead(s, now_ns);
}
