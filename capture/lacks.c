#include "capture/lacks.h"

/* One direction at the moment. */
struct speaker {
    const struct connection *c;
    struct connection_world *world;
    unsigned way;
    uint64_t from_ns, until_ns; /* when what is missing was said */
};

bool lacks_beginning(const struct connection *c, unsigned way)
{
    return c->way[way].stream.midway && !c->is_midway;
}

/* Bytes that came, and belong to no message: of messages that are not whole, and what lay before the next one was found. */
static uint64_t skipped(const struct connection_way *w)
{
    return w->came - w->decoded - w->framer.have - w->resync.have;
}

void lacks_add(const struct connection *c, struct trace_missing *missing)
{
    if (!c->open) {
        missing->other_packets += c->packets;
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        missing->gaps += c->way[i].stream.gaps + lacks_beginning(c, i);
        missing->gap_bytes += c->way[i].stream.gap_bytes + skipped(&c->way[i]);
        missing->retransmits += c->way[i].stream.retransmitted;
    }
    missing->midway += c->is_midway;
}

static void tell(const struct speaker *s, struct trace_loss loss, uint64_t within_ns)
{
    loss.t_ns = s->from_ns;
    loss.until_ns = s->until_ns;
    loss.flags = (unsigned)s->c->server == s->way ? TRACE_FROM_SERVER : 0;
    dialogue_loss(s->world->dialogue, s->c->index, &loss, within_ns);
}

static bool tell_beginning(const struct speaker *s, struct connection_told *told)
{
    if (told->has_beginning || !lacks_beginning(s->c, s->way))
        return false;
    tell(s, (struct trace_loss){.count = 1, .kind = TRACE_LOSS_BEGINNING}, 0);
    return told->has_beginning = true;
}

static bool tell_gaps(const struct speaker *s, struct connection_told *told)
{
    const struct stream *stream = &s->c->way[s->way].stream;
    if (stream->gaps == told->gaps && stream->gap_bytes == told->gap_bytes)
        return false;
    const struct trace_loss loss = {
        .count = stream->gaps - told->gaps, .bytes = stream->gap_bytes - told->gap_bytes, .kind = TRACE_LOSS_GAP};
    tell(s, loss, 0);
    told->gaps = stream->gaps;
    told->gap_bytes = stream->gap_bytes;
    return true;
}

/* What is skipped until the next whole message is one loss. */
static bool tell_skipped(const struct speaker *s, struct connection_told *told)
{
    const struct connection_way *w = &s->c->way[s->way];
    const uint64_t n = skipped(w);
    if (n == told->skipped)
        return false;
    const bool goes_on = told->skipped > 0 && w->decoded == told->decoded;
    tell(s, (struct trace_loss){.count = !goes_on, .bytes = n - told->skipped, .kind = TRACE_LOSS_SKIPPED},
         goes_on ? UINT64_MAX : 0);
    told->skipped = n;
    told->decoded = w->decoded;
    return true;
}

void lacks_tell(struct connection *c, struct connection_world *world, unsigned way, uint64_t until_ns)
{
    struct connection_way *w = &c->way[way];
    if (!c->open)
        return;
    struct speaker s = {.c = c, .world = world, .way = way, .until_ns = until_ns};
    s.from_ns = w->whole_ns > c->begin_ns ? w->whole_ns : c->begin_ns;
    if (s.from_ns > until_ns)
        s.from_ns = until_ns;
    bool has_lost = tell_beginning(&s, &w->told);
    has_lost |= tell_gaps(&s, &w->told);
    has_lost |= tell_skipped(&s, &w->told);
    if (!has_lost && w->synced && until_ns > w->whole_ns)
        w->whole_ns = until_ns;
}
