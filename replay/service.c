#include "replay/service.h"

#include <stdlib.h>
#include <string.h>

/* Draws are the same in each run. */
#define SEED UINT64_C(0x6361706c6179)

static const char *const class_names[SIM_CLASSES] = {
    [SIM_SEARCH] = "search",
    [SIM_CREATE] = "create",
    [SIM_READ] = "read",
    [SIM_WRITE] = "write",
    [SIM_FIRST_UPDATE] = "first update",
    [SIM_ECHO] = "echo",
};

const char *service_class_name(enum sim_class class)
{
    return class_names[class];
}

/* ---- collecting ---- */

/* The class of a reply, or SIM_CLASSES. */
static enum sim_class class_of(const struct trace_event *reply)
{
    if (!(reply->flags & TRACE_FROM_SERVER) || reply->peer == TRACE_NONE)
        return SIM_CLASSES;
    switch (reply->command) {
    case WIRE_SEARCH:
        return SIM_SEARCH;
    case WIRE_CREATE_CHAN:
        return SIM_CREATE;
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
        return SIM_READ;
    case WIRE_WRITE_NOTIFY:
        return SIM_WRITE;
    case WIRE_EVENT_ADD:
        return reply->flags & TRACE_FIRST ? SIM_FIRST_UPDATE : SIM_CLASSES;
    case WIRE_ECHO:
        return SIM_ECHO;
    default:
        return SIM_CLASSES;
    }
}

/* Replies of one lane never overtake each other (ca-protocol 5.4). */
enum lane { LANE_REPLIES, LANE_EVENTS, LANE_PUTS, LANE_NONE };

/* Only what takes the server time: VERSION and ACCESS_RIGHTS come along with others. */
static enum lane lane_of(const struct trace_event *e)
{
    if (e->command == WIRE_EVENT_ADD)
        return e->flags & TRACE_UPDATE ? LANE_EVENTS : LANE_NONE;
    const enum sim_class class = class_of(e);
    return class == SIM_WRITE ? LANE_PUTS : class != SIM_CLASSES ? LANE_REPLIES : LANE_NONE;
}

static enum lane lane_of_class(enum sim_class class)
{
    return class == SIM_FIRST_UPDATE ? LANE_EVENTS : class == SIM_WRITE ? LANE_PUTS : LANE_REPLIES;
}

/* npvs for what belongs to none; NAMES_NONE: to one that is not served. */
static uint32_t pv_of(const struct timeline *timeline, const struct trace_event *e)
{
    return e->pv == TRACE_NONE ? timeline->npvs : timeline->of_trace_pv[e->pv];
}

struct collector {
    struct service *service;
    const struct trace *trace;
    const struct timeline *timeline;
    struct diag *diag;
    uint64_t *last_ns; /* of each circuit: the last reply of the lane at hand; one more for what has no circuit */
};

/* Count each PV's times behind its start, then make starts of the counts. */
static void place(const struct collector *c, enum sim_class class)
{
    struct service_class *s = &c->service->classes[class];
    for (uint32_t i = 0; i < c->trace->nevents; i++) {
        const struct trace_event *e = &c->trace->events[i];
        uint32_t pv = class_of(e) == class ? pv_of(c->timeline, e) : NAMES_NONE;
        if (pv != NAMES_NONE)
            s->start[pv + 1]++;
    }
    for (uint32_t k = 0; k <= c->service->npvs; k++)
        s->start[k + 1] += s->start[k];
    s->n = s->start[c->service->npvs + 1];
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t *last_of(const struct collector *c, const struct trace_event *e)
{
    return &c->last_ns[e->circuit != TRACE_NONE ? e->circuit : c->trace->ncircuits];
}

/* *queued: it had to wait for the reply before. */
static uint64_t time_of(const struct collector *c, const struct trace_event *reply, bool *queued)
{
    const struct trace_event *request = &c->trace->events[reply->peer];
    const uint64_t asked_ns = request->t_ns + request->span_ns, last_ns = *last_of(c, reply);
    *queued = last_ns > asked_ns;
    const uint64_t begin_ns = *queued ? last_ns : asked_ns;
    return reply->t_ns > begin_ns ? reply->t_ns - begin_ns : 0;
}

/* The times that did not wait come first in `sorted_ns`, the others from its end. */
static void add_time(const struct collector *c, struct service_class *s, const struct trace_event *reply, uint32_t *nqueued)
{
    bool queued;
    const uint32_t pv = pv_of(c->timeline, reply);
    if (pv == NAMES_NONE)
        return;
    const uint64_t ns = time_of(c, reply, &queued);
    s->times_ns[s->start[pv] + s->next[pv]++] = ns;
    s->sorted_ns[queued ? s->n - ++*nqueued : s->nsorted++] = ns;
}

static void fill(const struct collector *c, enum sim_class class)
{
    struct service_class *s = &c->service->classes[class];
    uint32_t nqueued = 0;
    memset(c->last_ns, 0, ((size_t)c->trace->ncircuits + 1) * sizeof *c->last_ns);
    for (uint32_t i = 0; i < c->trace->nevents; i++) {
        const struct trace_event *e = &c->trace->events[i];
        if (class_of(e) == class)
            add_time(c, s, e, &nqueued);
        if (lane_of(e) == lane_of_class(class))
            *last_of(c, e) = e->t_ns;
    }
    memset(s->next, 0, ((size_t)c->service->npvs + 1) * sizeof *s->next);
    if (s->nsorted == 0)
        s->nsorted = s->n;
    qsort(s->sorted_ns, s->nsorted, sizeof *s->sorted_ns, by_value);
}

static int collect(const struct collector *c, enum sim_class class)
{
    struct service_class *s = &c->service->classes[class];
    const size_t npvs = c->service->npvs;
    s->start = calloc(npvs + 2, sizeof *s->start);
    s->next = calloc(npvs + 1, sizeof *s->next);
    if (s->start == NULL || s->next == NULL)
        return diag_fail(c->diag, DIAG_ENVIRONMENT, "no memory for the service times of %zu PVs", npvs);
    place(c, class);
    s->times_ns = calloc((size_t)s->n + 1, sizeof *s->times_ns);
    s->sorted_ns = calloc((size_t)s->n + 1, sizeof *s->sorted_ns);
    if (s->times_ns == NULL || s->sorted_ns == NULL)
        return diag_fail(c->diag, DIAG_ENVIRONMENT, "no memory for %u service times", s->n);
    fill(c, class);
    return 0;
}

int service_init(struct service *service, const struct trace *trace, const struct timeline *timeline, struct diag *diag)
{
    *service = (struct service){.npvs = timeline->npvs};
    struct collector c = {.service = service, .trace = trace, .timeline = timeline, .diag = diag};
    c.last_ns = calloc((size_t)trace->ncircuits + 1, sizeof *c.last_ns);
    int result = c.last_ns != NULL ? 0 : diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u circuits", trace->ncircuits);
    for (unsigned kind = 0; kind < SIM_CLASSES && result == 0; kind++)
        result = collect(&c, kind);
    free(c.last_ns);
    return result;
}

void service_fini(struct service *service)
{
    for (unsigned kind = 0; kind < SIM_CLASSES; kind++) {
        struct service_class *s = &service->classes[kind];
        free(s->start);
        free(s->next);
        free(s->times_ns);
        free(s->sorted_ns);
    }
    *service = (struct service){0};
}

/* ---- giving out ---- */

/* splitmix64: a number that looks random, of one that does not. */
static uint64_t scramble(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t service_next(struct service *service, uint32_t pv, enum sim_class class)
{
    struct service_class *s = &service->classes[class];
    if (s->n == 0)
        return 0;
    if (pv == SERVICE_NO_PV)
        pv = service->npvs;
    uint32_t k = s->next[pv]++, mine = s->start[pv + 1] - s->start[pv];
    if (k < mine)
        return s->times_ns[s->start[pv] + k];
    uint64_t draw = scramble(scramble(scramble(SEED + class) + pv) + k);
    return s->sorted_ns[draw % s->nsorted];
}

uint64_t service_quantile(const struct service *service, enum sim_class class, double fraction)
{
    const struct service_class *s = &service->classes[class];
    if (s->n == 0)
        return 0;
    const uint32_t k = (uint32_t)(fraction * s->nsorted);
    return s->sorted_ns[k < s->nsorted ? k : s->nsorted - 1];
}
