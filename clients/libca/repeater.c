#include "clients/libca/repeater.h"

#include <arpa/inet.h>
#include <envDefs.h>
#include <epicsThread.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Exported by libca, in none of its public headers: runs ca_repeater(), which does not return while it holds the port. */
void caRepeaterThread(void *);

#define REGISTER    24
#define CONFIRM     17
#define PATIENCE_US 50000 /* between two registrations */
#define TRIES       200

static void on_stop(int signal)
{
    (void)signal;
    _exit(DIAG_GOOD);
}

static int open_udp(struct in_addr address, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int sys = errno;
    if (fd >= 0)
        close(fd);
    errno = sys;
    return -1;
}

/* Register as a client does, until the repeater confirms. */
static bool wait_ready(uint16_t port)
{
    const uint8_t ask[16] = {0, REGISTER, [12] = 127, 0, 0, 1};
    uint8_t answer[16] = {0};
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = loopback, .sin_port = htons(port)};
    struct timeval patience = {.tv_usec = PATIENCE_US};
    int fd = open_udp(loopback, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (unsigned i = 0; i < TRIES && fd >= 0 && answer[1] != CONFIRM; i++) {
        sendto(fd, ask, sizeof ask, 0, (struct sockaddr *)&to, sizeof to);
        (void)!recv(fd, answer, sizeof answer, 0);
    }
    if (fd >= 0)
        close(fd);
    return answer[1] == CONFIRM;
}

/* 1: another program holds the port. */
static int start(uint16_t port, struct diag *diag)
{
    int probe = open_udp((struct in_addr){htonl(INADDR_ANY)}, port);
    if (probe < 0) {
        diag_errno(diag, DIAG_ENVIRONMENT, "repeater: UDP port %u (EPICS_CA_REPEATER_PORT)", port);
        return 1;
    }
    close(probe);
    unsigned stack = epicsThreadGetStackSize(epicsThreadStackMedium);
    if (epicsThreadCreate("CA-repeater", epicsThreadPriorityLow, stack, caRepeaterThread, NULL) == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "repeater: cannot start a thread");
    if (!wait_ready(port))
        return diag_fail(diag, DIAG_ENVIRONMENT, "repeater: EPICS Base cannot use UDP port %u", port);
    return 0;
}

static uint16_t repeater_port(void)
{
    return envGetInetPortConfigParam(&EPICS_CA_REPEATER_PORT, 5065);
}

int repeater_beside(struct diag *diag)
{
    return start(repeater_port(), diag) < 0 ? -1 : 0;
}

int repeater_run(struct diag *diag)
{
    const uint16_t port = repeater_port();
    signal(SIGINT, on_stop);
    signal(SIGTERM, on_stop);
    if (start(port, diag) != 0)
        return -1;
    printf("ready udp=%u\n", port);
    fflush(stdout);
    for (;;)
        pause();
}
