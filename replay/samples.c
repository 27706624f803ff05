#include "replay/samples.h"

#include "base/clock.h"
#include "replay/ends.h"
#include "traces/losses.h"
#include "traces/reach.h"

#include <stdlib.h>
#include <string.h>

#define BIT(base) (1u << (base))

/* Bases that hold every value of a native type. DBR_CHAR is 8 bits without a sign of its own, and an enum has at most 16 states;
 * a string of an integer has all its digits (ca-protocol 7.4). */
static const uint8_t lossless[WIRE_BASES] = {
    [WIRE_STRING] = 0,
    [WIRE_INT16] = BIT(WIRE_INT32) | BIT(WIRE_FLOAT) | BIT(WIRE_DOUBLE) | BIT(WIRE_STRING),
    [WIRE_FLOAT] = BIT(WIRE_DOUBLE),
    [WIRE_ENUM] = BIT(WIRE_INT16) | BIT(WIRE_INT32) | BIT(WIRE_FLOAT) | BIT(WIRE_DOUBLE),
    [WIRE_CHAR] = BIT(WIRE_INT16) | BIT(WIRE_INT32) | BIT(WIRE_FLOAT) | BIT(WIRE_DOUBLE) | BIT(WIRE_STRING),
    [WIRE_INT32] = BIT(WIRE_DOUBLE) | BIT(WIRE_STRING),
    [WIRE_DOUBLE] = 0,
};

enum sample_fit sample_fit(unsigned native, unsigned base)
{
    if (native == base)
        return SAMPLE_EXACT;
    return lossless[native] & BIT(base) ? SAMPLE_LOSSLESS : SAMPLE_LOSSY;
}

static uint64_t clamp(uint64_t t_ns)
{
    return t_ns < SAMPLES_LATEST_NS ? t_ns : SAMPLES_LATEST_NS;
}

uint64_t samples_stamp_ns(const struct trace *trace, uint64_t t_ns)
{
    const uint64_t epoch = CLOCK_EPICS_EPOCH * CLOCK_NS;
    uint64_t now = clamp(trace->start_realtime_ns) + clamp(t_ns);
    return now > epoch ? now - epoch : 0;
}

/* ---- PVs ---- */

static int add_pv(struct samples *s, uint32_t trace_pv)
{
    const char *name = trace_pv_name(s->trace, trace_pv);
    uint32_t k = names_add(s->names, name, names_record_length(name, strlen(name)));
    if (k == NAMES_NONE)
        return -1;
    s->pv_of[trace_pv] = k;
    const struct trace_pv *from = &s->trace->pvs[trace_pv];
    struct samples_pv *pv = &s->pvs[k];
    if (from->native < WIRE_BASES) {
        pv->is_served = true;
        pv->native = (uint8_t)from->native;
        pv->count = from->count;
    }
    return 0;
}

static int add_pvs(struct samples *s)
{
    const uint32_t n = s->trace->npvs;
    s->names = names_new();
    s->pv_of = calloc((size_t)n + 1, sizeof *s->pv_of);
    s->pvs = calloc((size_t)n + 1, sizeof *s->pvs);
    if (s->names == NULL || s->pv_of == NULL || s->pvs == NULL)
        return -1;
    for (uint32_t i = 0; i < n; i++) {
        s->pvs[i].first_stream = TRACE_NONE;
        wire_meta_init(&s->pvs[i].meta);
    }
    for (uint32_t i = 0; i < n; i++)
        if (add_pv(s, i) < 0)
            return -1;
    return 0;
}

/* The served PV of an event, or NULL. */
static struct samples_pv *pv_at(const struct samples *s, const struct trace_event *e)
{
    if (e->pv == TRACE_NONE)
        return NULL;
    struct samples_pv *pv = &s->pvs[s->pv_of[e->pv]];
    return pv->is_served ? pv : NULL;
}

/* Of an older trace, or one with more losses than have a place: all that ever was said on a circuit that lacks bytes. */
static void mark_by_circuit(struct samples *s)
{
    for (uint32_t i = 0; i < s->trace->nevents; i++) {
        const struct trace_event *e = &s->trace->events[i];
        struct samples_pv *pv = pv_at(s, e);
        if (pv != NULL && e->circuit != TRACE_NONE && s->trace->circuits[e->circuit].flags & TRACE_GAP)
            pv->has_holes = true;
    }
}

/* room: for npvs. What was lost before the recording began, or nobody knows where, is told in another way. */
static void mark_by_loss(struct samples *s, const struct reach *reach, uint32_t *room)
{
    for (uint32_t i = 0; i < s->trace->nlosses; i++) {
        const struct trace_loss *loss = &s->trace->losses[i];
        const uint32_t n = loss->kind != TRACE_LOSS_MIDWAY ? reach_pvs(reach, loss, room, s->trace->npvs) : 0;
        for (uint32_t k = 0; k < n; k++)
            s->pvs[s->pv_of[room[k]]].has_holes = true;
    }
}

static int mark_holes(struct samples *s)
{
    const struct trace_missing unplaced = losses_unplaced(s->trace);
    if (s->trace->nlosses == 0 || !trace_is_complete(&unplaced)) {
        mark_by_circuit(s);
        return 0;
    }
    struct reach *reach = reach_new(s->trace);
    uint32_t *room = calloc((size_t)s->trace->npvs + 1, sizeof *room);
    const bool is_good = reach != NULL && room != NULL;
    if (is_good)
        mark_by_loss(s, reach, room);
    reach_free(reach);
    free(room);
    return is_good ? 0 : -1;
}

/* ---- streams ---- */

static bool is_request(const struct trace_event *e, enum wire_command command)
{
    return e->command == command && !(e->flags & TRACE_FROM_SERVER) && e->type < WIRE_TYPES;
}

static bool asks_for_values(const struct trace *trace, const struct trace_event *e)
{
    enum { MASK_OFFSET = 12 }; /* ca-protocol 6.5 */
    if (e->body_bytes < MASK_OFFSET + 2)
        return true;
    return wire_get16(trace_body(trace, e) + MASK_OFFSET) & (WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

static uint32_t asked_count(uint32_t count)
{
    return count == 0 ? SAMPLE_WHOLE : count;
}

static void add_stream(struct samples *s, uint32_t event)
{
    const struct trace_event *e = &s->trace->events[event];
    struct samples_pv *pv = pv_at(s, e);
    if (pv == NULL)
        return;
    s->streams[s->nstreams] = (struct stream){
        .event = event,
        .pv = s->pv_of[e->pv],
        .next = pv->first_stream,
        .asked = asked_count(e->count),
        .fit = (uint8_t)sample_fit(pv->native, wire_types[e->type].base),
        .has_stamps = wire_types[e->type].family == WIRE_TIME,
        .has_values = asks_for_values(s->trace, e),
        .begin_ns = UINT64_MAX,
        .end_ns = e->circuit != TRACE_NONE ? s->trace->circuits[e->circuit].end_ns : s->trace->end_ns,
    };
    pv->first_stream = s->nstreams++;
}

static int add_streams(struct samples *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->trace->nevents; i++)
        n += is_request(&s->trace->events[i], WIRE_EVENT_ADD);
    s->streams = calloc((size_t)n + 1, sizeof *s->streams);
    if (s->streams == NULL)
        return -1;
    for (uint32_t i = 0; i < s->trace->nevents; i++)
        if (is_request(&s->trace->events[i], WIRE_EVENT_ADD))
            add_stream(s, i);
    return 0;
}

/* The stream that this EVENT_ADD began, or SAMPLE_READ. */
static uint32_t stream_of(const struct samples *s, uint32_t event)
{
    uint32_t low = 0, high = s->nstreams;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->streams[middle].event < event)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->nstreams && s->streams[low].event == event ? low : SAMPLE_READ;
}

/* ---- values ---- */

/* A good answer with a value in it: not a failure's zeros, not a cancel's confirmation. */
static bool has_value(const struct trace_event *e)
{
    if (!(e->flags & TRACE_FROM_SERVER) || e->type >= WIRE_TYPES)
        return false;
    switch (e->command) {
    case WIRE_EVENT_ADD:
        return e->flags & TRACE_UPDATE && e->p1 == WIRE_ECA_NORMAL;
    case WIRE_READ_NOTIFY:
        return e->p1 == WIRE_ECA_NORMAL;
    case WIRE_READ: /* count 0 is not dynamic here */
        return e->size > 0;
    default:
        return false;
    }
}

/* A single string's payload ends behind its text in READ, and in every answer of pcas (ca-protocol 6.3, 11.1). */
static int complete_string(struct samples *s, const struct trace_event *e, struct wire_value *value)
{
    if (value->base != WIRE_STRING || e->count != 1 || value->count == 1)
        return 0;
    uint8_t *whole = arena_bytes(&s->arena, WIRE_STRING_BYTES);
    if (whole == NULL)
        return -1;
    memcpy(whole, trace_body(s->trace, e), e->body_bytes < WIRE_STRING_BYTES ? e->body_bytes : WIRE_STRING_BYTES);
    value->data = whole;
    value->count = 1;
    return 0;
}

static bool decode(const struct samples *s, const struct trace_event *e, struct wire_value *value, struct wire_meta *meta)
{
    return wire_decode(e->type, e->count, trace_head(s->trace, e), e->head_bytes, trace_body(s->trace, e), e->body_bytes, value,
                       meta) == WIRE_OK;
}

static uint64_t stamp_ns(const struct wire_stamp *stamp)
{
    return stamp->seconds * CLOCK_NS + stamp->nanoseconds;
}

/* What a subscription got, one after the other. */
static void link_update(struct stream *stream, struct sample *sample)
{
    struct sample *last = stream->last;
    if (!sample->has_stamp)
        return;
    if (last != NULL) {
        last->next_stamp_ns = sample->stamp_ns;
        last->next_repeats = last->data == sample->data;
        stream->goes_back |= sample->stamp_ns < last->stamp_ns;
    }
    stream->last = sample;
}

static void describe(struct samples *s, const struct trace_event *e, const struct samples_pv *pv, struct sample *sample)
{
    const struct trace_event *request = e->peer != TRACE_NONE ? &s->trace->events[e->peer] : e;
    sample->t_ns = clamp(e->t_ns);
    sample->event = (uint32_t)(e - s->trace->events);
    sample->asked = asked_count(request->count);
    sample->fit = (uint8_t)sample_fit(pv->native, sample->base);
    sample->is_state = e->command != WIRE_EVENT_ADD || e->flags & TRACE_FIRST;
    sample->stream = e->command == WIRE_EVENT_ADD && e->peer != TRACE_NONE ? stream_of(s, e->peer) : SAMPLE_READ;
    if (sample->stream == SAMPLE_READ)
        return;
    struct stream *stream = &s->streams[sample->stream];
    if (!stream->has_values) {
        sample->stream = SAMPLE_READ;
        return;
    }
    if (stream->begin_ns == UINT64_MAX)
        stream->begin_ns = sample->t_ns;
    link_update(stream, sample);
}

/* A snapshot's value may be younger than the recording: then it has no stamp that says anything there. */
static bool is_of_its_time(const struct samples *s, const struct trace_event *e, uint64_t stamp)
{
    return !(e->flags & TRACE_FILLED) || stamp <= samples_stamp_ns(s->trace, 0);
}

/* Take one answer apart into the next free place of its PV's samples. */
static int add_sample(struct samples *s, const struct trace_event *e, struct samples_pv *pv)
{
    struct wire_value value = {0};
    if (!decode(s, e, &value, NULL))
        return 0;
    if (complete_string(s, e, &value) < 0)
        return -1;
    const bool has_stamp = value.has_stamp && is_of_its_time(s, e, stamp_ns(&value.stamp));
    struct sample *sample = &s->all[pv->first_sample + pv->nsamples++];
    *sample = (struct sample){
        .data = value.data,
        .count = value.count < pv->count ? value.count : pv->count,
        .base = value.base,
        .status = value.status,
        .severity = value.severity,
        .has_alarm = value.has_alarm,
        .has_stamp = has_stamp,
        .stamp_ns = has_stamp ? stamp_ns(&value.stamp) : 0,
    };
    describe(s, e, pv, sample);
    return 0;
}

static bool is_sample(const struct trace_event *e)
{
    return has_value(e) && wire_types[e->type].family != WIRE_SPECIAL;
}

/* The PV that a message is a sample of, or NULL. A snapshot's value stands for one that the recording does not have. */
static struct samples_pv *sampled(const struct samples *s, const struct trace_event *e)
{
    struct samples_pv *pv = is_sample(e) ? pv_at(s, e) : NULL;
    if (pv == NULL || !(e->flags & TRACE_FILLED))
        return pv;
    return !pv->has_values && wire_types[e->type].family == WIRE_TIME ? pv : NULL;
}

static void find_values(struct samples *s)
{
    for (uint32_t i = 0; i < s->trace->nevents; i++) {
        const struct trace_event *e = &s->trace->events[i];
        struct samples_pv *pv = is_sample(e) && !(e->flags & TRACE_FILLED) ? pv_at(s, e) : NULL;
        if (pv != NULL)
            pv->has_values = true;
    }
}

/* Room for each PV's samples, one PV behind the other. */
static int reserve_samples(struct samples *s)
{
    for (uint32_t i = 0; i < s->trace->nevents; i++) {
        struct samples_pv *pv = sampled(s, &s->trace->events[i]);
        if (pv != NULL)
            pv->nsamples++;
    }
    for (uint32_t k = 0; k < names_count(s->names); k++) {
        s->pvs[k].first_sample = s->nall;
        s->nall += s->pvs[k].nsamples;
        s->pvs[k].nsamples = 0;
    }
    s->all = calloc((size_t)s->nall + 1, sizeof *s->all);
    return s->all != NULL ? 0 : -1;
}

static int add_samples(struct samples *s)
{
    find_values(s);
    if (reserve_samples(s) < 0)
        return -1;
    for (uint32_t i = 0; i < s->trace->nevents; i++) {
        const struct trace_event *e = &s->trace->events[i];
        struct samples_pv *pv = sampled(s, e);
        if (pv != NULL && add_sample(s, e, pv) < 0)
            return -1;
    }
    return 0;
}

/* Limits in another type than the native one are casts of the real ones, and NaN becomes 0 in an integer: what was asked in
 * the native type comes last and wins. flag: a snapshot's (TRACE_FILLED), which the recording's own (0) replace. */
static void add_meta(struct samples *s, bool exact, unsigned flag)
{
    for (uint32_t i = 0; i < s->trace->nevents; i++) {
        const struct trace_event *e = &s->trace->events[i];
        struct samples_pv *pv = has_value(e) && (e->flags & TRACE_FILLED) == flag ? pv_at(s, e) : NULL;
        struct wire_value ignored;
        if (pv != NULL && (wire_types[e->type].base == pv->native) == exact)
            decode(s, e, &ignored, &pv->meta);
    }
}

int samples_init(struct samples *s, const struct trace *trace, struct diag *diag)
{
    *s = (struct samples){.trace = trace};
    if (add_pvs(s) < 0 || add_streams(s) < 0 || ends_find(s) < 0 || add_samples(s) < 0 || mark_holes(s) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the %u events of the trace", trace->nevents);
    for (unsigned own = 0; own < 2; own++) {
        add_meta(s, false, own ? 0 : TRACE_FILLED);
        add_meta(s, true, own ? 0 : TRACE_FILLED);
    }
    return 0;
}

void samples_fini(struct samples *s)
{
    names_free(s->names);
    free(s->pv_of);
    free(s->pvs);
    free(s->streams);
    free(s->all);
    arena_fini(&s->arena);
    *s = (struct samples){0};
}
