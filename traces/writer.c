#include "traces/trace.h"

#include "traces/array.h"
#include "traces/bodies.h"
#include "traces/journal.h"
#include "traces/losses.h"
#include "traces/output.h"
#include "traces/sorting.h"
#include "traces/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* XXH3 by the widest registers of this processor */
#endif

/* What the events that do not fit in memory lie in, behind PATH.part. It has this name for a moment only. */
#define SPILL_SUFFIX ".spill"

/* A chunk of the journal is written after so much pool, so many events, or so much time of the trace. */
#define CHUNK_POOL_BYTES (4u << 20)
#define CHUNK_EVENTS     16384u
#define CHUNK_NS         UINT64_C(1000000000)

/* One interned text. As a PV's name it also knows the PV. */
struct string {
    UT_hash_handle hh;
    uint32_t offset; /* in the strings section */
    uint32_t pv;     /* index, or TRACE_NONE */
    char text[];
};

struct trace_writer {
    struct output out;
    struct array strings, pvs, circuits, events, index;
    struct string *string_table;
    struct bodies bodies;
    struct journal journal;
    struct journal_changes changed_pvs, changed_circuits;
    struct losses losses;
    struct format_meta meta;               /* as far as it is known */
    uint32_t chunk_strings, chunk_events;  /* what the journal has */
    uint64_t chunk_pool, chunk_ns, end_ns; /* pool bytes and time that it has; the latest time seen */
    uint64_t ticked_chunks, ticked_ns;     /* the journal's chunks since then */
    bool is_unsorted;                      /* an event came behind a later one */
    char spill[PATH_MAX + 16];
};

static void fail_memory(struct trace_writer *w)
{
    errno = ENOMEM;
    output_fail(&w->out, "the tables do not fit in memory");
}

bool trace_writer_failed(const struct trace_writer *w)
{
    return output_has_failed(&w->out);
}

/* A table cannot grow; errno as array_add() sets it. */
static void fail_tables(struct trace_writer *w)
{
    if (errno == ENOMEM)
        fail_memory(w);
    else
        output_fail(&w->out, errno == EOVERFLOW ? "more than 2^32 - 2 records" : "its tables");
}

/* n more records of a table. NULL, with the writer failed, if there is no room. */
static void *add(struct trace_writer *w, struct array *a, uint32_t n, size_t record_bytes)
{
    void *added = array_add(a, n, record_bytes);
    if (added == NULL)
        fail_tables(w);
    return added;
}

struct trace_writer *trace_writer_open(const char *path, struct diag *diag)
{
    struct trace_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory to write %s", path);
        return NULL;
    }
    if (output_open(&w->out, path, diag) < 0) {
        free(w);
        return NULL;
    }
    snprintf(w->spill, sizeof w->spill, "%s%s", w->out.part, SPILL_SUFFIX);
    w->events.spill = w->spill;
    output_begin(&w->out, FORMAT_POOL);
    if (!journal_open(&w->journal, w->out.part))
        output_fail(&w->out, "its journal");
    return w;
}

/* ---- tables ---- */

static struct string *intern(struct trace_writer *w, const char *text, size_t length)
{
    length = strnlen(text, length);
    struct string *s;
    HASH_FIND(hh, w->string_table, text, length, s);
    if (s != NULL)
        return s;
    s = calloc(1, sizeof *s + length + 1);
    char *stored = s != NULL ? add(w, &w->strings, (uint32_t)length + 1, 1) : NULL;
    if (stored == NULL) {
        free(s);
        fail_memory(w);
        return NULL;
    }
    memcpy(stored, text, length);
    memcpy(s->text, text, length);
    s->pv = TRACE_NONE;
    s->offset = w->strings.count - (uint32_t)length - 1;
    HASH_ADD_KEYPTR(hh, w->string_table, s->text, length, s);
    if (s->hh.tbl == NULL) {
        free(s);
        fail_memory(w);
        return NULL;
    }
    return s;
}

uint32_t trace_writer_string(struct trace_writer *w, const char *text, size_t length)
{
    const struct string *s = intern(w, text, length);
    return s != NULL ? s->offset : TRACE_NONE;
}

uint32_t trace_writer_pv(struct trace_writer *w, const char *name, size_t length)
{
    struct string *s = intern(w, name, length);
    if (s == NULL || s->pv != TRACE_NONE)
        return s != NULL ? s->pv : TRACE_NONE;
    struct trace_pv *pv = add(w, &w->pvs, 1, sizeof *pv);
    if (pv == NULL)
        return TRACE_NONE;
    *pv = (struct trace_pv){.name = s->offset, .native = 0xffff, .rights = 0xffff};
    s->pv = w->pvs.count - 1;
    if (!journal_changed(&w->changed_pvs, s->pv))
        fail_memory(w);
    return s->pv;
}

uint32_t trace_writer_circuit(struct trace_writer *w)
{
    struct trace_circuit *c = add(w, &w->circuits, 1, sizeof *c);
    if (c == NULL)
        return TRACE_NONE;
    c->user = c->host = TRACE_NONE;
    if (!journal_changed(&w->changed_circuits, w->circuits.count - 1))
        fail_memory(w);
    return w->circuits.count - 1;
}

struct trace_counts trace_writer_counts(const struct trace_writer *w)
{
    return (struct trace_counts){.pvs = w->pvs.count, .circuits = w->circuits.count, .events = w->events.count};
}

const char *trace_writer_text(const struct trace_writer *w, uint32_t string)
{
    return string < w->strings.count ? (const char *)w->strings.at + string : "?";
}

struct trace trace_writer_view(const struct trace_writer *w)
{
    return (struct trace){.pvs = w->pvs.at,
                          .circuits = w->circuits.at,
                          .events = w->events.at,
                          .strings = w->strings.at,
                          .npvs = w->pvs.count,
                          .ncircuits = w->circuits.count,
                          .nevents = w->events.count,
                          .nstrings = w->strings.count};
}

uint64_t trace_writer_bytes(const struct trace_writer *w)
{
    return w->out.position + w->strings.count + w->pvs.count * sizeof(struct trace_pv) +
           w->circuits.count * sizeof(struct trace_circuit) + w->events.count * sizeof(struct trace_event);
}

struct trace_pv *trace_writer_pv_at(struct trace_writer *w, uint32_t pv)
{
    assert(pv < w->pvs.count);
    if (!journal_changed(&w->changed_pvs, pv))
        fail_memory(w);
    return (struct trace_pv *)w->pvs.at + pv;
}

struct trace_circuit *trace_writer_circuit_at(struct trace_writer *w, uint32_t circuit)
{
    assert(circuit < w->circuits.count);
    if (!journal_changed(&w->changed_circuits, circuit))
        fail_memory(w);
    return (struct trace_circuit *)w->circuits.at + circuit;
}

/* ---- events ---- */

bool trace_has_values(const struct trace_event *e)
{
    bool from_server = e->flags & TRACE_FROM_SERVER;
    switch (e->command) {
    case WIRE_EVENT_ADD:
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
        return from_server && e->type < WIRE_TYPES;
    case WIRE_WRITE:
    case WIRE_WRITE_NOTIFY:
        return !from_server && e->type < WIRE_TYPES;
    default:
        return false;
    }
}

/* Where the values of a payload begin and end. Bytes around them (stamps, pads with whatever lay in the server's buffer) differ
 * from subscriber to subscriber; the values are the same. */
static void split(struct trace_event *e)
{
    e->head_bytes = 0;
    e->body_bytes = e->size;
    if (!trace_has_values(e))
        return;
    const struct wire_type *type = &wire_types[e->type];
    uint64_t values = (uint64_t)type->size * e->count;
    e->head_bytes = (uint16_t)(type->offset < e->size ? type->offset : e->size);
    e->body_bytes = e->size - e->head_bytes;
    if (values < e->body_bytes)
        e->body_bytes = (uint32_t)values;
}

static uint64_t pool_add(struct trace_writer *w, const void *bytes, size_t n)
{
    uint64_t offset = w->out.position - w->out.header.sections[FORMAT_POOL].offset;
    output_put(&w->out, bytes, n);
    return offset;
}

/* Offset of the body in the pool, where an equal one may lie already. */
static uint64_t pool_share(struct trace_writer *w, const uint8_t *bytes, uint32_t n)
{
    if (n < TRACE_SHARED_BYTES)
        return pool_add(w, bytes, n);
    XXH128_hash_t hash = XXH3_128bits(bytes, n);
    const struct body_key key = {.low = hash.low64, .high = hash.high64, .bytes = n};
    const struct body *body = bodies_find(&w->bodies, &key);
    if (body != NULL)
        return body->offset;
    const uint64_t offset = pool_add(w, bytes, n);
    (void)bodies_add(&w->bodies, &key, offset); /* without memory: stored again next time */
    return offset;
}

static uint64_t pool_bytes(const struct trace_writer *w)
{
    return w->out.position - w->out.header.sections[FORMAT_POOL].offset;
}

void trace_writer_forgo_journal(struct trace_writer *w)
{
    journal_close(&w->journal, false);
    w->out.is_journaled = false;
}

/* First what the chunk is about, then the chunk. */
static void write_journal(struct trace_writer *w)
{
    w->meta.end_ns = w->end_ns;
    struct journal_chunk head = {.pool_from = w->chunk_pool,
                                 .pool_to = pool_bytes(w),
                                 .pool_checksum = output_flush(&w->out),
                                 .nstrings = w->strings.count - w->chunk_strings,
                                 .nevents = w->events.count - w->chunk_events,
                                 .meta = w->meta};
    const struct journal_table tables[JOURNAL_TABLES] = {{w->pvs.at, sizeof(struct trace_pv), &w->changed_pvs},
                                                         {w->circuits.at, sizeof(struct trace_circuit), &w->changed_circuits},
                                                         {w->losses.records.at, sizeof(struct trace_loss), &w->losses.changed}};
    const char *strings = w->strings.at != NULL ? (const char *)w->strings.at + w->chunk_strings : NULL;
    if (!output_has_failed(&w->out) &&
        !journal_append(&w->journal, &head, strings, tables, (const struct trace_event *)w->events.at + w->chunk_events))
        output_fail(&w->out, "its journal");
}

static void end_chunk(struct trace_writer *w)
{
    if (w->journal.file != NULL)
        write_journal(w);
    array_release(&w->events, w->chunk_events, w->events.count, sizeof(struct trace_event));
    w->chunk_pool = pool_bytes(w);
    w->chunk_strings = w->strings.count;
    w->chunk_events = w->events.count;
    w->chunk_ns = w->end_ns;
}

static uint32_t end_event(struct trace_writer *w, uint64_t t_ns)
{
    const uint32_t index = w->events.count - 1;
    w->is_unsorted |= t_ns < w->end_ns;
    if (t_ns > w->end_ns)
        w->end_ns = t_ns;
    if (!trace_writer_failed(w) && (w->events.count - w->chunk_events >= CHUNK_EVENTS ||
                                    pool_bytes(w) - w->chunk_pool >= CHUNK_POOL_BYTES || w->end_ns - w->chunk_ns >= CHUNK_NS))
        end_chunk(w);
    return index;
}

void trace_writer_tick(struct trace_writer *w, uint64_t now_ns)
{
    const bool has_more = w->events.count > w->chunk_events || w->strings.count > w->chunk_strings || w->changed_pvs.count > 0 ||
                          w->changed_circuits.count > 0 || w->losses.changed.count > 0;
    if (!has_more || w->journal.chunks != w->ticked_chunks) {
        w->ticked_chunks = w->journal.chunks;
        w->ticked_ns = now_ns;
    } else if (!trace_writer_failed(w) && now_ns - w->ticked_ns >= CHUNK_NS)
        end_chunk(w);
}

/* One more, for the caller to set. NULL: the writer has failed. */
static struct trace_event *next_event(struct trace_writer *w)
{
    if (trace_writer_failed(w))
        return NULL;
    if (array_reserve(&w->events, 1, sizeof(struct trace_event)) == 0)
        return (struct trace_event *)w->events.at + w->events.count++;
    fail_tables(w);
    return NULL;
}

uint32_t trace_writer_event(struct trace_writer *w, const struct trace_event *event, const uint8_t *payload)
{
    assert(payload != NULL || event->size == 0);
    struct trace_event *e = next_event(w);
    if (e == NULL)
        return TRACE_NONE;
    *e = *event;
    e->head = e->body = 0;
    split(e);
    if (e->size == 0)
        return end_event(w, e->t_ns);
    const uint32_t rest = e->size - e->head_bytes - e->body_bytes;
    e->body = pool_share(w, payload + e->head_bytes, e->body_bytes);
    e->head = pool_add(w, payload, e->head_bytes);
    pool_add(w, payload + e->head_bytes + e->body_bytes, rest);
    return end_event(w, e->t_ns);
}

void trace_writer_loss(struct trace_writer *w, const struct trace_loss *loss)
{
    if (!losses_add(&w->losses, loss))
        fail_memory(w);
}

void trace_writer_loss_on(struct trace_writer *w, const struct trace_loss *loss, uint64_t within_ns)
{
    if (!losses_add_on(&w->losses, loss, within_ns))
        fail_memory(w);
}

/* ---- finishing ---- */

static void index_event(struct trace_writer *w, uint32_t k, uint64_t t_ns)
{
    uint64_t *row = k % FORMAT_INDEX_EVENTS == 0 ? add(w, &w->index, 1, sizeof *row) : NULL;
    if (row != NULL)
        *row = t_ns;
}

/* The k-th event has been put, and all before it. Requests are looked up all over `place`. */
static void release_put(const struct trace_writer *w, const struct sorting *s, uint32_t k)
{
    if (k % SORTING_BLOCK != 0 || k == 0)
        return;
    array_release(&w->events, k > SORTING_BLOCK ? k - 2 * SORTING_BLOCK : 0, k, sizeof(struct trace_event));
    array_release(&s->order, k - SORTING_BLOCK, k, sizeof(uint32_t));
    array_release(&s->place, 0, w->events.count, sizeof(uint32_t));
}

static void put_sorted(struct trace_writer *w, const struct sorting *s)
{
    const struct trace_event *events = w->events.at;
    const uint32_t n = w->events.count, *order = s->order.at, *place = s->place.at;
    for (uint32_t k = 0; k < n; k++) {
        struct trace_event e = events[order[k]];
        e.peer = e.peer < n ? place[e.peer] : TRACE_NONE;
        index_event(w, k, e.t_ns);
        output_put(&w->out, &e, sizeof e);
        release_put(w, s, k);
    }
}

/* Messages of several packets ended behind others that had begun later. */
static void sort_and_put(struct trace_writer *w)
{
    struct sorting s = {.order.spill = w->spill, .place.spill = w->spill};
    if (sorting_run(&s, &w->events) == 0)
        put_sorted(w, &s);
    else
        fail_tables(w);
    sorting_fini(&s);
}

static void put_as_they_are(struct trace_writer *w)
{
    const struct trace_event *events = w->events.at;
    for (uint32_t n = 0, k = 0; k < w->events.count; k += n) {
        n = w->events.count - k < FORMAT_INDEX_EVENTS ? w->events.count - k : FORMAT_INDEX_EVENTS;
        index_event(w, k, events[k].t_ns);
        output_put(&w->out, events + k, n * sizeof *events);
        array_release(&w->events, k, k + n, sizeof *events);
    }
}

static void put_events(struct trace_writer *w)
{
    output_begin(&w->out, FORMAT_EVENTS);
    if (w->is_unsorted && !trace_writer_failed(w))
        sort_and_put(w);
    else
        put_as_they_are(w);
    output_end(&w->out, FORMAT_EVENTS);
}

static void put_section(struct trace_writer *w, enum format_section_kind kind, const void *bytes, size_t n)
{
    output_begin(&w->out, kind);
    output_put(&w->out, bytes, n);
    output_end(&w->out, kind);
}

void trace_writer_about(struct trace_writer *w, const struct trace_meta *meta)
{
    struct format_meta *m = &w->meta;
    *m = (struct format_meta){.start_realtime_ns = meta->start_realtime_ns, .end_ns = meta->end_ns, .missing = meta->missing};
    snprintf(m->source, sizeof m->source, "%s", meta->source != NULL ? meta->source : "");
    snprintf(m->sha256, sizeof m->sha256, "%.64s", meta->sha256 != NULL ? meta->sha256 : "");
}

static void free_tables(struct trace_writer *w)
{
    struct string *s, *next_string;
    HASH_ITER(hh, w->string_table, s, next_string)
    {
        HASH_DEL(w->string_table, s);
        free(s);
    }
    bodies_fini(&w->bodies);
    journal_changes_fini(&w->changed_pvs);
    journal_changes_fini(&w->changed_circuits);
    losses_fini(&w->losses);
    array_fini(&w->strings);
    array_fini(&w->pvs);
    array_fini(&w->circuits);
    array_fini(&w->events);
    array_fini(&w->index);
}

int trace_writer_finish(struct trace_writer *w, const struct trace_meta *meta, struct diag *diag)
{
    output_end(&w->out, FORMAT_POOL);
    put_section(w, FORMAT_STRINGS, w->strings.at, w->strings.count);
    put_section(w, FORMAT_PVS, w->pvs.at, w->pvs.count * sizeof(struct trace_pv));
    put_section(w, FORMAT_CIRCUITS, w->circuits.at, w->circuits.count * sizeof(struct trace_circuit));
    put_events(w);
    trace_writer_about(w, meta);
    put_section(w, FORMAT_META, &w->meta, sizeof w->meta);
    put_section(w, FORMAT_INDEX, w->index.at, w->index.count * sizeof(uint64_t));
    losses_sort(&w->losses);
    put_section(w, FORMAT_LOSSES, w->losses.records.at, w->losses.records.count * sizeof(struct trace_loss));
    const bool is_worth_it = w->journal.chunks > 0;
    int result = output_finish(&w->out, is_worth_it, diag);
    journal_close(&w->journal, result < 0 && is_worth_it);
    free_tables(w);
    free(w);
    return result;
}

void trace_writer_abandon(struct trace_writer *w)
{
    if (w == NULL)
        return;
    output_abandon(&w->out);
    journal_close(&w->journal, false);
    free_tables(w);
    free(w);
}
