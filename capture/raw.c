#include "capture/raw.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Both formats are written in this host's byte order; their magic numbers tell it. */
enum { PCAP_MAGIC_NS = 0xa1b23c4d, PCAPNG_MAGIC = 0x1a2b3c4d };
enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_IF_NAME = 2, OPTION_IF_TSRESOL = 9, OPTION_ISB_IFDROP = 5 };
enum { NANOSECONDS = 9 }; /* 10^-9 */

struct raw {
    FILE *file;
    char *path;
    bool pcapng;
    int sys; /* errno of the first write that failed */
    uint64_t last_ns;
};

static void put(struct raw *raw, const void *bytes, size_t n)
{
    if (n > 0 && fwrite(bytes, 1, n, raw->file) != n && raw->sys == 0)
        raw->sys = errno;
}

static void put16(struct raw *raw, unsigned v)
{
    uint16_t word = (uint16_t)v;
    put(raw, &word, sizeof word);
}

static void put32(struct raw *raw, uint64_t v)
{
    uint32_t word = (uint32_t)v;
    put(raw, &word, sizeof word);
}

static uint32_t pad4(size_t n)
{
    return (uint32_t)(n + 3) & ~3u;
}

static void put_padded(struct raw *raw, const void *bytes, size_t n)
{
    static const uint8_t zeros[4];
    put(raw, bytes, n);
    put(raw, zeros, pad4(n) - n);
}

static void put_option(struct raw *raw, unsigned code, const void *value, size_t n)
{
    put16(raw, code);
    put16(raw, (unsigned)n);
    put_padded(raw, value, n);
}

static void put_time(struct raw *raw, uint64_t ns)
{
    put32(raw, ns >> 32);
    put32(raw, ns);
}

static void pcap_head(struct raw *raw, const struct raw_config *config)
{
    put32(raw, PCAP_MAGIC_NS);
    put16(raw, 2);
    put16(raw, 4);
    put32(raw, 0);
    put32(raw, 0);
    put32(raw, config->snaplen);
    put32(raw, config->link);
}

static void pcapng_head(struct raw *raw, const struct raw_config *config)
{
    static const uint8_t resolution = NANOSECONDS;
    put32(raw, BLOCK_SECTION);
    put32(raw, 28);
    put32(raw, PCAPNG_MAGIC);
    put16(raw, 1);
    put16(raw, 0);
    put32(raw, UINT32_MAX); /* 64 bits of ones: the section's length is not known */
    put32(raw, UINT32_MAX);
    put32(raw, 28);

    size_t name = strlen(config->interface);
    uint32_t block = 20 + 4 + pad4(name) + 8 + 4;
    put32(raw, BLOCK_INTERFACE);
    put32(raw, block);
    put16(raw, config->link);
    put16(raw, 0);
    put32(raw, config->snaplen);
    put_option(raw, OPTION_IF_NAME, config->interface, name);
    put_option(raw, OPTION_IF_TSRESOL, &resolution, 1);
    put_option(raw, OPTION_END, NULL, 0);
    put32(raw, block);
}

struct raw *raw_open(const struct raw_config *config, struct diag *diag)
{
    struct raw *raw = calloc(1, sizeof *raw);
    if (raw == NULL || (raw->path = strdup(config->path)) == NULL || (raw->file = fopen(config->path, "wb")) == NULL) {
        diag_errno(diag, DIAG_ENVIRONMENT, "%s: cannot be written", config->path);
        if (raw != NULL)
            free(raw->path);
        free(raw);
        return NULL;
    }
    raw->pcapng = config->pcapng;
    (config->pcapng ? pcapng_head : pcap_head)(raw, config);
    return raw;
}

static void pcap_packet(struct raw *raw, const uint8_t *bytes, uint32_t captured, uint32_t length, uint64_t realtime_ns)
{
    put32(raw, realtime_ns / CLOCK_NS);
    put32(raw, realtime_ns % CLOCK_NS);
    put32(raw, captured);
    put32(raw, length);
    put(raw, bytes, captured);
}

static void pcapng_packet(struct raw *raw, const uint8_t *bytes, uint32_t captured, uint32_t length, uint64_t realtime_ns)
{
    uint32_t block = 32 + pad4(captured);
    put32(raw, BLOCK_PACKET);
    put32(raw, block);
    put32(raw, 0); /* the interface */
    put_time(raw, realtime_ns);
    put32(raw, captured);
    put32(raw, length);
    put_padded(raw, bytes, captured);
    put32(raw, block);
}

bool raw_packet(struct raw *raw, const uint8_t *bytes, uint32_t captured, uint32_t length, uint64_t realtime_ns)
{
    raw->last_ns = realtime_ns;
    (raw->pcapng ? pcapng_packet : pcap_packet)(raw, bytes, captured, length, realtime_ns);
    return raw->sys == 0;
}

static void pcapng_tail(struct raw *raw, uint64_t drops)
{
    enum { BLOCK = 24 + 12 + 4 };
    put32(raw, BLOCK_STATISTICS);
    put32(raw, BLOCK);
    put32(raw, 0);
    put_time(raw, raw->last_ns);
    put_option(raw, OPTION_ISB_IFDROP, &drops, sizeof drops);
    put_option(raw, OPTION_END, NULL, 0);
    put32(raw, BLOCK);
}

int raw_close(struct raw *raw, uint64_t drops, struct diag *diag)
{
    if (raw->pcapng)
        pcapng_tail(raw, drops);
    if (fclose(raw->file) != 0 && raw->sys == 0)
        raw->sys = errno;
    errno = raw->sys;
    int status = raw->sys != 0 ? diag_errno(diag, DIAG_ENVIRONMENT, "%s: cannot be written to its end", raw->path) : 0;
    free(raw->path);
    free(raw);
    return status;
}
