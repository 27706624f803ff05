#include "traces/trace.h"

#include "traces/format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

/* A mapped file while it is being checked. */
struct file {
    const char *path;
    const uint8_t *bytes;
    uint64_t size;
    const struct format_header *header; /* once it is known to be whole */
    struct diag *diag;
};

static int map_file(struct trace *t, const char *path, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    struct stat st;
    int result = fstat(fd, &st);
    if (result < 0)
        diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    else if (!S_ISREG(st.st_mode))
        result = diag_fail(diag, DIAG_USAGE, "%s is not a regular file: a trace is mapped, it cannot be piped", path);
    else if (st.st_size == 0)
        result = diag_fail(diag, DIAG_USAGE, "%s is empty: not a trace", path);
    else {
        t->map_bytes = (size_t)st.st_size;
        t->map = mmap(NULL, t->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (t->map == MAP_FAILED) {
            result = diag_errno(diag, DIAG_USAGE, "cannot map %s", path);
            t->map = NULL;
        }
    }
    close(fd);
    return result;
}

bool trace_is_one(const char *path)
{
    char magic[FORMAT_MAGIC_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_one =
        fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && memcmp(magic, FORMAT_MAGIC, sizeof magic) == 0;
    if (fd >= 0)
        close(fd);
    return is_one;
}

/* ---- header ---- */

static bool is_capture(const struct file *f)
{
    static const uint8_t magics[][4] = {
        {0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4}, /* pcap, microseconds */
        {0x4d, 0x3c, 0xb2, 0xa1}, {0xa1, 0xb2, 0x3c, 0x4d}, /* pcap, nanoseconds */
        {0x0a, 0x0d, 0x0d, 0x0a},                           /* pcapng */
    };
    for (size_t i = 0; f->size >= 4 && i < sizeof magics / sizeof *magics; i++)
        if (memcmp(f->bytes, magics[i], 4) == 0)
            return true;
    return false;
}

static int check_magic(const struct file *f)
{
    if (f->size >= FORMAT_MAGIC_BYTES && memcmp(f->bytes, FORMAT_MAGIC, FORMAT_MAGIC_BYTES) == 0)
        return 0;
    if (is_capture(f))
        return diag_fail(f->diag, DIAG_USAGE, "%s is a capture: run `caplay capture -r %s -w %s.catrace` first", f->path, f->path,
                         f->path);
    return diag_fail(f->diag, DIAG_USAGE, "%s is not a trace: it does not begin with \"catrace\"", f->path);
}

/* Before anything else of the header is believed: another version may lay it out in another way. */
static int check_version(const struct file *f)
{
    if (f->size < offsetof(struct format_header, header_bytes))
        return diag_fail(f->diag, DIAG_USAGE, "%s is cut short: %" PRIu64 " bytes, its header needs %zu", f->path, f->size,
                         sizeof *f->header);
    const struct format_header *h = (const void *)f->bytes;
    if (h->major == TRACE_MAJOR && h->minor <= TRACE_MINOR)
        return 0;
    return diag_fail(f->diag, DIAG_USAGE, "%s is a trace of version %u.%u, this caplay reads %u.%u: %s", f->path, h->major,
                     h->minor, TRACE_MAJOR, TRACE_MINOR,
                     h->major < TRACE_MAJOR ? "compile it anew from its capture" : "take a newer caplay");
}

static int check_header(struct file *f)
{
    if (check_magic(f) < 0 || check_version(f) < 0)
        return -1;
    if (f->size < sizeof *f->header)
        return diag_fail(f->diag, DIAG_USAGE, "%s is cut short: %" PRIu64 " bytes, its header needs %zu", f->path, f->size,
                         sizeof *f->header);
    f->header = (const void *)f->bytes;
    const struct format_header *h = f->header;
    if (h->file_bytes == 0)
        return diag_fail(f->diag, DIAG_USAGE,
                         "%s is unfinished: its capture is still running, or was killed: `caplay recover %s -o FILE`", f->path,
                         f->path);
    uint64_t checksum = XXH3_64bits(h, offsetof(struct format_header, checksum));
    if (checksum != h->checksum)
        return diag_fail(f->diag, DIAG_USAGE,
                         "%s is damaged: header at offset 0: checksum %016" PRIx64 ", the bytes give %016" PRIx64, f->path,
                         h->checksum, checksum);
    if (h->file_bytes != f->size)
        return diag_fail(f->diag, DIAG_USAGE, "%s is %s: %" PRIu64 " bytes, it was written with %" PRIu64, f->path,
                         f->size < h->file_bytes ? "cut short" : "too long", f->size, h->file_bytes);
    if (h->header_bytes != sizeof *h || h->nsections != FORMAT_SECTIONS)
        return diag_fail(f->diag, DIAG_USAGE, "%s: header of %u bytes with %u sections at offset 12, expected %zu with %d",
                         f->path, h->header_bytes, h->nsections, sizeof *h, FORMAT_SECTIONS);
    return 0;
}

/* ---- sections ---- */

/* The bytes between two sections are covered by no checksum. */
static int check_gap(const struct file *f, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at++)
        if (f->bytes[at] != 0)
            return diag_fail(f->diag, DIAG_USAGE,
                             "%s is damaged: byte 0x%02x between two sections at offset %" PRIu64 ", expected 0", f->path,
                             f->bytes[at], at);
    return 0;
}

static bool is_placed(const struct file *f, unsigned kind, uint64_t due)
{
    const struct format_section *s = &f->header->sections[kind];
    if (s->kind != kind || s->record_bytes != format_record_bytes(kind))
        return false;
    if (s->offset != due || due > f->size || s->bytes > f->size - due || s->bytes % s->record_bytes != 0)
        return false;
    return kind == FORMAT_POOL || s->bytes / s->record_bytes < TRACE_NONE; /* all but the pool have 32-bit indices */
}

/* The section lies where it must, right behind the one before, which ends at *end. */
static int check_place(const struct file *f, unsigned kind, uint64_t *end)
{
    const struct format_section *s = &f->header->sections[kind];
    const uint64_t due = format_align(*end);
    if (!is_placed(f, kind, due))
        return diag_fail(f->diag, DIAG_USAGE,
                         "%s: section %s cannot lie at offset %" PRIu64 " with %" PRIu64 " bytes in a file of %" PRIu64, f->path,
                         format_section_name(kind), s->offset, s->bytes, f->size);
    if (check_gap(f, *end, due) < 0)
        return -1;
    *end = due + s->bytes;
    return 0;
}

static int check_checksum(const struct file *f, unsigned kind)
{
    const struct format_section *s = &f->header->sections[kind];
    uint64_t checksum = XXH3_64bits(f->bytes + s->offset, s->bytes);
    if (checksum == s->checksum)
        return 0;
    return diag_fail(f->diag, DIAG_USAGE,
                     "%s is damaged: section %s at offset %" PRIu64 " (%" PRIu64 " bytes): checksum %016" PRIx64
                     ", the bytes give %016" PRIx64,
                     f->path, format_section_name(kind), s->offset, s->bytes, s->checksum, checksum);
}

static int check_sections(const struct file *f)
{
    uint64_t end = sizeof *f->header;
    for (unsigned kind = 0; kind < FORMAT_SECTIONS; kind++)
        if (check_place(f, kind, &end) < 0 || check_checksum(f, kind) < 0)
            return -1;
    if (end != f->size)
        return diag_fail(f->diag, DIAG_USAGE, "%s: the last section ends at %" PRIu64 ", the file at %" PRIu64, f->path, end,
                         f->size);
    if (f->header->sections[FORMAT_META].bytes != sizeof(struct format_meta))
        return diag_fail(f->diag, DIAG_USAGE, "%s: section meta has %" PRIu64 " bytes, expected %zu", f->path,
                         f->header->sections[FORMAT_META].bytes, sizeof(struct format_meta));
    return 0;
}

/* ---- records ---- */

static int bad_record(const struct file *f, unsigned kind, uint32_t index, const char *what, uint64_t value, uint64_t limit)
{
    const struct format_section *s = &f->header->sections[kind];
    return diag_fail(f->diag, DIAG_USAGE,
                     "%s: section %s, record %" PRIu32 " at offset %" PRIu64 ": %s %" PRIu64 " is not below %" PRIu64, f->path,
                     format_section_name(kind), index, s->offset + (uint64_t)index * s->record_bytes, what, value, limit);
}

static bool is_index(uint32_t index, uint32_t n)
{
    return index < n || index == TRACE_NONE;
}

static int check_pvs(const struct file *f, const struct trace *t)
{
    for (uint32_t i = 0; i < t->npvs; i++) {
        const struct trace_pv *pv = &t->pvs[i];
        if (pv->name >= t->nstrings)
            return bad_record(f, FORMAT_PVS, i, "name", pv->name, t->nstrings);
        if (pv->native >= WIRE_BASES && pv->native != 0xffff)
            return bad_record(f, FORMAT_PVS, i, "native type", pv->native, WIRE_BASES);
    }
    return 0;
}

static int check_circuits(const struct file *f, const struct trace *t)
{
    for (uint32_t i = 0; i < t->ncircuits; i++) {
        const struct trace_circuit *c = &t->circuits[i];
        if (!is_index(c->user, t->nstrings))
            return bad_record(f, FORMAT_CIRCUITS, i, "user", c->user, t->nstrings);
        if (!is_index(c->host, t->nstrings))
            return bad_record(f, FORMAT_CIRCUITS, i, "host", c->host, t->nstrings);
    }
    return 0;
}

static int check_span(const struct file *f, const struct trace *t, uint32_t i, uint64_t offset, uint64_t bytes)
{
    if (offset <= t->pool_bytes && bytes <= t->pool_bytes - offset)
        return 0;
    const struct format_section *s = &f->header->sections[FORMAT_EVENTS];
    return diag_fail(f->diag, DIAG_USAGE,
                     "%s: section events, record %" PRIu32 " at offset %" PRIu64 ": %" PRIu64 " payload bytes at %" PRIu64
                     ", the pool has %" PRIu64,
                     f->path, i, s->offset + (uint64_t)i * s->record_bytes, bytes, offset, t->pool_bytes);
}

static int check_payload(const struct file *f, const struct trace *t, uint32_t i)
{
    const struct trace_event *e = &t->events[i];
    const uint64_t parts = (uint64_t)e->head_bytes + e->body_bytes;
    if (parts > e->size)
        return bad_record(f, FORMAT_EVENTS, i, "head and body bytes", parts, (uint64_t)e->size + 1);
    if (check_span(f, t, i, e->body, e->body_bytes) < 0)
        return -1;
    return check_span(f, t, i, e->head, e->size - e->body_bytes); /* head and rest lie together */
}

static int check_events(const struct file *f, const struct trace *t)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < t->nevents; i++) {
        const struct trace_event *e = &t->events[i];
        if (!is_index(e->circuit, t->ncircuits))
            return bad_record(f, FORMAT_EVENTS, i, "circuit", e->circuit, t->ncircuits);
        if (!is_index(e->pv, t->npvs))
            return bad_record(f, FORMAT_EVENTS, i, "PV", e->pv, t->npvs);
        if (!is_index(e->peer, t->nevents))
            return bad_record(f, FORMAT_EVENTS, i, "peer", e->peer, t->nevents);
        if (e->t_ns < before)
            return bad_record(f, FORMAT_EVENTS, i, "time of the event before,", before, e->t_ns + 1);
        if (check_payload(f, t, i) < 0)
            return -1;
        before = e->t_ns;
    }
    return 0;
}

static int check_texts(const struct file *f, const struct trace *t, const struct format_meta *m)
{
    if (t->nstrings > 0 && t->strings[t->nstrings - 1] != '\0')
        return diag_fail(f->diag, DIAG_USAGE, "%s: the last string at offset %" PRIu64 " has no end", f->path,
                         f->header->sections[FORMAT_STRINGS].offset);
    if (m->source[sizeof m->source - 1] != '\0' || strnlen(m->sha256, sizeof m->sha256) >= sizeof t->sha256)
        return diag_fail(f->diag, DIAG_USAGE, "%s: a text in section meta at offset %" PRIu64 " has no end", f->path,
                         f->header->sections[FORMAT_META].offset);
    return 0;
}

/* ---- all of it ---- */

static uint32_t section_records(const struct file *f, unsigned kind)
{
    const struct format_section *s = &f->header->sections[kind];
    return (uint32_t)(s->bytes / s->record_bytes);
}

static const void *section_at(const struct file *f, unsigned kind)
{
    return f->bytes + f->header->sections[kind].offset;
}

static void fill(struct trace *t, const struct file *f, const struct format_meta *m)
{
    t->pool = section_at(f, FORMAT_POOL);
    t->pool_bytes = f->header->sections[FORMAT_POOL].bytes;
    t->strings = section_at(f, FORMAT_STRINGS);
    t->nstrings = section_records(f, FORMAT_STRINGS);
    t->pvs = section_at(f, FORMAT_PVS);
    t->npvs = section_records(f, FORMAT_PVS);
    t->circuits = section_at(f, FORMAT_CIRCUITS);
    t->ncircuits = section_records(f, FORMAT_CIRCUITS);
    t->events = section_at(f, FORMAT_EVENTS);
    t->nevents = section_records(f, FORMAT_EVENTS);
    t->start_realtime_ns = m->start_realtime_ns;
    t->end_ns = m->end_ns;
    t->missing = m->missing;
    memcpy(t->source, m->source, sizeof t->source);
    memcpy(t->sha256, m->sha256, sizeof t->sha256);
}

static int check_file(struct trace *t, struct file *f)
{
    if (check_header(f) < 0 || check_sections(f) < 0)
        return -1;
    const struct format_meta *m = section_at(f, FORMAT_META);
    fill(t, f, m);
    if (check_texts(f, t, m) < 0 || check_pvs(f, t) < 0 || check_circuits(f, t) < 0 || check_events(f, t) < 0)
        return -1;
    return 0;
}

int trace_open(struct trace *t, const char *path, struct diag *diag)
{
    memset(t, 0, sizeof *t);
    if (map_file(t, path, diag) < 0)
        return -1;
    struct file f = {.path = path, .bytes = t->map, .size = t->map_bytes, .diag = diag};
    if (check_file(t, &f) < 0) {
        trace_close(t);
        return -1;
    }
    return 0;
}

void trace_close(struct trace *t)
{
    if (t->map != NULL)
        munmap(t->map, t->map_bytes);
    memset(t, 0, sizeof *t);
}

const char *trace_string(const struct trace *t, uint32_t string)
{
    return string < t->nstrings ? t->strings + string : "?";
}

const char *trace_pv_name(const struct trace *t, uint32_t pv)
{
    return pv < t->npvs ? trace_string(t, t->pvs[pv].name) : "?";
}

bool trace_service_ns(const struct trace *t, const struct trace_event *reply, uint64_t *ns)
{
    const bool is_later_update = (reply->flags & TRACE_UPDATE) && !(reply->flags & TRACE_FIRST);
    if (!(reply->flags & TRACE_FROM_SERVER) || (reply->flags & TRACE_RIGHTS_OF) || is_later_update || reply->peer >= t->nevents)
        return false;
    const struct trace_event *request = &t->events[reply->peer];
    if ((reply->flags | request->flags) & TRACE_ASIDE)
        return false;
    const uint64_t asked_ns = request->t_ns + request->span_ns;
    if (reply->t_ns < asked_ns)
        return false;
    *ns = reply->t_ns - asked_ns;
    return true;
}
