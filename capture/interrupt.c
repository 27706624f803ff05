#include "capture/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int signals[INTERRUPT_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

/* For the handler. */
static volatile sig_atomic_t has_come, silent_fd, nothing_fd;

/* A read() that waits is restarted, as is one that was about to wait, and both find the end of another file. */
static void on_signal(int number)
{
    (void)number;
    const int before = errno;
    has_come = 1;
    (void)dup2(nothing_fd, silent_fd);
    errno = before;
}

/* Under nohup a terminal may go. */
static bool is_wanted(int number)
{
    struct sigaction now;
    return number != SIGHUP || (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN);
}

static int open_readable(struct interrupt *i, struct diag *diag)
{
    sigset_t mask;
    sigemptyset(&mask);
    for (unsigned k = 0; k < INTERRUPT_SIGNALS; k++)
        if (is_wanted(signals[k]))
            sigaddset(&mask, signals[k]);
    i->fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (i->fd < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "signalfd");
    sigprocmask(SIG_BLOCK, &mask, &i->before);
    return 0;
}

static int open_handlers(struct interrupt *i, struct diag *diag)
{
    i->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (i->nothing < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "/dev/null");
    has_come = 0;
    silent_fd = i->silent;
    nothing_fd = i->nothing;
    for (unsigned k = 0; k < INTERRUPT_SIGNALS; k++) {
        const struct sigaction action = {.sa_handler = on_signal,
                                         .sa_flags = SA_RESTART | (signals[k] == SIGINT ? (int)SA_RESETHAND : 0)};
        if (is_wanted(signals[k]))
            sigaction(signals[k], &action, &i->actions[k]);
    }
    return 0;
}

int interrupt_open(struct interrupt *i, int silent, struct diag *diag)
{
    *i = (struct interrupt){.fd = -1, .silent = silent, .nothing = -1};
    for (unsigned k = 0; k < INTERRUPT_SIGNALS; k++)
        sigaction(signals[k], NULL, &i->actions[k]);
    return silent < 0 ? open_readable(i, diag) : open_handlers(i, diag);
}

bool interrupt_is_open(const struct interrupt *i)
{
    return i->fd >= 0 || i->nothing >= 0;
}

static void take_all(const struct interrupt *i)
{
    struct signalfd_siginfo taken;
    while (read(i->fd, &taken, sizeof taken) > 0)
        ;
}

bool interrupt_came(struct interrupt *i)
{
    struct pollfd readable = {.fd = i->fd, .events = POLLIN};
    sigset_t again;
    i->came |= i->fd < 0 && has_come;
    if (i->came || i->fd < 0 || poll(&readable, 1, 0) <= 0)
        return i->came;
    take_all(i);
    sigemptyset(&again);
    sigaddset(&again, SIGINT);
    sigprocmask(SIG_UNBLOCK, &again, NULL);
    i->came = true;
    return true;
}

void interrupt_close(struct interrupt *i)
{
    if (i->fd >= 0) {
        take_all(i); /* a signal that stayed pending would end the program once it is unblocked */
        close(i->fd);
        sigprocmask(SIG_SETMASK, &i->before, NULL);
    }
    if (i->nothing >= 0) {
        for (unsigned k = 0; k < INTERRUPT_SIGNALS; k++)
            sigaction(signals[k], &i->actions[k], NULL);
        close(i->nothing);
    }
    i->fd = i->nothing = -1;
}
