/* CRC32C (Castagnoli, RFC 3720), as the trace file and its journal have it; the library uses the processor's own instruction. */
#ifndef CAPLAY_TRACES_CHECKSUM_H
#define CAPLAY_TRACES_CHECKSUM_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include <isa-l/crc.h>

/* Of n more bytes behind those that gave `sum`; it begins with 0. */
static inline uint32_t checksum_add(uint32_t sum, const void *bytes, size_t n)
{
    unsigned char *at = (unsigned char *)(uintptr_t)bytes; /* the library reads only, and forgot to say so */
    sum = ~sum;
    while (n > 0) {
        const int part = n < INT_MAX ? (int)n : INT_MAX;
        sum = crc32_iscsi(at, part, sum);
        at += part;
        n -= (size_t)part;
    }
    return ~sum;
}

#endif
