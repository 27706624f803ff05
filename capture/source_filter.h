/* A pcap filter for packets of any link layer, where libpcap reads none of them itself (capture/pcapng): compiled once for each
 * link layer that comes. */
#ifndef CAPLAY_CAPTURE_SOURCE_FILTER_H
#define CAPLAY_CAPTURE_SOURCE_FILTER_H

#include "base/diag.h"

#include <stdint.h>

struct source_filter;

/* `text` is borrowed. NULL with DIAG_USAGE where it is no filter, or DIAG_ENVIRONMENT. */
struct source_filter *source_filter_new(const char *text, struct diag *diag);
void source_filter_free(struct source_filter *f);

/* Does the packet pass? `link`: LINKTYPE_ number. 1, 0, or -1 with DIAG_USAGE: the filter cannot be had for this link layer. */
int source_filter_match(struct source_filter *f, unsigned link, uint32_t captured, uint32_t length, const uint8_t *bytes,
                        struct diag *diag);

#endif
