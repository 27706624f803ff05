/* pcapng files, packet by packet. libpcap reads them too, but refuses those whose interfaces differ in their link layers, as
 * `dumpcap -i any -i eth0` and mergecap write them. Rule: IETF draft-ietf-opsawg-pcapng. */
#ifndef CAPLAY_CAPTURE_PCAPNG_H
#define CAPLAY_CAPTURE_PCAPNG_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_MAGIC 0x0a0d0d0au /* the first 4 bytes of such a file */

struct pcapng;

struct pcapng_packet {
    const uint8_t *bytes; /* borrowed until the next call */
    uint32_t captured, length;
    uint64_t realtime_ns; /* since the Unix epoch; 0 of a simple packet, which has none */
    unsigned link;        /* LINKTYPE_ number, tcpdump.org */
};

/* Reads a stream at its beginning; `name` is for messages. Both are borrowed. NULL with DIAG_ENVIRONMENT: out of memory. */
struct pcapng *pcapng_new(FILE *file, const char *name, struct diag *diag);
void pcapng_free(struct pcapng *p); /* the file stays open */

/* The next packet: 1; 0: the file's end; -1 with DIAG_USAGE: it is cut or damaged, with the offset of the block, what was
 * expected and found. */
int pcapng_next(struct pcapng *p, struct pcapng_packet *packet, struct diag *diag);

/* Packets that the kernel and the interfaces dropped, as far as the statistics that were read tell. */
uint64_t pcapng_drops(const struct pcapng *p);

#endif
