#include "clients/perf/floor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

/* The processor's own CRC32C. Bytes in, the remainder out; crc: of what came before. */
#if defined(__x86_64__)
#include <nmmintrin.h>

#define CRC_TARGET    __attribute__((target("sse4.2")))
#define CRC_8(crc, v) (uint32_t) _mm_crc32_u64(crc, v)
#define CRC_1(crc, v) _mm_crc32_u8(crc, v)

static bool has_crc(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>

#define CRC_TARGET    __attribute__((target("+crc")))
#define CRC_8(crc, v) __crc32cd(crc, v)
#define CRC_1(crc, v) __crc32cb(crc, v)

static bool has_crc(void)
{
    return getauxval(AT_HWCAP) >> 7 & 1; /* HWCAP_CRC32 */
}
#else
#define CRC_TARGET
#define CRC_8(crc, v) ((uint32_t)(v) ^ (crc))
#define CRC_1(crc, v) ((v) ^ (crc))

static bool has_crc(void)
{
    return false;
}
#endif

CRC_TARGET static uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t n)
{
    for (; n >= 8; n -= 8, bytes += 8) {
        uint64_t v;
        memcpy(&v, bytes, sizeof v);
        crc = CRC_8(crc, v);
    }
    for (; n > 0; n--)
        crc = CRC_1(crc, *bytes++);
    return crc;
}

static int read_all(pcap_t *pcap, uint64_t *packets, uint64_t *bytes, uint32_t *crc)
{
    struct pcap_pkthdr *head;
    const u_char *packet;
    int status;
    while ((status = pcap_next_ex(pcap, &head, &packet)) == 1) {
        *crc = crc32c(*crc, packet, head->caplen);
        *bytes += head->caplen;
        ++*packets;
    }
    return status == PCAP_ERROR_BREAK ? 0 : -1; /* BREAK: the file's end */
}

int floor_decode(const struct floor_options *o, struct diag *diag)
{
    char text[PCAP_ERRBUF_SIZE];
    uint64_t packets = 0, bytes = 0;
    uint32_t crc = UINT32_MAX;
    if (!has_crc())
        return diag_fail(diag, DIAG_ENVIRONMENT, "this processor has no CRC32C instruction");
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
               bytes, ~crc, clock_monotonic_ns() - begin_ns);
    return status;
}
