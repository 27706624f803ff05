/* Packets in, dialogue out: decodes each packet, keeps the table of TCP connections, passes datagrams on, and counts what the
 * capture lacks. Knows no libpcap and no clock. */
#ifndef CAPLAY_CAPTURE_FLOWS_H
#define CAPLAY_CAPTURE_FLOWS_H

#include "capture/packet.h"
#include "traces/dialogue.h"

/* Connections that are remembered at once; beyond them the oldest is ended. Closed ones are remembered too, so that a late packet
 * does not look like a new connection. */
#define FLOWS_MAX 262144u

struct flows;

/* ports: TCP ports of CA servers that no search reply or beacon announces; copied. Borrows the dialogue. NULL: out of memory. */
struct flows *flows_new(struct dialogue *dialogue, const uint16_t *ports, unsigned nports);
void flows_free(struct flows *f);

struct flows_packet {
    const uint8_t *bytes; /* borrowed for the call */
    size_t captured;      /* bytes there are */
    size_t length;        /* bytes on the wire */
    uint64_t t_ns;        /* since the first packet */
};

void flows_packet(struct flows *f, enum packet_link link, const struct flows_packet *packet);

/* The capture is over: hand on what is held back, end all connections. */
void flows_finish(struct flows *f, uint64_t t_ns);

/* What is missing so far: what has ended, and gaps of what is open. */
struct trace_missing flows_missing_now(const struct flows *f);

/* Complete after flows_finish(), but for what only libpcap knows. */
struct trace_missing flows_missing(const struct flows *f);

/* Packets without Channel Access, by kind: after flows_finish() their sum is `other_packets` of what is missing. */
struct flows_others {
    uint64_t n[PACKET_KINDS];
};

struct flows_others flows_others(const struct flows *f);

#define FLOWS_OTHERS_BYTES 240

/* "3 ICMP..., 2 IPv6", into FLOWS_OTHERS_BYTES; "" where there are none. Returns out. */
const char *flows_others_text(const struct flows_others *others, char *out);

#endif
