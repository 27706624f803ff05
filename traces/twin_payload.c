#include "traces/twin_payload.h"

#include "traces/twin_values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX (1u << 28)

uint8_t *twin_bytes_add(struct twin_bytes *b, size_t n)
{
    if (b->at == NULL || n > b->room - b->n) {
        const size_t room = 2 * (b->n + n) + 64;
        uint8_t *at = realloc(b->at, room);
        if (at == NULL) {
            b->failed = true;
            return NULL;
        }
        b->at = at;
        b->room = room;
    }
    uint8_t *added = b->at + b->n;
    memset(added, 0, n);
    b->n += n;
    return added;
}

void twin_bodies_free(struct twin_body **bodies)
{
    struct twin_body *body, *next;
    HASH_ITER(hh, *bodies, body, next)
    {
        HASH_DEL(*bodies, body);
        free(body);
    }
}

static bool is_from_client(const struct trace_event *e, unsigned command)
{
    return e->command == command && !(e->flags & TRACE_FROM_SERVER);
}

static bool has_name(const struct trace_event *e)
{
    return is_from_client(e, WIRE_SEARCH) || is_from_client(e, WIRE_CREATE_CHAN);
}

static bool is_text(const struct trace_event *e)
{
    return is_from_client(e, WIRE_CLIENT_NAME) || is_from_client(e, WIRE_HOST_NAME);
}

static bool is_error(const struct trace_event *e)
{
    return e->command == WIRE_ERROR && (e->flags & TRACE_FROM_SERVER);
}

/* ---- showing ---- */

static void show_text(json_t *line, struct cursor c)
{
    json_object_set_new(line, "text", twin_text((const char *)c.p, strnlen((const char *)c.p, cursor_left(&c))));
}

static void show_error(json_t *line, struct cursor c)
{
    struct wire_header h;
    if (wire_header_read(&c, WIRE_MINOR, &h) != WIRE_OK)
        return;
    json_object_set_new(line, "about",
                        json_pack("{s:i,s:i,s:I,s:I,s:I,s:I}", "command", h.command, "type", h.type, "count", (json_int_t)h.count,
                                  "size", (json_int_t)h.size, "p1", (json_int_t)h.p1, "p2", (json_int_t)h.p2));
    show_text(line, c);
}

void twin_payload_show(json_t *line, const struct trace *t, const struct trace_event *e, struct twin_shared shared)
{
    struct cursor c = cursor_over(trace_body(t, e), e->body_bytes);
    if (e->size == 0)
        return;
    if (trace_has_values(e))
        twin_values_show(line, t, e, shared);
    else if (is_text(e))
        show_text(line, c);
    else if (is_error(e))
        show_error(line, c);
    else if (is_from_client(e, WIRE_EVENT_ADD) && e->size >= 14) {
        cursor_bytes(&c, 12);
        json_object_set_new(line, "mask", json_integer(cursor_u16(&c)));
    }
}

/* ---- making ---- */

/* A text with its NUL, padded to 8. */
static void make_text(struct twin_bytes *b, const char *text)
{
    const size_t n = strlen(text);
    uint8_t *at = twin_bytes_add(b, (size_t)wire_pad8(b->n + n + 1) - b->n);
    if (at != NULL)
        memcpy(at, text, n);
}

static void make_error(struct twin_line *l, struct twin_bytes *b, const char *text)
{
    json_t *about = twin_take(l, "about");
    if (!json_is_object(about) && (about != NULL || *text != '\0'))
        twin_fail(l, "about", "an object: the header of the request", about);
    struct twin_line in = *l;
    in.members = about;
    const struct wire_header h = {.command = (uint16_t)twin_take_number(&in, "command", UINT16_MAX, 0),
                                  .type = (uint16_t)twin_take_number(&in, "type", UINT16_MAX, 0),
                                  .count = (uint32_t)twin_take_number(&in, "count", UINT32_MAX, 0),
                                  .size = (uint32_t)twin_take_number(&in, "size", UINT32_MAX, 0),
                                  .p1 = (uint32_t)twin_take_number(&in, "p1", UINT32_MAX, 0),
                                  .p2 = (uint32_t)twin_take_number(&in, "p2", UINT32_MAX, 0)};
    uint8_t header[WIRE_EXTENDED_BYTES];
    if (about != NULL && twin_end(&in)) {
        const size_t n = wire_header_write(header, &h);
        uint8_t *at = twin_bytes_add(b, n);
        if (at != NULL)
            memcpy(at, header, n);
        make_text(b, text);
    }
    l->failed = in.failed;
    json_decref(about);
}

static void make_mask(struct twin_line *l, struct twin_bytes *b)
{
    const uint64_t mask = twin_take_number(l, "mask", UINT16_MAX, UINT64_MAX);
    uint8_t *at = mask != UINT64_MAX ? twin_bytes_add(b, 16) : NULL;
    if (at != NULL)
        wire_put16(at + 12, (uint16_t)mask);
}

/* A message that is a text. The PV's name is looked at, and stays for others. */
static void make_message(struct twin_line *l, const struct trace_event *e, struct twin_bytes *b)
{
    size_t n;
    char *text = has_name(e) ? twin_text_new(json_object_get(l->members, "pv"), &n) : twin_take_name(l, "text", &n);
    if (is_error(e))
        make_error(l, b, text != NULL ? text : "");
    else if (text != NULL)
        make_text(b, text);
    free(text);
}

/* What the members say. */
static void make_implied(struct twin_line *l, struct trace_event *e, bool has_count, struct twin_body **bodies,
                         struct twin_bytes *b)
{
    if (trace_has_values(e))
        twin_values_make(l, e, has_count, bodies, b);
    else if (has_name(e) || is_error(e) || is_text(e))
        make_message(l, e, b);
    else if (is_from_client(e, WIRE_EVENT_ADD))
        make_mask(l, b);
}

/* `size`: cut to so many bytes, if they hold nothing; or filled up with zeros. */
static void make_size(struct twin_line *l, struct twin_bytes *b)
{
    const uint64_t size = twin_take_number(l, "size", PAYLOAD_MAX, b->n);
    for (size_t i = size; i < b->n; i++)
        if (b->at[i] != 0) {
            json_t *found = json_integer((json_int_t)size);
            twin_fail(l, "size", "room for what the other members say: leave it out", found);
            json_decref(found);
            return;
        }
    if (size > b->n)
        twin_bytes_add(b, size - b->n);
    b->n = (size_t)size;
}

/* One run of `bytes`: only where the members say nothing, which are zeros. */
static void patch(struct twin_line *l, const char *offset, const json_t *digits, struct twin_bytes *b)
{
    char *end;
    const uint64_t at = strtoull(offset, &end, 10);
    const size_t n = json_string_length(digits) / 2;
    bool is_free = *offset >= '0' && *offset <= '9' && *end == '\0' && at <= b->n && n <= b->n - at;
    for (size_t i = 0; is_free && i < n; i++)
        is_free = b->at[at + i] == 0;
    if (!is_free)
        twin_fail(l, "bytes", "places within the payload that the other members leave 0: leave it out", digits);
    else if (twin_hex_bytes(digits, b->at + at, n) < 0)
        twin_fail(l, "bytes", "an even number of hex digits", digits);
}

static void make_bytes(struct twin_line *l, struct twin_bytes *b)
{
    json_t *bytes = twin_take(l, "bytes"), *digits;
    const char *offset;
    if (bytes != NULL && !json_is_object(bytes))
        twin_fail(l, "bytes", "an object of offsets and hex digits", bytes);
    json_object_foreach(bytes, offset, digits) patch(l, offset, digits, b);
    json_decref(bytes);
}

static void make_whole(struct twin_line *l, json_t *digits, struct twin_bytes *b)
{
    const size_t n = json_string_length(digits) / 2;
    uint8_t *at = twin_bytes_add(b, n);
    if (at != NULL && twin_hex_bytes(digits, at, n) < 0)
        twin_fail(l, "payload", "an even number of hex digits", digits);
}

void twin_payload_make(struct twin_line *l, struct trace_event *e, bool has_count, struct twin_body **bodies,
                       struct twin_bytes *b)
{
    json_t *whole = twin_take(l, "payload");
    b->n = 0;
    if (whole != NULL)
        make_whole(l, whole, b);
    else {
        make_implied(l, e, has_count, bodies, b);
        make_size(l, b);
        make_bytes(l, b);
    }
    json_decref(whole);
    e->size = (uint32_t)b->n;
}
