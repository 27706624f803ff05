#include "traces/twin_values.h"

#include "base/frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MIN    16u        /* elements of what is looked at for a test image */
#define ELEMENTS_MAX (1u << 27) /* of a payload that a line makes */

/* Numbers before the values, by the type's family: where, how many, how wide. */
static struct limits {
    uint8_t units, at, n;
} limits_of(unsigned type)
{
    const struct wire_type *w = &wire_types[type];
    const bool is_real = w->base == WIRE_FLOAT || w->base == WIRE_DOUBLE;
    if ((w->family != WIRE_GR && w->family != WIRE_CTRL) || w->base == WIRE_STRING || w->base == WIRE_ENUM)
        return (struct limits){0};
    return (struct limits){.units = is_real ? 8 : 4, .at = is_real ? 16 : 12, .n = w->family == WIRE_CTRL ? 8 : 6};
}

static bool has_labels(unsigned type)
{
    const struct wire_type *w = &wire_types[type];
    return w->base == WIRE_ENUM && (w->family == WIRE_GR || w->family == WIRE_CTRL);
}

static const struct range {
    int64_t from, to;
    const char *expected;
} ranges[WIRE_BASES] = {
    [WIRE_STRING] = {0, 0, "a text of at most 40 bytes"},
    [WIRE_INT16] = {INT16_MIN, INT16_MAX, "a whole number from -32768 to 32767"},
    [WIRE_FLOAT] = {0, 0, "a number, \"inf\", \"-inf\", \"nan\" or \"0x\" and 8 hex digits"},
    [WIRE_ENUM] = {0, UINT16_MAX, "a whole number from 0 to 65535"},
    [WIRE_CHAR] = {0, UINT8_MAX, "a whole number from 0 to 255"},
    [WIRE_INT32] = {INT32_MIN, INT32_MAX, "a whole number from -2147483648 to 2147483647"},
    [WIRE_DOUBLE] = {0, 0, "a number, \"inf\", \"-inf\", \"nan\" or \"0x\" and 16 hex digits"},
};

/* ---- showing ---- */

static json_t *text_in(const uint8_t *at, size_t room)
{
    return twin_text((const char *)at, strnlen((const char *)at, room));
}

static json_t *element(unsigned base, const uint8_t *at)
{
    switch (base) {
    case WIRE_STRING:
        return text_in(at, WIRE_STRING_BYTES);
    case WIRE_INT16:
        return json_integer((int16_t)wire_get16(at));
    case WIRE_ENUM:
        return json_integer(wire_get16(at));
    case WIRE_CHAR:
        return json_integer(*at);
    case WIRE_INT32:
        return json_integer((int32_t)wire_get32(at));
    default:
        return twin_real(at, base == WIRE_FLOAT);
    }
}

static json_t *elements(unsigned base, const uint8_t *at, uint32_t n)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(list, element(base, at + i * wire_base_size((enum wire_base)base)));
    return list;
}

static bool is_frame(unsigned base, const uint8_t *at, uint32_t n)
{
    uint8_t *frame = base == WIRE_INT16 && n >= FRAME_MIN && wire_get64(at) <= INT64_MAX ? malloc(2 * (size_t)n) : NULL;
    if (frame == NULL)
        return false;
    frame_fill_be(frame, 0, n, frame_serial_be(at));
    const bool is = memcmp(frame, at, 2 * (size_t)n) == 0;
    free(frame);
    return is;
}

static json_t *values(unsigned base, const uint8_t *at, uint32_t n)
{
    if (is_frame(base, at, n))
        return json_pack("{s:I,s:I}", "frame", (json_int_t)frame_serial_be(at), "elements", (json_int_t)n);
    if (n > TWIN_INLINE_ELEMENTS && base != WIRE_STRING)
        return json_pack("{s:o}", "hex", twin_hex(at, n * wire_base_size((enum wire_base)base)));
    return n == 1 ? element(base, at) : elements(base, at, n);
}

static void show_labels(json_t *line, const uint8_t *head)
{
    const unsigned n = wire_get16(head + 4);
    json_t *labels = json_array();
    for (unsigned i = 0; i < n && i < WIRE_LABELS; i++)
        json_array_append_new(labels, text_in(head + 6 + i * WIRE_LABEL_BYTES, WIRE_LABEL_BYTES));
    json_object_set_new(line, "labels", labels);
}

static void show_number(json_t *line, const char *member, uint32_t number)
{
    if (number != 0)
        json_object_set_new(line, member, json_integer(number));
}

static void show_head(json_t *line, unsigned type, const uint8_t *head)
{
    const struct wire_type *w = &wire_types[type];
    const struct limits limits = limits_of(type);
    if (w->offset >= 4) {
        show_number(line, "alarm", wire_get16(head));
        show_number(line, "severity", wire_get16(head + 2));
    }
    if (w->family == WIRE_TIME)
        json_object_set_new(line, "stamp",
                            json_pack("[I,I]", (json_int_t)wire_get32(head + 4), (json_int_t)wire_get32(head + 8)));
    if (type == WIRE_STSACK_STRING) {
        show_number(line, "ackt", wire_get16(head + 4));
        show_number(line, "acks", wire_get16(head + 6));
    }
    if (has_labels(type))
        show_labels(line, head);
    if (limits.n == 0)
        return;
    if (limits.units == 8)
        json_object_set_new(line, "precision", json_integer((int16_t)wire_get16(head + 4)));
    json_object_set_new(line, "units", text_in(head + limits.units, WIRE_UNITS_BYTES));
    json_object_set_new(line, "limits", elements(w->base, head + limits.at, limits.n));
}

void twin_values_show(json_t *line, const struct trace *t, const struct trace_event *e, struct twin_shared shared)
{
    const struct wire_type *w = &wire_types[e->type];
    const uint8_t *at = trace_body(t, e);
    uint8_t cut[WIRE_STRING_BYTES] = {0};
    uint32_t n = e->body_bytes / w->size;
    if (e->head_bytes < w->offset)
        return;                                                  /* as `payload` */
    if (w->base == WIRE_STRING && n == 0 && e->body_bytes > 0) { /* one string travels cut behind its NUL (ca-protocol 6.4) */
        memcpy(cut, at, e->body_bytes);
        at = cut;
        n = 1;
    }
    if (!shared.is_told)
        json_object_set_new(line, "value", values(w->base, at, n));
    if (shared.number != TRACE_NONE)
        json_object_set_new(line, "body", json_integer(shared.number));
    show_head(line, e->type, trace_head(t, e));
}

/* ---- making ---- */

static bool put_element(unsigned base, const json_t *one, uint8_t *at)
{
    char text[WIRE_STRING_BYTES + 1];
    if (base == WIRE_FLOAT || base == WIRE_DOUBLE)
        return twin_real_bits(one, base == WIRE_FLOAT, at);
    if (base == WIRE_STRING) {
        const int n = twin_text_bytes(one, text, sizeof text);
        if (n > 0)
            memcpy(at, text, (size_t)n);
        return n >= 0;
    }
    const json_int_t number = json_integer_value(one);
    if (!json_is_integer(one) || number < ranges[base].from || number > ranges[base].to)
        return false;
    if (base == WIRE_CHAR)
        *at = (uint8_t)number;
    else if (base == WIRE_INT32)
        wire_put32(at, (uint32_t)number);
    else
        wire_put16(at, (uint16_t)number);
    return true;
}

static void put_elements(struct twin_line *l, const char *member, unsigned base, const json_t *list, uint8_t *at)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) if (!put_element(base, one, at + i * wire_base_size((enum wire_base)base)))
    {
        twin_fail(l, member, ranges[base].expected, one);
        return;
    }
}

static void make_frame(struct twin_line *l, const json_t *value, struct twin_bytes *b)
{
    const json_t *n = json_object_get(value, "elements"), *frame = json_object_get(value, "frame");
    if (!json_is_integer(frame) || json_integer_value(frame) < 0 || !json_is_integer(n) || json_integer_value(n) < 4 ||
        json_integer_value(n) > ELEMENTS_MAX) {
        twin_fail(l, "value", "\"frame\": a serial number, \"elements\": 4 or more", value);
        return;
    }
    const size_t count = (size_t)json_integer_value(n);
    uint8_t *at = twin_bytes_add(b, 2 * count);
    if (at != NULL)
        frame_fill_be(at, 0, count, (uint64_t)json_integer_value(frame));
}

static void make_digits(struct twin_line *l, const json_t *digits, struct twin_bytes *b)
{
    const size_t n = json_string_length(digits) / 2;
    uint8_t *at = twin_bytes_add(b, n);
    if (at != NULL && twin_hex_bytes(digits, at, n) < 0)
        twin_fail(l, "value", "\"hex\": an even number of hex digits", digits);
}

/* The values of `value` behind the head. */
static void make_value(struct twin_line *l, unsigned type, json_t *value, struct twin_bytes *b)
{
    const struct wire_type *w = &wire_types[type];
    const bool is_text = json_is_object(value) && json_object_get(value, "latin1") != NULL;
    if (json_is_object(value) && json_object_get(value, "frame") != NULL && w->base == WIRE_INT16)
        make_frame(l, value, b);
    else if (json_is_object(value) && !is_text)
        make_digits(l, json_object_get(value, "hex"), b);
    else {
        json_t *list = json_is_array(value) ? json_incref(value) : json_pack("[O]", value);
        uint8_t *at = twin_bytes_add(b, json_array_size(list) * w->size);
        if (at != NULL)
            put_elements(l, "value", w->base, list, at);
        json_decref(list);
    }
}

static void make_stamp(struct twin_line *l, uint8_t *head)
{
    json_t *stamp = twin_take(l, "stamp");
    for (size_t i = 0; i < 2 && stamp != NULL; i++) {
        const json_t *one = json_array_get(stamp, i);
        if (!json_is_integer(one) || json_integer_value(one) < 0 || json_integer_value(one) > UINT32_MAX ||
            json_array_size(stamp) != 2)
            twin_fail(l, "stamp", "[seconds since 1990, nanoseconds], each from 0 to 4294967295", stamp);
        else
            wire_put32(head + 4 + 4 * i, (uint32_t)json_integer_value(one));
    }
    json_decref(stamp);
}

static void make_labels(struct twin_line *l, uint8_t *head)
{
    json_t *labels = twin_take(l, "labels");
    const size_t n = json_array_size(labels);
    char text[WIRE_LABEL_BYTES + 1];
    wire_put16(head + 4, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        const int bytes = i < WIRE_LABELS ? twin_text_bytes(json_array_get(labels, i), text, sizeof text) : -1;
        if (bytes < 0) {
            twin_fail(l, "labels", "at most 16 texts of at most 26 bytes", labels);
            break;
        }
        memcpy(head + 6 + i * WIRE_LABEL_BYTES, text, (size_t)bytes);
    }
    json_decref(labels);
}

static void make_limits(struct twin_line *l, unsigned type, uint8_t *head)
{
    const struct limits limits = limits_of(type);
    char units[WIRE_UNITS_BYTES + 1];
    json_t *precision = limits.units == 8 ? twin_take(l, "precision") : NULL, *list = twin_take(l, "limits");
    const int n = twin_take_text(l, "units", units, sizeof units);
    if (n > 0)
        memcpy(head + limits.units, units, (size_t)n);
    if (precision != NULL && !put_element(WIRE_INT16, precision, head + 4))
        twin_fail(l, "precision", ranges[WIRE_INT16].expected, precision);
    if (list != NULL && json_array_size(list) != limits.n)
        twin_fail(l, "limits", limits.n == 8 ? "8 numbers" : "6 numbers", list);
    else if (list != NULL)
        put_elements(l, "limits", wire_types[type].base, list, head + limits.at);
    json_decref(precision);
    json_decref(list);
}

static void make_head(struct twin_line *l, unsigned type, uint8_t *head)
{
    const struct wire_type *w = &wire_types[type];
    if (w->offset >= 4) {
        wire_put16(head, (uint16_t)twin_take_number(l, "alarm", UINT16_MAX, 0));
        wire_put16(head + 2, (uint16_t)twin_take_number(l, "severity", UINT16_MAX, 0));
    }
    if (w->family == WIRE_TIME)
        make_stamp(l, head);
    if (type == WIRE_STSACK_STRING) {
        wire_put16(head + 4, (uint16_t)twin_take_number(l, "ackt", UINT16_MAX, 0));
        wire_put16(head + 6, (uint16_t)twin_take_number(l, "acks", UINT16_MAX, 0));
    }
    if (has_labels(type))
        make_labels(l, head);
    if (limits_of(type).n > 0)
        make_limits(l, type, head);
}

/* Values that an earlier line gave a number. */
static void use_body(struct twin_line *l, uint64_t number, struct twin_body *bodies, struct twin_bytes *b)
{
    struct twin_body *body;
    HASH_FIND(hh, bodies, &number, sizeof number, body);
    if (body == NULL) {
        json_t *found = json_integer((json_int_t)number);
        twin_fail(l, "body", "the number of values that a line before has", found);
        json_decref(found);
        return;
    }
    uint8_t *at = twin_bytes_add(b, body->n);
    if (at != NULL && body->n > 0)
        memcpy(at, body->bytes, body->n);
}

static void keep_body(struct twin_line *l, uint64_t number, struct twin_body **bodies, const uint8_t *bytes, size_t n)
{
    struct twin_body *body;
    HASH_FIND(hh, *bodies, &number, sizeof number, body);
    if (body != NULL) {
        twin_fail(l, "body", "a number that no line before has given", NULL);
        return;
    }
    body = calloc(1, sizeof *body + n);
    if (body == NULL)
        return; /* whoever uses it is told */
    body->number = number;
    body->n = n;
    memcpy(body->bytes, bytes, n);
    HASH_ADD(hh, *bodies, number, sizeof body->number, body);
    if (body->hh.tbl == NULL)
        free(body);
}

/* Where one plain STRING ends on the wire: behind its NUL, padded. */
static size_t end_of(const struct trace_event *e, const struct twin_bytes *b, size_t offset)
{
    const size_t n = b->n - offset;
    if (e->type == WIRE_STRING && n == WIRE_STRING_BYTES)
        return (size_t)wire_pad8(strnlen((const char *)b->at, n - 1) + 1);
    return (size_t)wire_pad8(b->n);
}

void twin_values_make(struct twin_line *l, struct trace_event *e, bool has_count, struct twin_body **bodies, struct twin_bytes *b)
{
    const struct wire_type *w = &wire_types[e->type];
    const uint64_t number = twin_take_number(l, "body", UINT32_MAX, UINT64_MAX);
    json_t *value = twin_take(l, "value");
    if ((value == NULL && number == UINT64_MAX) || twin_bytes_add(b, w->offset) == NULL)
        return;
    if (value != NULL)
        make_value(l, e->type, value, b);
    else
        use_body(l, number, *bodies, b);
    if (!l->failed && !b->failed) {
        if (value != NULL && number != UINT64_MAX)
            keep_body(l, number, bodies, b->at + w->offset, b->n - w->offset);
        if (!has_count)
            e->count = (uint32_t)((b->n - w->offset) / w->size);
        make_head(l, e->type, b->at);
        const size_t end = end_of(e, b, w->offset);
        if (end > b->n)
            twin_bytes_add(b, end - b->n);
        b->n = end;
    }
    json_decref(value);
}
