#include "traces/sorting.h"

#include "traces/trace.h"

#include <stdlib.h>

static const struct trace_event *at(const struct array *events, uint32_t i)
{
    return (const struct trace_event *)events->at + i;
}

/* Record k is done. Also what was released already: a neighbour may have been looked at since. */
static void release(const struct array *a, uint32_t k, size_t record_bytes)
{
    if (k % SORTING_BLOCK == 0 && k > 0)
        array_release(a, k > SORTING_BLOCK ? k - 2 * SORTING_BLOCK : 0, k, record_bytes);
}

/* False: the events are not nearly in order, and `order` is unfinished. */
static bool insert_by_time(struct sorting *s, const struct array *events)
{
    uint32_t *order = s->order.at;
    uint64_t moves = (uint64_t)events->count * SORTING_MOVES;
    for (uint32_t i = 0; i < events->count; i++) {
        const uint64_t t_ns = at(events, i)->t_ns;
        uint32_t k = i;
        for (; k > 0 && at(events, order[k - 1])->t_ns > t_ns; k--) {
            if (moves-- == 0)
                return false;
            order[k] = order[k - 1];
        }
        order[k] = i;
        release(events, i, sizeof(struct trace_event));
        release(&s->order, i, sizeof *order);
    }
    return true;
}

static int by_time(const void *a, const void *b, void *events)
{
    const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const struct trace_event *x = at(events, i), *y = at(events, k);
    if (x->t_ns != y->t_ns)
        return x->t_ns < y->t_ns ? -1 : 1;
    return i < k ? -1 : 1;
}

static void sort_by_time(struct sorting *s, const struct array *events)
{
    uint32_t *order = s->order.at;
    for (uint32_t i = 0; i < events->count; i++)
        order[i] = i;
    struct array sorted = *events; /* not const, for qsort_r() */
    qsort_r(order, events->count, sizeof *order, by_time, &sorted);
}

static void find_places(struct sorting *s, uint32_t n)
{
    const uint32_t *order = s->order.at;
    uint32_t *place = s->place.at;
    for (uint32_t k = 0; k < n; k++) {
        place[order[k]] = k;
        release(&s->order, k, sizeof *order);
        release(&s->place, k, sizeof *place);
    }
}

int sorting_run(struct sorting *s, const struct array *events)
{
    if (array_reserve(&s->order, events->count, sizeof(uint32_t)) < 0 ||
        array_reserve(&s->place, events->count, sizeof(uint32_t)) < 0)
        return -1;
    if (!insert_by_time(s, events))
        sort_by_time(s, events);
    find_places(s, events->count);
    return 0;
}

void sorting_fini(struct sorting *s)
{
    array_fini(&s->order);
    array_fini(&s->place);
}
