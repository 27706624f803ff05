/* Searches over TCP, for an IOC that hears no datagrams (a tunnel, a container): a circuit of our own to it, as a client has to a
 * name server. Opened when the first name is to be asked, and again, at most once a second, after it ended. Rule:
 * ca-protocol 3.6. */
#include "replay/proxy_parts.h"

#include "base/clock.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 65536 };

void proxy_names_close(struct proxy *p)
{
    if (p->names.fd < 0)
        return;
    event_del(&p->names.event);
    close(p->names.fd);
    framer_fini(&p->names.framer);
    p->names.fd = -1;
    p->names.is_connected = false;
}

static void take_messages(struct proxy *p, const uint8_t *bytes, size_t n, uint64_t now_ns)
{
    struct framer_message m;
    uint8_t reply[WIRE_EXTENDED_BYTES];
    framer_feed(&p->names.framer, bytes, n, now_ns);
    enum wire_err err;
    while ((err = framer_next(&p->names.framer, WIRE_MINOR, &m)) == WIRE_OK) {
        m.header.size = 0; /* a reply over TCP has no payload */
        size_t used = m.header.command == WIRE_SEARCH ? wire_header_write(reply, &m.header) : 0;
        if (used > 0)
            proxy_take_answers(p, p->config->to, true, reply, used);
    }
    if (err == WIRE_MALFORMED || p->names.framer.need > READ_BYTES) /* no answer is so long */
        proxy_names_close(p);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct proxy *p = arg;
    static uint8_t bytes[READ_BYTES];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n > 0)
        take_messages(p, bytes, (size_t)n, clock_monotonic_ns());
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        proxy_names_close(p);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct proxy *p = arg;
    int err = 0;
    socklen_t n = sizeof err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 || err != 0) {
        proxy_names_close(p);
        return;
    }
    p->names.is_connected = true;
    event_assign(&p->names.event, p->base, fd, EV_READ | EV_PERSIST, on_readable, p);
    event_add(&p->names.event, NULL);
}

static void open_circuit(struct proxy *p, uint64_t now_ns)
{
    if (p->names.tried_ns != 0 && now_ns - p->names.tried_ns < CLOCK_NS)
        return;
    p->names.tried_ns = now_ns;
    p->names.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->names.fd < 0)
        return;
    event_assign(&p->names.event, p->base, p->names.fd, EV_WRITE, on_connected, p);
    event_add(&p->names.event, NULL);
    if (connect(p->names.fd, (const struct sockaddr *)p->config->to, sizeof *p->config->to) < 0 && errno != EINPROGRESS)
        proxy_names_close(p);
}

/* What finds no circuit is asked for again by the client. */
void proxy_names_ask(struct proxy *p, const uint8_t *bytes, size_t n, uint64_t now_ns)
{
    if (p->names.fd < 0)
        open_circuit(p, now_ns);
    if (p->names.is_connected && send(p->names.fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
        proxy_names_close(p); /* cut off within a message */
}
