#include "replay/timeline.h"

#include "base/clock.h"
#include "replay/merge.h"

#include <stdlib.h>
#include <string.h>

struct builder {
    struct timeline *out;
    const struct trace *trace;
    struct samples samples;
    struct post *stamped, *posts;   /* scratch: the most samples that a PV has */
    struct cover_interval *covered; /* scratch: all streams, twice */
    uint64_t nupdates;              /* of out->updates */
};

/* ---- time 0 ---- */

static bool is_subscription(const struct trace_event *e)
{
    return e->command == WIRE_EVENT_ADD && (!(e->flags & TRACE_FROM_SERVER) || e->flags & TRACE_UPDATE);
}

static bool is_read(const struct trace_event *e)
{
    return e->flags & TRACE_FROM_SERVER && !(e->flags & TRACE_FILLED) &&
           (e->command == WIRE_READ_NOTIFY || e->command == WIRE_READ);
}

/* Only of what is served: on the same wire others may have talked to servers of which nothing is known. */
static uint64_t first_time(const struct samples *s, bool (*test)(const struct trace_event *))
{
    for (uint32_t i = 0; i < s->trace->nevents; i++) {
        const struct trace_event *e = &s->trace->events[i];
        if (test(e) && e->pv != TRACE_NONE && s->pvs[s->pv_of[e->pv]].is_served)
            return e->t_ns < SAMPLES_LATEST_NS ? e->t_ns : SAMPLES_LATEST_NS;
    }
    return UINT64_MAX;
}

static void set_zero(struct timeline *t, const struct samples *s)
{
    t->zero_ns = first_time(s, is_subscription);
    if (t->zero_ns == UINT64_MAX)
        t->zero_ns = first_time(s, is_read);
    if (t->zero_ns == UINT64_MAX)
        t->zero_ns = 0;
    t->zero_stamp_ns = samples_stamp_ns(s->trace, t->zero_ns);
    t->length_ns = s->trace->end_ns > t->zero_ns ? s->trace->end_ns - t->zero_ns : 0;
}

/* ---- one PV ---- */

/* The sample's data in the native type. NULL: no conversion, or (*no_memory). */
static const uint8_t *native_data(struct builder *b, const struct samples_pv *pv, const struct sample *s, bool *no_memory)
{
    static const uint8_t nothing[8];
    if (s->count == 0)
        return nothing;
    if (s->base == pv->native)
        return s->data;
    const size_t size = wire_base_size((enum wire_base)s->base) * s->count;
    uint8_t *out = arena_bytes(&b->out->arena, wire_base_size((enum wire_base)pv->native) * s->count);
    uint32_t written;
    if (out == NULL)
        *no_memory = true;
    else if (wire_put_convert(s->base, s->count, s->data, (uint32_t)size, pv->native, &pv->meta, out, s->count, &written) ==
             WIRE_ECA_NORMAL)
        return out;
    return NULL;
}

/* Strings that were completed live in the samples' arena, which goes away. */
static const uint8_t *keep(struct builder *b, const struct sample *s, const uint8_t *data, bool *no_memory)
{
    const uint8_t *pool = b->trace->pool;
    if (s->base != WIRE_STRING || data != s->data || (data >= pool && data < pool + b->trace->pool_bytes))
        return data;
    uint8_t *copy = arena_bytes(&b->out->arena, WIRE_STRING_BYTES);
    if (copy == NULL)
        *no_memory = true;
    else
        memcpy(copy, data, WIRE_STRING_BYTES);
    return copy;
}

/* ca-protocol 6.5: a change of value is DBE_VALUE and DBE_LOG, one of the alarm DBE_ALARM; arrays are posted whenever they are
 * processed; what changes nothing was posted for its value (MDEL -1). */
static uint8_t post_mask(const struct samples_pv *pv, const struct timeline_update *before, const struct timeline_update *now)
{
    size_t size = wire_base_size((enum wire_base)pv->native);
    bool same_value = pv->count == 1 && before->count == 1 && now->count == 1 && memcmp(before->data, now->data, size) == 0;
    bool same_alarm = before->status == now->status && before->severity == now->severity;
    unsigned mask = same_value && !same_alarm ? 0 : WIRE_MASK_VALUE | WIRE_MASK_LOG;
    return (uint8_t)(same_alarm ? mask : mask | WIRE_MASK_ALARM);
}

static int add_update(struct builder *b, const struct samples_pv *pv, struct timeline_pv *to, const struct post *post)
{
    const struct sample *s = post->sample;
    bool no_memory = false;
    const uint8_t *data = native_data(b, pv, s, &no_memory);
    if (data != NULL)
        data = keep(b, s, data, &no_memory);
    if (no_memory)
        return -1;
    if (data == NULL) {
        b->out->counts.unconverted++;
        return 0;
    }
    struct timeline_update *u = &b->out->updates[b->nupdates++];
    *u = (struct timeline_update){
        .data = data,
        .due_ns = (int64_t)post->due_ns - (int64_t)b->out->zero_ns,
        .stamp_ns = post->stamp_ns,
        .count = s->count,
        .status = s->status,
        .severity = s->severity,
    };
    u->mask = to->nupdates > 0 ? post_mask(pv, u - 1, u) : WIRE_MASK_VALUE | WIRE_MASK_LOG;
    to->nupdates++;
    return 0;
}

/* The last post at or before time 0, else the first one. */
static size_t initial_post(const struct builder *b, size_t n)
{
    size_t i = 0;
    while (i + 1 < n && b->posts[i + 1].due_ns <= b->out->zero_ns)
        i++;
    return i;
}

/* What has no stamp is dated by its packet, which came some time after the post: but before the stamp of the next one, unless
 * stamps and packets contradict each other. */
static void date_posts(struct builder *b, size_t n, bool by_packets)
{
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = n; i-- > 0;) {
        struct post *p = &b->posts[i];
        bool has_stamp = p->sample->has_stamp;
        p->stamp_ns = has_stamp ? p->sample->stamp_ns : samples_stamp_ns(b->trace, p->due_ns);
        if (!has_stamp && !by_packets && p->stamp_ns >= next_ns)
            p->stamp_ns = next_ns > 0 ? next_ns - 1 : 0;
        next_ns = p->stamp_ns;
    }
}

static int add_updates(struct builder *b, const struct samples_pv *pv, struct timeline_pv *to)
{
    struct merge m = {
        .streams = b->samples.streams,
        .pv = pv,
        .start_stamp_ns = samples_stamp_ns(b->trace, 0),
        .stamped = b->stamped,
        .posts = b->posts,
        .covered = {{.at = b->covered}, {.at = b->covered + b->samples.nstreams}},
    };
    struct timeline_counts *counts = &b->out->counts;
    size_t n = merge_samples(&m, b->samples.all + pv->first_sample), first = initial_post(b, n);
    to->updates = b->out->updates + b->nupdates;
    to->by_packets = m.by_packets;
    date_posts(b, n, m.by_packets);
    for (size_t i = first; i < n; i++)
        if (add_update(b, pv, to, &b->posts[i]) < 0)
            return -1;
    counts->copies += m.copies;
    counts->merged += m.merged;
    counts->before += first;
    counts->updates += to->nupdates > 0 ? to->nupdates - 1 : 0;
    return 0;
}

static uint8_t first_rights(const struct builder *b, uint32_t k)
{
    uint8_t rights = b->out->rights.first[k];
    return rights != 0xff ? rights : WIRE_RIGHT_READ | WIRE_RIGHT_WRITE;
}

static int add_pv(struct builder *b, uint32_t k)
{
    const struct samples_pv *pv = &b->samples.pvs[k];
    const char *name = names_at(b->samples.names, k);
    uint32_t index = names_add(b->out->names, name, strlen(name));
    if (index == NAMES_NONE)
        return -1;
    struct timeline_pv *to = &b->out->pvs[index];
    b->out->npvs = index + 1;
    *to = (struct timeline_pv){
        .name = names_at(b->out->names, index),
        .count = pv->count,
        .native = pv->native,
        .rights = first_rights(b, k),
        .has_holes = pv->has_holes,
        .meta = pv->meta,
    };
    return add_updates(b, pv, to);
}

/* ---- all of them ---- */

static int reserve(struct builder *b)
{
    struct timeline *out = b->out;
    const uint32_t n = names_count(b->samples.names);
    size_t most = 0;
    for (uint32_t k = 0; k < n; k++)
        most = b->samples.pvs[k].nsamples > most ? b->samples.pvs[k].nsamples : most;
    b->stamped = calloc(most + 1, sizeof *b->stamped);
    b->posts = calloc(most + 1, sizeof *b->posts);
    b->covered = calloc(2 * (size_t)b->samples.nstreams + 1, sizeof *b->covered);
    out->pvs = calloc((size_t)n + 1, sizeof *out->pvs);
    out->updates = calloc((size_t)b->samples.nall + 1, sizeof *out->updates);
    out->of_trace_pv = calloc((size_t)b->trace->npvs + 1, sizeof *out->of_trace_pv);
    out->names = names_new();
    return b->stamped && b->posts && b->covered && out->pvs && out->updates && out->of_trace_pv && out->names ? 0 : -1;
}

/* From indices of samples to those of served PVs; what was not served goes. */
static void rename_rights(struct builder *b)
{
    struct rights *rights = &b->out->rights;
    uint32_t n = 0;
    for (uint32_t i = 0; i < rights->nchanges; i++) {
        struct rights_change change = rights->changes[i];
        const char *name = names_at(b->samples.names, change.pv);
        change.pv = names_find(b->out->names, name, strlen(name));
        if (change.pv != NAMES_NONE)
            rights->changes[n++] = change;
    }
    rights->nchanges = n;
}

static int build(struct builder *b)
{
    if (reserve(b) < 0)
        return -1;
    set_zero(b->out, &b->samples);
    if (rights_init(&b->out->rights, &b->samples, b->out->zero_ns) < 0)
        return -1;
    for (uint32_t k = 0; k < names_count(b->samples.names); k++)
        if (!b->samples.pvs[k].is_served)
            b->out->counts.unserved++;
        else if (add_pv(b, k) < 0)
            return -1;
    for (uint32_t i = 0; i < b->trace->npvs; i++) {
        const char *name = names_at(b->samples.names, b->samples.pv_of[i]);
        b->out->of_trace_pv[i] = names_find(b->out->names, name, strlen(name));
    }
    rename_rights(b);
    return 0;
}

int timeline_init(struct timeline *timeline, const struct trace *trace, struct diag *diag)
{
    *timeline = (struct timeline){0};
    struct builder b = {.out = timeline, .trace = trace};
    int result = samples_init(&b.samples, trace, diag);
    if (result == 0 && build(&b) < 0)
        result = diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the %u values of the trace", b.samples.nall);
    free(b.stamped);
    free(b.posts);
    free(b.covered);
    samples_fini(&b.samples);
    return result;
}

int timeline_check(const struct timeline *timeline, const struct trace *trace, const char *path, struct diag *diag)
{
    if (timeline->npvs > 0)
        return 0;
    return diag_fail(diag, DIAG_USAGE, "%s: nothing to serve: no client connected to a PV in its %u messages", path,
                     trace->nevents);
}

void timeline_fini(struct timeline *timeline)
{
    names_free(timeline->names);
    rights_fini(&timeline->rights);
    free(timeline->pvs);
    free(timeline->updates);
    free(timeline->of_trace_pv);
    arena_fini(&timeline->arena);
    *timeline = (struct timeline){0};
}

/* ---- a part of it ---- */

static void cut_pv(struct timeline *t, struct timeline_pv *pv, int64_t from_ns, int64_t to_ns)
{
    struct timeline_update *all = t->updates + (pv->updates - t->updates);
    uint32_t first = 0, end = 1;
    while (first + 1 < pv->nupdates && all[first + 1].due_ns <= from_ns)
        first++;
    for (end = first + 1; end < pv->nupdates && all[end].due_ns < to_ns; end++)
        ;
    pv->updates = all + first;
    pv->nupdates = pv->nupdates > 0 ? end - first : 0;
    for (uint32_t i = first; i < first + pv->nupdates; i++)
        all[i].due_ns -= from_ns;
    t->counts.updates += pv->nupdates > 0 ? pv->nupdates - 1 : 0;
}

static int cut_rights(struct timeline *t, uint64_t from_ns, uint64_t to_ns)
{
    uint8_t *first = malloc((size_t)t->npvs + 1);
    if (first == NULL)
        return -1;
    for (uint32_t i = 0; i < t->npvs; i++)
        first[i] = t->pvs[i].rights;
    int result = rights_cut(&t->rights, first, t->npvs, from_ns, to_ns);
    for (uint32_t i = 0; i < t->npvs; i++)
        t->pvs[i].rights = first[i];
    free(first);
    return result;
}

int timeline_cut(struct timeline *t, uint64_t from_ns, uint64_t to_ns, struct diag *diag)
{
    const double s = 1e9;
    if (from_ns > 0 && from_ns >= t->length_ns)
        return diag_fail(diag, DIAG_USAGE, "--from %.9gs: the recording ends %.9gs after its first subscription",
                         (double)from_ns / s, (double)t->length_ns / s);
    if (to_ns <= from_ns)
        return diag_fail(diag, DIAG_USAGE, "--to %.9gs is not after --from %.9gs (example: --from 1.5s --to 3s)",
                         (double)to_ns / s, (double)from_ns / s);
    if (cut_rights(t, from_ns, to_ns) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the rights of %u PVs", t->npvs);
    t->counts.updates = 0;
    for (uint32_t i = 0; i < t->npvs; i++)
        cut_pv(t, &t->pvs[i], (int64_t)from_ns, to_ns < INT64_MAX ? (int64_t)to_ns : INT64_MAX);
    t->zero_stamp_ns += from_ns;
    t->length_ns = (to_ns < t->length_ns ? to_ns : t->length_ns) - from_ns;
    t->cut_ns = to_ns != CLOCK_NEVER ? to_ns - from_ns : 0;
    return 0;
}

uint32_t timeline_find(const struct timeline *timeline, const char *name, size_t length)
{
    return names_find(timeline->names, name, names_record_length(name, length));
}
