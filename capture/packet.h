/* One captured packet: link layer, VLAN tags, IPv4, UDP or TCP -> addresses, ports and a view of the payload.
 * Pure: no libpcap, no malloc, no clock. Every read is bounds-checked. IPv6 and IP fragments are told apart, not decoded;
 * checksums are not looked at, since a sending host's are filled in by its network card after capture. Rules: the LINKTYPE_ pages
 * of tcpdump.org (link layers), IEEE 802.1Q and 802.1ad (tags), RFC 791, 768, 9293. */
#ifndef CAPLAY_CAPTURE_PACKET_H
#define CAPLAY_CAPTURE_PACKET_H

#include "wire/cursor.h"

enum packet_link {
    PACKET_ETHERNET,
    PACKET_COOKED,   /* Linux cooked v1, 16 bytes: what `-i any` gives */
    PACKET_COOKED_2, /* Linux cooked v2, 20 bytes */
    PACKET_NULL,     /* BSD loopback: address family in the byte order of the capturing host */
    PACKET_LOOP,     /* OpenBSD loopback: the same, big endian */
    PACKET_RAW,      /* begins with the IP header */
    PACKET_UNKNOWN_LINK,
};

enum packet_kind {
    PACKET_OTHER,    /* not IPv4 with UDP or TCP */
    PACKET_FRAGMENT, /* of an IPv4 datagram; not reassembled */
    PACKET_BROKEN,   /* the headers run over the end of what was captured */
    PACKET_UDP,
    PACKET_TCP,
};

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

struct packet { /* host order */
    uint32_t from_address, to_address;
    uint16_t from_port, to_port;
    uint32_t seq, ack;      /* TCP */
    uint8_t flags;          /* TCP_SYN... */
    bool cut;               /* the payload was longer on the wire */
    const uint8_t *payload; /* borrowed from the packet */
    size_t n;
};

/* Decode one packet of which n bytes were captured. UDP and TCP: *packet is set. */
enum packet_kind packet_read(enum packet_link link, const uint8_t *bytes, size_t n, struct packet *packet);

#endif
