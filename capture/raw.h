/* Packets as they are -> capture files for other programs: pcap or pcapng, both with nanoseconds; one, or one after the other by
 * size or time (capture/rotation). Rules: IETF drafts draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. */
#ifndef CAPLAY_CAPTURE_RAW_H
#define CAPLAY_CAPTURE_RAW_H

#include "capture/rotation.h"
#include "capture/source.h"

struct raw;

struct raw_config {
    struct rotation_rules rotation;
    bool pcapng;
    unsigned snaplen;
    const char *interface;       /* its name or the file's that is copied */
    const struct source *source; /* asked for its drops; or NULL: */
    uint64_t drops;              /* they are known */
    uint64_t start_ns;           /* the first file's time, since the Unix epoch; 0: the first packet's */
};

/* NULL: DIAG_ENVIRONMENT. Borrows the strings. */
struct raw *raw_open(const struct raw_config *config, struct diag *diag);

/* One packet. False: a write failed, which raw_close() tells, or the last file is full. */
bool raw_packet(struct raw *raw, const struct source_packet *packet);

/* Time passes, by any clock: once a second what came is written, so that a kill costs no more. */
void raw_tick(struct raw *raw, uint64_t now_ns);

/* The file ends with a whole packet, also where the disk is full. pcapng also gets the number of dropped packets. 0, or -1 with
 * DIAG_ENVIRONMENT, or DIAG_USAGE: packets of several link layers do not go into one pcap file. Frees in both cases. */
int raw_close(struct raw *raw, struct diag *diag);

#endif
