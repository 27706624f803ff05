#include "clients/perf/floor.h"

#include "wire/message.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM_UP     200u
#define REPLY_BYTES 24u /* one DOUBLE */
#define DOUBLE      6

static void make_request(uint8_t *at, uint32_t sid, uint32_t ioid)
{
    const struct wire_header h = {.command = WIRE_READ_NOTIFY, .type = DOUBLE, .count = 1, .p1 = sid, .p2 = ioid};
    wire_header_write(at, &h);
}

static int one_at_a_time(int fd, uint32_t sid, uint64_t n, struct floor_log *log, struct diag *diag)
{
    uint8_t request[WIRE_HEADER_BYTES], reply[REPLY_BYTES];
    for (uint64_t i = 0; i < n; i++) {
        make_request(request, sid, (uint32_t)i);
        uint64_t begin_ns = clock_monotonic_ns();
        if (floor_send_all(fd, request, sizeof request, diag) < 0 || floor_receive_all(fd, reply, sizeof reply, diag) < 0)
            return -1;
        if (log != NULL)
            floor_log_add(log, clock_monotonic_ns() - begin_ns);
    }
    return 0;
}

/* Send and receive as the socket has it. Returns 0, or -1. */
static int exchange(int fd, const uint8_t *requests, uint64_t n, struct floor_log *log, struct diag *diag)
{
    static uint8_t replies[1 << 18];
    const size_t to_send = n * WIRE_HEADER_BYTES, to_get = n * REPLY_BYTES;
    uint64_t begin_ns = clock_monotonic_ns();
    for (size_t sent = 0, got = 0; got < to_get;) {
        struct pollfd wait = {.fd = fd, .events = (short)(sent < to_send ? POLLIN | POLLOUT : POLLIN)};
        poll(&wait, 1, -1);
        ssize_t out =
            sent < to_send && wait.revents & POLLOUT ? send(fd, requests + sent, to_send - sent, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        ssize_t in = wait.revents & POLLIN ? recv(fd, replies, sizeof replies, MSG_DONTWAIT) : 0;
        if ((out < 0 || in < 0) && errno != EAGAIN)
            return diag_errno(diag, DIAG_ENVIRONMENT, "the server has gone");
        sent += out > 0 ? (size_t)out : 0;
        got += in > 0 ? (size_t)in : 0;
        for (size_t i = 0; in > 0 && i < (size_t)in / REPLY_BYTES; i++)
            floor_log_add(log, clock_monotonic_ns() - begin_ns);
    }
    return 0;
}

static int pipelined(int fd, uint32_t sid, uint64_t n, struct floor_log *log, struct diag *diag)
{
    uint8_t *requests = malloc(n * WIRE_HEADER_BYTES);
    if (requests == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %" PRIu64 " requests", n);
    for (uint64_t i = 0; i < n; i++)
        make_request(requests + i * WIRE_HEADER_BYTES, sid, (uint32_t)i);
    int result = exchange(fd, requests, n, log, diag);
    free(requests);
    return result;
}

int floor_get(const struct floor_options *o, struct diag *diag)
{
    struct floor_log log;
    uint32_t sid;
    int fd = floor_connect(o->port, diag);
    if (fd < 0 || floor_open_channel(fd, o->pv != NULL ? o->pv : "ten-thousand:00000", &sid, diag) < 0 ||
        floor_log_init(&log, o->count, diag) < 0 || one_at_a_time(fd, sid, WARM_UP, NULL, diag) < 0)
        return -1;
    uint64_t begin_ns = clock_monotonic_ns();
    int result = (o->pipelined ? pipelined : one_at_a_time)(fd, sid, o->count, &log, diag);
    if (result < 0)
        return -1;
    printf("{\"gets\": %" PRIu64 ", \"for_ns\": %" PRIu64 "}\n", o->count, clock_monotonic_ns() - begin_ns);
    close(fd);
    return floor_log_write(&log, o->samples, diag);
}
