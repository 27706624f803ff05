/* What an IOC says on a circuit, as it passes the proxy: replies to searches over TCP get the proxy's port, all else stays as it
 * is. Pure: works in the relay's buffer. Rule: ca-protocol 3.6 (search over TCP), 1.1 (header). */
#ifndef CAPLAY_REPLAY_PROXY_PORTS_H
#define CAPLAY_REPLAY_PROXY_PORTS_H

#include <stddef.h>
#include <stdint.h>

struct proxy_ports { /* a zeroed one is at a message's beginning */
    uint64_t skip;   /* bytes of a payload still to come */
};

/* Of n bytes that come next in the stream, how many may go on; the rest is a header that is not whole, and must be given again in
 * front of what follows. */
size_t proxy_ports_pass(struct proxy_ports *p, uint8_t *bytes, size_t n, uint16_t port);

#endif
