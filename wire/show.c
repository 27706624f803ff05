/* Values for people: wire_value_number() and wire_value_text() of wire/value.h. */
#include "wire/convert.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Clients show a CHAR as 0 to 255. */
static double shown_number(unsigned base, const uint8_t *src)
{
    return base == WIRE_CHAR ? *src : wire_number_read(base, src);
}

double wire_value_number(const struct wire_value *value)
{
    struct wire_conversion how = {.from = WIRE_STRING, .to = WIRE_DOUBLE};
    char text[WIRE_STRING_BYTES];
    const char *rest;
    double number;
    if (value->count == 0)
        return NAN;
    if (value->field == WIRE_FIELD_INT64 || value->field == WIRE_FIELD_UINT64)
        return wire_wide_number(value->field == WIRE_FIELD_UINT64, wire_get64(value->data));
    if (value->base != WIRE_STRING)
        return shown_number(value->base, value->data);
    wire_string_copy(value->data, WIRE_STRING_BYTES, text);
    return wire_text_number(text, &how, &number, &rest) ? number : NAN;
}

/* Where text goes that may not fit: `length` counts all of it. */
struct sink {
    char *out;
    size_t room, length;
};

static void sink_text(struct sink *sink, const char *text)
{
    for (; *text != '\0'; text++, sink->length++)
        if (sink->length + 1 < sink->room)
            sink->out[sink->length] = *text;
}

static void sink_string(struct sink *sink, const uint8_t *src)
{
    char text[WIRE_STRING_BYTES], shown[8];
    wire_string_copy(src, WIRE_STRING_BYTES, text);
    sink_text(sink, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        bool is_plain = isprint((unsigned char)*c) && *c != '"' && *c != '\\';
        snprintf(shown, sizeof shown, is_plain ? "%c" : "\\x%02x", (unsigned char)*c);
        sink_text(sink, shown);
    }
    sink_text(sink, "\"");
}

/* The shortest decimal that reads back as the same number. */
static void sink_number(struct sink *sink, double number, bool is_float)
{
    char text[40];
    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        double again = strtod(text, NULL);
        if (again == number || isnan(number) || (is_float && (float)again == (float)number))
            break;
    }
    sink_text(sink, text);
}

int wire_value_text(const struct wire_value *value, uint32_t most, char *out, size_t room)
{
    struct sink sink = {.out = out, .room = room};
    size_t size = wire_base_size((enum wire_base)value->base);
    for (uint32_t i = 0; i < value->count && i < most; i++) {
        const uint8_t *at = value->data + i * size;
        if (i > 0)
            sink_text(&sink, " ");
        if (value->base == WIRE_STRING)
            sink_string(&sink, at);
        else
            sink_number(&sink, shown_number(value->base, at), value->base == WIRE_FLOAT);
    }
    if (room > 0)
        out[sink.length < room ? sink.length : room - 1] = '\0';
    return (int)sink.length;
}
