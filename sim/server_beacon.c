/* Beacons: one datagram now, then after 20, 40, 80 ms ... up to 15 s, to where EPICS's variables say. Rule: ca-protocol 1.4, 9.1,
 * rsrv_build_addr_lists() of rsrv. */
#include "sim/server.h"

#include "base/child.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_INTERVAL_NS (20 * UINT64_C(1000000))

static uint16_t beacon_port(void)
{
    bool is_set = environment_text("EPICS_CAS_BEACON_PORT") != NULL;
    return child_epics_port(is_set ? "EPICS_CAS_BEACON_PORT" : "EPICS_CA_REPEATER_PORT", WIRE_REPEATER_PORT);
}

static uint64_t longest_interval(void)
{
    const char *text = environment_text("EPICS_CAS_BEACON_PERIOD");
    if (text == NULL)
        text = environment_text("EPICS_CA_BEACON_PERIOD");
    double seconds = text != NULL ? strtod(text, NULL) : 0;
    uint64_t ns = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1e9) : 15 * CLOCK_NS;
    return ns > FIRST_INTERVAL_NS ? ns : FIRST_INTERVAL_NS; /* of 0 ns there would be no end */
}

/* To the broadcast addresses of the interfaces that are served, unless AUTO is not "yes", and to those of the list. */
static void find_destinations(struct server *s)
{
    struct addresses *to = &s->beacon.to;
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

static void send_beacon(struct server *s)
{
    struct beacon *b = &s->beacon;
    uint8_t bytes[WIRE_EXTENDED_BYTES];
    /* The first two bear the same number, 0 (ca-protocol 9.1). */
    const struct wire_header h = {
        .command = WIRE_RSRV_IS_UP, .type = WIRE_MINOR, .count = s->tcp_port, .p1 = b->sent > 0 ? b->sent - 1 : 0};
    size_t n = wire_header_write(bytes, &h);
    for (unsigned i = 0; i < b->to.n; i++)
        (void)!sendto(b->fd, bytes, n, MSG_NOSIGNAL, (struct sockaddr *)&b->to.at[i], sizeof b->to.at[i]);
    b->sent++;
}

static void on_beacon(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    struct server *s = owner;
    struct beacon *b = &s->beacon;
    send_beacon(s);
    b->due_ns += b->interval_ns;
    b->interval_ns = 2 * b->interval_ns < b->longest_ns ? 2 * b->interval_ns : b->longest_ns;
    schedule_set(&s->loop.schedule, &b->entry, b->due_ns);
}

int beacon_open(struct server *s, uint64_t now_ns, struct diag *diag)
{
    struct beacon *b = &s->beacon;
    b->fd = open_socket();
    find_destinations(s);
    b->entry = (struct schedule_entry){.fire = on_beacon, .owner = s};
    b->interval_ns = FIRST_INTERVAL_NS;
    b->longest_ns = longest_interval();
    b->due_ns = now_ns;
    if (b->fd < 0 || schedule_add(&s->loop.schedule, &b->entry) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot make a socket for beacons");
    schedule_set(&s->loop.schedule, &b->entry, b->due_ns);
    return 0;
}

void beacon_close(struct server *s)
{
    if (s->beacon.fd >= 0)
        close(s->beacon.fd);
}
