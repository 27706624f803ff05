#include "replay/floor.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ROUNDS        201
#define MESSAGE_BYTES 16

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
    if (pair.near >= 0)
        close(pair.near);
    if (pair.far >= 0)
        close(pair.far);
    qsort(ns, ROUNDS, sizeof *ns, by_value);
    return ns[ROUNDS / 2];
}
