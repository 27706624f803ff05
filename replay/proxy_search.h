/* The proxy's searches: what clients ask goes on to the IOC under numbers of our own, and what it answers goes back to whoever
 * asked first, with our port. A name is asked of the IOC each time a client asks, so that a record that is gone is not found any
 * more. Pure: datagrams in, datagrams out. Rules: ca-protocol 3.1 to 3.3. */
#ifndef CAPLAY_REPLAY_PROXY_SEARCH_H
#define CAPLAY_REPLAY_PROXY_SEARCH_H

#include "wire/message.h"

#define PROXY_ASKED          65536u /* searches that wait for an answer at once; the oldest are forgotten */
#define PROXY_DATAGRAM_BYTES 65535u

struct proxy_peer { /* host order */
    uint32_t address;
    uint16_t port;
};

struct proxy_asked {
    struct proxy_peer peer;
    uint32_t number, cid, sequence; /* number: ours */
    uint8_t minor;
    bool waits;
};

struct proxy_search {
    uint32_t next; /* our next number */
    struct proxy_asked asked[PROXY_ASKED];
};

/* A client's datagram of n bytes: write what the IOC is to be asked, at most twice as many bytes, and return their number; 0:
 * nothing.
 */
size_t proxy_search_ask(struct proxy_search *s, const struct proxy_peer *peer, const uint8_t *bytes, size_t n, uint8_t *out);

typedef void proxy_send_fn(void *arg, const struct proxy_peer *to, const uint8_t *bytes, size_t n);

/* Our TCP port for a reply of an IOC, which names its own port in `type` and perhaps an address in p1; 0: it cannot be had. */
typedef uint16_t proxy_port_fn(void *arg, const struct wire_header *reply);

struct proxy_answerer {
    proxy_port_fn *port;
    proxy_send_fn *send;
    void *arg;
};

/* What an IOC said, of n bytes: VERSION and replies to searches, anything else is skipped. Hands each client its replies, as
 * datagrams of at most 1,024 bytes. */
void proxy_search_answer(struct proxy_search *s, const uint8_t *bytes, size_t n, const struct proxy_answerer *to);

#endif
