#include "capture/raw.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Both formats are written in this host's byte order; their magic numbers tell it. */
enum { PCAP_MAGIC_NS = 0xa1b23c4d, PCAPNG_MAGIC = 0x1a2b3c4d };
enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_IF_NAME = 2, OPTION_IF_TSRESOL = 9, OPTION_ISB_IFDROP = 5 };
enum { NANOSECONDS = 9 }; /* 10^-9 */
enum { LINKTYPE_ETHERNET = 1 };

enum { LINKS_MAX = 16, PATH_BYTES = 4096 };

/* What is there is written when a packet is whole, never in the middle of one. A large packet's bytes are written from where they
 * lie (VIEW_BYTES), so what is gathered always fits. */
enum { FLUSH_BYTES = 64 << 10, VIEW_BYTES = 16 << 10, BUFFER_BYTES = 128 << 10 };

struct raw {
    struct raw_config config;
    int file; /* -1: none */
    char path[PATH_BYTES];
    struct diag fault; /* the first; its code DIAG_GOOD: none */
    struct rotation rotation;
    uint64_t last_ns, bytes;           /* of the file */
    unsigned links[LINKS_MAX], nlinks; /* of the file's packets: a pcapng interface each */
    uint64_t whole, flushed_ns;        /* bytes that are in the file, all of whole packets; since when, by the caller's clock */
    struct iovec view; /* a large packet's bytes, which belong behind the first `split` gathered ones; none: iov_len 0 */
    size_t gathered, split;
    uint8_t buffer[BUFFER_BYTES];
};

static void fail(struct raw *raw, const char *what)
{
    if (raw->fault.code == DIAG_GOOD)
        diag_errno(&raw->fault, DIAG_ENVIRONMENT, "%s: %s", raw->path, what);
}

static void put(struct raw *raw, const void *bytes, size_t n)
{
    assert(n <= sizeof raw->buffer - raw->gathered);
    if (n > 0)
        memcpy(raw->buffer + raw->gathered, bytes, n);
    raw->gathered += n;
    raw->bytes += n;
}

/* A packet's bytes; the packet is flushed before they are gone. */
static void put_bytes(struct raw *raw, const void *bytes, size_t n)
{
    if (n < VIEW_BYTES) {
        put(raw, bytes, n);
        return;
    }
    raw->view = (struct iovec){(void *)(uintptr_t)bytes, n};
    raw->split = raw->gathered;
    raw->bytes += n;
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

static const uint8_t zeros[4];

static void put_padded(struct raw *raw, const void *bytes, size_t n)
{
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

static void pcap_head(struct raw *raw, unsigned link)
{
    put32(raw, PCAP_MAGIC_NS);
    put16(raw, 2);
    put16(raw, 4);
    put32(raw, 0);
    put32(raw, 0);
    put32(raw, raw->config.snaplen);
    put32(raw, link);
}

static void pcapng_head(struct raw *raw)
{
    put32(raw, BLOCK_SECTION);
    put32(raw, 28);
    put32(raw, PCAPNG_MAGIC);
    put16(raw, 1);
    put16(raw, 0);
    put32(raw, UINT32_MAX); /* 64 bits of ones: the section's length is not known */
    put32(raw, UINT32_MAX);
    put32(raw, 28);
}

static void pcapng_interface(struct raw *raw, unsigned link)
{
    static const uint8_t resolution = NANOSECONDS;
    size_t name = strlen(raw->config.interface);
    uint32_t block = 20 + 4 + pad4(name) + 8 + 4;
    put32(raw, BLOCK_INTERFACE);
    put32(raw, block);
    put16(raw, link);
    put16(raw, 0);
    put32(raw, raw->config.snaplen);
    put_option(raw, OPTION_IF_NAME, raw->config.interface, name);
    put_option(raw, OPTION_IF_TSRESOL, &resolution, 1);
    put_option(raw, OPTION_END, NULL, 0);
    put32(raw, block);
}

/* The packets' interface in the file, announced when its first one comes. -1: it cannot have one. */
static int interface_of(struct raw *raw, unsigned link)
{
    for (unsigned i = 0; i < raw->nlinks; i++)
        if (raw->links[i] == link)
            return (int)i;
    unsigned most = raw->config.pcapng ? LINKS_MAX : 1;
    if (raw->nlinks == most) {
        diag_fail(&raw->fault, DIAG_USAGE,
                  "%s: packets of link layer %u behind those of %u: such a file takes %u: write .pcapng%s", raw->path, link,
                  raw->links[0], most, most > 1 ? " of fewer" : "");
        return -1;
    }
    (raw->config.pcapng ? pcapng_interface : pcap_head)(raw, link);
    raw->links[raw->nlinks++] = link;
    return (int)raw->nlinks - 1;
}

static void pcapng_tail(struct raw *raw)
{
    enum { BLOCK = 24 + 12 + 4 };
    uint64_t drops = raw->config.source != NULL ? source_drops(raw->config.source) : raw->config.drops;
    put32(raw, BLOCK_STATISTICS);
    put32(raw, BLOCK);
    put32(raw, 0);
    put_time(raw, raw->last_ns);
    put_option(raw, OPTION_ISB_IFDROP, &drops, sizeof drops);
    put_option(raw, OPTION_END, NULL, 0);
    put32(raw, BLOCK);
}

/* ---- one file after the other ---- */

static void open_file(struct raw *raw)
{
    rotation_name(&raw->rotation, raw->path, sizeof raw->path);
    raw->bytes = raw->whole = raw->nlinks = 0;
    raw->file = open(raw->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (raw->file < 0) {
        fail(raw, "cannot be written");
        return;
    }
    if (raw->config.pcapng)
        pcapng_head(raw);
}

/* Take n bytes off the pieces' front. */
static void advance(struct iovec *pieces, int npieces, size_t n)
{
    for (int i = 0; i < npieces && n > 0; i++) {
        const size_t part = n < pieces[i].iov_len ? n : pieces[i].iov_len;
        pieces[i].iov_base = (uint8_t *)pieces[i].iov_base + part;
        pieces[i].iov_len -= part;
        n -= part;
    }
}

static void flush(struct raw *raw)
{
    const size_t split = raw->view.iov_len > 0 ? raw->split : raw->gathered;
    struct iovec pieces[] = {{raw->buffer, split}, raw->view, {raw->buffer + split, raw->gathered - split}};
    size_t left = raw->gathered + raw->view.iov_len;
    raw->gathered = raw->view.iov_len = 0;
    while (left > 0) {
        const ssize_t n = writev(raw->file, pieces, 3);
        if (n < 0 && errno != EINTR) {
            fail(raw, "cannot be written to its end");
            return;
        }
        advance(pieces, 3, n > 0 ? (size_t)n : 0);
        left -= n > 0 ? (size_t)n : 0;
    }
    raw->whole = raw->bytes;
}

/* A disk that is full took a part of a packet. */
static void cut_to_whole(const struct raw *raw)
{
    if (truncate(raw->path, (off_t)raw->whole) != 0)
        fprintf(stderr, "caplay: warning: %s: its last packet is not whole\n", raw->path);
}

static void close_file(struct raw *raw)
{
    if (raw->file < 0)
        return;
    if (raw->nlinks == 0)
        (void)interface_of(raw, LINKTYPE_ETHERNET); /* no packet came, but it shall be a whole file */
    if (raw->fault.code == DIAG_GOOD)
        flush(raw); /* so that a statistics block is all that can be cut */
    if (raw->config.pcapng && raw->fault.code == DIAG_GOOD) {
        pcapng_tail(raw);
        flush(raw);
    }
    if (close(raw->file) != 0)
        fail(raw, "cannot be written to its end");
    raw->file = -1;
    if (raw->fault.code == DIAG_ENVIRONMENT)
        cut_to_whole(raw);
}

/* The first file, if its time is the first packet's. */
static void begin(struct raw *raw, uint64_t now_ns)
{
    if (raw->file >= 0 || raw->rotation.begin_ns != 0 || raw->fault.code != DIAG_GOOD)
        return;
    raw->rotation.begin_ns = now_ns;
    open_file(raw);
}

/* Go on to another file if this one is old or large enough. False: there shall be no other. */
static bool rotate(struct raw *raw, uint64_t now_ns)
{
    const enum rotation_step step = rotation_step(&raw->rotation, now_ns, raw->bytes);
    if (step == ROTATION_STAY)
        return true;
    close_file(raw);
    if (step == ROTATION_NEXT)
        open_file(raw);
    return step == ROTATION_NEXT;
}

struct raw *raw_open(const struct raw_config *config, struct diag *diag)
{
    struct raw *raw = calloc(1, sizeof *raw);
    if (raw == NULL) {
        diag_errno(diag, DIAG_ENVIRONMENT, "%s", config->rotation.path);
        return NULL;
    }
    raw->config = *config;
    raw->file = -1;
    raw->rotation.rules = config->rotation;
    raw->rotation.begin_ns = config->start_ns;
    if (config->start_ns == 0)
        return raw;
    open_file(raw);
    if (raw->file >= 0)
        return raw;
    *diag = raw->fault;
    free(raw);
    return NULL;
}

static void pcap_packet(struct raw *raw, const struct source_packet *p)
{
    put32(raw, p->realtime_ns / CLOCK_NS);
    put32(raw, p->realtime_ns % CLOCK_NS);
    put32(raw, p->captured);
    put32(raw, p->length);
    put_bytes(raw, p->bytes, p->captured);
}

static void pcapng_packet(struct raw *raw, unsigned interface, const struct source_packet *p)
{
    uint32_t block = 32 + pad4(p->captured);
    put32(raw, BLOCK_PACKET);
    put32(raw, block);
    put32(raw, interface);
    put_time(raw, p->realtime_ns);
    put32(raw, p->captured);
    put32(raw, p->length);
    put_bytes(raw, p->bytes, p->captured);
    put(raw, zeros, pad4(p->captured) - p->captured);
    put32(raw, block);
}

bool raw_packet(struct raw *raw, const struct source_packet *p)
{
    begin(raw, p->realtime_ns);
    if (!rotate(raw, p->realtime_ns) || raw->file < 0)
        return false;
    int interface = interface_of(raw, p->link);
    if (interface < 0)
        return false;
    raw->last_ns = p->realtime_ns;
    if (raw->config.pcapng)
        pcapng_packet(raw, (unsigned)interface, p);
    else
        pcap_packet(raw, p);
    if (raw->fault.code == DIAG_GOOD && (raw->view.iov_len > 0 || raw->bytes - raw->whole >= FLUSH_BYTES))
        flush(raw);
    return raw->fault.code == DIAG_GOOD;
}

void raw_tick(struct raw *raw, uint64_t now_ns)
{
    if (raw->file < 0 || raw->fault.code != DIAG_GOOD || now_ns - raw->flushed_ns < CLOCK_NS)
        return;
    raw->flushed_ns = now_ns;
    if (raw->bytes > raw->whole)
        flush(raw);
}

int raw_close(struct raw *raw, struct diag *diag)
{
    begin(raw, 1); /* no packet came */
    close_file(raw);
    int status = raw->fault.code == DIAG_GOOD ? 0 : -1;
    if (status < 0)
        *diag = raw->fault;
    free(raw);
    return status;
}
