/* The trace file as it lies on disk: header and section table, shared by writer and reader. Layout byte by byte:
 * traces/FORMAT.md. */
#ifndef CAPLAY_TRACES_FORMAT_H
#define CAPLAY_TRACES_FORMAT_H

#include "traces/trace.h"

#define FORMAT_MAGIC       "catrace\x1a"
#define FORMAT_MAGIC_BYTES 8
#define FORMAT_ALIGN       8u

#define FORMAT_CHUNK_BYTES  (4u << 20) /* of a section, with a checksum of its own */
#define FORMAT_INDEX_EVENTS 4096u      /* messages a row of INDEX */
#define FORMAT_ROWS_MAX     64u        /* of a section table that a reader takes */
#define FORMAT_HEADER_MAX   65536u

/* Sections lie in this order, each at the next multiple of FORMAT_ALIGN; the bytes between are zeros. But for CHECKS, which is
 * the last one: see format_row(). */
enum format_section_kind {
    FORMAT_POOL,
    FORMAT_STRINGS,
    FORMAT_PVS,
    FORMAT_CIRCUITS,
    FORMAT_EVENTS,
    FORMAT_META,
    FORMAT_INDEX,
    FORMAT_CHECKS,
    FORMAT_LOSSES, /* since version 2.1 */
    FORMAT_SECTIONS
};

#define FORMAT_SECTIONS_V1 (FORMAT_META + 1)
#define FORMAT_SECTIONS_V2 (FORMAT_CHECKS + 1) /* that all of version 2 have */

struct format_section {
    uint64_t offset, bytes;
    uint64_t checks; /* index in CHECKS of its first chunk's checksum; of CHECKS itself: its CRC32C; version 1: XXH3-64 of it */
    uint32_t kind;
    uint32_t record_bytes; /* 1 for pool and strings */
};

struct format_header {
    char magic[FORMAT_MAGIC_BYTES];
    uint16_t major, minor;
    uint32_t header_bytes;
    uint64_t file_bytes; /* 0: unfinished */
    uint32_t nsections;
    uint32_t chunk_bytes;
    struct format_section sections[FORMAT_SECTIONS];
    uint8_t reserved[188];
    uint32_t checksum; /* CRC32C of all header bytes before; always the header's last 4 bytes */
};

struct format_header_v1 { /* of version 1.0 */
    char magic[FORMAT_MAGIC_BYTES];
    uint16_t major, minor;
    uint32_t header_bytes;
    uint64_t file_bytes;
    uint32_t nsections;
    uint32_t reserved;
    struct format_section sections[FORMAT_SECTIONS_V1];
    uint64_t reserved2[3];
    uint64_t checksum; /* XXH3-64 of all header bytes before */
};

struct format_meta {
    uint64_t start_realtime_ns, end_ns;
    struct trace_missing missing;
    char source[96]; /* NUL-padded, the last byte is NUL */
    char sha256[72]; /* 64 hex digits or empty, NUL-padded */
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are mapped as they are: little-endian hosts only");
_Static_assert(sizeof(struct format_header) == 512, "FORMAT.md: the header is 512 bytes");
_Static_assert(sizeof(struct format_header_v1) == 256, "FORMAT.md: the header of version 1.0 is 256 bytes");
_Static_assert(sizeof(struct format_meta) == 256, "FORMAT.md: META is 256 bytes");
_Static_assert(sizeof(struct trace_pv) == 16, "FORMAT.md: a PV is 16 bytes");
_Static_assert(sizeof(struct trace_circuit) == 48, "FORMAT.md: a circuit is 48 bytes");
_Static_assert(sizeof(struct trace_event) == 72, "FORMAT.md: an event is 72 bytes");
_Static_assert(sizeof(struct trace_loss) == 40, "FORMAT.md: a loss is 40 bytes");

static inline uint64_t format_align(uint64_t n)
{
    return (n + FORMAT_ALIGN - 1) & ~(uint64_t)(FORMAT_ALIGN - 1);
}

/* The row of a kind in the section table, and the kind of a row: LOSSES lies before CHECKS. */
static inline unsigned format_row(unsigned kind)
{
    return kind == FORMAT_CHECKS ? FORMAT_LOSSES : kind == FORMAT_LOSSES ? FORMAT_CHECKS : kind;
}

static inline const char *format_section_name(unsigned kind)
{
    static const char *const names[FORMAT_SECTIONS] = {"pool", "strings", "PVs",    "circuits", "events",
                                                       "meta", "index",   "checks", "losses"};
    return kind < FORMAT_SECTIONS ? names[kind] : "of an unknown kind";
}

static inline uint32_t format_record_bytes(unsigned kind)
{
    static const uint32_t bytes[FORMAT_SECTIONS] = {
        [FORMAT_POOL] = 1,
        [FORMAT_STRINGS] = 1,
        [FORMAT_PVS] = sizeof(struct trace_pv),
        [FORMAT_CIRCUITS] = sizeof(struct trace_circuit),
        [FORMAT_EVENTS] = sizeof(struct trace_event),
        [FORMAT_META] = sizeof(struct format_meta),
        [FORMAT_INDEX] = sizeof(uint64_t),
        [FORMAT_CHECKS] = sizeof(uint32_t),
        [FORMAT_LOSSES] = sizeof(struct trace_loss),
    };
    return kind < FORMAT_SECTIONS ? bytes[kind] : 1;
}

#endif
