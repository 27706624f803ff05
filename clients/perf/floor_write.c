#include "clients/perf/floor.h"

#include "base/frame.h"
#include "wire/message.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_SOCKETS 64
#define FIRST_NS     (20 * (CLOCK_NS / 1000)) /* from the last reader's coming to the first frame */
#define ELEMENTS     (FLOOR_IMAGE_BYTES / 2)

struct writer {
    const struct floor_options *o;
    struct floor_pace pace;
    int fd[MOST_SOCKETS];
    size_t at[MOST_SOCKETS]; /* bytes of the frame that a socket has taken */
    uint64_t bytes;
    uint8_t message[FLOOR_MESSAGE_BYTES];
};

/* ---- readers come ---- */

static int welcome(struct writer *w, struct diag *diag)
{
    const int on = 1;
    unsigned port = 0;
    int listening = floor_listen(&port, diag);
    if (listening < 0)
        return -1;
    printf("ready udp=%u tcp=%u\n", port, port);
    fflush(stdout);
    for (uint64_t i = 0; i < w->o->sockets; i++) {
        w->fd[i] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (w->fd[i] < 0)
            return diag_errno(diag, DIAG_ENVIRONMENT, "accept");
        setsockopt(w->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    close(listening);
    return 0;
}

/* ---- frames go ---- */

/* Of the one before, as the server does. */
static void make_frame(struct writer *w, uint64_t serial)
{
    frame_turn_be(w->message + WIRE_EXTENDED_BYTES, 0, ELEMENTS, serial - 1, serial);
}

/* As much of the frame as the socket takes now. */
static int send_some(struct writer *w, uint64_t i)
{
    ssize_t n = send(w->fd[i], w->message + w->at[i], FLOOR_MESSAGE_BYTES - w->at[i], MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN ? 0 : -1;
    w->at[i] += (size_t)n;
    w->bytes += (uint64_t)n;
    return 0;
}

/* Wait until one of those with a rest takes more of it. False: all have the whole frame. */
static bool wait_for_rest(struct writer *w)
{
    struct pollfd waits[MOST_SOCKETS];
    bool any = false;
    for (uint64_t i = 0; i < w->o->sockets; i++) {
        bool has_rest = w->at[i] < FLOOR_MESSAGE_BYTES;
        waits[i] = (struct pollfd){.fd = has_rest ? w->fd[i] : -1, .events = POLLOUT};
        any |= has_rest;
    }
    if (any)
        poll(waits, w->o->sockets, -1);
    return any;
}

static int send_frame(struct writer *w, struct diag *diag)
{
    memset(w->at, 0, sizeof w->at);
    do {
        for (uint64_t i = 0; i < w->o->sockets; i++)
            if (w->at[i] < FLOOR_MESSAGE_BYTES && send_some(w, i) < 0)
                return diag_errno(diag, DIAG_ENVIRONMENT, "a reader has gone");
    } while (wait_for_rest(w));
    return 0;
}

static int at_a_rate(struct writer *w, uint64_t anchor_ns, struct diag *diag)
{
    for (uint64_t serial = 1; serial <= w->o->frames; serial++) {
        make_frame(w, serial);
        floor_pace_until(&w->pace, anchor_ns + clock_tick_ns(w->o->rate, serial - 1));
        if (send_frame(w, diag) < 0)
            return -1;
    }
    return 0;
}

static int as_fast_as_possible(struct writer *w, uint64_t anchor_ns, struct diag *diag)
{
    for (uint64_t serial = 1; clock_monotonic_ns() < anchor_ns + w->o->for_ns; serial++) {
        make_frame(w, serial);
        if (send_frame(w, diag) < 0)
            return -1;
    }
    return 0;
}

int floor_write(const struct floor_options *o, struct diag *diag)
{
    static struct writer w;
    const struct wire_header header = {.command = WIRE_EVENT_ADD, .type = 1, .count = ELEMENTS, .size = FLOOR_IMAGE_BYTES};
    uint64_t before_ns = 0, after_ns = 0;
    w.o = o;
    wire_header_write(w.message, &header);
    frame_fill_be(w.message + WIRE_EXTENDED_BYTES, 0, ELEMENTS, 0);
    if (floor_pace_init(&w.pace, !o->never_spins, diag) < 0 || welcome(&w, diag) < 0)
        return -1;
    clock_process_cpu_ns(getpid(), &before_ns);
    uint64_t anchor_ns = clock_monotonic_ns() + FIRST_NS;
    int result = o->rate.num != 0 ? at_a_rate(&w, anchor_ns, diag) : as_fast_as_possible(&w, anchor_ns, diag);
    clock_process_cpu_ns(getpid(), &after_ns);
    printf("{\"start_monotonic_ns\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 ", \"for_ns\": %" PRIu64 "}\n",
           anchor_ns, w.bytes, after_ns - before_ns, clock_monotonic_ns() - anchor_ns);
    floor_pace_fini(&w.pace);
    return result;
}
