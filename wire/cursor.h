/* The one way to read bytes from outside: a bounds-checked, big-endian cursor with a sticky fault.
 * Read all fields, then test `err` once. And the big-endian stores. Pure. */
#ifndef CAPLAY_WIRE_CURSOR_H
#define CAPLAY_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *p, *end;
    bool err; /* a read went past the end; every later read gives 0 */
};

static inline struct cursor cursor_over(const void *bytes, size_t n)
{
    return (struct cursor){.p = bytes, .end = (const uint8_t *)bytes + n};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}

/* Compares lengths, never forms p + n: a hostile n cannot wrap. */
static inline bool cursor_need(struct cursor *c, size_t n)
{
    return !(c->err |= n > cursor_left(c));
}

/* n bytes, borrowed, or NULL. */
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
    if (!cursor_need(c, n))
        return NULL;
    const uint8_t *at = c->p;
    c->p += n;
    return at;
}

static inline uint16_t wire_get16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t wire_get64(const uint8_t *p)
{
    return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);
}

static inline void wire_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void wire_put32(uint8_t *p, uint32_t v)
{
    wire_put16(p, (uint16_t)(v >> 16));
    wire_put16(p + 2, (uint16_t)v);
}

static inline void wire_put64(uint8_t *p, uint64_t v)
{
    wire_put32(p, (uint32_t)(v >> 32));
    wire_put32(p + 4, (uint32_t)v);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 1);
    return p ? *p : 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 2);
    return p ? wire_get16(p) : 0;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 4);
    return p ? wire_get32(p) : 0;
}

#endif
