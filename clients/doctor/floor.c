#include "clients/doctor/doctor.h"

#include "clients/perf/floor.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define READINGS  10000u
#define DEADLINES 600u
#define GRID_NS   (CLOCK_NS / 1000)
#define FRAMES    100u
#define FRAME_NS  (5 * GRID_NS)

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static struct doctor_quantiles quantiles(struct floor_log *log)
{
    qsort(log->at, log->n, sizeof *log->at, by_value);
    const struct doctor_quantiles q = {
        .p50_ns = log->at[log->n / 2], .p99_ns = log->at[(log->n - 1) * 99 / 100], .max_ns = log->at[log->n - 1]};
    free(log->at);
    return q;
}

static uint64_t measure_clock(void)
{
    uint64_t begin_ns = clock_monotonic_ns(), last_ns = begin_ns;
    for (unsigned i = 0; i < READINGS; i++)
        last_ns = clock_monotonic_ns();
    return (last_ns - begin_ns) / READINGS;
}

static int measure_wake(bool spins, struct doctor_quantiles *q, struct diag *diag)
{
    struct floor_pace pace;
    struct floor_log log;
    if (floor_log_init(&log, DEADLINES, diag) < 0)
        return -1;
    if (floor_pace_init(&pace, spins, diag) < 0) {
        free(log.at);
        return -1;
    }
    const uint64_t anchor_ns = clock_monotonic_ns() + GRID_NS;
    for (uint64_t k = 0; k < DEADLINES; k++) {
        const uint64_t due_ns = anchor_ns + k * GRID_NS;
        floor_log_add(&log, floor_pace_until(&pace, due_ns) - due_ns);
    }
    floor_pace_fini(&pace);
    *q = quantiles(&log);
    return 0;
}

/* ---- the image ---- */

struct reader {
    int fd;
    uint8_t *bytes;
};

/* A byte back for each image, until the sender is gone. */
static void *read_images(void *arg)
{
    struct diag diag;
    const struct reader *r = arg;
    while (floor_receive_all(r->fd, r->bytes, FLOOR_IMAGE_BYTES, &diag) == 0 &&
           floor_send_all(r->fd, (const uint8_t *)"", 1, &diag) == 0)
        ;
    return NULL;
}

/* Two ends of a connection. 0, or -1 with diag. */
static int connect_ends(int *near, int *far, struct diag *diag)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, n) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &n) < 0) {
        close(listener);
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot listen on 127.0.0.1");
    }
    *near = floor_connect(ntohs(at.sin_port), diag);
    *far = *near >= 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    close(listener);
    if (*far >= 0)
        return 0;
    close(*near);
    return *near < 0 ? -1 : diag_errno(diag, DIAG_ENVIRONMENT, "cannot accept on 127.0.0.1");
}

static int send_images(int fd, const uint8_t *image, struct floor_log log[2], struct diag *diag)
{
    struct floor_pace pace;
    uint8_t answer;
    int result = floor_pace_init(&pace, false, diag);
    if (result < 0)
        return -1;
    const uint64_t anchor_ns = clock_monotonic_ns() + FRAME_NS;
    for (uint64_t k = 0; k < FRAMES && result == 0; k++) {
        uint64_t begin_ns = floor_pace_until(&pace, anchor_ns + k * FRAME_NS);
        result = floor_send_all(fd, image, FLOOR_IMAGE_BYTES, diag);
        floor_log_add(&log[0], clock_monotonic_ns() - begin_ns);
        result = result == 0 ? floor_receive_all(fd, &answer, 1, diag) : result;
        floor_log_add(&log[1], clock_monotonic_ns() - begin_ns);
    }
    floor_pace_fini(&pace);
    return result;
}

/* With both ends and a reader on the other cores. */
static int measure_ends(int near, struct reader *reader, const struct isolation *isolation, struct floor_log log[2],
                        struct diag *diag)
{
    pthread_t thread;
    isolation_step_out(isolation);
    int failed = pthread_create(&thread, NULL, read_images, reader);
    isolation_step_in(isolation);
    if (failed != 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "cannot start a thread");
    int result = send_images(near, reader->bytes + FLOOR_IMAGE_BYTES, log, diag);
    shutdown(near, SHUT_WR);
    pthread_join(thread, NULL);
    return result;
}

static int measure_send(struct doctor_floor *floor, const struct isolation *isolation, struct diag *diag)
{
    struct reader reader = {.bytes = calloc(2, FLOOR_IMAGE_BYTES)};
    struct floor_log log[2] = {0};
    int near = -1, result = -1;
    if (reader.bytes == NULL)
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for an image");
    else if (floor_log_init(&log[0], FRAMES, diag) == 0 && floor_log_init(&log[1], FRAMES, diag) == 0)
        result = connect_ends(&near, &reader.fd, diag);
    if (result == 0) {
        result = measure_ends(near, &reader, isolation, log, diag);
        close(near);
        close(reader.fd);
    }
    free(reader.bytes);
    if (result < 0) {
        free(log[0].at);
        free(log[1].at);
        return -1;
    }
    floor->send = quantiles(&log[0]);
    floor->round_trip = quantiles(&log[1]);
    return 0;
}

int doctor_measure(struct doctor_floor *floor, const struct isolation *isolation, struct diag *diag)
{
    prctl(PR_SET_TIMERSLACK, 1); /* as servers do */
    floor->clock_ns = measure_clock();
    if (measure_wake(false, &floor->sleeping, diag) < 0 || measure_wake(true, &floor->spinning, diag) < 0)
        return -1;
    return measure_send(floor, isolation, diag);
}
