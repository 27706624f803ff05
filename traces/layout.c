#include "traces/layout.h"

#include "traces/checksum.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

/* ---- what is it? ---- */

static bool is_capture(const struct layout *l)
{
    static const uint8_t magics[][4] = {
        {0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4}, /* pcap, microseconds */
        {0x4d, 0x3c, 0xb2, 0xa1}, {0xa1, 0xb2, 0x3c, 0x4d}, /* pcap, nanoseconds */
        {0x0a, 0x0d, 0x0d, 0x0a},                           /* pcapng */
    };
    for (size_t i = 0; l->size >= 4 && i < sizeof magics / sizeof *magics; i++)
        if (memcmp(l->bytes, magics[i], 4) == 0)
            return true;
    return false;
}

static int check_magic(const struct layout *l, struct diag *diag)
{
    if (l->size >= FORMAT_MAGIC_BYTES && memcmp(l->bytes, FORMAT_MAGIC, FORMAT_MAGIC_BYTES) == 0)
        return 0;
    if (is_capture(l))
        return diag_fail(diag, DIAG_USAGE, "%s is a capture: run `caplay capture -r %s -w %s.catrace` first", l->path, l->path,
                         l->path);
    if (l->size > 0 && l->bytes[0] == '{')
        return diag_fail(diag, DIAG_USAGE, "%s is text: run `caplay compile %s -o %s.catrace` first, if it is that of a trace",
                         l->path, l->path, l->path);
    char found[2 * FORMAT_MAGIC_BYTES + 1] = "";
    for (size_t i = 0; i < l->size && i < FORMAT_MAGIC_BYTES; i++)
        snprintf(found + 2 * i, 3, "%02x", l->bytes[i]);
    return diag_fail(diag, DIAG_USAGE, "%s is not a trace: offset 0: expected \"catrace\" (636174726163651a), found %s", l->path,
                     found);
}

static int fail_short(const struct layout *l, uint64_t needed, struct diag *diag)
{
    return diag_fail(diag, DIAG_USAGE, "%s is cut short: %" PRIu64 " bytes, its header needs %" PRIu64, l->path, l->size, needed);
}

/* Before anything else of the header is believed: another major version may lay it out in another way. */
static int check_version(struct layout *l, struct diag *diag)
{
    const struct format_header *h = (const void *)l->bytes;
    if (l->size < offsetof(struct format_header, header_bytes))
        return fail_short(l, sizeof *h, diag);
    l->major = h->major;
    l->minor = h->minor;
    if (h->major == TRACE_MAJOR || (h->major == 1 && h->minor == 0))
        return 0;
    return diag_fail(diag, DIAG_USAGE, "%s is a trace of version %u.%u, this caplay reads 1.0 and %u.x: take a newer caplay",
                     l->path, h->major, h->minor, TRACE_MAJOR);
}

/* ---- header ---- */

/* The fields that all versions have in the same places. */
static int check_sizes(const struct layout *l, struct diag *diag)
{
    const struct format_header *h = (const void *)l->bytes;
    if (h->file_bytes == l->size)
        return 0;
    return diag_fail(diag, DIAG_USAGE, "%s is %s: %" PRIu64 " bytes, it was written with %" PRIu64, l->path,
                     l->size < h->file_bytes ? "cut short" : "too long", l->size, h->file_bytes);
}

static int fail_checksum(const struct layout *l, uint64_t stored, uint64_t found, int digits, struct diag *diag)
{
    return diag_fail(diag, DIAG_USAGE, "%s is damaged: header at offset 0: checksum %0*" PRIx64 ", the bytes give %0*" PRIx64,
                     l->path, digits, stored, digits, found);
}

static int fail_header(const struct layout *l, struct diag *diag)
{
    const struct format_header *h = (const void *)l->bytes;
    return diag_fail(diag, DIAG_USAGE, "%s: header of %u bytes with %u sections at offset 12: version %u.%u has no such one",
                     l->path, h->header_bytes, h->nsections, l->major, l->minor);
}

static int read_header_v1(struct layout *l, struct diag *diag)
{
    const struct format_header_v1 *h = (const void *)l->bytes;
    const uint64_t sum = XXH3_64bits(h, offsetof(struct format_header_v1, checksum));
    if (sum != h->checksum)
        return fail_checksum(l, h->checksum, sum, 16, diag);
    if (check_sizes(l, diag) < 0)
        return -1;
    if (h->header_bytes != sizeof *h || h->nsections != FORMAT_SECTIONS_V1)
        return fail_header(l, diag);
    l->header_bytes = sizeof *h;
    l->nrows = FORMAT_SECTIONS_V1;
    memcpy(l->rows, h->sections, sizeof h->sections);
    return 0;
}

static bool is_header(const struct format_header *h)
{
    const uint64_t rows_end = offsetof(struct format_header, sections) + (uint64_t)h->nsections * sizeof *h->sections;
    return h->nsections >= FORMAT_SECTIONS_V2 && h->nsections <= FORMAT_ROWS_MAX && h->header_bytes % FORMAT_ALIGN == 0 &&
           rows_end <= h->header_bytes - sizeof h->checksum && h->chunk_bytes >= 4096;
}

/* A newer minor version may have a longer header and more sections. */
static int read_header(struct layout *l, struct diag *diag)
{
    const struct format_header *h = (const void *)l->bytes;
    const uint32_t n = h->header_bytes;
    uint32_t stored;
    if (n < sizeof *h || n > FORMAT_HEADER_MAX)
        return fail_header(l, diag);
    if (l->size < n)
        return fail_short(l, n, diag);
    memcpy(&stored, l->bytes + n - sizeof stored, sizeof stored);
    const uint32_t sum = checksum_add(0, l->bytes, n - sizeof stored);
    if (sum != stored)
        return fail_checksum(l, stored, sum, 8, diag);
    if (check_sizes(l, diag) < 0)
        return -1;
    if (!is_header(h))
        return fail_header(l, diag);
    l->header_bytes = n;
    l->nrows = h->nsections;
    l->chunk_bytes = h->chunk_bytes;
    memcpy(l->rows, l->bytes + offsetof(struct format_header, sections), l->nrows * sizeof *l->rows);
    return 0;
}

static int read_any_header(struct layout *l, struct diag *diag)
{
    const struct format_header *h = (const void *)l->bytes;
    const uint64_t needed = l->major == 1 ? sizeof(struct format_header_v1) : sizeof *h;
    if (l->size < needed)
        return fail_short(l, needed, diag);
    if (h->file_bytes == 0)
        return diag_fail(diag, DIAG_USAGE,
                         "%s is unfinished: its capture is still running, or was killed: `caplay recover %s -o FILE`", l->path,
                         l->path);
    return l->major == 1 ? read_header_v1(l, diag) : read_header(l, diag);
}

/* ---- sections ---- */

/* The bytes between two sections are covered by no checksum. */
static int check_gap(const struct layout *l, uint64_t from, uint64_t to, struct diag *diag)
{
    for (uint64_t at = from; at < to; at++)
        if (l->bytes[at] != 0)
            return diag_fail(diag, DIAG_USAGE,
                             "%s is damaged: byte 0x%02x between two sections at offset %" PRIu64 ", expected 0", l->path,
                             l->bytes[at], at);
    return 0;
}

/* Records of some tables grow with newer minor versions; others are read as arrays of fixed things. */
static bool is_record(const struct layout *l, const struct format_section *s)
{
    const uint32_t least = format_record_bytes(s->kind);
    const bool may_grow = l->major > 1 && ((s->kind >= FORMAT_PVS && s->kind <= FORMAT_META) || s->kind == FORMAT_LOSSES);
    if (s->kind >= FORMAT_SECTIONS)
        return s->record_bytes > 0;
    return s->record_bytes == least || (may_grow && s->record_bytes > least && s->record_bytes <= 4096);
}

static bool is_placed(const struct layout *l, const struct format_section *s, uint64_t due)
{
    if (!is_record(l, s) || s->offset != due || due > l->size || s->bytes > l->size - due || s->bytes % s->record_bytes != 0)
        return false;
    const bool has_numbers = s->kind != FORMAT_POOL && s->kind < FORMAT_SECTIONS; /* 32 bits */
    return !has_numbers || s->bytes / s->record_bytes < TRACE_NONE;
}

/* The section lies where it must, right behind the one before, which ends at *end. */
static int check_place(struct layout *l, const struct format_section *s, uint64_t *end, struct diag *diag)
{
    const uint64_t due = format_align(*end);
    const bool is_known = s->kind < FORMAT_SECTIONS;
    if (!is_placed(l, s, due) || (is_known && l->known[s->kind] != NULL))
        return diag_fail(diag, DIAG_USAGE,
                         "%s: section %s cannot lie at offset %" PRIu64 " with %" PRIu64 " bytes in a file of %" PRIu64, l->path,
                         format_section_name(s->kind), s->offset, s->bytes, l->size);
    if (check_gap(l, *end, due, diag) < 0)
        return -1;
    if (is_known)
        l->known[s->kind] = s;
    *end = due + s->bytes;
    return 0;
}

static int check_places(struct layout *l, struct diag *diag)
{
    uint64_t end = l->header_bytes;
    for (uint32_t i = 0; i < l->nrows; i++)
        if (check_place(l, &l->rows[i], &end, diag) < 0)
            return -1;
    for (unsigned kind = 0; kind < (l->major == 1 ? FORMAT_SECTIONS_V1 : FORMAT_SECTIONS_V2); kind++)
        if (l->known[kind] == NULL)
            return diag_fail(diag, DIAG_USAGE, "%s has no section %s: the table at offset %zu names %u others", l->path,
                             format_section_name(kind), offsetof(struct format_header, sections), l->nrows);
    if (end != l->size)
        return diag_fail(diag, DIAG_USAGE, "%s: the last section ends at %" PRIu64 ", the file at %" PRIu64, l->path, end,
                         l->size);
    if (l->known[FORMAT_META]->bytes != l->known[FORMAT_META]->record_bytes)
        return diag_fail(diag, DIAG_USAGE, "%s: section meta at offset %" PRIu64 " has %" PRIu64 " bytes, expected %u", l->path,
                         l->known[FORMAT_META]->offset, l->known[FORMAT_META]->bytes, l->known[FORMAT_META]->record_bytes);
    return 0;
}

int layout_read(struct layout *l, struct diag *diag)
{
    if (check_magic(l, diag) < 0 || check_version(l, diag) < 0 || read_any_header(l, diag) < 0)
        return -1;
    return check_places(l, diag);
}
