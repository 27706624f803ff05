/* A bare epoll relay before a CA server: each piece goes on as it came, in one send. With --delay what the server says waits: an
 * IOC that answers late. Search replies over UDP get the relay's port. Ends with SIGINT. */
#include "clients/perf/floor.h"

#include "wire/message.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MOST_FDS = 1024, PIECE_BYTES = 1 << 20, EVENTS = 64 };

struct piece { /* what waits; all wait equally long, so the first is due first */
    struct piece *after;
    uint64_t due_ns;
    int to;
    size_t n;
    uint8_t bytes[];
};

struct relay {
    const struct floor_options *o;
    int epoll, listener, udp, upstream, timer, signals;
    uint16_t port;
    int peer[MOST_FDS]; /* of a circuit's socket; -1: none */
    bool is_server[MOST_FDS];
    struct sockaddr_in client; /* that searched last */
    struct piece *first, **last;
};

static int watch(struct relay *r, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* ---- what goes on, now or later ---- */

static void pass(struct relay *r, int to, const uint8_t *bytes, size_t n)
{
    struct diag diag;
    if (to == r->udp)
        (void)sendto(to, bytes, n, 0, (const struct sockaddr *)&r->client, sizeof r->client);
    else if (n == 0)
        shutdown(to, SHUT_WR);
    else
        (void)floor_send_all(to, bytes, n, &diag); /* a client that has gone ends on its other side, too */
}

static void arm(struct relay *r)
{
    struct itimerspec at = {.it_value = {0}};
    if (r->first != NULL)
        at.it_value =
            (struct timespec){.tv_sec = (time_t)(r->first->due_ns / CLOCK_NS), .tv_nsec = (long)(r->first->due_ns % CLOCK_NS)};
    timerfd_settime(r->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void hold(struct relay *r, int to, const uint8_t *bytes, size_t n)
{
    struct piece *piece = malloc(sizeof *piece + n);
    if (piece == NULL)
        abort();
    *piece = (struct piece){.due_ns = clock_monotonic_ns() + r->o->delay_ns, .to = to, .n = n};
    memcpy(piece->bytes, bytes, n);
    *r->last = piece;
    r->last = &piece->after;
    if (r->first == piece)
        arm(r);
}

static void on_timer(struct relay *r)
{
    uint64_t now_ns = clock_monotonic_ns();
    while (r->first != NULL && r->first->due_ns <= now_ns) {
        struct piece *piece = r->first;
        r->first = piece->after;
        if (r->first == NULL)
            r->last = &r->first;
        pass(r, piece->to, piece->bytes, piece->n);
        free(piece);
    }
    arm(r);
}

static void answer(struct relay *r, int to, const uint8_t *bytes, size_t n)
{
    (r->o->delay_ns > 0 ? hold : pass)(r, to, bytes, n);
}

/* ---- sockets ---- */

static void on_accept(struct relay *r)
{
    const int on = 1;
    struct diag diag;
    int client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = client >= 0 ? floor_connect(r->o->port, &diag) : -1;
    if (server < 0 || server >= MOST_FDS || client >= MOST_FDS) {
        if (client >= 0)
            close(client);
        if (server >= 0)
            close(server);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    r->peer[client] = server;
    r->peer[server] = client;
    r->is_server[client] = false;
    r->is_server[server] = true;
    watch(r, client);
    watch(r, server);
}

/* The circuit's sockets stay open until the relay ends: what waits may still go to them. */
static void on_stream(struct relay *r, int fd)
{
    static uint8_t bytes[PIECE_BYTES];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0)
        epoll_ctl(r->epoll, EPOLL_CTL_DEL, fd, NULL);
    (r->is_server[fd] ? answer : pass)(r, r->peer[fd], bytes, n > 0 ? (size_t)n : 0);
}

static void on_search(struct relay *r)
{
    static uint8_t bytes[65536];
    socklen_t room = sizeof r->client;
    ssize_t n = recvfrom(r->udp, bytes, sizeof bytes, 0, (struct sockaddr *)&r->client, &room);
    if (n > 0)
        (void)send(r->upstream, bytes, (size_t)n, 0);
}

static void on_found(struct relay *r)
{
    static uint8_t bytes[65536];
    ssize_t n = recv(r->upstream, bytes, sizeof bytes, 0);
    for (ssize_t at = 0; at + WIRE_HEADER_BYTES <= n; at += WIRE_HEADER_BYTES + wire_get16(bytes + at + 2))
        if (wire_get16(bytes + at) == WIRE_SEARCH)
            wire_put16(bytes + at + 4, r->port);
    if (n > 0)
        answer(r, r->udp, bytes, (size_t)n);
}

static int open_udp(struct relay *r, struct diag *diag)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(r->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in server = own;
    server.sin_port = htons((uint16_t)r->o->port);
    r->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    r->upstream = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (r->udp < 0 || r->upstream < 0 || bind(r->udp, (struct sockaddr *)&own, sizeof own) < 0 ||
        connect(r->upstream, (struct sockaddr *)&server, sizeof server) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "UDP port %u", r->port);
    return 0;
}

static int open_relay(struct relay *r, struct diag *diag)
{
    unsigned port;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    r->listener = floor_listen(&port, diag);
    r->port = (uint16_t)port;
    if (r->listener < 0 || open_udp(r, diag) < 0)
        return -1;
    r->signals = signalfd(-1, &ends, SFD_CLOEXEC);
    r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    const int all[] = {r->listener, r->udp, r->upstream, r->timer, r->signals};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (watch(r, all[i]) < 0)
            return diag_errno(diag, DIAG_ENVIRONMENT, "epoll");
    return 0;
}

static void on_event(struct relay *r, int fd)
{
    if (fd == r->listener)
        on_accept(r);
    else if (fd == r->udp)
        on_search(r);
    else if (fd == r->upstream)
        on_found(r);
    else if (fd == r->timer)
        on_timer(r);
    else
        on_stream(r, fd);
}

int floor_relay(const struct floor_options *o, struct diag *diag)
{
    static struct relay r;
    struct epoll_event events[EVENTS];
    r.o = o;
    r.last = &r.first;
    if (open_relay(&r, diag) < 0)
        return -1;
    printf("ready udp=%u tcp=%u\n", r.port, r.port);
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(r.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == r.signals)
                return 0;
            on_event(&r, events[i].data.fd);
        }
    }
}
