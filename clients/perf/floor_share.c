#include "clients/perf/floor.h"

#include "wire/message.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* As in sim/loop.c. */
#define GUARD_FIRST_NS 100000u
#define GUARD_LEAST_NS 20000u
#define GUARD_MOST_NS  1000000u

/* ---- deadlines ---- */

int floor_pace_init(struct floor_pace *pace, bool spins, struct diag *diag)
{
    *pace = (struct floor_pace){.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
                                .spins = spins,
                                .mean_ns = GUARD_FIRST_NS / 2,
                                .deviation_ns = GUARD_FIRST_NS / 8};
    return pace->timer_fd >= 0 ? 0 : diag_errno(diag, DIAG_ENVIRONMENT, "cannot make a timer");
}

void floor_pace_fini(struct floor_pace *pace)
{
    close(pace->timer_fd);
}

static uint64_t guard_ns(const struct floor_pace *pace)
{
    uint64_t guard = pace->mean_ns + 4 * pace->deviation_ns;
    if (!pace->spins)
        return 0;
    return guard < GUARD_LEAST_NS ? GUARD_LEAST_NS : guard > GUARD_MOST_NS ? GUARD_MOST_NS : guard;
}

static void sleep_until(struct floor_pace *pace, uint64_t at_ns)
{
    const struct itimerspec when = {.it_value = {(time_t)(at_ns / CLOCK_NS), (long)(at_ns % CLOCK_NS)}};
    uint64_t expirations;
    timerfd_settime(pace->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    if (read(pace->timer_fd, &expirations, sizeof expirations) < 0)
        return;
    uint64_t now_ns = clock_monotonic_ns(), late = now_ns > at_ns ? now_ns - at_ns : 0;
    late = late < GUARD_MOST_NS ? late : GUARD_MOST_NS;
    uint64_t error = late > pace->mean_ns ? late - pace->mean_ns : pace->mean_ns - late;
    pace->mean_ns = (7 * pace->mean_ns + late) / 8;
    pace->deviation_ns = (3 * pace->deviation_ns + error) / 4;
}

uint64_t floor_pace_until(struct floor_pace *pace, uint64_t due_ns)
{
    uint64_t now_ns = clock_monotonic_ns(), guard = guard_ns(pace);
    if (now_ns < due_ns && due_ns - now_ns > guard)
        sleep_until(pace, due_ns - guard);
    while ((now_ns = clock_monotonic_ns()) < due_ns)
        ;
    return now_ns;
}

/* ---- samples ---- */

int floor_log_init(struct floor_log *log, size_t room, struct diag *diag)
{
    *log = (struct floor_log){.at = malloc((room + 1) * sizeof *log->at), .room = room};
    if (log->at == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %zu samples", room);
    memset(log->at, 0xff, (room + 1) * sizeof *log->at); /* its pages are there now */
    return 0;
}

void floor_log_add(struct floor_log *log, uint64_t value)
{
    if (log->n < log->room)
        log->at[log->n++] = value;
}

static int write_samples(const struct floor_log *log, const char *file, struct diag *diag)
{
    FILE *f = fopen(file, "we");
    if (f == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", file);
    bool written = fwrite(log->at, sizeof *log->at, log->n, f) == log->n;
    return fclose(f) == 0 && written ? 0 : diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", file);
}

int floor_log_write(struct floor_log *log, const char *file, struct diag *diag)
{
    int result = file != NULL ? write_samples(log, file, diag) : 0;
    free(log->at);
    log->at = NULL;
    return result;
}

/* ---- sockets ---- */

int floor_listen(unsigned *port, struct diag *diag)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot listen");
    *port = ntohs(at.sin_port);
    return fd;
}

int floor_connect(uint64_t port, struct diag *diag)
{
    const int on = 1;
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return diag_errno(diag, DIAG_ENVIRONMENT, "cannot connect to port %u", (unsigned)port);
}

int floor_send_all(int fd, const uint8_t *bytes, size_t n, struct diag *diag)
{
    for (ssize_t sent; n > 0; bytes += sent, n -= (size_t)sent)
        if ((sent = send(fd, bytes, n, MSG_NOSIGNAL)) <= 0)
            return diag_errno(diag, DIAG_ENVIRONMENT, "the peer has gone");
    return 0;
}

int floor_receive_all(int fd, uint8_t *bytes, size_t n, struct diag *diag)
{
    for (ssize_t got; n > 0; bytes += got, n -= (size_t)got)
        if ((got = recv(fd, bytes, n, 0)) <= 0)
            return diag_errno(diag, DIAG_ENVIRONMENT, "the server has ended the circuit");
    return 0;
}

/* ---- Channel Access ---- */

/* A header of either length. */
static int receive_header(int fd, struct wire_header *h, struct diag *diag)
{
    uint8_t bytes[WIRE_EXTENDED_BYTES];
    const size_t more = WIRE_EXTENDED_BYTES - WIRE_HEADER_BYTES;
    if (floor_receive_all(fd, bytes, WIRE_HEADER_BYTES, diag) < 0)
        return -1;
    struct cursor cur = cursor_over(bytes, WIRE_HEADER_BYTES);
    if (wire_header_read(&cur, WIRE_MINOR, h) == WIRE_OK)
        return 0;
    if (floor_receive_all(fd, bytes + WIRE_HEADER_BYTES, more, diag) < 0)
        return -1;
    cur = cursor_over(bytes, sizeof bytes);
    wire_header_read(&cur, WIRE_MINOR, h);
    return 0;
}

/* The next message with this command; those before it, and its payload, are dropped. */
static int await(int fd, unsigned command, struct wire_header *h, struct diag *diag)
{
    uint8_t payload[256];
    do {
        if (receive_header(fd, h, diag) < 0)
            return -1;
        if (h->size > sizeof payload)
            return diag_fail(diag, DIAG_ENVIRONMENT, "a message of %u bytes while a channel is made", h->size);
        if (floor_receive_all(fd, payload, h->size, diag) < 0)
            return -1;
    } while (h->command != command);
    return 0;
}

int floor_open_channel(int fd, const char *pv, uint32_t *sid, struct diag *diag)
{
    uint8_t request[2 * WIRE_HEADER_BYTES + 64] = {0};
    const size_t length = strlen(pv), padded = (length + 8) & ~(size_t)7;
    if (padded > 64)
        return diag_fail(diag, DIAG_USAGE, "--pv: '%s' is longer than 63 characters", pv);
    const struct wire_header version = {.command = WIRE_VERSION, .count = WIRE_MINOR};
    const struct wire_header create = {.command = WIRE_CREATE_CHAN, .size = (uint32_t)padded, .p1 = 1, .p2 = WIRE_MINOR};
    struct wire_header made;
    size_t n = wire_header_write(request, &version);
    n += wire_header_write(request + n, &create);
    memcpy(request + n, pv, length);
    if (floor_send_all(fd, request, n + padded, diag) < 0 || await(fd, WIRE_CREATE_CHAN, &made, diag) < 0)
        return -1;
    *sid = made.p2;
    return 0;
}
