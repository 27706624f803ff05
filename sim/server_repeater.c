/* The CA repeater's sockets (repeater.h). It has a thread of its own, which runs when nothing else wants the processor: what it
 * has to pass on is never in the way of what the server serves. Where the port is taken somebody else's repeater runs; then it
 * looks from time to time whether that has ended. */
#include "sim/server.h"

#include "base/child.h"
#include "sim/addresses.h"
#include "sim/repeater.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DATAGRAM_BYTES 65536u /* the largest that there is */
#define STACK_BYTES    (128u << 10)
#define LOOK_AGAIN_MS  5000

struct server_repeater {
    struct repeater core;
    pthread_t thread;
    uint16_t port;
    int fd, stop; /* fd -1: somebody else has the port */
    struct addresses groups;
    uint8_t bytes[DATAGRAM_BYTES];
};

/* ---- what the core asks for ---- */

/* A UDP socket that shares nothing, bound where it must be: libca's clients take a port that cannot be bound for a repeater. */
static int bind_udp(uint32_t address, uint16_t port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(address)}, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int sys = errno;
    if (fd >= 0)
        close(fd);
    errno = sys;
    return -1;
}

static bool is_local(void *self, uint32_t address)
{
    (void)self;
    int fd = bind_udp(address, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_held(void *self, uint16_t port)
{
    (void)self;
    int fd = bind_udp(INADDR_ANY, port);
    bool held = fd < 0 && errno == EADDRINUSE;
    if (fd >= 0)
        close(fd);
    return held;
}

static int open_client(void *self, const struct repeater_peer *client)
{
    (void)self;
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(client->address)}, .sin_port = htons(client->port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_client(void *self, int fd, const uint8_t *bytes, size_t n)
{
    (void)self;
    return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void close_client(void *self, int fd)
{
    (void)self;
    close(fd);
}

static const struct repeater_calls calls = {is_local, is_held, open_client, send_client, close_client};

/* ---- the thread ---- */

/* Beacons that are sent to a group of hosts are heard where the same list names it, as libca's repeater has it. */
static void join_groups(const struct server_repeater *r)
{
    for (unsigned i = 0; i < r->groups.n; i++) {
        const struct ip_mreq group = {.imr_multiaddr = r->groups.at[i].sin_addr};
        setsockopt(r->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
    }
}

static void try_bind(struct server_repeater *r)
{
    r->fd = bind_udp(INADDR_ANY, r->port);
    if (r->fd >= 0)
        join_groups(r);
}

static void take(struct server_repeater *r)
{
    struct sockaddr_in at;
    socklen_t n_at = sizeof at;
    ssize_t n = recvfrom(r->fd, r->bytes, sizeof r->bytes, 0, (struct sockaddr *)&at, &n_at);
    if (n < 0)
        return;
    const struct repeater_peer from = {.address = ntohl(at.sin_addr.s_addr), .port = ntohs(at.sin_port)};
    repeater_datagram(&r->core, &from, r->bytes, (size_t)n);
}

static void *repeat(void *arg)
{
    struct server_repeater *r = arg;
    struct pollfd fds[] = {{.fd = r->stop, .events = POLLIN}, {.fd = r->fd, .events = POLLIN}};
    sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    for (;;) {
        fds[1].fd = r->fd;
        poll(fds, 2, r->fd < 0 ? LOOK_AGAIN_MS : -1);
        if (fds[0].revents != 0)
            return NULL;
        if (r->fd < 0)
            try_bind(r);
        else
            take(r);
    }
}

static int start(struct server_repeater *r, struct diag *diag)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&r->thread, &attributes, repeat, r);
    int result = errno == 0 ? 0 : diag_errno(diag, DIAG_ENVIRONMENT, "cannot start a thread for the repeater");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result;
}

/* ---- the whole ---- */

static void dispose(struct server_repeater *r)
{
    repeater_fini(&r->core);
    if (r->fd >= 0)
        close(r->fd);
    if (r->stop >= 0)
        close(r->stop);
    free(r);
}

int repeater_open(struct server *s, struct diag *diag)
{
    struct server_repeater *r = calloc(1, sizeof *r);
    if (r == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the repeater");
    r->core = (struct repeater){.calls = &calls, .self = r};
    r->port = child_epics_port("EPICS_CA_REPEATER_PORT", WIRE_REPEATER_PORT);
    r->stop = eventfd(0, EFD_CLOEXEC);
    const bool is_named = environment_text("EPICS_CAS_BEACON_ADDR_LIST") != NULL;
    addresses_groups(&r->groups, is_named ? "EPICS_CAS_BEACON_ADDR_LIST" : "EPICS_CA_ADDR_LIST");
    try_bind(r);
    if (r->stop >= 0 && start(r, diag) == 0) {
        s->repeater = r;
        return 0;
    }
    if (r->stop < 0)
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot make an eventfd");
    dispose(r);
    return -1;
}

void repeater_close(struct server *s)
{
    struct server_repeater *r = s->repeater;
    if (r == NULL)
        return;
    eventfd_write(r->stop, 1);
    pthread_join(r->thread, NULL);
    dispose(r);
    s->repeater = NULL;
}
