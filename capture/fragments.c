#include "capture/fragments.h"

#include <stdlib.h>
#include <string.h>

enum { DATAGRAM_BYTES = 65536, UNIT = 8, UNITS = DATAGRAM_BYTES / UNIT };

struct datagram {
    uint32_t from_address, to_address;
    uint16_t id;
    uint8_t protocol;
    uint64_t since_ns;
    size_t end;    /* its length, once the last piece came; else 0 */
    size_t reach;  /* behind the last byte that is there */
    size_t nunits; /* that are there */
    uint8_t has[UNITS / 8];
    uint8_t bytes[DATAGRAM_BYTES];
};

struct fragments {
    struct datagram *waiting[FRAGMENTS_DATAGRAMS]; /* the oldest first */
    unsigned n;
    uint64_t given_up;
    struct datagram *whole; /* the last that was handed on */
};

struct fragments *fragments_new(void)
{
    return calloc(1, sizeof(struct fragments));
}

/* Take one off the list; it lives on. */
static struct datagram *take(struct fragments *f, unsigned at)
{
    struct datagram *d = f->waiting[at];
    f->n--;
    memmove(&f->waiting[at], &f->waiting[at + 1], (f->n - at) * sizeof *f->waiting);
    return d;
}

static void give_up_oldest(struct fragments *f)
{
    free(take(f, 0));
    f->given_up++;
}

void fragments_free(struct fragments *f)
{
    if (f == NULL)
        return;
    while (f->n > 0)
        free(take(f, f->n - 1));
    free(f->whole);
    free(f);
}

static bool is_of(const struct datagram *d, const struct packet *piece)
{
    return d->from_address == piece->from_address && d->to_address == piece->to_address && d->id == piece->fragment.id &&
           d->protocol == piece->fragment.protocol;
}

/* Where the piece's datagram waits; a new one at the list's end. -1: out of memory. */
static int find(struct fragments *f, const struct packet *piece, uint64_t t_ns)
{
    for (unsigned i = 0; i < f->n; i++)
        if (is_of(f->waiting[i], piece))
            return (int)i;
    if (f->n == FRAGMENTS_DATAGRAMS)
        give_up_oldest(f);
    struct datagram *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -1;
    d->from_address = piece->from_address;
    d->to_address = piece->to_address;
    d->id = piece->fragment.id;
    d->protocol = piece->fragment.protocol;
    d->since_ns = t_ns;
    f->waiting[f->n] = d;
    return (int)f->n++;
}

/* Every piece but the last is a whole number of units long, and nothing lies behind the last. */
static bool fits(const struct datagram *d, const struct packet *piece)
{
    size_t end = piece->fragment.offset + piece->n;
    if (piece->n == 0 || end > DATAGRAM_BYTES)
        return false;
    if (piece->fragment.more)
        return piece->n % UNIT == 0 && (d->end == 0 || end <= d->end);
    return d->end == 0 ? end >= d->reach : end == d->end;
}

static void put(struct datagram *d, const struct packet *piece)
{
    size_t from = piece->fragment.offset;
    for (size_t done = 0; done < piece->n; done += UNIT) {
        size_t unit = (from + done) / UNIT, n = piece->n - done < UNIT ? piece->n - done : UNIT;
        uint8_t bit = (uint8_t)(1u << (unit % 8));
        if (d->has[unit / 8] & bit)
            continue;
        d->has[unit / 8] |= bit;
        d->nunits++;
        memcpy(d->bytes + from + done, piece->payload + done, n);
    }
    d->reach = from + piece->n > d->reach ? from + piece->n : d->reach;
    if (!piece->fragment.more)
        d->end = from + piece->n;
}

const uint8_t *fragments_add(struct fragments *f, const struct packet *piece, uint64_t t_ns, size_t *n)
{
    while (f->n > 0 && t_ns > f->waiting[0]->since_ns && t_ns - f->waiting[0]->since_ns > FRAGMENTS_NS)
        give_up_oldest(f);
    int at = find(f, piece, t_ns);
    if (at < 0 || piece->cut || !fits(f->waiting[at], piece))
        return NULL;
    struct datagram *d = f->waiting[at];
    put(d, piece);
    if (d->end == 0 || d->nunits < (d->end + UNIT - 1) / UNIT)
        return NULL;
    free(f->whole);
    f->whole = take(f, (unsigned)at);
    *n = d->end;
    return d->bytes;
}

uint64_t fragments_incomplete(const struct fragments *f)
{
    return f->given_up + f->n;
}
