/* IPv4 fragments put together to datagrams. Pieces may come in any order and more than once; of bytes that came twice the first
 * ones win. Pure: no clock, no sockets; malloc only for a datagram of which a first piece comes. Rule: RFC 791, 3.2. */
#ifndef CAPLAY_CAPTURE_FRAGMENTS_H
#define CAPLAY_CAPTURE_FRAGMENTS_H

#include "capture/packet.h"

/* Datagrams that are waited for at once, beyond which the oldest is given up, and how long each is waited for, as Linux does it
 * (net.ipv4.ipfrag_time). */
#define FRAGMENTS_DATAGRAMS 64u
#define FRAGMENTS_NS        UINT64_C(30000000000)

struct fragments; /* all that wait */

/* NULL: out of memory. */
struct fragments *fragments_new(void);
void fragments_free(struct fragments *f);

/* A packet of kind PACKET_FRAGMENT. The datagram that it completes, as the bytes behind the IP header, with their number in *n;
 * borrowed until the next call. NULL: some are still missing. */
const uint8_t *fragments_add(struct fragments *f, const struct packet *piece, uint64_t t_ns, size_t *n);

/* Datagrams that were given up, and those that wait: each lacks a piece. */
uint64_t fragments_incomplete(const struct fragments *f);

#endif
