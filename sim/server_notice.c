/* Lines on stderr about what clients do. */
#include "sim/server.h"

#include "base/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

bool server_can_print(void)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0;
}

/* May a line be printed? What was left out is told first. */
static bool may_tell(struct server *s)
{
    uint64_t left_out;
    if (!server_can_print() || !notices_may(&s->notices, clock_monotonic_ns(), &left_out))
        return false;
    if (left_out > 0)
        fprintf(stderr, "caplay: %" PRIu64 " lines about clients were left out\n", left_out);
    return true;
}

void server_notice(struct server *s, const char *text)
{
    if (may_tell(s))
        fprintf(stderr, "caplay: %s\n", text);
}

static void on_fault(void *arg, const struct sim_fault *fault)
{
    if (may_tell(arg))
        fprintf(stderr, "caplay: circuit %" PRIu64 ", byte %" PRIu64 ": its client sent %s%s\n", fault->circuit->number,
                fault->offset, fault->what, fault->ends ? ": it ends" : "");
}

void server_hear_faults(struct server *s)
{
    s->sim.on_fault = on_fault;
    s->sim.on_fault_arg = s;
}
