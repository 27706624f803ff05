/* One captured packet: link layer, VLAN tags, IPv4, UDP or TCP -> addresses, ports and a view of the payload.
 * Pure: no libpcap, no malloc, no clock. Every read is bounds-checked. IPv6 is told apart, not decoded: CA knows IPv4 only.
 * Checksums are not looked at, since a sending host's are filled in by its network card after capture. Rules: the LINKTYPE_ pages
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
    PACKET_OTHER_LINK, /* of a link layer that is not known here */
    PACKET_NOT_IP,
    PACKET_IPV6,
    PACKET_OTHER_PROTOCOL, /* IPv4 without UDP or TCP */
    PACKET_FRAGMENT,       /* of an IPv4 datagram with UDP or TCP: capture/fragments puts them together */
    PACKET_BROKEN,         /* the headers run over the end of what was captured */
    PACKET_UDP,
    PACKET_TCP,
    PACKET_KINDS
};

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

struct packet_fragment {
    uint16_t id;
    uint8_t protocol; /* for packet_transport() */
    bool more;        /* it is not the last one */
    size_t offset;    /* of its first byte in the datagram */
};

struct packet { /* host order */
    uint32_t from_address, to_address;
    uint16_t from_port, to_port;
    uint32_t seq, ack;               /* TCP */
    uint8_t flags;                   /* TCP_SYN... */
    bool cut;                        /* the payload was longer on the wire */
    struct packet_fragment fragment; /* PACKET_FRAGMENT: then without ports, and the payload is what lies behind the IP header */
    const uint8_t *payload;          /* borrowed from the packet */
    size_t n;
};

/* The link layer by its LINKTYPE_ number (tcpdump.org). */
enum packet_link packet_link(unsigned number);

/* Decode one packet of which n bytes were captured. UDP, TCP and fragments: *packet is set. */
enum packet_kind packet_read(enum packet_link link, const uint8_t *bytes, size_t n, struct packet *packet);

/* Decode a datagram that was put together: *packet has the addresses of one of its fragments, and gets the rest. */
enum packet_kind packet_transport(unsigned protocol, const uint8_t *bytes, size_t n, struct packet *packet);

#endif
