#include "replay/floor.h"

#include "base/clock.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ROUNDS        201
#define MESSAGE_BYTES 16
#define SENDS         9
#define LOOK_NS       50000u /* before a send the clock is looked at, as a server that spins does */

/* Both ends of a loopback connection; -1 where there is none. */
struct pair {
    int near, far;
};

static struct pair connect_pair(void)
{
    struct pair pair = {-1, -1};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return pair;
    if (bind(listener, (struct sockaddr *)&at, length) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&at, &length) == 0) {
        pair.near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (pair.near >= 0 && connect(pair.near, (struct sockaddr *)&at, length) == 0)
            pair.far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    }
    close(listener);
    const int on = 1;
    setsockopt(pair.near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(pair.far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return pair;
}

/* Returns when a timer has run for no time at all. Without a timer the floor comes out lower, that is all. */
static void wait_for_timer(int timer)
{
    const struct itimerspec at_once = {.it_value.tv_nsec = 1};
    uint64_t expirations;
    ssize_t n = timerfd_settime(timer, 0, &at_once, NULL) == 0 ? read(timer, &expirations, sizeof expirations) : 0;
    (void)n;
}

/* Answers until the other end closes. */
static void *answer(void *arg)
{
    int fd = *(int *)arg, timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    char message[MESSAGE_BYTES];
    for (ssize_t n; (n = recv(fd, message, sizeof message, 0)) > 0;) {
        wait_for_timer(timer);
        if (send(fd, message, (size_t)n, MSG_NOSIGNAL) != n)
            break;
    }
    close(timer);
    return NULL;
}

static uint64_t round_trip_ns(int fd)
{
    char message[MESSAGE_BYTES] = {0};
    uint64_t begin = clock_monotonic_ns();
    if (send(fd, message, sizeof message, MSG_NOSIGNAL) < 0 || recv(fd, message, sizeof message, MSG_WAITALL) <= 0)
        return 0;
    return clock_monotonic_ns() - begin;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The kernel's stamp of the message that waits in the socket, CLOCK_REALTIME; 0: none. */
static uint64_t stamp_ns(int fd)
{
    char message[MESSAGE_BYTES];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct scm_timestamping))];
    } room;
    struct iovec piece = {.iov_base = message, .iov_len = sizeof message};
    struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes};
    if (recvmsg(fd, &m, 0) <= 0)
        return 0;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c == NULL || c->cmsg_type != SCM_TIMESTAMPING || c->cmsg_len < CMSG_LEN(sizeof(struct timespec)))
        return 0;
    const struct timespec *at = (const void *)CMSG_DATA(c);
    return (uint64_t)at->tv_sec * CLOCK_NS + (uint64_t)at->tv_nsec;
}

static uint64_t send_ns(const struct pair *pair, int timer, uint64_t rest_ns)
{
    const char message[MESSAGE_BYTES] = {0};
    const uint64_t due_ns = clock_monotonic_ns() + rest_ns, wake_ns = due_ns - LOOK_NS;
    const struct itimerspec at = {.it_value = {.tv_sec = (time_t)(wake_ns / CLOCK_NS), .tv_nsec = (long)(wake_ns % CLOCK_NS)}};
    uint64_t expirations;
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL) < 0 || read(timer, &expirations, sizeof expirations) < 0)
        return 0;
    while (clock_monotonic_ns() < due_ns)
        ;
    uint64_t begin_ns = clock_realtime_ns();
    if (send(pair->near, message, sizeof message, MSG_NOSIGNAL) < 0)
        return 0;
    uint64_t end_ns = stamp_ns(pair->far);
    return end_ns > begin_ns ? end_ns - begin_ns : 0;
}

static void close_pair(const struct pair *pair)
{
    if (pair->near >= 0)
        close(pair->near);
    if (pair->far >= 0)
        close(pair->far);
}

uint64_t floor_send_ns(uint64_t rest_ns)
{
    const int which = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    uint64_t ns[SENDS] = {0};
    struct pair pair = connect_pair();
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (pair.far >= 0 && timer >= 0 && setsockopt(pair.far, SOL_SOCKET, SO_TIMESTAMPING, &which, sizeof which) == 0)
        for (int i = 0; i < SENDS; i++)
            ns[i] = send_ns(&pair, timer, rest_ns);
    close_pair(&pair);
    if (timer >= 0)
        close(timer);
    qsort(ns, SENDS, sizeof *ns, by_value);
    return ns[SENDS / 2];
}

uint64_t floor_measure_ns(void)
{
    uint64_t ns[ROUNDS] = {0};
    struct pair pair = connect_pair();
    pthread_t thread;
    if (pair.far >= 0 && pthread_create(&thread, NULL, answer, &pair.far) == 0) {
        for (int i = 0; i < ROUNDS; i++)
            ns[i] = round_trip_ns(pair.near);
        shutdown(pair.near, SHUT_WR);
        pthread_join(thread, NULL);
    }
    close_pair(&pair);
    qsort(ns, ROUNDS, sizeof *ns, by_value);
    return ns[ROUNDS / 4];
}
