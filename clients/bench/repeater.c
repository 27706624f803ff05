#include "clients/bench/repeater.h"

#include "base/child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_NS (20 * CLOCK_NS)

/* Register as a client does, with an empty datagram (ca-protocol 9.2); its confirmation says that it runs. */
static bool answers(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t until_ns = clock_monotonic_ns() + PATIENCE_NS;
    bool answered = false;
    while (!answered && clock_monotonic_ns() < until_ns && !bench_interrupted()) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        char byte;
        if (fd < 0)
            return false;
        sendto(fd, NULL, 0, 0, (struct sockaddr *)&at, sizeof at);
        answered = bench_wait_readable(fd, clock_monotonic_ns() + CLOCK_NS / 20) && recv(fd, &byte, 1, 0) > 0;
        close(fd);
    }
    return answered;
}

static int spawn(struct bench_options *o, char *program, struct diag *diag)
{
    char port[64];
    snprintf(port, sizeof port, "EPICS_CA_REPEATER_PORT=%u", o->repeater_port);
    char *argv[] = {program, (char[]){"--repeater"}, NULL}, *env[] = {port, NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    o->repeater = child_spawn(&(struct child_spec){.argv = argv,
                                                   .own_group = true,
                                                   .env = env,
                                                   .cores = &o->server_cores,
                                                   .nofile = BENCH_NOFILE,
                                                   .in = nothing,
                                                   .out = nothing,
                                                   .err = nothing},
                              diag);
    if (nothing >= 0)
        close(nothing);
    return o->repeater < 0 ? -1 : 0;
}

int bench_repeater_start(struct bench_options *o, struct diag *diag)
{
    char program[BENCH_NAME_BYTES];
    if (child_libexec("caplay-libca", program, sizeof program, diag) < 0 ||
        child_pick_port("127.0.0.1", &o->repeater_port, diag) < 0 || spawn(o, program, diag) < 0)
        return -1;
    if (answers(o->repeater_port))
        return 0;
    bench_repeater_stop(o);
    return diag_fail(diag, DIAG_ENVIRONMENT, "our CA repeater (%s --repeater) does not answer on UDP port %u", program,
                     o->repeater_port);
}

void bench_repeater_stop(struct bench_options *o)
{
    struct bench_drops drops = {.n = 0};
    bench_read_drops(o->repeater, &drops);
    o->repeater_drops = bench_total_drops(&drops);
    kill(o->repeater, SIGTERM);
    bench_reap(o->repeater, CLOCK_NS);
}
