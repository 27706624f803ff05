#include "traces/framer.h"

#include <stdlib.h>

void framer_feed(struct framer *f, const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    f->in = cursor_over(bytes, n);
    if (t_ns > f->in_ns) /* else it came early, and waited for what was handed on before it */
        f->in_ns = t_ns;
}

/* Room for the whole message, but no more than a doubling ahead of what has come: a header's claim alone costs nothing. */
static bool make_room(struct framer *f)
{
    size_t room = f->have * 2 > 65536 ? f->have * 2 : 65536;
    if (room > f->need)
        room = (size_t)f->need;
    if (room <= f->room)
        return true;
    uint8_t *bytes = realloc(f->bytes, room);
    if (bytes == NULL)
        return false;
    f->bytes = bytes;
    f->room = room;
    return true;
}

/* Move bytes of the input to the gathered message, as far as there are and as it needs. */
static bool gather(struct framer *f)
{
    while (f->have < f->need && cursor_left(&f->in) > 0) {
        if (!make_room(f))
            return false;
        uint64_t n = f->need < f->room ? f->need : f->room;
        n -= f->have;
        if (n > cursor_left(&f->in))
            n = cursor_left(&f->in);
        memcpy(f->bytes + f->have, cursor_bytes(&f->in, (size_t)n), (size_t)n);
        f->have += (size_t)n;
    }
    return true;
}

static void skip_broken(struct framer *f)
{
    uint64_t n = f->skip < cursor_left(&f->in) ? f->skip : cursor_left(&f->in);
    (void)cursor_bytes(&f->in, (size_t)n);
    f->skip -= n;
}

/* No message is half gathered: read straight from the piece, and put aside what does not make a message. */
static enum wire_err next_in_place(struct framer *f, unsigned minor, struct framer_message *m)
{
    const size_t before = cursor_left(&f->in);
    enum wire_err err = wire_message_read(&f->in, minor, &m->header, &m->payload, &f->need);
    m->bytes = before - cursor_left(&f->in);
    f->first_ns = m->first_ns = m->last_ns = f->in_ns;
    return err;
}

static enum wire_err next_gathered(struct framer *f, unsigned minor, struct framer_message *m)
{
    for (;;) {
        if (f->need > FRAMER_MESSAGE_BYTES || !gather(f))
            return WIRE_MALFORMED;
        if (f->have < f->need)
            return WIRE_SHORT;
        struct cursor c = cursor_over(f->bytes, f->have);
        enum wire_err err = wire_message_read(&c, minor, &m->header, &m->payload, &f->need);
        if (err == WIRE_SHORT && f->need > f->have) /* now that the header is whole, it tells the size */
            continue;
        m->first_ns = f->first_ns;
        m->last_ns = f->in_ns;
        m->bytes = f->have;
        f->have = 0;
        return err;
    }
}

enum wire_err framer_next(struct framer *f, unsigned minor, struct framer_message *m)
{
    skip_broken(f);
    if (f->have == 0) {
        if (cursor_left(&f->in) == 0)
            return WIRE_SHORT;
        enum wire_err err = next_in_place(f, minor, m);
        if (err != WIRE_SHORT)
            return err;
    }
    return next_gathered(f, minor, m);
}

bool framer_gap(struct framer *f, uint64_t n)
{
    bool inside = n <= f->skip;
    if (f->have >= WIRE_EXTENDED_BYTES && n <= f->need - f->have) {
        f->skip = f->need - f->have;
        inside = true;
    }
    f->skip = inside ? f->skip - n : 0;
    f->have = 0;
    return inside;
}

unsigned framer_phase(const struct framer *f)
{
    return (unsigned)((f->have - f->skip) % 8);
}

void framer_fini(struct framer *f)
{
    free(f->bytes);
    *f = (struct framer){0};
}
