#include "sim/server.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS        2u
#define DATAGRAMS      2      /* taken at once */
#define TURN_NS        25000u /* then circuits have theirs: a flood of searches delays each get by little more */
#define DATAGRAM_BYTES 65536u /* the largest that there is */
#define BUFFER_BYTES   (8 << 20)

struct udp {
    struct server *server;
    struct search search;
    struct schedule_entry late; /* replies with a service time */
    struct event *readable[SOCKETS];
    int fd[SOCKETS]; /* of the interface, and of its broadcast address where it has one; answers leave from the first */
    struct mmsghdr message[DATAGRAMS];
    struct iovec piece[DATAGRAMS];
    struct sockaddr_in from[DATAGRAMS];
    union stamp_room stamp[DATAGRAMS];
    uint8_t bytes[DATAGRAMS][DATAGRAM_BYTES];
};

static uint64_t send_answer(void *arg, const struct search_peer *to, const uint8_t *bytes, size_t n)
{
    const struct udp *udp = arg;
    const uint64_t now_ns = clock_monotonic_ns();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(to->address)}, .sin_port = htons(to->port)};
    /* A datagram that cannot be sent is lost, as any may be: the client asks again. */
    (void)!sendto(udp->fd[0], bytes, n, MSG_NOSIGNAL, (struct sockaddr *)&at, sizeof at);
    if (udp->server->tap != NULL)
        server_tap_datagram(
            udp->server, &at,
            &(struct tap_bytes){
                .pieces = &(struct iovec){(void *)(uintptr_t)bytes, n}, .n = n, .from_server = true, .t_ns = now_ns});
    return now_ns;
}

static void settle(struct udp *udp)
{
    schedule_set(&udp->server->loop.schedule, &udp->late, search_deadline(&udp->search));
}

static void on_late(void *owner, uint64_t now_ns)
{
    struct udp *udp = owner;
    search_due(&udp->search, now_ns);
    settle(udp);
}

/* EPICS_CAS_IGNORE_ADDR_LIST */
static bool is_ignored(const struct server *s, struct in_addr address)
{
    for (unsigned i = 0; i < s->ignored.n; i++)
        if (s->ignored.at[i].sin_addr.s_addr == address.s_addr)
            return true;
    return false;
}

static void take(struct udp *udp, unsigned i, const struct clock_pair *now)
{
    const struct sockaddr_in *from = &udp->from[i];
    if (is_ignored(udp->server, from->sin_addr))
        return;
    const struct search_peer peer = {.address = ntohl(from->sin_addr.s_addr), .port = ntohs(from->sin_port)};
    const uint64_t arrived_ns = stamp_arrival(udp->server, &udp->message[i].msg_hdr, now);
    server_tap_datagram(udp->server, from,
                        &(struct tap_bytes){.pieces = &udp->piece[i], .n = udp->message[i].msg_len, .t_ns = arrived_ns});
    search_datagram(&udp->search, &peer, udp->bytes[i], udp->message[i].msg_len, arrived_ns);
}

/* Take what waits, some at once. False: the socket has no more for now. */
static bool receive(struct udp *udp, int fd)
{
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        udp->message[i].msg_hdr.msg_namelen = sizeof udp->from[i];
        stamp_expect(&udp->message[i].msg_hdr, &udp->stamp[i]);
    }
    int n = recvmmsg(fd, udp->message, DATAGRAMS, MSG_DONTWAIT, NULL);
    const struct clock_pair now = clock_pair();
    for (int i = 0; i < n; i++)
        take(udp, (unsigned)i, &now);
    return n == DATAGRAMS;
}

/* Replies gather until the socket is empty, as in a real server, or this turn is over. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct udp *udp = arg;
    const uint64_t until_ns = clock_monotonic_ns() + TURN_NS;
    while (receive(udp, fd)) {
        const uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= until_ns || loop_is_due(&udp->server->loop, now_ns))
            break;
    }
    search_flush(&udp->search);
    settle(udp);
    loop_heard(&udp->server->loop);
}

static void prepare_messages(struct udp *udp)
{
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        udp->piece[i] = (struct iovec){udp->bytes[i], DATAGRAM_BYTES};
        udp->message[i].msg_hdr = (struct msghdr){.msg_name = &udp->from[i], .msg_iov = &udp->piece[i], .msg_iovlen = 1};
    }
}

/* Room for a burst of searches: more than the limit of ordinary users where we may, as much as we get elsewhere. */
static void enlarge_buffer(int fd)
{
    const int size = BUFFER_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int make_socket(struct in_addr address, uint16_t port, bool share)
{
    const int on = 1;
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (share) { /* as EPICS's own servers: both, or the kernel refuses to share with them */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    enlarge_buffer(fd);
    stamp_enable(fd);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int sys = errno;
    close(fd);
    errno = sys;
    return -1;
}

/* The broadcast address of the interface with this address: a socket that is bound to the latter does not hear broadcasts. */
static bool find_broadcast(struct in_addr address, struct in_addr *broadcast)
{
    struct addresses found = {.n = 0};
    if (address.s_addr == htonl(INADDR_ANY) || address_is_loopback(address))
        return false;
    addresses_add_broadcasts(&found, address, 0);
    if (found.n > 0)
        *broadcast = found.at[0].sin_addr;
    return found.n > 0;
}

/* Searches that are sent to a group of hosts: EPICS_CAS_INTF_ADDR_LIST names it beside the interfaces. */
static void join_groups(const struct server_interface *at, int fd)
{
    char group[INET_ADDRSTRLEN];
    const struct addresses *groups = &at->server->groups;
    for (unsigned i = 0; i < groups->n; i++) {
        const struct ip_mreq join = {.imr_multiaddr = groups->at[i].sin_addr, .imr_interface = at->address};
        if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) == 0)
            continue;
        inet_ntop(AF_INET, &join.imr_multiaddr, group, sizeof group);
        fprintf(stderr, "caplay: cannot join the group %s: %s\n", group, strerror(errno));
    }
}

int udp_open(struct server_interface *at, uint16_t port, bool share, struct diag *diag)
{
    struct in_addr broadcast;
    int fd = make_socket(at->address, port, share);
    if (fd < 0) {
        bool is_taken = errno == EADDRINUSE;
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot bind UDP port %u (--port 0 picks a free one)", port);
        return is_taken ? 1 : -1;
    }
    at->udp = calloc(1, sizeof *at->udp);
    if (at->udp == NULL) {
        close(fd);
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for UDP");
    }
    at->udp->server = at->server;
    at->udp->fd[0] = fd;
    at->udp->fd[1] = find_broadcast(at->address, &broadcast) ? make_socket(broadcast, port, share) : -1;
    join_groups(at, fd);
    at->server->udp_port = port;
    return 0;
}

static int watch(struct udp *udp, unsigned i)
{
    if (udp->fd[i] < 0)
        return 0;
    udp->readable[i] = event_new(udp->server->loop.base, udp->fd[i], EV_READ | EV_PERSIST, on_readable, udp);
    return udp->readable[i] != NULL ? event_add(udp->readable[i], NULL) : -1;
}

static int listen_to(struct server *s, struct udp *udp, struct diag *diag)
{
    udp->search = (struct search){.sim = &s->sim, .send = send_answer, .arg = udp};
    udp->late = (struct schedule_entry){.fire = on_late, .owner = udp};
    prepare_messages(udp);
    if (search_init(&udp->search) < 0 || schedule_add(&s->loop.schedule, &udp->late) < 0 || watch(udp, 0) < 0 ||
        watch(udp, 1) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot watch the UDP socket");
    return 0;
}

int udp_listen(struct server *s, struct diag *diag)
{
    addresses_from_environment(&s->ignored, "EPICS_CAS_IGNORE_ADDR_LIST", 0);
    for (unsigned i = 0; i < s->ninterfaces; i++)
        if (listen_to(s, s->interface[i].udp, diag) < 0)
            return -1;
    return 0;
}

static void close_one(struct udp *udp)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        if (udp->readable[i] != NULL)
            event_free(udp->readable[i]);
        if (udp->fd[i] >= 0)
            close(udp->fd[i]);
    }
    search_fini(&udp->search);
    free(udp);
}

void udp_close(struct server *s)
{
    for (unsigned i = 0; i < s->ninterfaces; i++) {
        if (s->interface[i].udp != NULL)
            close_one(s->interface[i].udp);
        s->interface[i].udp = NULL;
    }
}

static uint64_t drops_of(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof memory;
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &n) == 0 ? memory[SK_MEMINFO_DROPS] : 0;
}

uint64_t udp_buffer_bytes(const struct server *s)
{
    int bytes = 0;
    socklen_t n = sizeof bytes;
    const struct udp *udp = s->interface[0].udp;
    return udp != NULL && getsockopt(udp->fd[0], SOL_SOCKET, SO_RCVBUF, &bytes, &n) == 0 ? (uint64_t)bytes : 0;
}

uint64_t udp_drops(const struct server *s)
{
    uint64_t drops = 0;
    for (unsigned i = 0; i < s->ninterfaces; i++) {
        const struct udp *udp = s->interface[i].udp;
        drops += udp != NULL ? drops_of(udp->fd[0]) + drops_of(udp->fd[1]) : 0;
    }
    return drops;
}
