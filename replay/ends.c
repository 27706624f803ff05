#include "replay/ends.h"

#include <stdlib.h>

#define NO_STREAM UINT32_MAX

/* A subscription, or what ended some: those with its circuit, PV and number since the mark before that was no subscription. */
struct mark {
    uint32_t circuit, pv, number; /* the subscription's, or (by_channel) the channel's */
    uint32_t event, stream;       /* NO_STREAM: an end */
    bool by_channel;
};

struct marks {
    struct mark *at;
    size_t n;
};

static bool is_end(const struct trace_event *e)
{
    return !(e->flags & TRACE_FROM_SERVER) && (e->command == WIRE_EVENT_CANCEL || e->command == WIRE_CLEAR_CHANNEL);
}

static void add(struct marks *marks, const struct samples *s, uint32_t event, uint32_t stream, bool by_channel)
{
    const struct trace_event *e = &s->trace->events[event];
    marks->at[marks->n++] = (struct mark){.circuit = e->circuit,
                                          .pv = s->pv_of[e->pv],
                                          .number = by_channel ? e->p1 : e->p2,
                                          .event = event,
                                          .stream = stream,
                                          .by_channel = by_channel};
}

static int by_key(const struct mark *x, const struct mark *y)
{
    if (x->by_channel != y->by_channel)
        return x->by_channel ? 1 : -1;
    if (x->circuit != y->circuit)
        return x->circuit < y->circuit ? -1 : 1;
    if (x->pv != y->pv)
        return x->pv < y->pv ? -1 : 1;
    return x->number != y->number ? (x->number < y->number ? -1 : 1) : 0;
}

static int by_key_and_event(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    int key = by_key(x, y);
    return key != 0 ? key : x->event < y->event ? -1 : 1;
}

static int collect(struct marks *marks, const struct samples *s)
{
    size_t room = 2 * (size_t)s->nstreams + 1;
    for (uint32_t i = 0; i < s->trace->nevents; i++)
        room += is_end(&s->trace->events[i]);
    *marks = (struct marks){.at = calloc(room, sizeof *marks->at)};
    if (marks->at == NULL)
        return -1;
    for (uint32_t k = 0; k < s->nstreams; k++) {
        add(marks, s, s->streams[k].event, k, false);
        add(marks, s, s->streams[k].event, k, true);
    }
    for (uint32_t i = 0; i < s->trace->nevents; i++)
        if (is_end(&s->trace->events[i]) && s->trace->events[i].pv != TRACE_NONE)
            add(marks, s, i, NO_STREAM, s->trace->events[i].command == WIRE_CLEAR_CHANNEL);
    return 0;
}

static void end_stream(struct stream *stream, uint64_t t_ns)
{
    if (t_ns < stream->end_ns)
        stream->end_ns = t_ns;
}

int ends_find(struct samples *s)
{
    struct marks marks;
    if (collect(&marks, s) < 0)
        return -1;
    qsort(marks.at, marks.n, sizeof *marks.at, by_key_and_event);
    for (size_t i = 0, live = 0; i < marks.n; i++) {
        if (by_key(&marks.at[live], &marks.at[i]) != 0)
            live = i;
        if (marks.at[i].stream != NO_STREAM)
            continue;
        for (; live < i; live++)
            end_stream(&s->streams[marks.at[live].stream], s->trace->events[marks.at[i].event].t_ns);
        live = i + 1;
    }
    free(marks.at);
    return 0;
}
