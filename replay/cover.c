#include "replay/cover.h"

#include <stdlib.h>

static int by_begin(const void *a, const void *b)
{
    const struct cover_interval *x = a, *y = b;
    return x->begin_ns != y->begin_ns ? (x->begin_ns < y->begin_ns ? -1 : 1) : 0;
}

static void unite(struct cover *cover)
{
    size_t n = 0;
    for (size_t i = 0; i < cover->n; i++) {
        const struct cover_interval *next = &cover->at[i];
        struct cover_interval *last = n > 0 ? &cover->at[n - 1] : NULL;
        if (last == NULL || next->begin_ns > last->end_ns)
            cover->at[n++] = *next;
        else if (next->end_ns > last->end_ns)
            last->end_ns = next->end_ns;
    }
    cover->n = n;
}

void cover_make(struct cover *cover, const struct stream *streams, uint32_t first, bool with_stamps)
{
    cover->n = 0;
    for (uint32_t k = first; k != TRACE_NONE; k = streams[k].next) {
        const struct stream *s = &streams[k];
        if (s->has_values && (s->has_stamps || !with_stamps) && s->begin_ns <= s->end_ns)
            cover->at[cover->n++] = (struct cover_interval){s->begin_ns, s->end_ns};
    }
    qsort(cover->at, cover->n, sizeof *cover->at, by_begin);
    unite(cover);
}

bool cover_has(const struct cover *cover, uint64_t t_ns)
{
    size_t low = 0, high = cover->n; /* the first that begins after t_ns */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cover->at[middle].begin_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && t_ns <= cover->at[low - 1].end_ns;
}
