/* One TCP connection between two sockets: both directions put in order and cut into messages; is it CA, who is the server;
 * the messages go to the dialogue. Knows no libpcap and no clock.
 * Rule: ca-protocol 5.1 (beginning), 5.6 (end), 8.2 (what ends a circuit). */
#ifndef CAPLAY_CAPTURE_CONNECTION_H
#define CAPLAY_CAPTURE_CONNECTION_H

#include "capture/packet.h"
#include "capture/resync.h"
#include "capture/stream.h"
#include "traces/dialogue.h"
#include "traces/framer.h"

/* What all connections share. */
struct connection_world {
    struct dialogue *dialogue;
    const uint16_t *ports; /* TCP ports that the user declares to be CA servers' */
    unsigned nports;
    struct trace_missing missing; /* what connections that ended have added up */
};

struct connection_ends { /* no padding: serves as a table's key. a < b, by address, then by port */
    uint32_t a_address, b_address;
    uint16_t a_port, b_port;
};

enum connection_state {
    CONNECTION_LIVE,
    CONNECTION_IGNORED, /* not CA */
    CONNECTION_CLOSED,  /* what still comes is late or doubled */
};

/* What of a direction's losses has been told: capture/lacks. */
struct connection_told {
    uint64_t gaps, gap_bytes;
    uint64_t skipped, decoded; /* bytes that belong to no message, and how many had been decoded then */
    bool has_beginning;
};

struct connection_way { /* one direction: 0 is a -> b */
    struct stream stream;
    struct framer framer;
    struct resync resync;   /* unless synced */
    uint64_t came, decoded; /* bytes of the stream; of its messages */
    uint32_t isn;           /* number of its SYN */
    bool syn_seen;          /* isn is valid */
    bool synced;            /* the framer is at a message's beginning, or inside a message */
    bool dead;              /* a malformed message came: the rest is not decoded */
    unsigned misses;        /* pieces in which no message's beginning was found */
    uint64_t whole_ns;      /* of what came until then, and after the losses before, nothing is missing */
    struct connection_told told;
};

struct connection {
    struct connection_ends ends;
    struct connection_way way[2];
    uint64_t begin_ns, packets;
    uint32_t index; /* the dialogue's, once open */
    bool open;      /* it is CA, and known to the dialogue */
    bool is_midway; /* when it became that, nobody's SYN had been seen */
    bool reset;     /* RST was seen */
    int8_t server;  /* the way on which the server speaks, or -1 */
    uint8_t state;  /* enum connection_state */
};

/* The connection's key; *way is the direction of this packet. */
struct connection_ends connection_ends(const struct packet *packet, unsigned *way);

void connection_init(struct connection *c, const struct connection_ends *ends, uint64_t t_ns);

/* A TCP packet of this connection. */
void connection_packet(struct connection *c, struct connection_world *world, const struct packet *packet, unsigned way,
                       uint64_t t_ns);

/* Nothing more will come: hand on what is held, count what was missing, free what is owned. */
void connection_fini(struct connection *c, struct connection_world *world, uint64_t t_ns);

#endif
