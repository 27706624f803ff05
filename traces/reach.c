#include "traces/reach.h"

#include "traces/array.h"
#include "traces/table.h"

#include <stdlib.h>

struct span { /* of time in which a PV has a channel on a circuit */
    uint32_t circuit, pv;
    uint64_t from_ns, to_ns;
};

struct reach {
    const struct trace *t;
    struct array spans; /* by circuit, PV, time */
};

/* A PV that is named on a circuit. */
struct use {
    UT_hash_handle hh;
    struct use_key {
        uint32_t circuit, pv;
    } key;
    uint32_t channels, span; /* that are open; the latest of its spans */
};

struct walk {
    struct reach *r;
    struct use *uses;
    bool failed;
};

static struct span *at(const struct reach *r, uint32_t i)
{
    return (struct span *)r->spans.at + i;
}

static void begin_span(struct walk *walk, struct use *u, uint64_t from_ns)
{
    struct span *span = array_add(&walk->r->spans, 1, sizeof *span);
    walk->failed |= span == NULL;
    if (span == NULL)
        return;
    *span = (struct span){u->key.circuit, u->key.pv, from_ns, UINT64_MAX};
    u->channels = 1;
    u->span = walk->r->spans.count - 1;
}

static struct use *find_use(struct walk *walk, const struct trace_event *e)
{
    const struct use_key key = {e->circuit, e->pv};
    struct use *u;
    HASH_FIND(hh, walk->uses, &key, sizeof key, u);
    return u;
}

static struct use *add_use(struct walk *walk, const struct trace_event *e)
{
    struct use *u = calloc(1, sizeof *u);
    if (u == NULL)
        return NULL;
    u->key = (struct use_key){e->circuit, e->pv};
    HASH_ADD(hh, walk->uses, key, sizeof u->key, u);
    if (u->hh.tbl != NULL)
        return u;
    free(u);
    return NULL;
}

static bool opens(const struct trace_event *e)
{
    return e->command == WIRE_CREATE_CHAN && !(e->flags & TRACE_FROM_SERVER);
}

static bool ends(const struct trace_event *e)
{
    if (e->flags & TRACE_FROM_SERVER)
        return e->command == WIRE_SERVER_DISCONN || e->command == WIRE_CREATE_CH_FAIL;
    return e->command == WIRE_CLEAR_CHANNEL;
}

/* A message that names a PV on a circuit. What comes late, behind the end of a channel, opens nothing. */
static void take(struct walk *walk, const struct trace_event *e)
{
    struct use *u = find_use(walk, e);
    if (u == NULL) {
        u = add_use(walk, e);
        walk->failed |= u == NULL;
        if (u != NULL)
            begin_span(walk, u, opens(e) ? e->t_ns : walk->r->t->circuits[e->circuit].begin_ns);
    } else if (opens(e) && u->channels > 0)
        u->channels++;
    else if (opens(e))
        begin_span(walk, u, e->t_ns);
    if (u != NULL && ends(e) && u->channels > 0 && --u->channels == 0)
        at(walk->r, u->span)->to_ns = e->t_ns + e->span_ns;
}

static bool is_on_circuit(const struct trace *t, const struct trace_event *e)
{
    return e->circuit != TRACE_NONE && e->pv != TRACE_NONE && (t->circuits[e->circuit].flags & TRACE_TCP) &&
           e->command != WIRE_SEARCH;
}

static int by_circuit(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->circuit != y->circuit)
        return x->circuit < y->circuit ? -1 : 1;
    if (x->pv != y->pv)
        return x->pv < y->pv ? -1 : 1;
    return x->from_ns != y->from_ns ? (x->from_ns < y->from_ns ? -1 : 1) : 0;
}

static void free_uses(struct walk *walk)
{
    struct use *u, *next;
    HASH_ITER(hh, walk->uses, u, next)
    {
        HASH_DEL(walk->uses, u);
        free(u);
    }
}

struct reach *reach_new(const struct trace *t)
{
    struct reach *r = calloc(1, sizeof *r);
    struct walk walk = {.r = r};
    if (r == NULL)
        return NULL;
    r->t = t;
    for (uint32_t i = 0; t->nlosses > 0 && i < t->nevents && !walk.failed; i++)
        if (is_on_circuit(t, &t->events[i]))
            take(&walk, &t->events[i]);
    free_uses(&walk);
    if (r->spans.count > 0)
        qsort(r->spans.at, r->spans.count, sizeof(struct span), by_circuit);
    if (!walk.failed)
        return r;
    reach_free(r);
    return NULL;
}

void reach_free(struct reach *r)
{
    if (r == NULL)
        return;
    array_fini(&r->spans);
    free(r);
}

static uint32_t first_of(const struct reach *r, uint32_t circuit)
{
    uint32_t first = 0, end = r->spans.count;
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        if (at(r, middle)->circuit < circuit)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

uint32_t reach_pvs(const struct reach *r, const struct trace_loss *loss, uint32_t *pvs, uint32_t most)
{
    uint32_t n = 0, latest = TRACE_NONE;
    if (reach_is_any(loss))
        return 0;
    for (uint32_t i = first_of(r, loss->circuit); i < r->spans.count && at(r, i)->circuit == loss->circuit; i++) {
        const struct span *s = at(r, i);
        if (s->from_ns > loss->until_ns || s->to_ns < loss->t_ns || s->pv == latest)
            continue;
        latest = s->pv;
        if (n < most)
            pvs[n] = s->pv;
        n++;
    }
    return n;
}
