/* The kernel's receive stamps: asked for, and read beside the bytes. */
#include "sim/server.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <sys/socket.h>

void stamp_enable(int fd)
{
    const int which = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &which, sizeof which);
}

void stamp_expect(struct msghdr *message, union stamp_room *room)
{
    message->msg_control = room->bytes;
    message->msg_controllen = sizeof room->bytes;
}

static uint64_t stamp_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING || c->cmsg_len < CMSG_LEN(sizeof(struct timespec)))
            continue;
        const struct scm_timestamping *stamps = (const void *)CMSG_DATA(c);
        return (uint64_t)stamps->ts[0].tv_sec * CLOCK_NS + (uint64_t)stamps->ts[0].tv_nsec;
    }
    return 0;
}

uint64_t stamp_arrival(struct server *s, struct msghdr *message, const struct clock_pair *now)
{
    return arrivals_ns(&s->arrivals, now, stamp_of(message));
}
