#include "traces/trace.h"

#include "traces/array.h"
#include "traces/journal.h"
#include "traces/output.h"
#include "traces/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* XXH3 by the widest registers of this processor */
#endif

/* A chunk of the journal is written after so much pool, so many events, or so much time of the trace. */
#define CHUNK_POOL_BYTES (4u << 20)
#define CHUNK_EVENTS     16384u
#define CHUNK_NS         UINT64_C(1000000000)

/* Moves an event, on average, after which events are sorted as if they were in no order. */
#define SORT_MOVES 16u

/* One interned text. As a PV's name it also knows the PV. */
struct string {
    UT_hash_handle hh;
    uint32_t offset; /* in the strings section */
    uint32_t pv;     /* index, or TRACE_NONE */
    char text[];
};

/* One body in the pool that later equal ones share. 128 bits of XXH3 and the length stand for the bytes: comparing the bytes
 * themselves would mean reading the pool back. */
struct body {
    UT_hash_handle hh;
    struct body_key {
        uint64_t low, high, bytes;
    } key;
    uint64_t offset;
};

struct trace_writer {
    struct output out;
    struct array strings, pvs, circuits, events, index;
    struct string *string_table;
    struct body *body_table;
    struct journal journal;
    struct journal_changes changed_pvs, changed_circuits;
    struct format_meta meta;               /* as far as it is known */
    uint32_t chunk_strings, chunk_events;  /* what the journal has */
    uint64_t chunk_pool, chunk_ns, end_ns; /* pool bytes and time that it has; the latest time seen */
    uint64_t ticked_chunks, ticked_ns;     /* the journal's chunks since then */
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

/* Make room for n more records. NULL, with the writer failed, if there is none. */
static void *array_add(struct trace_writer *w, struct array *a, uint32_t n, size_t record_bytes)
{
    if (n >= TRACE_NONE - a->count) {
        errno = EOVERFLOW;
        output_fail(&w->out, "more than 2^32 - 1 records");
        return NULL;
    }
    if (a->room - a->count < n) {
        uint64_t room = (uint64_t)a->room * 2 + n + 1024;
        room = room < TRACE_NONE ? room : TRACE_NONE;
        if (array_reserve(a, (uint32_t)room, record_bytes) < 0) {
            fail_memory(w);
            return NULL;
        }
    }
    void *added = (char *)a->at + (size_t)a->count * record_bytes;
    memset(added, 0, n * record_bytes);
    a->count += n;
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
    char *stored = s != NULL ? array_add(w, &w->strings, (uint32_t)length + 1, 1) : NULL;
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
    struct trace_pv *pv = array_add(w, &w->pvs, 1, sizeof *pv);
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
    struct trace_circuit *c = array_add(w, &w->circuits, 1, sizeof *c);
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
    struct body_key key = {.low = hash.low64, .high = hash.high64, .bytes = n};
    struct body *body;
    HASH_FIND(hh, w->body_table, &key, sizeof key, body);
    if (body != NULL)
        return body->offset;
    body = calloc(1, sizeof *body);
    if (body == NULL) {
        fail_memory(w);
        return 0;
    }
    body->key = key;
    body->offset = pool_add(w, bytes, n);
    const uint64_t offset = body->offset;
    HASH_ADD(hh, w->body_table, key, sizeof key, body);
    if (body->hh.tbl == NULL)
        free(body); /* stored again next time */
    return offset;
}

static uint64_t pool_bytes(const struct trace_writer *w)
{
    return w->out.position - w->out.header.sections[FORMAT_POOL].offset;
}

void trace_writer_forgo_journal(struct trace_writer *w)
{
    journal_close(&w->journal, false);
}

/* First what the chunk is about, then the chunk. */
static void write_chunk(struct trace_writer *w)
{
    if (w->journal.file == NULL)
        return;
    w->meta.end_ns = w->end_ns;
    struct journal_chunk head = {.pool_from = w->chunk_pool,
                                 .pool_to = pool_bytes(w),
                                 .pool_checksum = output_flush(&w->out),
                                 .nstrings = w->strings.count - w->chunk_strings,
                                 .nevents = w->events.count - w->chunk_events,
                                 .meta = w->meta};
    const struct journal_table tables[2] = {{w->pvs.at, sizeof(struct trace_pv), &w->changed_pvs},
                                            {w->circuits.at, sizeof(struct trace_circuit), &w->changed_circuits}};
    const char *strings = w->strings.at != NULL ? (const char *)w->strings.at + w->chunk_strings : NULL;
    if (!output_has_failed(&w->out) &&
        !journal_append(&w->journal, &head, strings, tables, (const struct trace_event *)w->events.at + w->chunk_events))
        output_fail(&w->out, "its journal");
    w->chunk_pool = head.pool_to;
    w->chunk_strings = w->strings.count;
    w->chunk_events = w->events.count;
    w->chunk_ns = w->end_ns;
}

static uint32_t end_event(struct trace_writer *w, uint64_t t_ns)
{
    const uint32_t index = w->events.count - 1;
    if (t_ns > w->end_ns)
        w->end_ns = t_ns;
    if (!trace_writer_failed(w) && (w->events.count - w->chunk_events >= CHUNK_EVENTS ||
                                    pool_bytes(w) - w->chunk_pool >= CHUNK_POOL_BYTES || w->end_ns - w->chunk_ns >= CHUNK_NS))
        write_chunk(w);
    return index;
}

void trace_writer_tick(struct trace_writer *w, uint64_t now_ns)
{
    const bool has_more = w->events.count > w->chunk_events || w->strings.count > w->chunk_strings || w->changed_pvs.count > 0 ||
                          w->changed_circuits.count > 0;
    if (!has_more || w->journal.chunks != w->ticked_chunks) {
        w->ticked_chunks = w->journal.chunks;
        w->ticked_ns = now_ns;
    } else if (!trace_writer_failed(w) && now_ns - w->ticked_ns >= CHUNK_NS)
        write_chunk(w);
}

uint32_t trace_writer_event(struct trace_writer *w, const struct trace_event *event, const uint8_t *payload)
{
    assert(payload != NULL || event->size == 0);
    struct trace_event *e = trace_writer_failed(w) ? NULL : array_add(w, &w->events, 1, sizeof *e);
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

/* ---- finishing ---- */

static int by_time(const void *a, const void *b, void *events)
{
    const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const struct trace_event *x = (const struct trace_event *)events + i, *y = (const struct trace_event *)events + k;
    if (x->t_ns != y->t_ns)
        return x->t_ns < y->t_ns ? -1 : 1;
    return i < k ? -1 : 1;
}

static void sort_by_time(uint32_t *order, struct trace_event *events, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, by_time, events);
}

/* Events come when they are whole, with the times of their beginnings: nearly in order. False: they are not, and `order` is
 * unfinished. */
static bool insert_by_time(uint32_t *order, const struct trace_event *events, uint32_t n)
{
    uint64_t moves = (uint64_t)n * SORT_MOVES;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = i;
        for (; k > 0 && events[order[k - 1]].t_ns > events[i].t_ns; k--) {
            if (moves-- == 0)
                return false;
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
    return true;
}

static void index_event(struct trace_writer *w, uint32_t k, uint64_t t_ns)
{
    uint64_t *row = k % FORMAT_INDEX_EVENTS == 0 ? array_add(w, &w->index, 1, sizeof *row) : NULL;
    if (row != NULL)
        *row = t_ns;
}

/* order[k] is the index of the k-th event in time; place[i] is where event i comes. */
static void put_events(struct trace_writer *w, uint32_t *order, uint32_t *place)
{
    const struct trace_event *events = w->events.at;
    const uint32_t n = w->events.count;
    if (!insert_by_time(order, w->events.at, n))
        sort_by_time(order, w->events.at, n);
    for (uint32_t k = 0; k < n; k++)
        place[order[k]] = k;
    output_begin(&w->out, FORMAT_EVENTS);
    for (uint32_t k = 0; k < n; k++) {
        struct trace_event e = events[order[k]];
        e.peer = e.peer < n ? place[e.peer] : TRACE_NONE;
        index_event(w, k, e.t_ns);
        output_put(&w->out, &e, sizeof e);
    }
    output_end(&w->out, FORMAT_EVENTS);
}

static void put_sorted(struct trace_writer *w)
{
    const size_t n = w->events.count;
    uint32_t *order = malloc((n + 1) * sizeof *order), *place = malloc((n + 1) * sizeof *place);
    if (order != NULL && place != NULL)
        put_events(w, order, place);
    else
        fail_memory(w);
    free(order);
    free(place);
}

static void put_section(struct trace_writer *w, enum format_section_kind kind, const void *bytes, size_t n)
{
    output_begin(&w->out, kind);
    output_put(&w->out, bytes, n);
    output_end(&w->out, kind);
}

static bool are_in_order(const struct trace_event *events, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (events[i].t_ns < events[i - 1].t_ns)
            return false;
    return true;
}

/* The file's events are those in memory, but where messages of several packets ended behind others that had begun later. */
static void put_all_events(struct trace_writer *w)
{
    const struct trace_event *events = w->events.at;
    const uint32_t n = w->events.count;
    if (!are_in_order(events, n)) {
        put_sorted(w);
        return;
    }
    put_section(w, FORMAT_EVENTS, events, n * sizeof *events);
    for (uint64_t k = 0; k < n; k += FORMAT_INDEX_EVENTS)
        index_event(w, (uint32_t)k, events[k].t_ns);
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
    struct body *b, *next_body;
    HASH_ITER(hh, w->body_table, b, next_body)
    {
        HASH_DEL(w->body_table, b);
        free(b);
    }
    journal_changes_fini(&w->changed_pvs);
    journal_changes_fini(&w->changed_circuits);
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
    put_all_events(w);
    trace_writer_about(w, meta);
    put_section(w, FORMAT_META, &w->meta, sizeof w->meta);
    put_section(w, FORMAT_INDEX, w->index.at, w->index.count * sizeof(uint64_t));
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
