/* Search over UDP: request datagrams in, reply datagrams out. Rules: ca-protocol 3.1 to 3.3. No socket, no clock.
 *
 * As a real server does it: replies gather in a datagram of up to 1,024 bytes (42 replies) until the socket has no more requests,
 * the datagram is full, or a request of another client comes. Replies with a service time wait in a lane of their own. */
#ifndef CAPLAY_SIM_SEARCH_H
#define CAPLAY_SIM_SEARCH_H

#include "sim/core.h"

#define SEARCH_DATAGRAM_BYTES 1024u
#define SEARCH_REPLY_BYTES    24u
#define SEARCH_REPLIES        42u    /* in one datagram */
#define SEARCH_LANE           32768u /* replies that wait for their time; what is over is dropped and counted */

struct search_peer {
    uint32_t address; /* in host order */
    uint16_t port;
};

struct search_batch {
    struct search_peer peer;
    uint32_t sequence; /* of the last request */
    unsigned minor;    /* of the last request; 0: none yet */
    size_t used;
    unsigned count;                    /* replies */
    uint64_t asked_ns[SEARCH_REPLIES]; /* when each was asked for */
    uint8_t bytes[SEARCH_DATAGRAM_BYTES];
};

struct search_late { /* a reply that waits */
    struct search_peer peer;
    uint32_t sequence, cid;
    unsigned minor;
    uint64_t asked_ns, own_ns, due_ns;
};

struct search {
    struct sim *sim;
    /* Returns when that was. */
    uint64_t (*send)(void *arg, const struct search_peer *to, const uint8_t *bytes, size_t n);
    void *arg;
    struct search_batch batch;
    struct search_late *lane;
    uint32_t first, count;
    uint64_t last_due_ns;
    uint64_t free_ns; /* when sim->reply_pace_ns lets the next one go */
};

/* sim, send and arg are set by the caller before. 0, or -1 without memory. */
int search_init(struct search *s);
void search_fini(struct search *s);

/* A datagram of n bytes has come, and reached this machine at arrived_ns. */
void search_datagram(struct search *s, const struct search_peer *peer, const uint8_t *bytes, size_t n, uint64_t arrived_ns);

/* No more datagrams wait in the sockets: send what has gathered. */
void search_flush(struct search *s);

/* When the next waiting reply is due, and the sending of those that are. */
uint64_t search_deadline(const struct search *s);
void search_due(struct search *s, uint64_t now_ns);

#endif
