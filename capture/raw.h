/* Packets as they are -> a capture file for other programs: pcap or pcapng, both with nanoseconds.
 * Rules: IETF drafts draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. */
#ifndef CAPLAY_CAPTURE_RAW_H
#define CAPLAY_CAPTURE_RAW_H

#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>

struct raw;

struct raw_config {
    const char *path;
    bool pcapng;
    unsigned link; /* LINKTYPE_ number */
    unsigned snaplen;
    const char *interface; /* its name or the file's that is copied */
};

/* NULL: DIAG_ENVIRONMENT. */
struct raw *raw_open(const struct raw_config *config, struct diag *diag);

/* One packet. False: a write failed; raw_close() tells which. */
bool raw_packet(struct raw *raw, const uint8_t *bytes, uint32_t captured, uint32_t length, uint64_t realtime_ns);

/* pcapng also gets the number of dropped packets. 0, or -1 with DIAG_ENVIRONMENT. Frees in both cases. */
int raw_close(struct raw *raw, uint64_t drops, struct diag *diag);

#endif
