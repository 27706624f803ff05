/* Packets as they are -> capture files for other programs: pcap or pcapng, both with nanoseconds; one, or one after the other by
 * size or time, named as tcpdump names them. Rules: IETF drafts draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng; tcpdump(1),
 * -w -C -G -W. */
#ifndef CAPLAY_CAPTURE_RAW_H
#define CAPLAY_CAPTURE_RAW_H

#include "capture/source.h"

struct raw;

struct raw_config {
    const char *path; /* with by_seconds: a format for strftime(3), too */
    bool pcapng;
    unsigned snaplen;
    const char *interface;         /* its name or the file's that is copied */
    const struct source *source;   /* asked for its drops; or NULL */
    uint64_t by_bytes, by_seconds; /* begin another file then; 0: never */
    unsigned files;                /* see raw_packet(); 0: any number */
    uint64_t start_ns;             /* the first file's time, since the Unix epoch; 0: the first packet's */
};

/* NULL: DIAG_ENVIRONMENT. Borrows the strings. */
struct raw *raw_open(const struct raw_config *config, struct diag *diag);

/* One packet. False: a write failed, which raw_close() tells, or the last file is full. As tcpdump has it: by_bytes, the file
 * behind the last is the first again; by_seconds, the last one ends it all; both, `files` only pads the numbers. */
bool raw_packet(struct raw *raw, const struct source_packet *packet);

/* pcapng also gets the number of dropped packets. 0, or -1 with DIAG_ENVIRONMENT, or DIAG_USAGE: packets of several link layers
 * do not go into one pcap file. Frees in both cases. */
int raw_close(struct raw *raw, struct diag *diag);

#endif
