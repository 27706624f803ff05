#include "replay/normal.h"

#include "wire/dbr.h"

#include <ctype.h>

long normal_find_sid(const struct normal_sids *sids, unsigned circuit, uint32_t sid)
{
    long found = -1;
    for (size_t i = sids->n; i-- > 0;)
        if (sids->at[i].sid == sid && sids->at[i].circuit == circuit)
            return (long)i;
        else if (sids->at[i].sid == sid && found < 0)
            found = (long)i;
    return found;
}

static void mask_sid(const struct normal_context *c, uint8_t *at)
{
    long i = normal_find_sid(c->sids, c->circuit, wire_get32(at));
    if (i >= 0)
        wire_put32(at, NORMAL_SID + (uint32_t)i);
}

/* ---- DBR payloads ---- */

/* Bytes inside a structure that rsrv never writes (ca-protocol 7.1). */
static const struct {
    uint8_t type, from, to;
} pads[] = {
    {11, 4, 5}, {13, 4, 8},   {15, 12, 14}, {17, 12, 14}, {18, 12, 15}, {20, 12, 16},
    {23, 6, 8}, {25, 18, 19}, {27, 6, 8},   {30, 6, 8},   {32, 20, 21}, {34, 6, 8},
};

static void clear(uint8_t *payload, size_t size, size_t from, size_t to)
{
    if (from < size && from < to)
        memset(payload + from, 0, (to < size ? to : size) - from);
}

static void mask_strings(unsigned type, uint32_t count, uint8_t *payload, size_t size)
{
    size_t start = wire_types[type].offset;
    for (uint32_t i = 0; i < count && start < size; i++, start += WIRE_STRING_BYTES) {
        size_t room = size - start < WIRE_STRING_BYTES ? size - start : WIRE_STRING_BYTES;
        size_t n = strnlen((const char *)payload + start, room);
        clear(payload, size, start + n, start + room);
    }
}

static void mask_stamp(uint8_t *payload, size_t size)
{
    if (size < 12 || (wire_get32(payload + 4) == 0 && wire_get32(payload + 8) == 0))
        return;
    wire_put32(payload + 4, NORMAL_STAMP);
    wire_put32(payload + 8, NORMAL_STAMP);
}

static void mask_dbr(const struct normal_context *c, const struct wire_header *h, uint8_t *payload, size_t size)
{
    if (h->type >= WIRE_TYPES)
        return;
    for (size_t i = 0; i < sizeof pads / sizeof *pads; i++)
        if (pads[i].type == h->type)
            clear(payload, size, pads[i].from, pads[i].to);
    if (wire_types[h->type].family == WIRE_TIME)
        mask_stamp(payload, size);
    if (wire_types[h->type].base == WIRE_STRING)
        mask_strings(h->type, h->count, payload, size);
    if (c->is_text && wire_types[h->type].base == WIRE_ENUM)
        clear(payload, size, wire_types[h->type].offset, wire_types[h->type].offset + sizeof(uint16_t));
    if (h->type == WIRE_CLASS_NAME) /* one name, whatever the count */
        clear(payload, size, WIRE_STRING_BYTES, size);
    if (c->is_dynamic && wire_dbr_size(h->type, h->count) < size)
        clear(payload, size, (size_t)wire_dbr_size(h->type, h->count), size);
}

/* ---- errors ---- */

/* "Bad Resource ID at ../rsrv/camessage.c.743" -> "Bad Resource ID at". Returns the text's new length. */
static size_t mask_place(uint8_t *text, size_t n)
{
    static const char at[] = " at ";
    size_t digits = n;
    while (digits > 0 && isdigit(text[digits - 1]))
        digits--;
    if (digits == n || digits == 0 || (text[digits - 1] != '.' && text[digits - 1] != ':'))
        return n;
    for (size_t i = digits; i-- > 0;)
        if (n - i > sizeof at - 1 && memcmp(text + i, at, sizeof at - 1) == 0) {
            memset(text + i + 3, 0, n - i - 3);
            return i + 3;
        }
    return n;
}

bool normal_is_long(const uint8_t *payload, size_t size)
{
    return size >= WIRE_EXTENDED_BYTES && wire_get16(payload + 2) == 0xffff && payload[WIRE_HEADER_BYTES] < ' ';
}

/* The size in the header follows the text, if it was what the text needs. */
static size_t mask_error(const struct normal_context *c, size_t header_bytes, uint8_t *message, size_t size)
{
    uint8_t *payload = message + header_bytes;
    size_t room = size - header_bytes;
    if (room < WIRE_HEADER_BYTES)
        return size;
    size_t embedded = normal_is_long(payload, room) ? WIRE_EXTENDED_BYTES : WIRE_HEADER_BYTES;
    if (wire_names_channel(wire_get16(payload)))
        mask_sid(c, payload + 8);
    uint8_t *text = payload + embedded;
    size_t n = strnlen((const char *)text, room - embedded);
    bool fits = room == wire_pad8(embedded + n + 1);
    size_t masked = mask_place(text, n);
    memset(text + n, 0, room - embedded - n);
    if (masked == n || !fits || header_bytes != WIRE_HEADER_BYTES)
        return size;
    size_t smaller = (size_t)wire_pad8(embedded + masked + 1);
    wire_put16(message + 2, (uint16_t)smaller);
    return header_bytes + smaller;
}

size_t normal_message(const struct normal_context *c, const struct wire_header *h, size_t header_bytes, uint8_t *message,
                      size_t size)
{
    uint8_t *payload = message + header_bytes;
    size_t room = size - header_bytes;
    switch (h->command) {
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
        mask_dbr(c, h, payload, room);
        break;
    case WIRE_EVENT_ADD:
        if (c->is_confirm)
            mask_sid(c, message + 8);
        else
            mask_dbr(c, h, payload, room);
        break;
    case WIRE_CLEAR_CHANNEL:
        mask_sid(c, message + 8);
        break;
    case WIRE_CREATE_CHAN:
        mask_sid(c, message + 12);
        break;
    case WIRE_SEARCH:
        if (h->type == c->tcp_port)
            wire_put16(message + 4, NORMAL_PORT);
        break;
    case WIRE_ERROR:
        return mask_error(c, header_bytes, message, size);
    default:
        break;
    }
    return size;
}
