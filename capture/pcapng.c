#include "capture/pcapng.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_INTERFACE = 1, BLOCK_PACKET_OLD = 2, BLOCK_SIMPLE = 3, BLOCK_STATISTICS = 5, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 }; /* of an interface */
enum { OPTION_IFDROP = 5, OPTION_OSDROP = 7 };                      /* of statistics */
enum { BLOCK_BYTES_MIN = 12, BLOCK_BYTES_MAX = 16 << 20, INTERFACES_MAX = 4096 };
enum { BUFFER_BYTES = 256 << 10 };

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define NS               UINT64_C(1000000000)

struct interface {
    unsigned link;
    uint32_t snaplen; /* 0: none */
    uint64_t units;   /* of a time stamp, a second */
    int64_t offset_s;
    uint64_t drops;
};

struct pcapng {
    FILE *file;
    const char *name;
    bool swapped; /* the section is in the other byte order */
    struct interface *interfaces;
    unsigned ninterfaces;
    uint64_t offset, drops; /* of the block; of sections that ended */
    uint8_t *buffer;        /* what was read; blocks are taken from where they lie */
    size_t room, begin, end;
};

/* A block without its frame: what is left of it. */
struct body {
    const struct pcapng *p;
    const uint8_t *at;
    size_t n;
};

struct pcapng *pcapng_new(FILE *file, const char *name, struct diag *diag)
{
    struct pcapng *p = calloc(1, sizeof *p);
    if (p == NULL)
        diag_errno(diag, DIAG_ENVIRONMENT, "%s", name);
    else
        *p = (struct pcapng){.file = file, .name = name};
    return p;
}

void pcapng_free(struct pcapng *p)
{
    if (p == NULL)
        return;
    free(p->interfaces);
    free(p->buffer);
    free(p);
}

/* ---- numbers of the section's byte order ---- */

static uint32_t word(const struct pcapng *p, const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return p->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t half(const struct pcapng *p, const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return p->swapped ? __builtin_bswap16(v) : v;
}

static uint64_t twice(const struct pcapng *p, const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return p->swapped ? __builtin_bswap64(v) : v;
}

/* The next option's code and value: a view. False: there is none, or the rest is damaged. */
static bool next_option(struct body *b, unsigned *code, struct body *value)
{
    if (b->n < 4)
        return false;
    size_t n = half(b->p, b->at + 2), padded = (n + 3) & ~(size_t)3;
    *code = half(b->p, b->at);
    if (*code == OPTION_END || padded > b->n - 4)
        return false;
    *value = (struct body){b->p, b->at + 4, n};
    b->at += 4 + padded;
    b->n -= 4 + padded;
    return true;
}

/* ---- blocks ---- */

static int bad(const struct pcapng *p, struct diag *diag, const char *what, uint64_t expected, uint64_t found)
{
    diag_fail(diag, DIAG_USAGE, "%s: byte %" PRIu64 ": %s: expected %" PRIu64 ", found %" PRIu64, p->name, p->offset, what,
              expected, found);
    return -1;
}

static int cut(const struct pcapng *p, struct diag *diag, uint64_t expected, uint64_t found)
{
    if (!ferror(p->file))
        return bad(p, diag, "the file ends within a block: bytes of it", expected, found);
    diag_fail(diag, DIAG_USAGE,
              "%s: byte %" PRIu64 ": cannot be read on: expected %" PRIu64
              " more bytes of a block, found damaged or cut gzip data",
              p->name, p->offset + found, expected - found);
    return -1;
}

static int grow(struct pcapng *p, size_t n, struct diag *diag)
{
    if (n <= p->room)
        return 0;
    const size_t room = n > BUFFER_BYTES ? n : BUFFER_BYTES;
    uint8_t *more = realloc(p->buffer, room);
    if (more == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "%s: a block of %zu bytes", p->name, n);
    p->buffer = more;
    p->room = room;
    return 0;
}

/* Have the next n bytes in the buffer, or what there is before the file's end: *got of them. 0 or -1. */
static int fill(struct pcapng *p, size_t n, size_t *got, struct diag *diag)
{
    *got = n;
    if (p->end - p->begin >= n)
        return 0;
    if (p->begin > 0) {
        memmove(p->buffer, p->buffer + p->begin, p->end - p->begin);
        p->end -= p->begin;
        p->begin = 0;
    }
    if (grow(p, n, diag) < 0)
        return -1;
    for (size_t more = 1; more > 0 && p->end - p->begin < n; p->end += more)
        more = fread(p->buffer + p->end, 1, p->room - p->end, p->file);
    *got = p->end - p->begin < n ? p->end - p->begin : n;
    return 0;
}

/* A section's head says its byte order behind its length. */
static int read_order(struct pcapng *p, const uint8_t *head, struct diag *diag)
{
    uint32_t magic;
    memcpy(&magic, head + 8, sizeof magic);
    p->swapped = magic == __builtin_bswap32(BYTE_ORDER_MAGIC);
    if (!p->swapped && magic != BYTE_ORDER_MAGIC)
        return bad(p, diag, "byte order of a section", BYTE_ORDER_MAGIC, magic);
    for (unsigned i = 0; i < p->ninterfaces; i++)
        p->drops += p->interfaces[i].drops;
    p->ninterfaces = 0;
    return 0;
}

/* Read a block's head: *type and *n, its bytes in all. 1, 0 at the file's end, -1. */
static int read_head(struct pcapng *p, uint32_t *type, uint32_t *n, struct diag *diag)
{
    size_t got;
    if (fill(p, BLOCK_BYTES_MIN, &got, diag) < 0)
        return -1;
    if (got == 0 && !ferror(p->file))
        return 0;
    if (got < BLOCK_BYTES_MIN)
        return cut(p, diag, BLOCK_BYTES_MIN, got);
    const uint8_t *head = p->buffer + p->begin;
    *type = word(p, head);
    if (*type == PCAPNG_MAGIC && read_order(p, head, diag) < 0)
        return -1;
    *n = word(p, head + 4);
    if (*n > BLOCK_BYTES_MAX)
        return bad(p, diag, "length of a block, at most", BLOCK_BYTES_MAX, *n);
    if (*n < BLOCK_BYTES_MIN)
        return bad(p, diag, "length of a block, at least", BLOCK_BYTES_MIN, *n);
    return *n % 4 == 0 ? 1 : bad(p, diag, "length of a block, modulo 4", 0, *n % 4);
}

/* Read a block: *type and *b, without its lengths. 1, 0 at the file's end, -1. */
static int read_block(struct pcapng *p, uint32_t *type, struct body *b, struct diag *diag)
{
    uint32_t n = 0;
    size_t got;
    int status = read_head(p, type, &n, diag);
    if (status <= 0)
        return status;
    if (fill(p, n, &got, diag) < 0)
        return -1;
    if (got < n)
        return cut(p, diag, n, got);
    *b = (struct body){p, p->buffer + p->begin + 8, n - BLOCK_BYTES_MIN};
    if (word(p, b->at + b->n) != n)
        return bad(p, diag, "length at a block's end", n, word(p, b->at + b->n));
    p->begin += n;
    return 1;
}

/* ---- interfaces ---- */

static uint64_t power(uint64_t base, unsigned exponent)
{
    uint64_t v = 1;
    while (exponent-- > 0 && v <= UINT64_MAX / base)
        v *= base;
    return v;
}

static int add_interface(struct pcapng *p, struct body b, struct diag *diag)
{
    if (b.n < 8)
        return bad(p, diag, "bytes of an interface, at least", 8, b.n);
    bool fits = p->ninterfaces < INTERFACES_MAX;
    struct interface *more = fits ? realloc(p->interfaces, (p->ninterfaces + 1) * sizeof *more) : NULL;
    if (more == NULL)
        return bad(p, diag, "interfaces, at most", INTERFACES_MAX, p->ninterfaces + 1);
    p->interfaces = more;
    struct interface *i = &more[p->ninterfaces++];
    *i = (struct interface){.link = half(p, b.at), .snaplen = word(p, b.at + 4), .units = 1000000};
    struct body options = {p, b.at + 8, b.n - 8}, value;
    unsigned code;
    while (next_option(&options, &code, &value)) {
        if (code == OPTION_RESOLUTION && value.n >= 1)
            i->units = power(value.at[0] & 0x80 ? 2 : 10, value.at[0] & 0x7f);
        else if (code == OPTION_OFFSET && value.n >= 8)
            i->offset_s = (int64_t)twice(p, value.at);
    }
    return 0;
}

static void note_statistics(struct pcapng *p, struct body b)
{
    if (b.n < 12 || word(p, b.at) >= p->ninterfaces)
        return;
    struct interface *i = &p->interfaces[word(p, b.at)];
    struct body options = {p, b.at + 12, b.n - 12}, value;
    unsigned code;
    uint64_t drops = 0;
    while (next_option(&options, &code, &value))
        if ((code == OPTION_IFDROP || code == OPTION_OSDROP) && value.n >= 8)
            drops += twice(p, value.at);
    i->drops = drops; /* counted since the capture's begin */
}

/* ---- packets ---- */

/* Fractions keep 34 bits or 9 digits, whichever is less, so that nothing overflows. */
static uint64_t to_ns(const struct interface *i, uint64_t stamp)
{
    if (i->units == NS) /* without three divisions a packet */
        return stamp + (uint64_t)i->offset_s * NS;
    uint64_t s = stamp / i->units, fraction = stamp % i->units, units = i->units;
    for (; units > UINT64_C(1) << 34; units /= 2)
        fraction /= 2;
    return (s + (uint64_t)i->offset_s) * NS + fraction * NS / units;
}

static int take(struct pcapng *p, unsigned interface, struct body rest, struct pcapng_packet *packet, struct diag *diag)
{
    if (interface >= p->ninterfaces)
        return bad(p, diag, "interface of a packet, below", p->ninterfaces, interface);
    if (packet->captured > rest.n)
        return bad(p, diag, "bytes of a packet, at most", rest.n, packet->captured);
    packet->bytes = rest.at;
    packet->link = p->interfaces[interface].link;
    return 1;
}

static int take_packet(struct pcapng *p, uint32_t type, struct body b, struct pcapng_packet *packet, struct diag *diag)
{
    if (b.n < 20)
        return bad(p, diag, "bytes of a packet's block, at least", 20, b.n);
    unsigned interface = type == BLOCK_PACKET ? word(p, b.at) : half(p, b.at);
    uint64_t stamp = (uint64_t)word(p, b.at + 4) << 32 | word(p, b.at + 8);
    *packet = (struct pcapng_packet){.captured = word(p, b.at + 12), .length = word(p, b.at + 16)};
    if (interface < p->ninterfaces)
        packet->realtime_ns = to_ns(&p->interfaces[interface], stamp);
    return take(p, interface, (struct body){p, b.at + 20, b.n - 20}, packet, diag);
}

/* It has no length of its own but the packet's on the wire: what lies in the block was captured, up to the snapshot length. */
static int take_simple(struct pcapng *p, struct body b, struct pcapng_packet *packet, struct diag *diag)
{
    if (b.n < 4)
        return bad(p, diag, "bytes of a simple packet's block, at least", 4, b.n);
    uint32_t length = word(p, b.at), snaplen = p->ninterfaces > 0 ? p->interfaces[0].snaplen : 0;
    *packet = (struct pcapng_packet){.captured = snaplen != 0 && snaplen < length ? snaplen : length, .length = length};
    return take(p, 0, (struct body){p, b.at + 4, b.n - 4}, packet, diag);
}

/* 1: a packet; 0: no packet; -1. */
static int take_block(struct pcapng *p, uint32_t type, struct body b, struct pcapng_packet *packet, struct diag *diag)
{
    switch (type) {
    case BLOCK_INTERFACE:
        return add_interface(p, b, diag);
    case BLOCK_STATISTICS:
        note_statistics(p, b);
        return 0;
    case BLOCK_PACKET:
    case BLOCK_PACKET_OLD:
        return take_packet(p, type, b, packet, diag);
    case BLOCK_SIMPLE:
        return take_simple(p, b, packet, diag);
    default:
        return 0;
    }
}

int pcapng_next(struct pcapng *p, struct pcapng_packet *packet, struct diag *diag)
{
    for (;;) {
        uint32_t type = 0;
        struct body body = {.n = 0};
        int status = read_block(p, &type, &body, diag);
        if (status <= 0)
            return status;
        status = take_block(p, type, body, packet, diag);
        p->offset += body.n + BLOCK_BYTES_MIN;
        if (status != 0)
            return status;
    }
}

uint64_t pcapng_drops(const struct pcapng *p)
{
    uint64_t drops = p->drops;
    for (unsigned i = 0; i < p->ninterfaces; i++)
        drops += p->interfaces[i].drops;
    return drops;
}
