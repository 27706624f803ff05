#include "traces/check.h"

#include "traces/checksum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

/* ---- checksums ---- */

static int fail_sum(const struct layout *l, unsigned kind, uint64_t at, uint64_t n, const uint64_t sums[2], struct diag *diag)
{
    const int digits = l->major == 1 ? 16 : 8;
    return diag_fail(diag, DIAG_USAGE,
                     "%s is damaged: section %s at offset %" PRIu64 " (%" PRIu64 " bytes): checksum %0*" PRIx64
                     ", the bytes give %0*" PRIx64,
                     l->path, format_section_name(kind), at, n, digits, sums[0], digits, sums[1]);
}

static uint64_t count_chunks(const struct layout *l, const struct format_section *s)
{
    return s->bytes / l->chunk_bytes + (s->bytes % l->chunk_bytes != 0);
}

/* Version 1 has one checksum a section, so all of it is read at once. */
static int begin_v1(const struct layout *l, struct diag *diag)
{
    for (uint32_t i = 0; i < l->nrows; i++) {
        const struct format_section *s = &l->rows[i];
        const uint64_t sums[2] = {s->checks, XXH3_64bits(l->bytes + s->offset, s->bytes)};
        if (sums[0] != sums[1])
            return fail_sum(l, s->kind, s->offset, s->bytes, sums, diag);
    }
    return 0;
}

static int check_checks(const struct layout *l, struct diag *diag)
{
    const struct format_section *c = l->known[FORMAT_CHECKS];
    const uint64_t nsums = layout_records(l, FORMAT_CHECKS),
                   sums[2] = {c->checks, checksum_add(0, l->bytes + c->offset, c->bytes)};
    if (sums[0] != sums[1])
        return fail_sum(l, FORMAT_CHECKS, c->offset, c->bytes, sums, diag);
    for (uint32_t i = 0; i < l->nrows; i++) {
        const struct format_section *s = &l->rows[i];
        if (s != c && (s->checks > nsums || count_chunks(l, s) > nsums - s->checks))
            return diag_fail(diag, DIAG_USAGE,
                             "%s: section %s needs %" PRIu64 " checksums from number %" PRIu64 " on, there are %" PRIu64, l->path,
                             format_section_name(s->kind), count_chunks(l, s), s->checks, nsums);
    }
    return 0;
}

int check_begin(struct trace_checks *c, struct diag *diag)
{
    const struct layout *l = &c->layout;
    const size_t nblocks = layout_records(l, FORMAT_EVENTS) / FORMAT_INDEX_EVENTS + 1;
    c->has_block = calloc(nblocks, sizeof *c->has_block);
    if (l->major > 1)
        c->has_chunk = calloc(layout_records(l, FORMAT_CHECKS) + 1u, sizeof *c->has_chunk);
    if (c->has_block == NULL || (l->major > 1 && c->has_chunk == NULL))
        return diag_fail(diag, DIAG_ENVIRONMENT, "%s: no memory to check it", l->path);
    return l->major == 1 ? begin_v1(l, diag) : check_checks(l, diag);
}

static int check_chunk(const struct trace_checks *c, const struct format_section *s, uint64_t chunk, struct diag *diag)
{
    const struct layout *l = &c->layout;
    const uint64_t from = chunk * l->chunk_bytes, left = s->bytes - from, n = left < l->chunk_bytes ? left : l->chunk_bytes;
    const uint64_t sums[2] = {((const uint32_t *)layout_at(l, FORMAT_CHECKS))[s->checks + chunk],
                              checksum_add(0, l->bytes + s->offset + from, n)};
    return sums[0] == sums[1] ? 0 : fail_sum(l, s->kind, s->offset + from, n, sums, diag);
}

int check_bytes(struct trace_checks *c, const struct format_section *s, uint64_t offset, uint64_t bytes, struct diag *diag)
{
    if (c->has_chunk == NULL || bytes == 0 || s->kind == FORMAT_CHECKS)
        return 0;
    const uint64_t last = (offset + bytes - 1) / c->layout.chunk_bytes;
    for (uint64_t chunk = offset / c->layout.chunk_bytes; chunk <= last; chunk++) {
        if (c->has_chunk[s->checks + chunk])
            continue;
        if (check_chunk(c, s, chunk, diag) < 0)
            return -1;
        c->has_chunk[s->checks + chunk] = true;
    }
    return 0;
}

/* ---- tables ---- */

static int bad_record(const struct layout *l, unsigned kind, uint32_t index, const char *what, uint64_t value, uint64_t limit,
                      struct diag *diag)
{
    const struct format_section *s = l->known[kind];
    return diag_fail(diag, DIAG_USAGE,
                     "%s: section %s, record %" PRIu32 " at offset %" PRIu64 ": %s %" PRIu64 " is not below %" PRIu64, l->path,
                     format_section_name(kind), index, s->offset + (uint64_t)index * s->record_bytes, what, value, limit);
}

static bool is_index(uint32_t index, uint32_t n)
{
    return index < n || index == TRACE_NONE;
}

static int check_pvs(const struct trace *t, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    for (uint32_t i = 0; i < t->npvs; i++) {
        const struct trace_pv *pv = &t->pvs[i];
        if (pv->name >= t->nstrings)
            return bad_record(l, FORMAT_PVS, i, "name", pv->name, t->nstrings, diag);
        if (pv->native >= WIRE_BASES && pv->native != 0xffff)
            return bad_record(l, FORMAT_PVS, i, "native type", pv->native, WIRE_BASES, diag);
    }
    return 0;
}

static int check_circuits(const struct trace *t, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    for (uint32_t i = 0; i < t->ncircuits; i++) {
        const struct trace_circuit *c = &t->circuits[i];
        if (!is_index(c->user, t->nstrings))
            return bad_record(l, FORMAT_CIRCUITS, i, "user", c->user, t->nstrings, diag);
        if (!is_index(c->host, t->nstrings))
            return bad_record(l, FORMAT_CIRCUITS, i, "host", c->host, t->nstrings, diag);
    }
    return 0;
}

static int check_texts(const struct trace *t, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    const struct format_meta *m = layout_at(l, FORMAT_META);
    if (t->nstrings > 0 && t->strings[t->nstrings - 1] != '\0')
        return diag_fail(diag, DIAG_USAGE, "%s: the last string at offset %" PRIu64 " has no end", l->path,
                         l->known[FORMAT_STRINGS]->offset);
    if (m->source[sizeof m->source - 1] != '\0' || strnlen(m->sha256, sizeof m->sha256) >= sizeof t->sha256)
        return diag_fail(diag, DIAG_USAGE, "%s: a text in section meta at offset %" PRIu64 " has no end", l->path,
                         l->known[FORMAT_META]->offset);
    return 0;
}

static int check_index(const struct trace *t, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    if (l->known[FORMAT_INDEX] == NULL)
        return 0;
    const uint64_t *times = layout_at(l, FORMAT_INDEX);
    const uint32_t n = layout_records(l, FORMAT_INDEX),
                   due = t->nevents / FORMAT_INDEX_EVENTS + (t->nevents % FORMAT_INDEX_EVENTS > 0);
    if (n != due)
        return diag_fail(diag, DIAG_USAGE, "%s: section index at offset %" PRIu64 " has %u records, %u events need %u", l->path,
                         l->known[FORMAT_INDEX]->offset, n, t->nevents, due);
    for (uint32_t i = 1; i < n; i++)
        if (times[i] < times[i - 1])
            return bad_record(l, FORMAT_INDEX, i, "time of the record before,", times[i - 1], times[i] + 1, diag);
    return 0;
}

/* A newer minor version may know more kinds. */
static int check_loss(const struct trace *t, uint32_t i, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    const struct trace_loss *loss = &t->losses[i];
    const uint64_t before_ns = i > 0 ? t->losses[i - 1].t_ns : 0;
    if (!is_index(loss->circuit, t->ncircuits))
        return bad_record(l, FORMAT_LOSSES, i, "circuit", loss->circuit, t->ncircuits, diag);
    if (loss->kind >= TRACE_LOSS_KINDS && l->minor <= TRACE_MINOR)
        return bad_record(l, FORMAT_LOSSES, i, "kind", loss->kind, TRACE_LOSS_KINDS, diag);
    if (loss->t_ns < before_ns)
        return bad_record(l, FORMAT_LOSSES, i, "time of the loss before,", before_ns, loss->t_ns + 1, diag);
    if (loss->until_ns < loss->t_ns)
        return bad_record(l, FORMAT_LOSSES, i, "time of its beginning,", loss->t_ns, loss->until_ns + 1, diag);
    return 0;
}

static int check_losses(const struct trace *t, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    if (t->nlosses > TRACE_LOSSES_MAX && l->minor <= TRACE_MINOR)
        return bad_record(l, FORMAT_LOSSES, TRACE_LOSSES_MAX, "place", TRACE_LOSSES_MAX, TRACE_LOSSES_MAX, diag);
    for (uint32_t i = 0; i < t->nlosses; i++)
        if (check_loss(t, i, diag) < 0)
            return -1;
    return 0;
}

int check_tables(const struct trace *t, struct diag *diag)
{
    if (check_texts(t, diag) < 0 || check_pvs(t, diag) < 0 || check_circuits(t, diag) < 0 || check_losses(t, diag) < 0)
        return -1;
    return check_index(t, diag);
}

/* ---- messages ---- */

static int check_span(const struct trace *t, uint32_t i, uint64_t offset, uint64_t bytes, struct diag *diag)
{
    if (offset <= t->pool_bytes && bytes <= t->pool_bytes - offset)
        return 0;
    const struct format_section *s = t->checks->layout.known[FORMAT_EVENTS];
    return diag_fail(diag, DIAG_USAGE,
                     "%s: section events, record %" PRIu32 " at offset %" PRIu64 ": %" PRIu64 " payload bytes at %" PRIu64
                     ", the pool has %" PRIu64,
                     t->checks->layout.path, i, s->offset + (uint64_t)i * s->record_bytes, bytes, offset, t->pool_bytes);
}

static int check_payload(const struct trace *t, uint32_t i, struct diag *diag)
{
    const struct trace_event *e = &t->events[i];
    const uint64_t parts = (uint64_t)e->head_bytes + e->body_bytes;
    if (parts > e->size)
        return bad_record(&t->checks->layout, FORMAT_EVENTS, i, "head and body bytes", parts, (uint64_t)e->size + 1, diag);
    if (check_span(t, i, e->body, e->body_bytes, diag) < 0)
        return -1;
    return check_span(t, i, e->head, e->size - e->body_bytes, diag); /* head and rest lie together */
}

static int check_record(const struct trace *t, uint32_t i, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    const struct trace_event *e = &t->events[i];
    const uint64_t before_ns = i > 0 ? t->events[i - 1].t_ns : 0;
    if (!is_index(e->circuit, t->ncircuits))
        return bad_record(l, FORMAT_EVENTS, i, "circuit", e->circuit, t->ncircuits, diag);
    if (!is_index(e->pv, t->npvs))
        return bad_record(l, FORMAT_EVENTS, i, "PV", e->pv, t->npvs, diag);
    if (!is_index(e->peer, t->nevents))
        return bad_record(l, FORMAT_EVENTS, i, "peer", e->peer, t->nevents, diag);
    if (e->t_ns < before_ns)
        return bad_record(l, FORMAT_EVENTS, i, "time of the event before,", before_ns, e->t_ns + 1, diag);
    return check_payload(t, i, diag);
}

static int check_indexed(const struct trace *t, uint32_t block, struct diag *diag)
{
    const struct layout *l = &t->checks->layout;
    if (l->known[FORMAT_INDEX] == NULL)
        return 0;
    const uint64_t t_ns = t->events[(size_t)block * FORMAT_INDEX_EVENTS].t_ns,
                   told_ns = ((const uint64_t *)layout_at(l, FORMAT_INDEX))[block];
    if (t_ns == told_ns)
        return 0;
    return diag_fail(diag, DIAG_USAGE, "%s: section index, record %" PRIu32 ": time %" PRIu64 ", that event has %" PRIu64,
                     l->path, block, told_ns, t_ns);
}

static uint32_t block_end(const struct trace *t, uint32_t block)
{
    const uint64_t end = ((uint64_t)block + 1) * FORMAT_INDEX_EVENTS;
    return end < t->nevents ? (uint32_t)end : t->nevents;
}

/* The records that one row of INDEX is about. */
static int check_block(const struct trace *t, uint32_t block, struct diag *diag)
{
    struct trace_checks *c = t->checks;
    const struct format_section *s = c->layout.known[FORMAT_EVENTS];
    const uint64_t first = (uint64_t)block * FORMAT_INDEX_EVENTS, end = block_end(t, block);
    if (c->has_block[block])
        return 0;
    if (check_bytes(c, s, first * s->record_bytes, (end - first) * s->record_bytes, diag) < 0 ||
        check_indexed(t, block, diag) < 0)
        return -1;
    for (uint32_t i = (uint32_t)first; i < end; i++)
        if (check_record(t, i, diag) < 0)
            return -1;
    c->has_block[block] = true;
    return 0;
}

static int check_rest(const struct trace *t, uint32_t i, enum trace_depth depth, struct diag *diag)
{
    const struct trace_event *e = &t->events[i];
    const struct format_section *pool = t->checks->layout.known[FORMAT_POOL];
    if (e->peer != TRACE_NONE && check_block(t, e->peer / FORMAT_INDEX_EVENTS, diag) < 0)
        return -1;
    if (depth == TRACE_RECORDS)
        return 0;
    if (check_bytes(t->checks, pool, e->body, e->body_bytes, diag) < 0)
        return -1;
    return check_bytes(t->checks, pool, e->head, e->size - e->body_bytes, diag);
}

int trace_check(const struct trace *t, uint32_t first, uint32_t end, enum trace_depth depth, struct diag *diag)
{
    if (t->checks == NULL || first >= end)
        return 0;
    for (uint32_t block = first / FORMAT_INDEX_EVENTS; block <= (end - 1) / FORMAT_INDEX_EVENTS; block++)
        if (check_block(t, block, diag) < 0)
            return -1;
    for (uint32_t i = first; i < end; i++)
        if (check_rest(t, i, depth, diag) < 0)
            return -1;
    return 0;
}

/* ---- finding messages by time ---- */

/* The first of first <= i < end that is not before t_ns. */
static uint32_t search(const struct trace *t, uint32_t first, uint32_t end, uint64_t t_ns)
{
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        if (t->events[middle].t_ns < t_ns)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* How many blocks begin before t_ns: the message that is sought is in the last of them, or begins the next one. */
static uint32_t count_before(const struct layout *l, uint64_t t_ns)
{
    const uint64_t *times = layout_at(l, FORMAT_INDEX);
    uint32_t first = 0, end = layout_records(l, FORMAT_INDEX);
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        if (times[middle] < t_ns)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static int find(const struct trace *t, uint64_t t_ns, uint32_t *found, struct diag *diag)
{
    if (t->checks == NULL || t->checks->layout.known[FORMAT_INDEX] == NULL) {
        *found = search(t, 0, t->nevents, t_ns);
        return 0;
    }
    const uint32_t n = count_before(&t->checks->layout, t_ns);
    *found = 0;
    if (n == 0)
        return 0;
    if (check_block(t, n - 1, diag) < 0)
        return -1;
    *found = search(t, (n - 1) * FORMAT_INDEX_EVENTS, block_end(t, n - 1), t_ns);
    return 0;
}

int trace_range(const struct trace *t, uint64_t from_ns, uint64_t to_ns, struct trace_range *range, struct diag *diag)
{
    if (find(t, from_ns, &range->first, diag) < 0 || find(t, to_ns, &range->end, diag) < 0)
        return -1;
    if (range->end < range->first)
        range->end = range->first;
    return 0;
}
