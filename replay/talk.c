#include "replay/talk.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536u

void talk_init(struct talk *talk, struct in_addr address, uint16_t udp_port, uint16_t tcp_port)
{
    memset(talk, 0, sizeof *talk);
    talk->address = address;
    talk->udp_port = udp_port;
    talk->tcp_port = tcp_port;
}

void talk_close(struct talk *talk, unsigned place)
{
    struct talk_place *p = &talk->place[place];
    if (p->state != TALK_CLOSED)
        close(p->fd);
    free(p->bytes);
    *p = (struct talk_place){.state = TALK_CLOSED};
}

void talk_fini(struct talk *talk)
{
    for (unsigned i = 0; i < TALK_PLACES; i++)
        talk_close(talk, i);
}

int talk_open(struct talk *talk, unsigned place, bool is_udp, struct diag *diag)
{
    struct talk_place *p = &talk->place[place];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = talk->address, .sin_port = htons(talk->tcp_port)};
    int one = 1;
    talk_close(talk, place);
    int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot make a socket");
    if (!is_udp && connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot connect to %s:%u", inet_ntoa(at.sin_addr), talk->tcp_port);
        close(fd);
        return -1;
    }
    if (!is_udp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *p = (struct talk_place){.state = TALK_OPEN, .fd = fd, .is_udp = is_udp};
    return 0;
}

void talk_shutdown(struct talk *talk, unsigned place)
{
    if (talk->place[place].state == TALK_OPEN)
        shutdown(talk->place[place].fd, SHUT_WR);
}

/* ---- receive ---- */

/* Room for n more bytes behind those that are there. */
static bool make_room(struct talk_place *p, size_t n)
{
    if (p->taken > 0) {
        memmove(p->bytes, p->bytes + p->taken, p->used - p->taken);
        p->used -= p->taken;
        p->taken = 0;
    }
    if (p->room - p->used >= n)
        return true;
    size_t room = 2 * p->room + n;
    uint8_t *bytes = realloc(p->bytes, room);
    if (bytes == NULL)
        return false;
    p->bytes = bytes;
    p->room = room;
    return true;
}

/* One recv(); false: nothing more now. */
static bool receive(struct talk_place *p)
{
    size_t front = p->is_udp ? sizeof(uint32_t) : 0;
    if (!make_room(p, READ_BYTES + front)) {
        p->state = TALK_ENDED;
        return false;
    }
    ssize_t n = recv(p->fd, p->bytes + p->used + front, READ_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (p->is_udp && n >= 0) {
        uint32_t length = (uint32_t)n;
        memcpy(p->bytes + p->used, &length, sizeof length);
    } else if (n <= 0) {
        p->state = p->is_udp ? TALK_OPEN : TALK_ENDED; /* UDP: the port is closed, which the next read tells no more */
        p->is_resetted = n < 0;
        return false;
    }
    p->used += front + (size_t)n;
    return true;
}

/* Poll all open places; `sender` also for room to send. Reads what there is. */
static int poll_places(struct talk *talk, int sender, uint64_t deadline_ns)
{
    struct pollfd fds[TALK_PLACES];
    uint64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < TALK_PLACES; i++)
        fds[i] = (struct pollfd){.fd = talk->place[i].state == TALK_OPEN ? talk->place[i].fd : -1,
                                 .events = (short)(POLLIN | ((int)i == sender ? POLLOUT : 0))};
    int patience_ms = now_ns >= deadline_ns ? 0 : (int)((deadline_ns - now_ns) / 1000000 + 1);
    int ready = poll(fds, TALK_PLACES, patience_ms);
    for (unsigned i = 0; i < TALK_PLACES && ready > 0; i++)
        if (fds[i].fd >= 0 && (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            while (talk->place[i].state == TALK_OPEN && receive(&talk->place[i]))
                ;
    return ready;
}

bool talk_wait(struct talk *talk, uint64_t deadline_ns)
{
    return poll_places(talk, -1, deadline_ns) > 0;
}

/* ---- send ---- */

static bool send_datagram(struct talk *talk, unsigned place, const uint8_t *bytes, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = talk->address, .sin_port = htons(talk->udp_port)};
    return sendto(talk->place[place].fd, bytes, n, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to) == (ssize_t)n;
}

bool talk_send(struct talk *talk, unsigned place, const uint8_t *bytes, size_t n, uint64_t deadline_ns)
{
    struct talk_place *p = &talk->place[place];
    if (p->is_udp)
        return send_datagram(talk, place, bytes, n);
    while (n > 0 && p->state == TALK_OPEN) {
        ssize_t sent = send(p->fd, bytes, n, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (poll_places(talk, (int)place, deadline_ns) <= 0)
                return false;
        } else if (errno != EINTR) {
            while (p->state == TALK_OPEN && receive(p)) /* what it said before it went */
                ;
            if (p->state == TALK_OPEN)
                p->state = TALK_ENDED;
        }
    }
    return n == 0;
}

/* ---- messages ---- */

bool talk_next(struct talk *talk, unsigned place, struct talk_message *m)
{
    struct talk_place *p = &talk->place[place];
    struct cursor cur = cursor_over(p->bytes + p->taken, p->used - p->taken);
    const uint8_t *payload;
    if (p->used == p->taken || wire_message_read(&cur, WIRE_MINOR, &m->header, &payload, NULL) != WIRE_OK)
        return false;
    m->bytes = p->bytes + p->taken;
    m->size = (size_t)(cur.p - m->bytes);
    m->header_bytes = m->size - m->header.size;
    p->taken += m->size;
    return true;
}

bool talk_next_datagram(struct talk *talk, unsigned place, const uint8_t **bytes, size_t *n)
{
    struct talk_place *p = &talk->place[place];
    uint32_t length;
    if (p->used - p->taken < sizeof length)
        return false;
    memcpy(&length, p->bytes + p->taken, sizeof length);
    *bytes = p->bytes + p->taken + sizeof length;
    *n = length;
    p->taken += sizeof length + length;
    return true;
}

size_t talk_rest(const struct talk *talk, unsigned place, const uint8_t **bytes)
{
    const struct talk_place *p = &talk->place[place];
    *bytes = p->bytes + p->taken;
    return p->used - p->taken;
}
