#include "traces/output.h"

#include "traces/checksum.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void output_fail(struct output *o, const char *what)
{
    if (o->failure.code == DIAG_GOOD)
        diag_errno(&o->failure, DIAG_ENVIRONMENT, "cannot write %s: %s", o->part, what);
}

bool output_has_failed(const struct output *o)
{
    return o->failure.code != DIAG_GOOD;
}

static void end_chunk(struct output *o)
{
    if (o->nsums == o->room) {
        const uint32_t room = o->room * 2 + 64;
        uint32_t *sums = realloc(o->sums, room * sizeof *sums);
        if (sums == NULL) {
            output_fail(o, "no memory for checksums");
            return;
        }
        o->sums = sums;
        o->room = room;
    }
    o->sums[o->nsums++] = o->sum;
    o->sum = o->in_chunk = 0;
}

static void add_up(struct output *o, const uint8_t *bytes, size_t n)
{
    while (n > 0 && !output_has_failed(o)) {
        const size_t left = FORMAT_CHUNK_BYTES - o->in_chunk, part = n < left ? n : left;
        o->sum = checksum_add(o->sum, bytes, part);
        o->in_chunk += (uint32_t)part;
        if (o->in_chunk == FORMAT_CHUNK_BYTES)
            end_chunk(o);
        bytes += part;
        n -= part;
    }
}

static void write_out(struct output *o, const void *bytes, size_t n)
{
    if (n > 0 && !output_has_failed(o) && fwrite(bytes, 1, n, o->file) != n)
        output_fail(o, "write");
}

static void write_summed(struct output *o, const void *bytes, size_t n)
{
    add_up(o, bytes, n);
    if (o->is_journaled)
        o->since = checksum_add(o->since, bytes, n);
    write_out(o, bytes, n);
}

static void write_gathered(struct output *o)
{
    write_summed(o, o->buffer, o->gathered);
    o->gathered = 0;
}

uint32_t output_flush(struct output *o)
{
    write_gathered(o);
    const uint32_t since = o->since;
    o->since = 0;
    return since;
}

/* Bytes that are in no chunk, behind a section's end. */
static void put_plain(struct output *o, const void *bytes, size_t n)
{
    write_out(o, bytes, n);
    o->position += n;
}

void output_put(struct output *o, const void *bytes, size_t n)
{
    if (n > sizeof o->buffer - o->gathered)
        write_gathered(o);
    if (n > sizeof o->buffer)
        write_summed(o, bytes, n);
    else if (n > 0) {
        memcpy(o->buffer + o->gathered, bytes, n);
        o->gathered += (uint32_t)n;
    }
    o->position += n;
}

static struct format_section *begin_section(struct output *o, enum format_section_kind kind)
{
    static const char zeros[FORMAT_ALIGN];
    put_plain(o, zeros, format_align(o->position) - o->position);
    struct format_section *s = &o->header.sections[format_row(kind)];
    *s = (struct format_section){.offset = o->position, .kind = kind, .record_bytes = format_record_bytes(kind)};
    return s;
}

void output_begin(struct output *o, enum format_section_kind kind)
{
    begin_section(o, kind)->checks = o->nsums;
}

void output_end(struct output *o, enum format_section_kind kind)
{
    struct format_section *s = &o->header.sections[format_row(kind)];
    s->bytes = o->position - s->offset;
    write_gathered(o);
    if (o->in_chunk > 0)
        end_chunk(o);
}

static int open_file(struct output *o, const char *path, struct diag *diag)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) /* a rename would put a file in the place of, say, /dev/null */
        return diag_fail(diag, DIAG_ENVIRONMENT, "cannot write %s: it exists, and is no regular file", path);
    int n = snprintf(o->path, sizeof o->path, "%s", path);
    if (n < 0 || (size_t)n >= sizeof o->path)
        return diag_fail(diag, DIAG_USAGE, "the path of the trace has %d bytes, at most %zu are possible", n, sizeof o->path - 1);
    snprintf(o->part, sizeof o->part, "%s.part", path);
    o->file = fopen(o->part, "we");
    if (o->file == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", o->part);
    setvbuf(o->file, NULL, _IONBF, 0);
    return 0;
}

int output_open(struct output *o, const char *path, struct diag *diag)
{
    if (open_file(o, path, diag) < 0)
        return -1;
    memcpy(o->header.magic, FORMAT_MAGIC, FORMAT_MAGIC_BYTES);
    o->is_journaled = true;
    o->header.major = TRACE_MAJOR;
    o->header.minor = TRACE_MINOR;
    o->header.header_bytes = sizeof o->header;
    o->header.nsections = FORMAT_SECTIONS;
    o->header.chunk_bytes = FORMAT_CHUNK_BYTES;
    put_plain(o, &o->header, sizeof o->header); /* file_bytes 0: whoever finds the .part is told that it is unfinished */
    return 0;
}

static void put_checks(struct output *o)
{
    const size_t n = o->nsums * sizeof *o->sums;
    struct format_section *s = begin_section(o, FORMAT_CHECKS);
    put_plain(o, o->sums, n);
    s->bytes = n;
    s->checks = checksum_add(0, o->sums, n);
}

static void put_header(struct output *o)
{
    o->header.file_bytes = o->position;
    o->header.checksum = checksum_add(0, &o->header, offsetof(struct format_header, checksum));
    if (!output_has_failed(o) && fseeko(o->file, 0, SEEK_SET) != 0)
        output_fail(o, "seek");
    put_plain(o, &o->header, sizeof o->header);
}

int output_finish(struct output *o, bool is_worth_it, struct diag *diag)
{
    put_checks(o);
    put_header(o);
    free(o->sums);
    if (fclose(o->file) != 0)
        output_fail(o, "close");
    if (!output_has_failed(o) && rename(o->part, o->path) != 0)
        output_fail(o, "rename");
    if (!output_has_failed(o))
        return 0;
    *diag = o->failure;
    if (is_worth_it)
        diag_fail(diag, DIAG_ENVIRONMENT, "%.250s; `caplay recover %.150s -o FILE` saves what came before", o->failure.text,
                  o->part);
    else
        unlink(o->part);
    return -1;
}

void output_abandon(struct output *o)
{
    free(o->sums);
    fclose(o->file);
    unlink(o->part);
}
