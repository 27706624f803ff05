#include "capture/stream.h"

#include <stdlib.h>
#include <string.h>

struct stream_held {
    struct stream_held *before, *after;
    uint64_t t_ns;
    uint32_t seq;
    uint32_t n;
    uint8_t bytes[];
};

/* How far a lies behind b, on the circle of 2^32 numbers. */
static int32_t distance(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static uint32_t held_end(const struct stream_held *h)
{
    return h->seq + h->n;
}

static void drop(struct stream *s, struct stream_held *h)
{
    *(h->before != NULL ? &h->before->after : &s->first) = h->after;
    *(h->after != NULL ? &h->after->before : &s->last) = h->before;
    s->held_bytes -= h->n;
    s->held_segments--;
    free(h);
}

static void insert(struct stream *s, struct stream_held *before, const struct stream_segment *piece)
{
    struct stream_held *h = malloc(sizeof *h + piece->n);
    if (h == NULL)
        return; /* as if the packet had been lost: it becomes a gap */
    struct stream_held *after = before != NULL ? before->after : s->first;
    *h = (struct stream_held){before, after, piece->t_ns, piece->seq, (uint32_t)piece->n};
    memcpy(h->bytes, piece->bytes, piece->n);
    *(before != NULL ? &before->after : &s->first) = h;
    *(after != NULL ? &after->before : &s->last) = h;
    s->held_bytes += h->n;
    s->held_segments++;
}

/* Take n bytes off a segment's front. */
static void advance(struct stream_segment *piece, size_t n)
{
    piece->seq += (uint32_t)n;
    piece->bytes += n;
    piece->n -= n;
}

/* Skip the bytes of the piece that lie before number `to`: they came already. */
static void skip_known(struct stream *s, struct stream_segment *piece, uint32_t to)
{
    int32_t known = distance(to, piece->seq);
    if (known <= 0)
        return;
    size_t n = (size_t)known < piece->n ? (size_t)known : piece->n;
    s->retransmitted += n;
    advance(piece, n);
}

/* The largest window that TCP knows. */
enum { WINDOW = 1 << 30 };

static bool is_within(int32_t d)
{
    return d > -WINDOW && d < WINDOW;
}

/* Numbers can only be put in order while they span less than half of the circle. */
static bool is_near(const struct stream *s, uint32_t seq)
{
    if (s->begun && (uint32_t)(seq - s->next) > WINDOW) /* before it lies what opposes it on the circle */
        return false;
    return s->first == NULL || (is_within(distance(seq, s->first->seq)) && is_within(distance(seq, s->last->seq)));
}

/* Put aside what of the piece is not held yet. The search begins at the end, where early data nearly always belongs. */
static void hold(struct stream *s, struct stream_segment piece)
{
    struct stream_held *before = s->last;
    while (before != NULL && distance(before->seq, piece.seq) > 0)
        before = before->before;
    while (piece.n > 0) {
        if (before != NULL)
            skip_known(s, &piece, held_end(before));
        struct stream_held *after = before != NULL ? before->after : s->first;
        struct stream_segment part = piece;
        if (after != NULL && distance(after->seq, piece.seq) < (int64_t)piece.n)
            part.n = (size_t)distance(after->seq, piece.seq);
        if (part.n > 0)
            insert(s, before, &part);
        advance(&piece, part.n);
        before = after;
    }
}

static void emit(struct stream *s, const struct stream_segment *piece, const struct stream_sink *sink)
{
    s->next += (uint32_t)piece->n;
    sink->data(sink->arg, piece->bytes, piece->n, piece->t_ns);
}

/* Hand on the held pieces that are next. */
static void drain(struct stream *s, const struct stream_sink *sink)
{
    while (s->first != NULL && distance(s->first->seq, s->next) <= 0) {
        struct stream_held *h = s->first;
        struct stream_segment piece = {h->seq, h->bytes, h->n, h->t_ns};
        skip_known(s, &piece, s->next);
        if (piece.n > 0)
            emit(s, &piece, sink);
        drop(s, h);
    }
}

/* Hand on a piece that begins at s->next; where it meets held bytes, those came first and win. */
static void hand_on(struct stream *s, struct stream_segment piece, const struct stream_sink *sink)
{
    while (piece.n > 0) {
        struct stream_segment part = piece;
        if (s->first != NULL && distance(s->first->seq, piece.seq) < (int64_t)piece.n)
            part.n = (size_t)distance(s->first->seq, piece.seq);
        if (part.n > 0)
            emit(s, &part, sink);
        advance(&piece, part.n);
        drain(s, sink);
        skip_known(s, &piece, s->next);
    }
}

/* The bytes before number `to` will not come any more. */
static void give_up(struct stream *s, uint32_t to, uint64_t now_ns, const struct stream_sink *sink)
{
    uint32_t missing = to - s->next;
    s->gaps++;
    s->gap_bytes += missing;
    s->next = to;
    sink->gap(sink->arg, missing, now_ns);
    drain(s, sink);
}

static void begin_midway(struct stream *s, uint32_t seq, const struct stream_sink *sink)
{
    s->begun = s->midway = true;
    s->next = seq;
    drain(s, sink);
}

/* Go on behind the first hole. */
static void pass_hole(struct stream *s, uint64_t now_ns, const struct stream_sink *sink)
{
    if (s->begun)
        give_up(s, s->first->seq, now_ns, sink);
    else
        begin_midway(s, s->first->seq, sink);
}

void stream_begin(struct stream *s, uint32_t seq, const struct stream_sink *sink)
{
    if (s->begun)
        return;
    s->begun = true;
    s->next = seq;
    for (struct stream_held *h = s->first, *after; h != NULL; h = after) {
        after = h->after;
        if (h->seq - seq > STREAM_HELD_BYTES) /* of an earlier connection */
            drop(s, h);
    }
    drain(s, sink);
}

void stream_seen(struct stream *s, uint32_t seq, uint64_t t_ns)
{
    if (s->begun)
        return;
    if (!s->seen)
        s->seen_ns = t_ns;
    if (!s->seen || distance(seq, s->seen_next) > 0) /* a keepalive has an older number */
        s->seen_next = seq;
    s->seen = true;
}

/* Is it known for long enough where the next byte belongs? */
static bool is_seen(const struct stream *s, uint64_t now_ns)
{
    return !s->begun && s->first == NULL && s->seen && now_ns > s->seen_ns && now_ns - s->seen_ns >= STREAM_ATTACH_NS;
}

void stream_segment(struct stream *s, const struct stream_segment *segment, const struct stream_sink *sink)
{
    struct stream_segment piece = *segment;
    if (piece.n > 0 && is_seen(s, piece.t_ns))
        begin_midway(s, s->seen_next, sink);
    if (s->begun)
        skip_known(s, &piece, s->next);
    if (piece.n == 0)
        return;
    if (s->begun && piece.seq == s->next) {
        hand_on(s, piece, sink);
        return;
    }
    if (is_near(s, piece.seq))
        hold(s, piece);
    while (s->held_bytes > STREAM_HELD_BYTES || s->held_segments > STREAM_HELD_SEGMENTS)
        pass_hole(s, piece.t_ns, sink);
}

void stream_finish(struct stream *s, uint32_t seq)
{
    if (s->end_known)
        return;
    s->end = seq;
    s->end_known = true;
}

void stream_acked(struct stream *s, uint32_t ack)
{
    s->acked = ack;
    s->ack_known = true;
}

static bool hole_is_old(const struct stream *s, uint64_t now_ns)
{
    uint64_t since = s->first->t_ns, age = now_ns > since ? now_ns - since : 0;
    bool acked = s->ack_known && distance(s->acked, s->first->seq) >= 0;
    if (!s->begun)
        return s->held_segments >= STREAM_ATTACH_SEGMENTS || age >= STREAM_ATTACH_NS;
    return age >= (acked ? STREAM_ACKED_NS : STREAM_LOST_NS);
}

void stream_tick(struct stream *s, uint64_t now_ns, const struct stream_sink *sink)
{
    while (s->first != NULL && hole_is_old(s, now_ns))
        pass_hole(s, now_ns, sink);
}

uint64_t stream_held_since(const struct stream *s)
{
    return s->first != NULL ? s->first->t_ns : UINT64_MAX;
}

bool stream_ended(const struct stream *s)
{
    return s->end_known && (!s->begun || distance(s->next, s->end) >= 0) && s->first == NULL;
}

void stream_flush(struct stream *s, uint64_t now_ns, const struct stream_sink *sink)
{
    while (s->first != NULL)
        pass_hole(s, now_ns, sink);
    if (s->begun && s->end_known && distance(s->end, s->next) > 0)
        give_up(s, s->end, now_ns, sink);
}

void stream_fini(struct stream *s)
{
    while (s->first != NULL)
        drop(s, s->first);
}
