/* Where beacons go, and their socket. Rule: ca-protocol 1.4, and rsrv_build_addr_lists() of rsrv. */
#include "sim/server.h"

#include "base/child.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static uint16_t beacon_port(void)
{
    bool is_set = environment_text("EPICS_CAS_BEACON_PORT") != NULL;
    return child_epics_port(is_set ? "EPICS_CAS_BEACON_PORT" : "EPICS_CA_REPEATER_PORT", WIRE_REPEATER_PORT);
}

static const char *beacon_period(void)
{
    const char *text = environment_text("EPICS_CAS_BEACON_PERIOD");
    return text != NULL ? text : environment_text("EPICS_CA_BEACON_PERIOD");
}

/* To the broadcast addresses of the interfaces that are served, unless AUTO is not "yes", and to those of the list. */
static void find_destinations(struct server *s)
{
    struct addresses *to = &s->beacons.to;
    const uint16_t port = beacon_port();
    if (environment_flag("EPICS_CAS_AUTO_BEACON_ADDR_LIST", true))
        for (unsigned i = 0; i < s->ninterfaces; i++)
            addresses_add_broadcasts(to, s->interface[i].address, port);
    addresses_from_environment(to, "EPICS_CAS_BEACON_ADDR_LIST", port);
}

static int open_socket(void)
{
    const int on = 1, is_loud = 1;
    const char *text = environment_text("EPICS_CA_MCAST_TTL");
    const uint8_t ttl = (uint8_t)(text != NULL ? strtol(text, NULL, 10) : 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &is_loud, sizeof is_loud);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl);
    return fd;
}

static void on_beacon(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    struct server *s = owner;
    struct beacons *b = &s->beacons;
    uint8_t bytes[BEACON_BYTES];
    beacon_next(&b->beacon, s->tcp_port, bytes);
    for (unsigned i = 0; i < b->to.n; i++)
        (void)!sendto(b->fd, bytes, sizeof bytes, MSG_NOSIGNAL, (struct sockaddr *)&b->to.at[i], sizeof b->to.at[i]);
    schedule_set(&s->loop.schedule, &b->entry, b->beacon.due_ns);
}

int beacons_open(struct server *s, uint64_t now_ns, struct diag *diag)
{
    struct beacons *b = &s->beacons;
    b->fd = open_socket();
    find_destinations(s);
    beacon_init(&b->beacon, beacon_period(), now_ns);
    b->entry = (struct schedule_entry){.fire = on_beacon, .owner = s};
    if (b->fd < 0 || schedule_add(&s->loop.schedule, &b->entry) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot make a socket for beacons");
    schedule_set(&s->loop.schedule, &b->entry, b->beacon.due_ns);
    return 0;
}

void beacons_close(struct server *s)
{
    if (s->beacons.fd >= 0)
        close(s->beacons.fd);
}
