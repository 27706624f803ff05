#include "traces/scrub.h"

#include "wire/value.h"

#include <stdlib.h>
#include <string.h>

#define LOOPBACK    127u
#define PRIVATE_NET (UINT32_C(10) << 24)
#define HOST_MASK   UINT32_C(0xffffff)
#define MASK_OFFSET 12u /* in an EVENT_ADD request: behind three numbers that servers ignore, before a pad */

/* ---- addresses ---- */

static bool is_taken(const struct scrub *s, uint32_t to)
{
    for (uint32_t i = 0; i < s->naddresses; i++)
        if (s->addresses[i].to == to)
            return true;
    return false;
}

static uint32_t new_address(struct scrub *s, uint32_t address)
{
    uint8_t hash[3];
    keyed_hash(s->keyed, "address", &address, sizeof address, hash, sizeof hash);
    uint32_t to = PRIVATE_NET | (uint32_t)hash[0] << 16 | (uint32_t)hash[1] << 8 | hash[2];
    s->nmoved += is_taken(s, to);
    while (is_taken(s, to) || to == address)
        to = PRIVATE_NET | ((to + 1) & HOST_MASK);
    return to;
}

uint32_t scrub_address(struct scrub *s, uint32_t address)
{
    if (address == 0 || address == UINT32_MAX || address >> 24 == LOOPBACK)
        return address;
    for (uint32_t i = 0; i < s->naddresses; i++)
        if (s->addresses[i].from == address)
            return s->addresses[i].to;
    struct scrub_address *more = realloc(s->addresses, (s->naddresses + 1) * sizeof *more);
    if (more == NULL) {
        s->failed = true;
        return PRIVATE_NET;
    }
    s->addresses = more;
    const uint32_t to = new_address(s, address);
    s->addresses[s->naddresses++] = (struct scrub_address){address, to};
    return to;
}

void scrub_fini(struct scrub *s)
{
    free(s->addresses);
    *s = (struct scrub){0};
}

/* ---- texts ---- */

/* A text in its field: what follows its NUL are remains of something else. Numbers are values. */
static void scrub_text(const struct scrub *s, uint8_t *field, size_t room)
{
    char *text = (char *)field;
    const size_t n = strnlen(text, room);
    memset(field + n, 0, room - n);
    if (!pseudonym_is_number(text, n))
        pseudonym_text(s->keyed, text, n);
    else if (s->values)
        pseudonym_number(s->keyed, text, n);
}

/* CHAR arrays are texts, too, where they hold nothing else. */
static bool is_text(const uint8_t *bytes, size_t n)
{
    static const char controls[] = "\t\n\r"; /* with its NUL */
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == 0x7f || (bytes[i] < ' ' && memchr(controls, bytes[i], sizeof controls) == NULL))
            return false;
        any |= bytes[i] != 0;
    }
    return any && n > 1;
}

/* Each piece between NULs by itself. */
static void scrub_characters(const struct scrub *s, uint8_t *bytes, size_t n)
{
    for (size_t at = 0, length; at < n; at += length + 1) {
        length = strnlen((char *)bytes + at, n - at);
        if (!pseudonym_is_number((char *)bytes + at, length))
            pseudonym_text(s->keyed, (char *)bytes + at, length);
        else if (s->values)
            pseudonym_number(s->keyed, (char *)bytes + at, length);
    }
}

/* ---- values ---- */

/* Finite numbers of 1 to 256, whatever the bytes are: sign and exponent are replaced. */
static void make_finite(uint8_t *bytes, size_t n, unsigned base)
{
    for (size_t i = 0; base == WIRE_DOUBLE && i + 8 <= n; i += 8)
        wire_put16(bytes + i, (uint16_t)(0x3ff0 + (bytes[i] & 7) * 16 + (bytes[i + 1] & 15)));
    for (size_t i = 0; base == WIRE_FLOAT && i + 4 <= n; i += 4)
        wire_put16(bytes + i, (uint16_t)(0x3f80 + (bytes[i] & 7) * 128 + (bytes[i + 1] & 127)));
}

/* States are 0 to 15, and 0 and 1 stay among themselves, for the most frequent records have no others. */
static void scrub_states(const struct scrub *s, uint8_t *bytes, size_t n)
{
    uint8_t flip;
    keyed_hash(s->keyed, "state", "", 0, &flip, sizeof flip);
    for (size_t i = 0; i + 2 <= n; i += 2)
        bytes[i + 1] ^= flip & 1;
}

static void scrub_integer(const struct scrub *s, uint8_t *bytes, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    value = pseudonym_bits(s->keyed, value, 8 * size);
    for (unsigned i = size; i > 0; i--, value >>= 8)
        bytes[i - 1] = (uint8_t)value;
}

/* Equal arrays become equal ones. The bytes are replaced, not mixed with others: nothing of them is left. */
static void scrub_array(const struct scrub *s, uint8_t *bytes, size_t n, unsigned base)
{
    uint8_t digest[32];
    keyed_hash(s->keyed, "digest", bytes, n, digest, sizeof digest);
    keyed_hash(s->keyed, "array", digest, sizeof digest, bytes, n);
    make_finite(bytes, n, base);
}

static void scrub_numbers(const struct scrub *s, uint8_t *bytes, size_t n, unsigned base)
{
    const unsigned size = (unsigned)wire_base_size((enum wire_base)base);
    if (base == WIRE_ENUM)
        scrub_states(s, bytes, n);
    else if (n == size && (base == WIRE_CHAR || base == WIRE_INT16 || base == WIRE_INT32))
        scrub_integer(s, bytes, size);
    else if (n > 0)
        scrub_array(s, bytes, n, base);
}

static void scrub_values(const struct scrub *s, uint8_t *bytes, size_t n, unsigned base)
{
    if (base == WIRE_STRING)
        for (size_t at = 0; at < n; at += WIRE_STRING_BYTES)
            scrub_text(s, bytes + at, n - at < WIRE_STRING_BYTES ? n - at : WIRE_STRING_BYTES);
    else if (base == WIRE_CHAR && is_text(bytes, n))
        scrub_characters(s, bytes, n);
    else if (s->values)
        scrub_numbers(s, bytes, n, base);
}

/* ---- DBR structures ---- */

static void scrub_meta(const struct scrub *s, struct wire_meta *meta)
{
    for (unsigned i = 0; i < meta->nlabels && i < WIRE_LABELS; i++)
        scrub_text(s, meta->labels[i], WIRE_LABEL_BYTES);
    if (!s->values)
        return;
    scrub_text(s, meta->units, WIRE_UNITS_BYTES);
    struct wire_meta none;
    wire_meta_init(&none);
    memcpy(meta->display, none.display, sizeof meta->display);
    memcpy(meta->alarm, none.alarm, sizeof meta->alarm);
    memcpy(meta->control, none.control, sizeof meta->control);
}

/* The head is made anew of what it says, so that its pads are zeros. */
static void scrub_dbr(const struct scrub *s, const struct trace_event *e, uint8_t *payload)
{
    struct wire_value value;
    struct wire_meta meta;
    uint8_t *body = payload + e->head_bytes;
    wire_meta_init(&meta);
    memset(body + e->body_bytes, 0, e->size - e->head_bytes - e->body_bytes);
    if (e->type == WIRE_PUT_ACKT || e->type == WIRE_PUT_ACKS)
        return;
    if (wire_decode(e->type, e->count, payload, e->head_bytes, body, e->body_bytes, &value, &meta) != WIRE_OK) {
        memset(payload, 0, e->size);
        return;
    }
    scrub_meta(s, &meta);
    wire_encode_head(e->type, &value, &meta, payload);
    if (e->type != WIRE_CLASS_NAME)
        scrub_values(s, body, e->body_bytes, wire_types[e->type].base);
}

/* ---- messages ---- */

/* An exception is the request's header and a text, which likes to name the PV. */
static void scrub_exception(const struct scrub *s, uint32_t size, uint8_t *payload)
{
    size_t header = size >= WIRE_HEADER_BYTES && wire_get16(payload + 2) == 0xffff ? WIRE_EXTENDED_BYTES : WIRE_HEADER_BYTES;
    if (size > header)
        scrub_text(s, payload + header, size - header);
}

static bool is_dbr(const struct trace_event *e)
{
    const bool is_reply = e->flags & TRACE_FROM_SERVER;
    const bool is_value = e->command == WIRE_READ || e->command == WIRE_READ_NOTIFY || e->command == WIRE_EVENT_ADD;
    const bool is_put = e->command == WIRE_WRITE || e->command == WIRE_WRITE_NOTIFY;
    return e->type < WIRE_TYPES && (is_reply ? is_value : is_put);
}

/* Whose name the payload is has been seen to by the copy. */
static bool is_name(const struct trace_event *e)
{
    return !(e->flags & TRACE_FROM_SERVER) && (e->command == WIRE_SEARCH || e->command == WIRE_CREATE_CHAN ||
                                               e->command == WIRE_CLIENT_NAME || e->command == WIRE_HOST_NAME);
}

/* Which two bytes may stay, besides names: a search reply's version, a subscription's mask. */
static void scrub_rest(const struct trace_event *e, uint8_t *payload)
{
    const bool is_reply = e->flags & TRACE_FROM_SERVER;
    const bool is_version = e->command == WIRE_SEARCH && is_reply, is_mask = e->command == WIRE_EVENT_ADD && !is_reply;
    const uint32_t at = is_mask ? MASK_OFFSET : 0;
    const bool stays = (is_version || is_mask) && e->size >= at + 2;
    const uint16_t kept = stays ? wire_get16(payload + at) : 0;
    memset(payload, 0, e->size);
    if (stays)
        wire_put16(payload + at, kept);
}

static void scrub_header(struct scrub *s, struct trace_event *e)
{
    const bool is_reply = e->flags & TRACE_FROM_SERVER;
    if (e->command == WIRE_SEARCH && is_reply)
        e->p1 = scrub_address(s, e->p1);
    if (e->command == WIRE_RSRV_IS_UP || e->command == WIRE_REPEATER_REGISTER || e->command == WIRE_REPEATER_CONFIRM)
        e->p2 = scrub_address(s, e->p2);
}

void scrub_event(struct scrub *s, struct trace_event *e, uint8_t *payload)
{
    scrub_header(s, e);
    if (e->size == 0)
        return;
    if (is_dbr(e)) {
        scrub_dbr(s, e, payload);
        return;
    }
    if (e->command == WIRE_ERROR && e->flags & TRACE_FROM_SERVER) {
        scrub_exception(s, e->size, payload);
        return;
    }
    if (!is_name(e))
        scrub_rest(e, payload);
}
