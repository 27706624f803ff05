#include "traces/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const survey_class_names[SURVEY_CLASSES] = {"search",    "create", "read",  "write",
                                                        "subscribe", "cancel", "clear", "echo"};

/* The class of a reply, by its request's command; SURVEY_CLASSES if it has none. */
static enum survey_class class_of(unsigned request)
{
    switch (request) {
    case WIRE_SEARCH:
        return SURVEY_SEARCH;
    case WIRE_CREATE_CHAN:
        return SURVEY_CREATE;
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
        return SURVEY_READ;
    case WIRE_WRITE:
    case WIRE_WRITE_NOTIFY:
        return SURVEY_WRITE;
    case WIRE_EVENT_ADD:
        return SURVEY_SUBSCRIBE;
    case WIRE_EVENT_CANCEL:
        return SURVEY_CANCEL;
    case WIRE_CLEAR_CHANNEL:
        return SURVEY_CLEAR;
    case WIRE_ECHO:
    case WIRE_READ_SYNC:
        return SURVEY_ECHO;
    default:
        return SURVEY_CLASSES;
    }
}

/* The walk: the survey, and for each EVENT_ADD when its latest change came, plus 1 (0: none yet). */
struct walk {
    const struct trace *t;
    struct survey *survey;
    uint64_t *updated_ns;
};

static void count_kind(struct survey *s, const struct trace_event *e)
{
    struct survey_kind *kind = &s->kinds[e->command < WIRE_COMMANDS ? e->command : WIRE_COMMANDS];
    const unsigned side = e->flags & TRACE_FROM_SERVER ? 1 : 0;
    kind->messages[side]++;
    kind->bytes[side] += e->size;
    s->payload_bytes += e->size;
}

static void count_circuit(struct survey *s, const struct trace_event *e)
{
    if (e->circuit == TRACE_NONE)
        return;
    struct survey_circuit *circuit = &s->circuits[e->circuit];
    circuit->messages++;
    circuit->bytes += e->size;
    circuit->channels += e->command == WIRE_CREATE_CHAN && (e->flags & TRACE_FROM_SERVER);
}

static void count_update(struct walk *walk, struct survey_pv *pv, const struct trace_event *e)
{
    pv->updates++;
    if (e->peer == TRACE_NONE || (e->flags & TRACE_FIRST)) /* the first one is an answer: nothing changed when it came */
        return;
    uint64_t *last = &walk->updated_ns[e->peer];
    if (*last != 0) {
        pv->intervals++;
        pv->intervals_ns += e->t_ns + 1 - *last;
    }
    *last = e->t_ns + 1;
}

static void count_pv(struct walk *walk, const struct trace_event *e)
{
    const bool is_update = e->flags & TRACE_UPDATE;
    const bool is_subscription = e->command == WIRE_EVENT_ADD && !(e->flags & TRACE_FROM_SERVER);
    walk->survey->updates += is_update;
    walk->survey->subscriptions += is_subscription;
    if (e->pv == TRACE_NONE)
        return;
    struct survey_pv *pv = &walk->survey->pvs[e->pv];
    pv->messages++;
    pv->subscriptions += is_subscription;
    if (is_update)
        count_update(walk, pv, e);
}

static void count_service(struct walk *walk, const struct trace_event *e)
{
    uint64_t ns;
    if (!trace_service_ns(walk->t, e, &ns))
        return;
    enum survey_class class = class_of(walk->t->events[e->peer].command);
    if (class < SURVEY_CLASSES)
        histogram_add(&walk->survey->service[class], ns);
}

/* Of what was said outside the recording's time only open channels and subscriptions count. */
static void count_aside(struct survey *s, const struct trace_event *e)
{
    s->carried += (e->flags & TRACE_CARRIED) != 0;
    s->filled += (e->flags & TRACE_FILLED) != 0;
    if (e->circuit != TRACE_NONE && e->command == WIRE_CREATE_CHAN && (e->flags & TRACE_FROM_SERVER))
        s->circuits[e->circuit].channels++;
    if (e->command != WIRE_EVENT_ADD || (e->flags & TRACE_FROM_SERVER))
        return;
    s->subscriptions++;
    if (e->pv != TRACE_NONE)
        s->pvs[e->pv].subscriptions++;
}

static void walk_over(struct walk *walk)
{
    for (uint32_t i = 0; i < walk->t->nevents; i++) {
        const struct trace_event *e = &walk->t->events[i];
        if (e->flags & TRACE_ASIDE) {
            count_aside(walk->survey, e);
            continue;
        }
        count_kind(walk->survey, e);
        count_circuit(walk->survey, e);
        count_pv(walk, e);
        count_service(walk, e);
    }
}

/* calloc() of nothing may give NULL. */
static void *zeros(size_t n, size_t size)
{
    return calloc(n + 1, size);
}

struct survey *survey_new(const struct trace *t)
{
    struct survey *s = zeros(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->pvs = zeros(t->npvs, sizeof *s->pvs);
    s->circuits = zeros(t->ncircuits, sizeof *s->circuits);
    s->service = zeros(SURVEY_CLASSES, sizeof *s->service);
    struct walk walk = {.t = t, .survey = s, .updated_ns = zeros(t->nevents, sizeof(uint64_t))};
    const bool good = s->pvs != NULL && s->circuits != NULL && s->service != NULL && walk.updated_ns != NULL;
    if (good)
        walk_over(&walk);
    free(walk.updated_ns);
    if (good)
        return s;
    survey_free(s);
    return NULL;
}

void survey_free(struct survey *s)
{
    if (s == NULL)
        return;
    free(s->pvs);
    free(s->circuits);
    free(s->service);
    free(s);
}

void survey_print_messages(const struct survey *s, uint32_t nevents)
{
    printf("\nmessages       %" PRIu32 "\n", nevents - s->carried - s->filled);
    printf("# messages  kind                  from clients  from servers  payload bytes, from clients  from servers\n");
    for (unsigned i = 0; i <= WIRE_COMMANDS; i++) {
        const struct survey_kind *k = &s->kinds[i];
        if (k->messages[0] + k->messages[1] > 0)
            printf("messages    %-18s %15" PRIu64 " %13" PRIu64 " %28" PRIu64 " %13" PRIu64 "\n", wire_command_name(i),
                   k->messages[0], k->messages[1], k->bytes[0], k->bytes[1]);
    }
}
