#include "clients/perf/floor.h"

#include "traces/checksum.h"

#include <inttypes.h>
#include <stdio.h>

#include <pcap/pcap.h>

static int read_all(pcap_t *pcap, uint64_t *packets, uint64_t *bytes, uint32_t *crc)
{
    struct pcap_pkthdr *head;
    const u_char *packet;
    int status;
    while ((status = pcap_next_ex(pcap, &head, &packet)) == 1) {
        *crc = checksum_add(*crc, packet, head->caplen);
        *bytes += head->caplen;
        ++*packets;
    }
    return status == PCAP_ERROR_BREAK ? 0 : -1; /* BREAK: the file's end */
}

int floor_decode(const struct floor_options *o, struct diag *diag)
{
    char text[PCAP_ERRBUF_SIZE];
    uint64_t packets = 0, bytes = 0;
    uint32_t crc = 0;
    uint64_t begin_ns = clock_monotonic_ns();
    pcap_t *pcap = o->file != NULL ? pcap_open_offline(o->file, text) : NULL;
    if (pcap == NULL)
        return diag_fail(diag, DIAG_USAGE, "--file: %s", o->file != NULL ? text : "which capture?");
    int status = read_all(pcap, &packets, &bytes, &crc);
    if (status < 0)
        diag_fail(diag, DIAG_USAGE, "%s: %s", o->file, pcap_geterr(pcap));
    pcap_close(pcap);
    if (status == 0)
        printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"crc32c\": %" PRIu32 ", \"for_ns\": %" PRIu64 "}\n", packets,
               bytes, crc, clock_monotonic_ns() - begin_ns);
    return status;
}
