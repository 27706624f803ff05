#include "sim/beacon.h"

#include "base/clock.h"
#include "wire/message.h"

#include <stdlib.h>

#define SECONDS_MOST 1e9

void beacon_init(struct beacon *b, const char *longest, uint64_t now_ns)
{
    double seconds = longest != NULL ? strtod(longest, NULL) : 0;
    if (!(seconds > 0 && seconds < SECONDS_MOST))
        seconds = BEACON_LONGEST_S;
    *b = (struct beacon){.interval_ns = BEACON_FIRST_INTERVAL_NS, .longest_ns = (uint64_t)(seconds * 1e9), .due_ns = now_ns};
}

void beacon_next(struct beacon *b, uint16_t tcp_port, uint8_t bytes[BEACON_BYTES])
{
    /* The first two bear the same number, 0. */
    const struct wire_header h = {
        .command = WIRE_RSRV_IS_UP, .type = WIRE_MINOR, .count = tcp_port, .p1 = b->sent > 0 ? b->sent - 1 : 0};
    wire_header_write(bytes, &h);
    b->sent++;
    b->due_ns += b->interval_ns;
    if (b->interval_ns < b->longest_ns)
        b->interval_ns = 2 * b->interval_ns < b->longest_ns ? 2 * b->interval_ns : b->longest_ns;
}
