#include "traces/twin_order.h"

#include <stdlib.h>

struct heap { /* of indices, the least one first */
    uint32_t *at;
    uint32_t n;
};

struct ordering {
    const struct trace_event *events;
    uint32_t nevents, n; /* n: placed so far */
    uint32_t *order, *place;
    uint32_t *paid; /* those with a payload, as the pool has them */
    uint32_t npaid;
    bool *is_open;     /* all before it of the same time have been placed */
    struct heap ready; /* open, without a payload, not placed */
};

/* ---- the heap ---- */

static void push(struct heap *h, uint32_t index)
{
    uint32_t i = h->n++;
    for (; i > 0 && h->at[(i - 1) / 2] > index; i = (i - 1) / 2)
        h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = index;
}

static uint32_t pop(struct heap *h)
{
    const uint32_t least = h->at[0], last = h->at[--h->n];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < h->n; i = child) {
        child += child + 1 < h->n && h->at[child + 1] < h->at[child];
        if (h->at[child] >= last)
            break;
        h->at[i] = h->at[child];
    }
    h->at[i] = last;
    return least;
}

/* ---- placing ---- */

static bool is_first_of_its_time(const struct ordering *o, uint32_t i)
{
    return i == 0 || o->events[i - 1].t_ns != o->events[i].t_ns;
}

static void open_up(struct ordering *o, uint32_t i)
{
    o->is_open[i] = true;
    if (o->events[i].size == 0)
        push(&o->ready, i);
}

/* And whoever waited for it may come. */
static void put(struct ordering *o, uint32_t i)
{
    o->place[i] = o->n;
    o->order[o->n++] = i;
    while (o->is_open[i] && o->place[i] != TRACE_NONE && i + 1 < o->nevents && !is_first_of_its_time(o, i + 1))
        open_up(o, ++i);
}

static void prepare(struct ordering *o)
{
    for (uint32_t i = 0; i < o->nevents; i++) {
        o->place[i] = TRACE_NONE;
        if (is_first_of_its_time(o, i))
            open_up(o, i);
        if (o->events[i].size > 0)
            o->paid[o->npaid++] = i;
    }
}

static int by_head(const void *a, const void *b, void *events)
{
    const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const uint64_t x = ((const struct trace_event *)events)[i].head, y = ((const struct trace_event *)events)[k].head;
    return x != y ? (x < y ? -1 : 1) : i < k ? -1 : 1;
}

static void find_order(struct ordering *o)
{
    prepare(o);
    qsort_r(o->paid, o->npaid, sizeof *o->paid, by_head, (void *)(uintptr_t)o->events);
    for (uint32_t k = 0; k <= o->npaid; k++) {
        const uint32_t end = k < o->npaid ? o->paid[k] : o->nevents;
        while (o->ready.n > 0 && o->ready.at[0] < end)
            put(o, pop(&o->ready));
        if (k < o->npaid)
            put(o, o->paid[k]);
    }
}

bool twin_order(const struct trace *t, uint32_t *order, uint32_t *place)
{
    const size_t n = (size_t)t->nevents + 1;
    struct ordering o = {.events = t->events,
                         .nevents = t->nevents,
                         .order = order,
                         .place = place,
                         .paid = malloc(n * sizeof *o.paid),
                         .is_open = calloc(n, sizeof *o.is_open),
                         .ready = {.at = malloc(n * sizeof *o.ready.at)}};
    const bool has_memory = o.paid != NULL && o.is_open != NULL && o.ready.at != NULL;
    if (has_memory)
        find_order(&o);
    free(o.paid);
    free(o.is_open);
    free(o.ready.at);
    return has_memory;
}
