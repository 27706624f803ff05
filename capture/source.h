/* Where packets come from: a live interface or a capture file. With capture/source_filter the only user of libpcap.
 * Live: a ring that the kernel fills (TPACKET_V3, so that small packets do not waste it), packets stamped by the kernel in
 * nanoseconds where offered, loopback packets taken once. */
#ifndef CAPLAY_CAPTURE_SOURCE_H
#define CAPLAY_CAPTURE_SOURCE_H

#include "base/diag.h"
#include <stdbool.h>
#include <stdint.h>

struct source;

struct source_config {
    const char *interface; /* or */
    const char *file;      /* pcap or pcapng, also with gzip; "-": stdin */
    const char *filter;    /* NULL: live, "tcp or udp" with up to two VLAN tags; a file, everything */
    unsigned buffer_mib, snaplen;
    bool no_promiscuous;
};

struct source_packet {
    const uint8_t *bytes; /* borrowed for the call */
    uint32_t captured, length;
    uint64_t realtime_ns; /* since the Unix epoch */
    unsigned link;        /* LINKTYPE_ number, as capture files have it (tcpdump.org) */
};

/* A device captures from here on. NULL with diag: DIAG_USAGE for a bad file or filter, DIAG_ENVIRONMENT for no such interface
 * (names the ones there are) or no permission. */
struct source *source_open(const struct source_config *config, struct diag *diag);
void source_close(struct source *s);

struct source_limits {
    uint64_t packets;           /* 0: no limit */
    uint64_t for_ns;            /* live only; 0: no limit */
    void (*on_wait)(void *arg); /* live only: is called after each wait, at least once a second; or NULL */
};

enum source_end {
    SOURCE_DONE, /* end of file, limit, SIGINT or SIGTERM */
    SOURCE_CUT,  /* the file ends in the middle of a packet, or is damaged there; diag says where */
    SOURCE_LOST, /* the interface went away; diag */
};

/* Hand every packet to on_packet until the source ends, a limit is reached, SIGINT or SIGTERM comes, or on_packet says false. A
 * live source then still hands on what the kernel has captured up to that moment. */
enum source_end source_run(struct source *s, const struct source_limits *limits,
                           bool (*on_packet)(void *arg, const struct source_packet *packet), void *arg, struct diag *diag);

/* Packets handed on so far. */
uint64_t source_packets(const struct source *s);

/* Packets that the kernel and the interface dropped so far. Of a file: as far as it tells. */
uint64_t source_drops(const struct source *s);

#endif
