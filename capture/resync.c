#include "capture/resync.h"

#include <stdlib.h>

enum verdict { PENDING, REFUTED, PROVEN };

static uint64_t end_of(const struct resync *r)
{
    return r->base + r->have;
}

void resync_fini(struct resync *r)
{
    free(r->bytes);
    free(r->pieces);
    *r = (struct resync){0};
}

void resync_begin(struct resync *r, unsigned first)
{
    resync_fini(r);
    r->is_aligned = true;
    r->next = first;
}

/* ---- what is held ---- */

/* Forget the bytes before number `to`, which may lie behind all that is held. */
static void drop(struct resync *r, uint64_t to)
{
    const size_t n = to < end_of(r) ? (size_t)(to - r->base) : r->have;
    size_t gone = 0;
    while (gone < r->npieces && r->pieces[gone].end <= to)
        r->begin = r->pieces[gone++].end;
    if (gone == r->npieces)
        r->begin = to;
    if (r->have == 0) {
        r->base = to;
        return;
    }
    memmove(r->bytes, r->bytes + n, r->have - n);
    memmove(r->pieces, r->pieces + gone, (r->npieces - gone) * sizeof *r->pieces);
    r->have -= n;
    r->npieces -= gone;
    r->base = to;
}

static bool make_room(struct resync *r, size_t n)
{
    if (r->have + n > r->room) {
        const size_t room = 2 * (r->have + n);
        uint8_t *bytes = realloc(r->bytes, room);
        if (bytes == NULL)
            return false;
        r->bytes = bytes;
        r->room = room;
    }
    if (r->npieces == r->pieces_room) {
        const size_t room = 2 * r->npieces + 16;
        struct resync_piece *pieces = realloc(r->pieces, room * sizeof *pieces);
        if (pieces == NULL)
            return false;
        r->pieces = pieces;
        r->pieces_room = room;
    }
    return true;
}

/* ---- chains ---- */

/* The chain's next candidate is byte `at`, or the first one behind it where a message can begin. */
static void try_at(struct resync *r, uint64_t at)
{
    const uint64_t from = r->nheads > 0 ? r->heads[0] : r->next;
    r->next = r->is_aligned ? from + (at - from + 7) / 8 * 8 : at;
    r->nheads = 0;
}

static void refute(struct resync *r)
{
    const uint64_t behind = (r->nheads > 0 ? r->heads[0] : r->next) + 1;
    try_at(r, behind > r->base ? behind : r->base);
}

/* Read the chain's next header. PROVEN: it is one. */
static enum verdict read_head(struct resync *r, const struct resync_judge *judge)
{
    if (r->next >= end_of(r))
        return PENDING;
    const uint8_t *at = r->bytes + (r->next - r->base);
    struct cursor c = cursor_over(at, r->have - (size_t)(r->next - r->base));
    struct wire_header h;
    if (wire_header_read(&c, judge->minor, &h) != WIRE_OK)
        return PENDING;
    const size_t head_bytes = (size_t)(c.p - at);
    const enum resync_answer answer = judge->ask(judge->arg, &h, cursor_bytes(&c, h.size));
    r->heads[r->nheads] = r->next;
    if (answer == RESYNC_NO || (answer == RESYNC_BEHIND && r->nheads == 0))
        return REFUTED;
    if (r->nheads++ == 0)
        r->is_sure = answer == RESYNC_SURE;
    r->next += head_bytes + h.size;
    return PROVEN;
}

static bool begins_piece(const struct resync *r, uint64_t at)
{
    uint64_t begin = r->begin;
    for (size_t i = 0; i < r->npieces && begin <= at; begin = r->pieces[i++].end)
        if (begin == at)
            return true;
    return false;
}

/* Does the chain end where the bytes do, after headers enough? */
static bool is_closed(const struct resync *r)
{
    return r->next == end_of(r) && (r->nheads >= 2 || (r->nheads == 1 && r->is_sure));
}

/* One header, which leads from a piece's first byte to the last byte that came. */
static bool is_alone(const struct resync *r)
{
    return r->next == end_of(r) && r->nheads == 1 && r->heads[0] >= r->base && begins_piece(r, r->heads[0]);
}

/* Follow the chain, and the next one where it breaks, as far as the bytes go. A chain that breaks at its k-th header goes back to
 * the candidate behind its first one. */
static bool search(struct resync *r, const struct resync_judge *judge, bool is_over)
{
    while (r->nheads < RESYNC_CHAIN) {
        enum verdict verdict = read_head(r, judge);
        if (verdict == PENDING && is_over && (is_closed(r) || is_alone(r))) /* no other message comes */
            return true;
        if (verdict == PENDING && !is_over)
            return r->nheads > 0 && is_closed(r) && begins_piece(r, r->heads[0]);
        if (verdict == PENDING && r->nheads == 0 && r->next >= end_of(r))
            return false;
        if (verdict != PROVEN)
            refute(r);
    }
    return true;
}

/* Where the decoding goes on: at the chain's first header that is held. */
static void keep_chain(struct resync *r)
{
    uint64_t from = r->next;
    for (unsigned i = r->nheads; i-- > 0 && r->heads[i] >= r->base;)
        from = r->heads[i];
    drop(r, from);
}

bool resync_feed(struct resync *r, const struct resync_judge *judge, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    if (!make_room(r, n)) { /* as if the packet had been lost */
        resync_gap(r, n);
        return false;
    }
    memcpy(r->bytes + r->have, bytes, n);
    r->have += n;
    r->pieces[r->npieces++] = (struct resync_piece){end_of(r), t_ns};
    if (search(r, judge, false)) {
        keep_chain(r);
        return true;
    }
    if (r->have > RESYNC_HELD_BYTES || r->npieces > RESYNC_HELD_PIECES)
        drop(r, r->next < end_of(r) ? r->next : end_of(r));
    return false;
}

void resync_gap(struct resync *r, uint64_t n)
{
    drop(r, end_of(r) + n);
    if (r->next < r->base)
        try_at(r, r->base);
}

bool resync_waits(const struct resync *r, const struct resync_judge *judge, struct wire_header *header)
{
    if (!is_alone(r))
        return false;
    struct cursor c = cursor_over(r->bytes + (r->heads[0] - r->base), (size_t)(end_of(r) - r->heads[0]));
    return wire_header_read(&c, judge->minor, header) == WIRE_OK;
}

void resync_believe(struct resync *r)
{
    keep_chain(r);
}

bool resync_end(struct resync *r, const struct resync_judge *judge)
{
    if (r->have > 0 && search(r, judge, true)) {
        keep_chain(r);
        return true;
    }
    resync_fini(r);
    return false;
}

bool resync_take(struct resync *r, const uint8_t **bytes, size_t *n, uint64_t *t_ns)
{
    if (r->taken == r->npieces)
        return false;
    const uint64_t begin = r->taken > 0 ? r->pieces[r->taken - 1].end : r->base;
    const struct resync_piece *piece = &r->pieces[r->taken++];
    *bytes = r->bytes + (begin - r->base);
    *n = (size_t)(piece->end - begin);
    *t_ns = piece->t_ns;
    return true;
}
