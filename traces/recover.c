/* `caplay recover`: FILE.part and its journal, as a killed capture or a full disk leaves them, to a trace. Both files are
 * hostile: a chunk counts only if its checksums fit, and its records only if they point at what there is. */
#include "traces/command.h"

#include "base/clock.h"
#include "base/options.h"
#include "traces/array.h"
#include "traces/checksum.h"
#include "traces/edit.h"
#include "traces/journal.h"
#include "traces/losses.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct recover {
    const char *output;
};

static const struct option recover_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct recover, output), "FILE", NULL, 0, 0, "the trace to write"},
};

static const struct option_command recover_command = {
    .name = "recover",
    .synopsis = "FILE.part -o FILE",
    .about =
        "Makes a trace from what a capture leaves that was killed, or whose disk was full: FILE.part, with FILE.part.journal\n"
        "beside it. All is there up to the journal's last whole chunk, at most a second of traffic before the end. The\n"
        "trace counts as incomplete: `caplay info` tells one packet that was cut, since what came after it is not known.",
    .examples = "caplay recover night.catrace.part -o recovered.catrace",
    .options = recover_options,
    .noptions = sizeof recover_options / sizeof *recover_options,
    .min_operands = 1,
    .max_operands = 1,
};

struct found {
    FILE *journal;
    const char *path;
    uint8_t *part; /* FILE.part, mapped */
    size_t part_bytes;
    uint8_t *bytes; /* of one chunk */
    struct trace t; /* its tables are ours, and grow */
    struct trace_pv *pvs;
    struct trace_circuit *circuits;
    struct trace_loss *losses;
    struct array events;
    char *strings;
    int error; /* errno: what there is finds no room */
    uint64_t chunks;
    struct format_meta meta;
};

/* n more bytes behind the `used` of *at. */
static void *enlarge(void *at, uint64_t used, uint64_t n)
{
    return used + n < SIZE_MAX / 2 ? realloc(at, used + n + 1) : NULL;
}

static uint64_t body_bytes(const struct journal_chunk *h)
{
    return (uint64_t)h->nevents * sizeof(struct trace_event) +
           (uint64_t)h->npvs * (sizeof(struct journal_row) + sizeof(struct trace_pv)) +
           (uint64_t)h->ncircuits * (sizeof(struct journal_row) + sizeof(struct trace_circuit)) +
           (uint64_t)h->nlosses * (sizeof(struct journal_row) + sizeof(struct trace_loss)) + h->nstrings;
}

/* Sizes in a head are believed only as far as the file goes. */
static bool is_there(FILE *file, uint64_t bytes)
{
    const off_t at = ftello(file);
    bool is = at >= 0 && fseeko(file, 0, SEEK_END) == 0 && (uint64_t)ftello(file) - (uint64_t)at >= bytes;
    return fseeko(file, at, SEEK_SET) == 0 && is;
}

static bool is_journal(const char *magic)
{
    return memcmp(magic, JOURNAL_MAGIC, JOURNAL_MAGIC_BYTES) == 0 || memcmp(magic, JOURNAL_MAGIC_V2, JOURNAL_MAGIC_BYTES) == 0;
}

/* The next chunk's head and body; false: no whole one comes any more. */
static bool read_chunk(struct found *f, struct journal_chunk *h)
{
    if (fread(h, sizeof *h, 1, f->journal) != 1 || !is_journal(h->magic) ||
        h->checksum != checksum_add(0, h, offsetof(struct journal_chunk, checksum)) || h->number != f->chunks ||
        h->bytes != body_bytes(h) || !is_there(f->journal, h->bytes))
        return false;
    void *bytes = realloc(f->bytes, h->bytes + 1);
    f->bytes = bytes != NULL ? bytes : f->bytes;
    return bytes != NULL && (h->bytes == 0 || fread(f->bytes, h->bytes, 1, f->journal) == 1) &&
           checksum_add(0, f->bytes, h->bytes) == h->body_checksum;
}

/* Are the payload bytes that a chunk is about there, and whole? */
static bool has_pool(const struct found *f, const struct journal_chunk *h)
{
    const size_t begin = sizeof(struct format_header), room = f->part_bytes > begin ? f->part_bytes - begin : 0;
    if (h->pool_from != f->t.pool_bytes || h->pool_to < h->pool_from || h->pool_to > room)
        return false;
    const uint64_t n = h->pool_to - h->pool_from;
    return h->pool_checksum == (n > 0 ? checksum_add(0, f->t.pool + h->pool_from, n) : 0);
}

/* A table's changed rows: each is known, or the next new one. false: they are not. */
static bool take_rows(const uint8_t *at, uint32_t n, size_t row_bytes, void **table, uint32_t *count)
{
    for (uint32_t i = 0; i < n; i++, at += sizeof(struct journal_row) + row_bytes) {
        struct journal_row row;
        memcpy(&row, at, sizeof row);
        if (row.index > *count || row.index == TRACE_NONE)
            return false;
        if (row.index == *count) {
            void *grown = enlarge(*table, (uint64_t)*count * row_bytes, row_bytes);
            if (grown == NULL)
                return false;
            *table = grown;
            ++*count;
        }
        memcpy((uint8_t *)*table + row.index * row_bytes, at + sizeof row, row_bytes);
    }
    return true;
}

static bool append(void **table, uint64_t used, const void *bytes, uint64_t n)
{
    void *grown = enlarge(*table, used, n);
    if (grown == NULL)
        return false;
    *table = grown;
    memcpy((uint8_t *)grown + used, bytes, n);
    return true;
}

/* A journal may hold more messages than memory does. */
static bool take_events(struct found *f, const uint8_t *at, uint32_t n)
{
    if (n == 0)
        return true;
    if (array_reserve(&f->events, n, sizeof(struct trace_event)) < 0) {
        f->error = errno;
        return false;
    }
    memcpy((struct trace_event *)f->events.at + f->events.count, at, n * sizeof(struct trace_event));
    array_release(&f->events, f->t.nevents, f->t.nevents + n, sizeof(struct trace_event));
    f->events.count += n;
    return true;
}

static bool take_chunk(struct found *f, const struct journal_chunk *h)
{
    struct trace *t = &f->t;
    const uint8_t *at = f->bytes, *pvs = at + h->nevents * sizeof(struct trace_event),
                  *circuits = pvs + h->npvs * (sizeof(struct journal_row) + sizeof *f->pvs),
                  *losses = circuits + h->ncircuits * (sizeof(struct journal_row) + sizeof *f->circuits),
                  *strings = losses + h->nlosses * (sizeof(struct journal_row) + sizeof *f->losses);
    if (h->nevents >= TRACE_NONE - t->nevents || h->nstrings >= TRACE_NONE - t->nstrings ||
        (h->nstrings > 0 && strings[h->nstrings - 1] != '\0'))
        return false;
    void *tables[] = {f->strings, f->pvs, f->circuits, f->losses};
    const bool is_taken =
        append(&tables[0], t->nstrings, strings, h->nstrings) && take_rows(pvs, h->npvs, sizeof *f->pvs, &tables[1], &t->npvs) &&
        take_rows(circuits, h->ncircuits, sizeof *f->circuits, &tables[2], &t->ncircuits) &&
        take_rows(losses, h->nlosses, sizeof *f->losses, &tables[3], &t->nlosses) && take_events(f, at, h->nevents);
    f->strings = tables[0], f->pvs = tables[1], f->circuits = tables[2], f->losses = tables[3];
    t->events = f->events.at, t->strings = f->strings, t->pvs = f->pvs, t->circuits = f->circuits, t->losses = f->losses;
    if (!is_taken)
        return false;
    t->nevents += h->nevents;
    t->nstrings += h->nstrings;
    t->pool_bytes = h->pool_to;
    f->meta = h->meta;
    f->chunks++;
    return true;
}

static bool is_index(uint32_t index, uint32_t n)
{
    return index < n || index == TRACE_NONE;
}

static bool is_span(const struct trace *t, uint64_t offset, uint64_t bytes)
{
    return offset <= t->pool_bytes && bytes <= t->pool_bytes - offset;
}

static bool is_good(const struct trace *t, const struct trace_event *e)
{
    return is_index(e->circuit, t->ncircuits) && is_index(e->pv, t->npvs) && is_index(e->peer, t->nevents) &&
           (uint64_t)e->head_bytes + e->body_bytes <= e->size && is_span(t, e->body, e->body_bytes) &&
           is_span(t, e->head, e->size - e->body_bytes);
}

/* Do all records point at what there is? */
static int check(const struct found *f, struct diag *diag)
{
    const struct trace *t = &f->t;
    for (uint32_t i = 0; i < t->npvs; i++)
        if (t->pvs[i].name >= t->nstrings || (t->pvs[i].native >= WIRE_BASES && t->pvs[i].native != 0xffff))
            return diag_fail(diag, DIAG_USAGE, "%s%s: PV %" PRIu32 " is damaged", f->path, JOURNAL_SUFFIX, i);
    for (uint32_t i = 0; i < t->ncircuits; i++)
        if (!is_index(t->circuits[i].user, t->nstrings) || !is_index(t->circuits[i].host, t->nstrings))
            return diag_fail(diag, DIAG_USAGE, "%s%s: circuit %" PRIu32 " is damaged", f->path, JOURNAL_SUFFIX, i);
    for (uint32_t i = 0; i < t->nlosses; i++)
        if (!is_index(t->losses[i].circuit, t->ncircuits) || t->losses[i].kind >= TRACE_LOSS_KINDS ||
            t->losses[i].until_ns < t->losses[i].t_ns)
            return diag_fail(diag, DIAG_USAGE, "%s%s: loss %" PRIu32 " is damaged", f->path, JOURNAL_SUFFIX, i);
    for (uint32_t i = 0; i < t->nevents; i++)
        if (!is_good(t, &t->events[i]))
            return diag_fail(diag, DIAG_USAGE, "%s%s: message %" PRIu32 " is damaged", f->path, JOURNAL_SUFFIX, i);
    return 0;
}

static int read_all(struct found *f, struct diag *diag)
{
    struct journal_chunk head;
    char magic[sizeof head.magic] = "";
    if (fread(magic, sizeof magic, 1, f->journal) == 1 && memcmp(magic, JOURNAL_MAGIC_V1, sizeof magic) == 0)
        return diag_fail(diag, DIAG_USAGE,
                         "%s%s is of an older caplay, whose traces are of version 1.0: recover it with that one", f->path,
                         JOURNAL_SUFFIX);
    if (fseeko(f->journal, 0, SEEK_SET) != 0)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s%s", f->path, JOURNAL_SUFFIX);
    while (read_chunk(f, &head) && has_pool(f, &head) && take_chunk(f, &head))
        continue;
    errno = f->error;
    if (f->error != 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "no room for the messages of %s", f->path);
    if (f->chunks == 0)
        return diag_fail(diag, DIAG_USAGE, "%s%s holds no whole chunk: nothing can be recovered", f->path, JOURNAL_SUFFIX);
    return check(f, diag);
}

static uint32_t count_flag(const struct trace *t, uint32_t flag)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->ncircuits; i++)
        n += (t->circuits[i].flags & flag) != 0;
    return n;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What losses tell, and what circuits tell of themselves; and that the end is missing. */
static struct trace_meta describe_lack(const struct found *f)
{
    struct trace_meta meta = {.start_realtime_ns = f->meta.start_realtime_ns, .end_ns = f->meta.end_ns};
    const struct trace_missing placed = losses_sum(f->t.losses, f->t.nlosses), *told = &f->meta.missing;
    meta.missing = (struct trace_missing){.packets = told->packets,
                                          .kernel_drops = larger(told->kernel_drops, placed.kernel_drops),
                                          .cut_packets = larger(told->cut_packets, placed.cut_packets) + 1,
                                          .gaps = larger(count_flag(&f->t, TRACE_GAP), placed.gaps),
                                          .gap_bytes = larger(told->gap_bytes, placed.gap_bytes),
                                          .midway = larger(count_flag(&f->t, TRACE_MIDWAY), placed.midway),
                                          .malformed = larger(told->malformed, placed.malformed),
                                          .other_packets = told->other_packets,
                                          .retransmits = told->retransmits};
    return meta;
}

static int write_trace(struct found *f, const char *output, struct diag *diag)
{
    struct trace_writer *w = trace_writer_open(output, diag);
    if (w == NULL)
        return -1;
    if (copy_trace(&f->t, &(struct copy){.to_ns = UINT64_MAX}, w, diag) < 0) {
        trace_writer_abandon(w);
        return -1;
    }
    struct trace_meta meta = describe_lack(f);
    const struct trace_loss end = {
        .t_ns = meta.end_ns, .until_ns = meta.end_ns, .count = 1, .circuit = TRACE_NONE, .kind = TRACE_LOSS_CUT};
    trace_writer_loss(w, &end);
    f->meta.source[sizeof f->meta.source - 1] = f->meta.sha256[64] = '\0';
    meta.source = f->meta.source;
    meta.sha256 = f->meta.sha256;
    if (trace_writer_finish(w, &meta, diag) < 0)
        return -1;
    fprintf(stderr, "%s: %" PRIu32 " messages, %" PRIu32 " circuits, %" PRIu32 " PVs in %" PRIu64 " chunks, up to %.3f s\n",
            output, f->t.nevents, f->t.ncircuits, f->t.npvs, f->chunks, (double)meta.end_ns / 1e9);
    return DIAG_GOOD;
}

static int map_part(struct found *f, struct diag *diag)
{
    struct stat status;
    const int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", f->path);
    void *part = NULL;
    const bool is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    if (is_file && status.st_size > 0)
        part = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (!is_file)
        return diag_fail(diag, DIAG_USAGE, "%s is not a regular file: expected FILE.part of a capture that was killed", f->path);
    if (part == MAP_FAILED)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", f->path);
    f->part = part;
    f->part_bytes = part != NULL ? (size_t)status.st_size : 0;
    f->t.pool = f->part_bytes > sizeof(struct format_header) ? f->part + sizeof(struct format_header) : NULL;
    return 0;
}

static int run(struct found *f, const char *output, struct diag *diag)
{
    char journal[PATH_MAX + 32], part[PATH_MAX + 32], spill[PATH_MAX + 32];
    snprintf(journal, sizeof journal, "%s%s", f->path, JOURNAL_SUFFIX);
    snprintf(part, sizeof part, "%s.part", output);
    snprintf(spill, sizeof spill, "%s.recovered", output);
    if (strcmp(part, f->path) == 0)
        return diag_fail(diag, DIAG_USAGE, "-o %s: writing it begins with %s, which is to be read: take another name", output,
                         f->path);
    if (map_part(f, diag) < 0)
        return -1;
    f->journal = fopen(journal, "re");
    if (f->journal == NULL)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s, which a capture that was killed leaves beside %s", journal, f->path);
    f->events.spill = spill;
    return read_all(f, diag) < 0 ? -1 : write_trace(f, output, diag);
}

static void found_fini(struct found *f)
{
    if (f->part != NULL)
        munmap(f->part, f->part_bytes);
    if (f->journal != NULL)
        fclose(f->journal);
    free(f->bytes);
    free(f->pvs);
    free(f->circuits);
    array_fini(&f->events);
    free(f->losses);
    free(f->strings);
}

int traces_recover(int argc, char **argv, struct diag *diag)
{
    struct recover recover = {0};
    struct option_result result;
    if (options_parse(&recover_command, argc, argv, &recover, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_output("recover", recover.output, "night.catrace", diag) < 0)
        return -1;
    struct found f = {.path = result.operands.at[0]};
    int code = run(&f, recover.output, diag);
    found_fini(&f);
    return code;
}
