#include "traces/dump.h"

#include "traces/losses.h"
#include "traces/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Names come from a network: bytes that are no UTF-8 are escaped as in the text form. */
static json_t *text_of(const char *text)
{
    char shown[4 * DESCRIBE_TEXT_BYTES];
    json_t *string = json_string(text);
    if (string != NULL)
        return string;
    show_name_into(text, shown, sizeof shown);
    return json_string(shown);
}

static json_t *number_or_name(uint32_t number, const char *name)
{
    return name != NULL ? json_string(name) : json_integer(number);
}

static json_t *field_of(const struct describe_field *f)
{
    char address[SHOW_BYTES];
    switch (f->kind) {
    case DESCRIBE_TYPE:
        return number_or_name(f->value, f->value < WIRE_TYPES ? wire_types[f->value].name : NULL);
    case DESCRIBE_STATUS:
        return number_or_name(f->value, wire_status_name(f->value));
    case DESCRIBE_ADDRESS:
        return json_string(show_address(f->value, address));
    case DESCRIBE_RIGHTS:
    case DESCRIBE_NUMBER:
        break;
    }
    return json_integer(f->value);
}

static json_t *element_of(const struct wire_value *one)
{
    if (one->base == WIRE_STRING) {
        char string[WIRE_STRING_BYTES + 1] = "";
        memcpy(string, one->data, WIRE_STRING_BYTES);
        return text_of(string);
    }
    const double number = wire_value_number(one);
    if (!isfinite(number))
        return json_null();
    return one->base == WIRE_DOUBLE || one->base == WIRE_FLOAT ? json_real(number) : json_integer((json_int_t)number);
}

static json_t *elements_of(const struct wire_value *v, uint32_t most)
{
    json_t *array = json_array();
    struct wire_value one = *v;
    one.count = 1;
    for (uint32_t i = 0; i < v->count && i < most; i++) {
        json_array_append_new(array, element_of(&one));
        one.data += wire_base_size((enum wire_base)v->base);
    }
    return array;
}

static void set_value(json_t *line, const struct wire_value *v, uint32_t most)
{
    json_object_set_new(line, "value", elements_of(v, most));
    json_object_set_new(line, "elements", json_integer(v->count));
    if (v->has_alarm) {
        json_object_set_new(line, "severity", json_integer(v->severity));
        json_object_set_new(line, "alarm", json_integer(v->status));
    }
    if (v->has_stamp) {
        json_object_set_new(line, "seconds", json_integer(v->stamp.seconds));
        json_object_set_new(line, "nanoseconds", json_integer(v->stamp.nanoseconds));
    }
}

static json_t *index_of(uint32_t index)
{
    return index != TRACE_NONE ? json_integer(index) : json_null();
}

static void set_head(json_t *line, const struct description *d)
{
    const struct trace_event *e = d->e;
    json_object_set_new(line, "index", json_integer(d->index));
    json_object_set_new(line, "t_ns", json_integer((json_int_t)e->t_ns));
    json_object_set_new(line, "span_ns", json_integer(e->span_ns));
    json_object_set_new(line, "circuit", index_of(e->circuit));
    json_object_set_new(line, "from", json_string(e->flags & TRACE_FROM_SERVER ? "server" : "client"));
    json_object_set_new(line, "command", number_or_name(e->command, e->command < WIRE_COMMANDS ? d->command : NULL));
    json_object_set_new(line, "pv", d->pv != NULL ? text_of(d->pv) : json_null());
    json_object_set_new(line, "peer", index_of(e->peer));
    json_object_set_new(line, "size", json_integer(e->size));
}

static json_t *line_of(const struct description *d, uint32_t most)
{
    json_t *line = json_object();
    if (line == NULL)
        return NULL;
    set_head(line, d);
    for (unsigned i = 0; i < DESCRIBE_FIELDS; i++)
        if (d->fields[i].label != NULL)
            json_object_set_new(line, d->fields[i].label, field_of(&d->fields[i]));
    if (d->has_sid)
        json_object_set_new(line, "sid", json_integer(d->sid));
    if (d->has_mask)
        json_object_set_new(line, "mask", json_integer(d->mask));
    if (d->role != NULL)
        json_object_set_new(line, "role", json_string(d->role));
    if (d->aside != NULL)
        json_object_set_new(line, "aside", json_string(d->aside));
    if (d->about != NULL)
        json_object_set_new(line, "about", json_string(d->about));
    if (d->has_text)
        json_object_set_new(line, "text", text_of(d->text));
    if (d->has_value)
        set_value(line, &d->value, most);
    if (d->has_service)
        json_object_set_new(line, "service_ns", json_integer((json_int_t)d->service_ns));
    return line;
}

static bool put_line(json_t *line)
{
    const bool written = line != NULL && json_dumpf(line, stdout, JSON_COMPACT) == 0;
    if (written)
        putchar('\n');
    json_decref(line);
    return written;
}

bool dump_json(const struct description *d, uint32_t most)
{
    return put_line(line_of(d, most));
}

bool dump_json_loss(const struct trace_loss *loss)
{
    const char *sender = losses_sender(loss);
    return put_line(json_pack("{s:s,s:I,s:I,s:o,s:s?,s:I,s:I}", "loss", losses_kind(loss->kind), "t_ns", (json_int_t)loss->t_ns,
                              "until_ns", (json_int_t)loss->until_ns, "circuit", index_of(loss->circuit), "from", sender, "count",
                              (json_int_t)loss->count, "bytes", (json_int_t)loss->bytes));
}

/* ---- CSV ---- */

static const char *const columns[] = {
    "index", "peer",     "t_ns",     "span_ns",  "circuit", "from",        "command",    "pv",     "size",
    "type",  "count",    "minor",    "port",     "address", "beacon",      "cid",        "sid",    "ioid",
    "subid", "priority", "sequence", "p1",       "p2",      "rights",      "mask",       "status", "role",
    "about", "elements", "alarm",    "severity", "seconds", "nanoseconds", "service_ns", "text",   "value",
};

static const size_t ncolumns = sizeof columns / sizeof *columns;

void dump_csv_head(void)
{
    for (size_t i = 0; i < ncolumns; i++)
        printf("%s%s", i > 0 ? "," : "", columns[i]);
    putchar('\n');
}

static void put_quoted(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c >= 0x7f)
            printf("\\x%02x", c);
        else
            printf(c == '"' ? "\"\"" : "%c", c);
    }
    putchar('"');
}

/* A row stays a line, and steers no terminal: what is no plain character is \xNN. */
static void put_cell(const json_t *cell)
{
    if (json_is_integer(cell))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(cell));
    else if (json_is_true(cell))
        printf("true");
    else if (json_is_string(cell))
        put_quoted(json_string_value(cell));
}

bool dump_csv(const struct description *d, uint32_t most)
{
    json_t *line = line_of(d, 0);
    char *values = d->has_value ? dump_values(&d->value, most) : NULL;
    const bool is_good = line != NULL && (values != NULL || !d->has_value);
    for (size_t i = 0; is_good && i + 1 < ncolumns; i++) {
        put_cell(json_object_get(line, columns[i]));
        putchar(',');
    }
    if (values != NULL && is_good)
        put_quoted(values);
    if (is_good)
        putchar('\n');
    free(values);
    json_decref(line);
    return is_good;
}
