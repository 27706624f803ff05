#include "clients/perf/floor.h"

#include "base/frame.h"
#include "wire/message.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_SOCKETS  64
#define FRAMES_HZ     10000u /* room for samples */
#define PATIENCE_MS   10000  /* for the first byte, and between two */
#define SCRATCH_BYTES (1u << 20)

struct stream {
    int fd;
    size_t at; /* bytes of the message that have come */
    uint8_t head[WIRE_EXTENDED_BYTES + 8];
};

struct reader {
    const struct floor_options *o;
    struct stream stream[MOST_SOCKETS];
    struct floor_log log; /* socket, serial, arrival of each frame */
    uint64_t bytes, frames, first_ns, last_ns;
    unsigned open;
    uint8_t scratch[SCRATCH_BYTES];
};

static int subscribe(int fd, const char *pv, struct diag *diag)
{
    uint8_t request[WIRE_EXTENDED_BYTES + 16] = {0};
    const struct wire_header add = {.command = WIRE_EVENT_ADD, .type = 1, .count = FLOOR_IMAGE_BYTES / 2, .size = 16};
    struct wire_header h = add;
    if (floor_open_channel(fd, pv, &h.p1, diag) < 0)
        return -1;
    size_t n = wire_header_write(request, &h);
    request[n + 13] = WIRE_MASK_VALUE;
    return floor_send_all(fd, request, n + 16, diag);
}

static void count_frame(struct reader *r, const struct stream *s, uint64_t now_ns)
{
    r->frames++;
    r->last_ns = now_ns;
    if (r->first_ns == 0)
        r->first_ns = now_ns;
    floor_log_add(&r->log, (uint64_t)(s - r->stream));
    floor_log_add(&r->log, frame_serial_be(s->head + WIRE_EXTENDED_BYTES));
    floor_log_add(&r->log, now_ns);
}

/* One read, at most to the end of a message, so that its last byte has a time of its own. */
static void take(struct reader *r, struct stream *s)
{
    size_t left = FLOOR_MESSAGE_BYTES - s->at, most = left < SCRATCH_BYTES ? left : SCRATCH_BYTES;
    ssize_t n = recv(s->fd, r->scratch, most, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        close(s->fd);
        s->fd = -1;
        r->open--;
        return;
    }
    if (s->at < sizeof s->head) {
        size_t head = sizeof s->head - s->at;
        memcpy(s->head + s->at, r->scratch, (size_t)n < head ? (size_t)n : head);
    }
    s->at += (size_t)n;
    r->bytes += (uint64_t)n;
    if (s->at < FLOOR_MESSAGE_BYTES)
        return;
    s->at = 0;
    count_frame(r, s, clock_monotonic_ns());
}

/* ---- readers come ---- */

/* The first update, which comes at once. The next reader comes when it is here: else the first frames of all would wait unread,
 * and a congestion control that measures rates (BBR) takes the path for a slow one for a while. */
static int take_first(struct reader *r, struct stream *s, struct diag *diag)
{
    struct pollfd wait = {.fd = s->fd, .events = POLLIN};
    for (const uint64_t before = r->frames; r->frames == before; take(r, s))
        if (s->fd < 0 || poll(&wait, 1, PATIENCE_MS) <= 0)
            return diag_fail(diag, DIAG_ENVIRONMENT, "no first update has come");
    return 0;
}

static int open_all(struct reader *r, struct diag *diag)
{
    for (uint64_t i = 0; i < r->o->sockets; i++) {
        struct stream *s = &r->stream[i];
        if ((s->fd = floor_connect(r->o->port, diag)) < 0)
            return -1;
        r->open++;
        if (r->o->pv != NULL && (subscribe(s->fd, r->o->pv, diag) < 0 || take_first(r, s, diag) < 0))
            return -1;
    }
    r->frames = r->bytes = r->first_ns = 0;
    return 0;
}

/* ---- frames come ---- */

static bool goes_on(const struct reader *r, uint64_t begun_ns)
{
    return r->open > 0 && (r->frames == 0 || clock_monotonic_ns() < begun_ns + r->o->for_ns);
}

static void read_all(struct reader *r)
{
    struct pollfd waits[MOST_SOCKETS];
    while (goes_on(r, r->first_ns)) {
        for (uint64_t i = 0; i < r->o->sockets; i++)
            waits[i] = (struct pollfd){.fd = r->stream[i].fd, .events = POLLIN};
        if (poll(waits, r->o->sockets, PATIENCE_MS) <= 0)
            return;
        for (uint64_t i = 0; i < r->o->sockets; i++)
            if (waits[i].revents != 0)
                take(r, &r->stream[i]);
    }
}

int floor_read(const struct floor_options *o, struct diag *diag)
{
    static struct reader r;
    uint64_t seconds = o->for_ns / CLOCK_NS + 1;
    r.o = o;
    if (floor_log_init(&r.log, 3 * seconds * FRAMES_HZ, diag) < 0 || open_all(&r, diag) < 0)
        return -1;
    read_all(&r);
    printf("{\"frames\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"for_ns\": %" PRIu64 "}\n", r.frames, r.bytes,
           r.last_ns - r.first_ns);
    return floor_log_write(&r.log, o->samples, diag);
}
