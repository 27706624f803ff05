#include "replay/proxy_circuit.h"

#include "replay/proxy_ports.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 256 << 10 };
enum { FROM_CLIENT, FROM_IOC };

struct way { /* one direction */
    struct proxy_circuit *circuit;
    int from, to;
    struct event readable, writable; /* `from` has something; `to` takes something */
    size_t have, pass, sent;         /* bytes in the buffer; those that may go on; those that went */
    bool ended, told;                /* `from` has said its last; `to` knows */
    struct proxy_ports ports;        /* FROM_IOC */
    uint8_t *buffer;
};

struct proxy_circuit {
    struct proxy *proxy;
    struct proxy_ioc *ioc;
    struct proxy_circuit *before, *after;
    struct tap_circuit tap;
    struct event connected;
    struct way way[2];
    bool is_connected, broke;
};

static void record(struct proxy_circuit *c, const struct way *way, uint64_t now_ns)
{
    const struct iovec piece = {.iov_base = way->buffer, .iov_len = way->pass};
    const struct tap_bytes bytes = {.pieces = &piece, .n = way->pass, .from_server = way == &c->way[FROM_IOC], .t_ns = now_ns};
    c->proxy->counts.bytes[bytes.from_server] += way->pass;
    if (c->proxy->tap != NULL)
        tap_stream(c->proxy->tap, &c->tap, &bytes);
}

/* ---- the end ---- */

/* `reset`: both ends learn that it broke. */
static void close_circuit(struct proxy_circuit *c, bool reset, uint64_t now_ns)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct proxy *p = c->proxy;
    event_del(&c->connected);
    for (unsigned i = 0; i < 2; i++) {
        struct way *way = &c->way[i];
        event_del(&way->readable);
        event_del(&way->writable);
        if (reset)
            setsockopt(way->from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(way->from);
        free(way->buffer);
    }
    if (p->tap != NULL && c->is_connected)
        tap_end(p->tap, &c->tap, now_ns);
    *(c->before != NULL ? &c->before->after : &p->circuits) = c->after;
    if (c->after != NULL)
        c->after->before = c->before;
    p->counts.open--;
    c->ioc->circuits--;
    if (p->is_draining && p->circuits == NULL)
        event_base_loopbreak(p->base);
    for (unsigned i = 0; i < p->niocs; i++)
        event_add(&p->iocs[i].event, NULL); /* it may have waited for a descriptor */
    free(c);
}

void proxy_circuits_close(struct proxy *p, uint64_t now_ns)
{
    while (p->circuits != NULL)
        close_circuit(p->circuits, false, now_ns);
}

/* ---- a way that is blocked ---- */

static bool is_reset(int fd)
{
    struct pollfd at = {.fd = fd};
    return poll(&at, 1, 0) > 0 && (at.revents & POLLERR);
}

static bool is_hopeless(const struct proxy_circuit *c)
{
    for (unsigned i = 0; i < 2; i++)
        if (c->is_connected && c->way[i].pass > 0 && is_reset(c->way[i].from))
            return true;
    return false;
}

void proxy_circuits_look(struct proxy *p, uint64_t now_ns)
{
    for (struct proxy_circuit *c = p->circuits, *after; c != NULL; c = after) {
        after = c->after;
        if (is_hopeless(c))
            close_circuit(c, true, now_ns);
    }
}

/* ---- relaying ---- */

/* Pass the end on once all is through. True: the circuit is over, and gone. */
static bool conclude(struct way *way, uint64_t now_ns)
{
    struct proxy_circuit *c = way->circuit;
    if (!way->ended || way->pass > 0 || way->told)
        return false;
    way->told = true;
    shutdown(way->to, SHUT_WR);
    if (!c->way[FROM_CLIENT].told || !c->way[FROM_IOC].told)
        return false;
    close_circuit(c, c->broke, now_ns);
    return true;
}

/* `to` takes nothing any more. What it said before that is still to be read, on the other way, which ends the circuit then. */
static void give_up(struct way *way, uint64_t now_ns)
{
    struct proxy_circuit *c = way->circuit;
    const struct way *back = &c->way[way == &c->way[FROM_CLIENT] ? FROM_IOC : FROM_CLIENT];
    c->broke = way->ended = way->told = true;
    way->have = way->pass = way->sent = 0;
    event_del(&way->readable);
    event_del(&way->writable);
    if (back->told)
        close_circuit(c, true, now_ns);
}

/* Send what may go on. When all of it went, reading goes on. */
static void drain(struct way *way, uint64_t now_ns)
{
    while (way->sent < way->pass) {
        ssize_t n = send(way->to, way->buffer + way->sent, way->pass - way->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            give_up(way, now_ns);
            return;
        }
        if (n < 0) {
            event_del(&way->readable);
            event_add(&way->writable, NULL);
            return;
        }
        way->sent += (size_t)n;
    }
    way->have -= way->pass;
    memmove(way->buffer, way->buffer + way->pass, way->have); /* a header that is not whole */
    way->pass = way->sent = 0;
    if (!conclude(way, now_ns) && !way->ended)
        event_add(&way->readable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    drain(arg, clock_monotonic_ns());
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct way *way = arg;
    struct proxy_circuit *c = way->circuit;
    ssize_t n = recv(fd, way->buffer + way->have, BUFFER_BYTES - way->have, 0);
    uint64_t now_ns = clock_monotonic_ns();
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        close_circuit(c, true, now_ns);
        return;
    }
    way->have += (size_t)n;
    way->ended = n == 0;
    if (way->ended)
        event_del(&way->readable);
    way->pass = way->have;
    if (way == &c->way[FROM_IOC] && !way->ended) /* what is cut off by the end goes on as it is */
        way->pass = proxy_ports_pass(&way->ports, way->buffer, way->have, c->ioc->port);
    if (way->pass > 0)
        record(c, way, now_ns);
    drain(way, now_ns);
}

/* ---- the beginning ---- */

static void tell_tap(struct proxy_circuit *c, uint64_t now_ns)
{
    struct sockaddr_in peer = {0};
    socklen_t n = sizeof peer;
    getpeername(c->way[FROM_CLIENT].from, (struct sockaddr *)&peer, &n);
    const struct dialogue_endpoints ends = {.client_address = ntohl(peer.sin_addr.s_addr),
                                            .server_address = c->proxy->address,
                                            .client_port = ntohs(peer.sin_port),
                                            .server_port = c->ioc->port};
    if (c->proxy->tap != NULL)
        tap_begin(c->proxy->tap, &c->tap, &ends, now_ns);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct proxy_circuit *c = arg;
    int err = 0;
    socklen_t n = sizeof err;
    uint64_t now_ns = clock_monotonic_ns();
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 || err != 0) {
        c->proxy->counts.refused++;
        close_circuit(c, true, now_ns);
        return;
    }
    c->is_connected = true;
    tell_tap(c, now_ns);
    event_add(&c->way[FROM_CLIENT].readable, NULL);
    event_add(&c->way[FROM_IOC].readable, NULL);
}

/* As a CA server's and client's sockets are (ca-protocol 5.1). */
static void tune(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static void init_way(struct proxy_circuit *c, unsigned i, int from, int to)
{
    struct way *way = &c->way[i];
    *way = (struct way){.circuit = c, .from = from, .to = to, .buffer = malloc(BUFFER_BYTES)};
    event_assign(&way->readable, c->proxy->base, from, EV_READ | EV_PERSIST, on_readable, way);
    event_assign(&way->writable, c->proxy->base, to, EV_WRITE, on_writable, way);
    tune(from);
}

static void join(struct proxy *p, struct proxy_circuit *c)
{
    c->after = p->circuits;
    if (c->after != NULL)
        c->after->before = c;
    p->circuits = c;
    p->counts.circuits++;
    p->counts.open++;
    c->ioc->circuits++;
}

void proxy_circuit_open(struct proxy_ioc *to, int fd, uint64_t now_ns)
{
    struct proxy *p = to->proxy;
    struct proxy_circuit *c = calloc(1, sizeof *c);
    int ioc = c != NULL ? socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (ioc < 0) {
        p->counts.refused++;
        free(c);
        close(fd);
        return;
    }
    c->proxy = p;
    c->ioc = to;
    to->used_ns = now_ns;
    c->tap.number = p->numbers++;
    init_way(c, FROM_CLIENT, fd, ioc);
    init_way(c, FROM_IOC, ioc, fd);
    event_assign(&c->connected, p->base, ioc, EV_WRITE, on_connected, c);
    join(p, c);
    bool has_memory = c->way[FROM_CLIENT].buffer != NULL && c->way[FROM_IOC].buffer != NULL;
    bool goes = has_memory && (connect(ioc, (const struct sockaddr *)&to->at, sizeof to->at) == 0 || errno == EINPROGRESS);
    if (goes && event_add(&c->connected, NULL) == 0)
        return;
    p->counts.refused++;
    close_circuit(c, true, now_ns);
}
