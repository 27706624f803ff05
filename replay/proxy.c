#include "replay/proxy_parts.h"

#include "replay/proxy_circuit.h"
#include "replay/proxy_view.h"

#include "base/child.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 32, DATAGRAMS_A_TURN = 64, SOCKET_BYTES = 4 << 20, DRAIN_S = 2 };

/* ---- IOCs ---- */

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct proxy_ioc *ioc = arg;
    int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0)
        proxy_circuit_open(ioc, client, clock_monotonic_ns());
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        event_del(&ioc->event); /* until a circuit ends, or the next second */
}

static int listen_at(struct in_addr interface, uint16_t port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = interface};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int err = errno;
    if (fd >= 0)
        close(fd);
    errno = err;
    return -1;
}

/* Where another IOC may stand: a free place, or that of the one that was not heard of for longest, if there is no circuit to it.
 * The first has our own port, and stays. NULL: there is none. */
static struct proxy_ioc *find_place(struct proxy *p)
{
    struct proxy_ioc *oldest = NULL;
    if (p->niocs < PROXY_IOCS)
        return &p->iocs[p->niocs];
    for (struct proxy_ioc *ioc = &p->iocs[1]; ioc < &p->iocs[PROXY_IOCS]; ioc++)
        if (ioc->circuits == 0 && (oldest == NULL || ioc->used_ns < oldest->used_ns))
            oldest = ioc;
    return oldest;
}

static void watch_ioc(struct proxy *p, struct proxy_ioc *ioc, const struct proxy_ioc *of)
{
    if (ioc == &p->iocs[p->niocs]) {
        p->niocs++;
    } else {
        event_del(&ioc->event);
        close(ioc->listener);
    }
    *ioc = *of;
    ioc->proxy = p;
    ioc->used_ns = clock_monotonic_ns();
    event_assign(&ioc->event, p->base, ioc->listener, EV_READ | EV_PERSIST, on_accept, ioc);
    event_add(&ioc->event, NULL);
}

/* Another IOC: the port that stands for it, or 0. */
static uint16_t add_ioc(struct proxy *p, const struct sockaddr_in *at)
{
    char address[INET_ADDRSTRLEN];
    struct diag diag;
    uint16_t port;
    inet_ntop(AF_INET, &p->config->interface, address, sizeof address);
    struct proxy_ioc *place = find_place(p);
    if (place == NULL || child_pick_port(address, &port, &diag) < 0)
        return 0;
    int listener = listen_at(p->config->interface, port);
    if (listener < 0)
        return 0;
    watch_ioc(p, place, &(struct proxy_ioc){.at = *at, .listener = listener, .port = port});
    return port;
}

/* ---- searches ---- */

static void record_datagram(struct proxy *p, const struct proxy_peer *peer, const struct iovec *piece, bool from_server,
                            uint64_t now_ns)
{
    const struct dialogue_endpoints ends = {
        .client_address = peer->address, .server_address = p->address, .client_port = peer->port, .server_port = p->port};
    const struct tap_bytes bytes = {.pieces = piece, .n = piece->iov_len, .from_server = from_server, .t_ns = now_ns};
    if (p->tap != NULL)
        tap_datagram(p->tap, &ends, &bytes);
}

static void answer_client(void *arg, const struct proxy_peer *to, const uint8_t *bytes, size_t n)
{
    struct proxy *p = arg;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(to->port), .sin_addr.s_addr = htonl(to->address)};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
    (void)sendto(p->udp, bytes, n, 0, (const struct sockaddr *)&at, sizeof at);
    p->counts.answers += (n - n % 24) / 24; /* a VERSION of 16 bytes may be before them */
    record_datagram(p, to, &piece, true, clock_monotonic_ns());
}

static bool is_at(const struct proxy_ioc *ioc, const struct sockaddr_in *at)
{
    return ioc->at.sin_addr.s_addr == at->sin_addr.s_addr && ioc->at.sin_port == at->sin_port;
}

/* Our port for the IOC whose reply this is. */
static uint16_t port_for(void *arg, const struct wire_header *reply)
{
    struct proxy *p = arg;
    struct sockaddr_in at = p->answering;
    if (reply->type != 0)
        at.sin_port = htons(reply->type);
    if (reply->type != 0 && reply->p1 != UINT32_MAX) /* a name server's word for another */
        at.sin_addr.s_addr = htonl(reply->p1);
    for (unsigned i = 0; i < p->niocs; i++)
        if (is_at(&p->iocs[i], &at)) {
            p->first_answered |= i == 0;
            p->iocs[i].used_ns = clock_monotonic_ns();
            return p->iocs[i].port;
        }
    if (p->first_answered)
        return add_ioc(p, &at);
    p->first_answered = true;
    p->iocs[0].at = at;
    return p->iocs[0].port;
}

void proxy_take_answers(struct proxy *p, const struct sockaddr_in *from, bool is_tcp, const uint8_t *bytes, size_t n)
{
    const struct proxy_answerer to = {.port = port_for, .send = answer_client, .arg = p};
    uint8_t copy[WIRE_EXTENDED_BYTES];
    p->answering = *from;
    if (is_tcp && n <= sizeof copy) { /* one reply: it goes where this circuit goes, whatever port it names (ca-protocol 3.6) */
        memcpy(copy, bytes, n);
        wire_put16(copy + 4, 0);
        bytes = copy;
    }
    proxy_search_answer(&p->search, bytes, n, &to);
}

static void ask_iocs(struct proxy *p, const uint8_t *bytes, size_t n, uint64_t now_ns)
{
    for (unsigned i = 0; i < p->config->nto; i++) /* refused: nobody listens yet */
        (void)sendto(p->upstream, bytes, n, 0, (const struct sockaddr *)&p->config->to[i], sizeof p->config->to[i]);
    if (!p->hears_udp && p->config->nto == 1)
        proxy_names_ask(p, bytes, n, now_ns);
}

static void on_search(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct proxy *p = arg;
    static uint8_t bytes[PROXY_DATAGRAM_BYTES], asks[2 * PROXY_DATAGRAM_BYTES];
    for (unsigned i = 0; i < DATAGRAMS_A_TURN; i++) {
        struct sockaddr_in from = {0};
        socklen_t room = sizeof from;
        ssize_t n = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &room);
        if (n < 0)
            return;
        const struct proxy_peer peer = {.address = ntohl(from.sin_addr.s_addr), .port = ntohs(from.sin_port)};
        struct iovec piece = {.iov_base = bytes, .iov_len = (size_t)n};
        uint64_t now_ns = clock_monotonic_ns();
        uint32_t before = p->search.next;
        size_t used = proxy_search_ask(&p->search, &peer, bytes, (size_t)n, asks);
        p->counts.searches += p->search.next - before;
        if (used > 0)
            ask_iocs(p, asks, used, now_ns);
        record_datagram(p, &peer, &piece, false, now_ns);
    }
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct proxy *p = arg;
    static uint8_t bytes[PROXY_DATAGRAM_BYTES];
    for (unsigned i = 0; i < DATAGRAMS_A_TURN; i++) {
        struct sockaddr_in from = {0};
        socklen_t room = sizeof from;
        ssize_t n = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &room);
        if (n < 0)
            return;
        const uint64_t before = p->counts.answers;
        proxy_take_answers(p, &from, false, bytes, (size_t)n);
        p->hears_udp |= p->counts.answers > before;
        if (p->hears_udp)
            proxy_names_close(p);
    }
}

/* ---- sockets ---- */

static int bind_here(struct proxy *p, uint16_t port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = p->config->interface};
    const int room = SOCKET_BYTES;
    p->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(p->udp, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    bool is_bound = bind(p->udp, (const struct sockaddr *)&at, sizeof at) == 0;
    int listener = is_bound ? listen_at(at.sin_addr, port) : -1;
    if (listener >= 0) {
        p->port = port;
        watch_ioc(p, &p->iocs[0], &(struct proxy_ioc){.at = p->config->to[0], .listener = listener, .port = port});
        return 0;
    }
    int err = errno;
    close(p->udp);
    p->udp = -1;
    errno = err;
    return -1;
}

static int bind_ports(struct proxy *p, struct diag *diag)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &p->config->interface, address, sizeof address);
    if (p->config->port != 0)
        return bind_here(p, p->config->port) == 0
                   ? 0
                   : diag_errno(diag, DIAG_ENVIRONMENT, "port %u at %s cannot be used; --port 0 takes a free one",
                                p->config->port, address);
    for (unsigned i = 0; i < TRIES; i++) {
        uint16_t port;
        if (child_pick_port(address, &port, diag) < 0)
            return -1;
        if (bind_here(p, port) == 0)
            return 0;
    }
    return diag_errno(diag, DIAG_ENVIRONMENT, "no free port at %s", address);
}

static int open_upstream(struct proxy *p, struct diag *diag)
{
    const int room = SOCKET_BYTES, on = 1;
    p->upstream = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->upstream < 0 || setsockopt(p->upstream, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "%s cannot be reached", p->config->to_text);
    setsockopt(p->upstream, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    return 0;
}

/* ---- signals, the command, each second ---- */

static void on_end(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    struct proxy *p = arg;
    if (p->child == 0 || p->is_ending) {
        event_base_loopbreak(p->base);
        return;
    }
    p->is_ending = true; /* its end is ours; a second signal does not wait for it */
    kill(p->child, (int)number);
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(((struct proxy *)arg)->base);
}

/* The command is gone, but what it said last may still be on its way: its circuits end by themselves, or soon. */
static void drain(struct proxy *p)
{
    const struct timeval patience = {.tv_sec = DRAIN_S};
    p->is_draining = true;
    if (p->circuits == NULL || event_base_once(p->base, -1, EV_TIMEOUT, on_drained, p, &patience) < 0)
        event_base_loopbreak(p->base);
}

static void on_child(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct proxy *p = arg;
    int status;
    if (p->child == 0 || waitpid(p->child, &status, WNOHANG) != p->child)
        return;
    p->child = 0;
    p->exit_code = child_exit_code(status);
    drain(p);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct proxy *p = arg;
    for (unsigned i = 0; i < p->niocs; i++)
        event_add(&p->iocs[i].event, NULL);
    proxy_circuits_look(p, clock_monotonic_ns());
    proxy_view_tick(p->view, &p->counts, clock_monotonic_ns());
}

static void watch(struct proxy *p)
{
    static const struct {
        int number;
        event_callback_fn on;
    } rows[] = {{SIGINT, on_end}, {SIGTERM, on_end}, {SIGCHLD, on_child}, {SIGHUP, on_end}};
    const struct timeval second = {.tv_sec = 1};
    struct sigaction hangup;
    const bool hangs_up = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN; /* nohup */
    for (unsigned i = 0; i < (hangs_up ? 4 : 3); i++) {
        evsignal_assign(&p->signals[i], p->base, rows[i].number, rows[i].on, p);
        event_add(&p->signals[i], NULL);
    }
    event_assign(&p->udp_event, p->base, p->udp, EV_READ | EV_PERSIST, on_search, p);
    event_assign(&p->upstream_event, p->base, p->upstream, EV_READ | EV_PERSIST, on_answer, p);
    event_assign(&p->tick, p->base, -1, EV_PERSIST, on_tick, p);
    event_add(&p->udp_event, NULL);
    event_add(&p->upstream_event, NULL);
    event_add(&p->tick, &second);
}

/* ---- as a whole ---- */

static int open_tap(struct proxy *p, struct diag *diag)
{
    static const struct isolation anywhere;
    char source[96];
    if (p->config->path == NULL)
        return 0;
    snprintf(source, sizeof source, "%s%s", p->config->source == NULL ? "proxy of " : "",
             p->config->source == NULL ? p->config->to_text : p->config->source);
    struct clock_pair now = clock_pair();
    const struct tap_config config = {
        .path = p->config->path, .source = source, .realtime_ns = now.realtime_ns - now.monotonic_ns};
    p->tap = tap_open(&config, &anywhere, diag);
    return p->tap != NULL ? 0 : -1;
}

static int announce(struct proxy *p, char **command, struct diag *diag)
{
    struct in_addr at = p->config->interface;
    char address[INET_ADDRSTRLEN];
    struct child_env env;
    if (at.s_addr == htonl(INADDR_ANY))
        at.s_addr = htonl(INADDR_LOOPBACK);
    p->address = ntohl(at.s_addr);
    inet_ntop(AF_INET, &at, address, sizeof address);
    child_client_env(&(struct child_ports){.address = address, .port = p->port}, &env);
    if (p->config->env_file != NULL && child_env_file(p->config->env_file, &env, diag) < 0)
        return -1;
    if (!p->config->is_quiet)
        printf("ready udp=%u tcp=%u\n", p->port, p->port);
    fflush(stdout);
    if (command == NULL)
        return 0;
    pid_t pid =
        child_spawn(&(struct child_spec){.argv = command, .env = env.entries, .in = -1, .out = p->config->out, .err = -1}, diag);
    p->child = pid > 0 ? pid : 0;
    return pid < 0 ? -1 : 0;
}

static int open_proxy(struct proxy *p, char **command, struct diag *diag)
{
    p->base = event_base_new();
    if (p->base == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "libevent");
    if (bind_ports(p, diag) < 0 || open_upstream(p, diag) < 0 || open_tap(p, diag) < 0)
        return -1;
    p->view = proxy_view_open(p->config, clock_monotonic_ns(), diag);
    if (p->view == NULL)
        return -1;
    watch(p);
    return announce(p, command, diag);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void close_proxy(struct proxy *p)
{
    if (p->child != 0) { /* it was told to end, and did not */
        kill(p->child, SIGKILL);
        waitpid(p->child, NULL, 0);
    }
    proxy_circuits_close(p, clock_monotonic_ns());
    proxy_names_close(p);
    proxy_view_close(p->view);
    close_fd(p->udp);
    close_fd(p->upstream);
    for (unsigned i = 0; i < p->niocs; i++)
        close_fd(p->iocs[i].listener);
    if (p->base != NULL)
        event_base_free(p->base);
}

int proxy_run(const struct proxy_config *config, char **command, struct diag *diag)
{
    struct proxy *p = calloc(1, sizeof *p);
    signal(SIGPIPE, SIG_IGN); /* a stderr that nobody reads does not end it */
    if (p == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "proxy");
    *p = (struct proxy){.config = config, .udp = -1, .upstream = -1, .names = {.fd = -1}};
    int code = open_proxy(p, command, diag);
    if (code == 0) {
        event_base_dispatch(p->base);
        code = p->exit_code;
    }
    close_proxy(p);
    if (code < 0)
        tap_abandon(p->tap);
    else if (p->tap != NULL && tap_finish(p->tap, diag) < 0)
        code = -1;
    free(p);
    return code;
}
