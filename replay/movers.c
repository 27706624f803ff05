#include "replay/movers.h"

#include <stdlib.h>

static bool is_before(const struct mover *a, const struct mover *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->pv < b->pv;
}

static void sift_down(struct movers *m, uint32_t i)
{
    const struct mover moving = m->heap[i];
    for (uint32_t child = 2 * i + 1; child < m->count; child = 2 * i + 1) {
        if (child + 1 < m->count && is_before(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (!is_before(&m->heap[child], &moving))
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = moving;
}

int movers_init(struct movers *m, const struct playback *playback)
{
    const struct timeline *timeline = playback->timeline;
    *m = (struct movers){.playback = playback, .heap = calloc((size_t)timeline->npvs + 1, sizeof *m->heap)};
    if (m->heap == NULL)
        return -1;
    for (uint32_t i = 0; i < timeline->npvs; i++) {
        const struct timeline_pv *pv = &timeline->pvs[i];
        if (playback_has(playback, pv, 1))
            m->heap[m->count++] = (struct mover){.pv = i, .k = 1, .due_ns = playback_due_ns(playback, pv, 1)};
    }
    for (uint32_t i = m->count / 2; i-- > 0;)
        sift_down(m, i);
    return 0;
}

void movers_fini(struct movers *m)
{
    free(m->heap);
    *m = (struct movers){0};
}

void movers_advance(struct movers *m)
{
    struct mover *first = &m->heap[0];
    const struct timeline_pv *pv = &m->playback->timeline->pvs[first->pv];
    m->made++;
    first->k++;
    first->touched = 0;
    if (playback_has(m->playback, pv, first->k)) {
        uint64_t due_ns = playback_due_ns(m->playback, pv, first->k);
        first->due_ns = due_ns > first->due_ns ? due_ns : first->due_ns;
    } else {
        *first = m->heap[--m->count];
    }
    if (m->count > 0)
        sift_down(m, 0);
}
