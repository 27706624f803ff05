/* Beacons: one datagram now, then after 20, 40, 80 ms ... up to 15 s, to the repeater on this host only. Rule: ca-protocol 9.1.
 */
#include "sim/server.h"

#include "base/child.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_INTERVAL_NS (20 * UINT64_C(1000000))

static uint16_t repeater_port(void)
{
    const char *text = getenv("EPICS_CAS_BEACON_PORT");
    bool is_set = text != NULL && *text != '\0';
    return child_epics_port(is_set ? "EPICS_CAS_BEACON_PORT" : "EPICS_CA_REPEATER_PORT", WIRE_REPEATER_PORT);
}

static uint64_t longest_interval(void)
{
    const char *text = getenv("EPICS_CAS_BEACON_PERIOD");
    if (text == NULL || *text == '\0')
        text = getenv("EPICS_CA_BEACON_PERIOD");
    double seconds = text != NULL ? strtod(text, NULL) : 0;
    uint64_t ns = seconds > 0 && seconds < 86400 ? (uint64_t)(seconds * 1e9) : 15 * CLOCK_NS;
    return ns > FIRST_INTERVAL_NS ? ns : FIRST_INTERVAL_NS; /* of 0 ns there would be no end */
}

static void send_beacon(struct server *s)
{
    struct beacon *b = &s->beacon;
    uint8_t bytes[WIRE_EXTENDED_BYTES];
    /* The first two bear the same number, 0 (ca-protocol 9.1). */
    const struct wire_header h = {
        .command = WIRE_RSRV_IS_UP, .type = WIRE_MINOR, .count = s->tcp_port, .p1 = b->sent > 0 ? b->sent - 1 : 0};
    size_t n = wire_header_write(bytes, &h);
    (void)!sendto(b->fd, bytes, n, MSG_NOSIGNAL, (struct sockaddr *)&b->to, sizeof b->to);
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
    b->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    b->to = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}, .sin_port = htons(repeater_port())};
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
