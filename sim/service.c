#include "sim/service.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

/* Draws are the same in each run. */
#define SEED UINT64_C(0x6361706c6179)

/* ---- collecting ---- */

/* The class of a reply, or SIM_CLASSES. */
static enum sim_class class_of(const struct trace *t, const struct trace_event *reply)
{
    if (!(reply->flags & TRACE_FROM_SERVER) || reply->peer == TRACE_NONE)
        return SIM_CLASSES;
    if ((reply->flags | t->events[reply->peer].flags) & TRACE_ASIDE)
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
        return SIM_PUT_CALLBACK;
    case WIRE_EVENT_ADD:
        return reply->flags & TRACE_FIRST ? SIM_FIRST_UPDATE : SIM_CLASSES;
    case WIRE_ECHO:
        return SIM_ECHO;
    default:
        return SIM_CLASSES;
    }
}

/* Requests of one lane and circuit wait for each other (ca-protocol 5.4); puts do not. */
enum lane { LANE_NONE, LANE_REPLIES, LANE_EVENTS, LANE_PUTS };

static enum lane lane_of(enum sim_class class)
{
    static const uint8_t lanes[SIM_CLASSES + 1] = {
        [SIM_SEARCH] = LANE_REPLIES,    [SIM_CREATE] = LANE_REPLIES,      [SIM_READ] = LANE_REPLIES,
        [SIM_PUT_CALLBACK] = LANE_PUTS, [SIM_FIRST_UPDATE] = LANE_EVENTS, [SIM_ECHO] = LANE_REPLIES,
    };
    return lanes[class];
}

/* n for what belongs to none. */
static uint32_t pv_of(const struct service_pvs *pvs, const struct trace_event *e)
{
    if (e->pv == TRACE_NONE)
        return pvs->n;
    return pvs->of_trace_pv != NULL ? pvs->of_trace_pv[e->pv] : e->pv;
}

/* What is going on in one lane of a circuit. */
struct lane_state {
    uint64_t last_ns; /* its last reply */
    uint32_t open;    /* requests under way */
    uint32_t crowded; /* 1 + the last event at which there was more than one; 0: never */
};

struct collector {
    struct service *service;
    const struct trace *trace;
    const struct service_pvs *pvs;
    struct diag *diag;
    uint8_t *lanes;            /* of each event that is a request and was answered: enum lane */
    struct lane_state *states; /* of each circuit, and one for what has none; of the lane at hand */
};

/* Count each PV's times behind its start, then make starts of the counts. */
static void place(const struct collector *c, enum sim_class class)
{
    struct service_class *s = &c->service->classes[class];
    for (uint32_t i = 0; i < c->trace->nevents; i++) {
        const struct trace_event *e = &c->trace->events[i];
        uint32_t pv = class_of(c->trace, e) == class ? pv_of(c->pvs, e) : SERVICE_UNSERVED;
        if (pv != SERVICE_UNSERVED)
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

static struct lane_state *state_of(const struct collector *c, const struct trace_event *e)
{
    return &c->states[e->circuit != TRACE_NONE ? e->circuit : c->trace->ncircuits];
}

static void on_request(const struct collector *c, uint32_t i)
{
    struct lane_state *state = state_of(c, &c->trace->events[i]);
    if (state->open++ > 0)
        state->crowded = i + 1;
}

static bool was_alone(const struct lane_state *state, const struct trace_event *reply)
{
    return reply->command == WIRE_WRITE_NOTIFY || state->crowded <= reply->peer;
}

static uint64_t time_of(const struct collector *c, const struct lane_state *state, const struct trace_event *reply)
{
    const struct trace_event *request = &c->trace->events[reply->peer];
    uint64_t begin_ns = request->t_ns + request->span_ns;
    if (!was_alone(state, reply) && state->last_ns > begin_ns)
        begin_ns = state->last_ns;
    return reply->t_ns > begin_ns ? reply->t_ns - begin_ns : 0;
}

/* Called twice for each: count those that were alone, then, with the count known, take all. */
static void on_reply(const struct collector *c, struct service_class *s, const struct trace_event *reply, bool counting)
{
    const struct lane_state *state = state_of(c, reply);
    const uint32_t pv = pv_of(c->pvs, reply);
    if (pv == SERVICE_UNSERVED)
        return;
    const bool alone = was_alone(state, reply);
    if (counting) {
        s->nalone += alone;
        return;
    }
    const uint64_t ns = time_of(c, state, reply);
    const bool draws = !alone && s->nalone >= SERVICE_FEW;
    s->times_ns[s->start[pv] + s->next[pv]++] = draws ? SERVICE_DRAW : ns;
    if (!draws)
        s->sorted_ns[s->nsorted++] = ns;
}

/* Follow one lane of all circuits through the trace; take the times of one class. */
static void follow(const struct collector *c, enum sim_class class, bool counting)
{
    memset(c->states, 0, ((size_t)c->trace->ncircuits + 1) * sizeof *c->states);
    for (uint32_t i = 0; i < c->trace->nevents; i++) {
        const struct trace_event *e = &c->trace->events[i];
        if (c->lanes[i] == lane_of(class))
            on_request(c, i);
        const enum sim_class its_class = class_of(c->trace, e);
        if (its_class == class)
            on_reply(c, &c->service->classes[class], e, counting);
        if (lane_of(its_class) != lane_of(class))
            continue;
        struct lane_state *state = state_of(c, e);
        state->last_ns = e->t_ns;
        state->open -= state->open > 0;
    }
}

static void fill(const struct collector *c, enum sim_class class)
{
    struct service_class *s = &c->service->classes[class];
    follow(c, class, true);
    follow(c, class, false);
    memset(s->next, 0, ((size_t)c->service->npvs + 1) * sizeof *s->next);
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

static void mark_requests(const struct collector *c)
{
    for (uint32_t i = 0; i < c->trace->nevents; i++) {
        const struct trace_event *e = &c->trace->events[i];
        const enum lane lane = lane_of(class_of(c->trace, e));
        if (lane != LANE_NONE)
            c->lanes[e->peer] = (uint8_t)lane;
    }
}

int service_init(struct service *service, const struct trace *trace, const struct service_pvs *pvs, struct diag *diag)
{
    *service = (struct service){.npvs = pvs->n, .seed = SEED};
    struct collector c = {.service = service, .trace = trace, .pvs = pvs, .diag = diag};
    c.lanes = calloc((size_t)trace->nevents + 1, sizeof *c.lanes);
    c.states = calloc((size_t)trace->ncircuits + 1, sizeof *c.states);
    int result = 0;
    if (c.lanes == NULL || c.states == NULL)
        result = diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the %u events of the trace", trace->nevents);
    else
        mark_requests(&c);
    for (unsigned kind = 0; kind < SIM_CLASSES && result == 0; kind++)
        result = collect(&c, kind);
    free(c.lanes);
    free(c.states);
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

uint64_t service_next(struct service *service, uint32_t pv, enum sim_class class)
{
    struct service_class *s = &service->classes[class];
    if (s->n == 0)
        return 0;
    if (pv == SERVICE_NO_PV)
        pv = service->npvs;
    const uint32_t k = s->next[pv]++, mine = s->start[pv + 1] - s->start[pv];
    const uint64_t recorded = k < mine ? s->times_ns[s->start[pv] + k] : SERVICE_DRAW;
    if (recorded != SERVICE_DRAW)
        return recorded;
    return s->sorted_ns[random_bits(service->seed + class, pv, k) % s->nsorted];
}

uint64_t service_draw(const struct service *service, uint32_t pv, enum sim_class class, uint64_t bits)
{
    const struct service_class *s = &service->classes[class];
    if (s->nsorted == 0)
        return 0;
    if (pv == SERVICE_NO_PV)
        pv = service->npvs;
    const uint32_t mine = s->start[pv + 1] - s->start[pv];
    const uint64_t own = mine > 0 ? s->times_ns[s->start[pv] + bits % mine] : SERVICE_DRAW;
    return own != SERVICE_DRAW ? own : s->sorted_ns[random_scramble(bits) % s->nsorted];
}

uint64_t service_quantile(const struct service *service, enum sim_class class, double fraction)
{
    const struct service_class *s = &service->classes[class];
    if (s->n == 0)
        return 0;
    const uint32_t k = (uint32_t)(fraction * s->nsorted);
    return s->sorted_ns[k < s->nsorted ? k : s->nsorted - 1];
}
