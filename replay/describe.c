#include "replay/describe.h"

#include "replay/fields.h"
#include "replay/script.h"
#include "traces/show.h"
#include "wire/value.h"

#include <inttypes.h>
#include <stdio.h>

#define VALUES_SHOWN 16

/* ---- header ---- */

static void show_status(FILE *out, const char *key, uint32_t status)
{
    const char *name = wire_status_name(status);
    if (name != NULL)
        fprintf(out, " %s=%s", key, name + 4); /* without "ECA_" */
    else
        fprintf(out, " %s=0x%" PRIx32, key, status);
}

static void show_sid(FILE *out, const struct normal_sids *sids, uint32_t sid)
{
    if (sid < NORMAL_SID || sid - NORMAL_SID >= sids->n) {
        fprintf(out, " sid=%" PRIu32, sid);
        return;
    }
    const struct normal_sid *channel = &sids->at[sid - NORMAL_SID];
    fprintf(out, " sid=@%s%" PRIu32, channel->circuit == 0 ? "" : script_place_name(channel->circuit), channel->cid);
}

/* Fields that are named in full only where they say something. */
static bool is_silent(const char *key, uint32_t number)
{
    static const char *const quiet[] = {"type", "count", "p1", "p2", "seq"};
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
        if (number == 0 && strcmp(key, quiet[i]) == 0)
            return true;
    return false;
}

static void show_field(FILE *out, const struct normal_sids *sids, const char *key, bool is_dbr, uint32_t number)
{
    if (strcmp(key, "status") == 0)
        show_status(out, key, number);
    else if (strcmp(key, "sid") == 0)
        show_sid(out, sids, number);
    else if (is_dbr && number < WIRE_TYPES)
        fprintf(out, " %s=%s", key, wire_types[number].name);
    else if (strcmp(key, "port") == 0 && number == NORMAL_PORT)
        fprintf(out, " port=tcp");
    else if (strcmp(key, "address") == 0)
        fprintf(out, " address=0x%08" PRIx32, number);
    else if (strcmp(key, "cid") == 0 && number == UINT32_MAX)
        fprintf(out, " cid=none");
    else if (is_dbr || !is_silent(key, number))
        fprintf(out, " %s=%" PRIu32, key, number);
}

static void show_header(FILE *out, const struct normal_sids *sids, const struct wire_header *h, bool is_confirm)
{
    const struct field_names *names = field_names(h->command, is_confirm ? FIELD_CONFIRM : FIELD_REPLY);
    bool dbr = field_has_dbr(h->command);
    if (h->command < WIRE_COMMANDS)
        fputs(wire_command_name(h->command), out);
    else
        fprintf(out, "%u", h->command);
    show_field(out, sids, names->name[FIELD_TYPE], dbr, h->type);
    if (dbr)
        fprintf(out, " count=%" PRIu32, h->count);
    else
        show_field(out, sids, names->name[FIELD_COUNT], false, h->count);
    show_field(out, sids, names->name[FIELD_P1], false, h->p1);
    show_field(out, sids, names->name[FIELD_P2], false, h->p2);
}

/* ---- payloads ---- */

static void show_hex(FILE *out, const char *key, const uint8_t *bytes, size_t n)
{
    fprintf(out, " %s=", key);
    for (size_t i = 0; i < n && i < 64; i++)
        fprintf(out, "%02x", bytes[i]);
    if (n > 64)
        fputs("...", out);
}

/* "upper/lower" and the like. */
static void show_limits(FILE *out, const char *key, const double *limits, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%s%s%.15g", i == 0 ? " " : "/", i == 0 ? key : "", limits[i]);
}

static void show_fixed_text(FILE *out, const uint8_t *text, size_t room)
{
    char copy[WIRE_STRING_BYTES + 1] = "";
    memcpy(copy, text, room);
    show_quoted(out, copy);
}

static void show_meta(FILE *out, const struct wire_meta *meta)
{
    if (meta->has & WIRE_META_PRECISION)
        fprintf(out, " prec=%d", meta->precision);
    if (meta->has & WIRE_META_UNITS) {
        fputs(" units=", out);
        show_fixed_text(out, meta->units, WIRE_UNITS_BYTES);
    }
    if (meta->has & WIRE_META_DISPLAY) {
        show_limits(out, "display=", meta->display, 2);
        show_limits(out, "limits=", meta->alarm, 4);
    }
    if (meta->has & WIRE_META_CONTROL)
        show_limits(out, "control=", meta->control, 2);
    if (meta->has & WIRE_META_LABELS) {
        fputs(" labels=[", out);
        for (unsigned i = 0; i < meta->nlabels && i < WIRE_LABELS; i++) {
            fputs(i > 0 ? " " : "", out);
            show_fixed_text(out, meta->labels[i], WIRE_LABEL_BYTES);
        }
        fputs("]", out);
    }
}

static void show_values(FILE *out, const struct wire_value *value)
{
    char text[2048];
    wire_value_text(value, VALUES_SHOWN, text, sizeof text);
    fprintf(out, " value=[%s%s]", text, value->count > VALUES_SHOWN ? " ..." : "");
}

static void show_alarm_and_stamp(FILE *out, const struct wire_header *h, const struct wire_value *value)
{
    if (value->has_alarm)
        fprintf(out, " alarm=%s/%s", show_alarm(value->status), show_severity(value->severity));
    if (value->has_stamp)
        fprintf(out, " stamp=%s", value->stamp.seconds == 0 && value->stamp.nanoseconds == 0 ? "0" : "set");
    if (h->type == WIRE_STSACK_STRING)
        fprintf(out, " ackt=%u acks=%u", value->ackt, value->acks);
}

static void show_dbr(FILE *out, const struct wire_header *h, const uint8_t *payload, size_t size)
{
    struct wire_value value;
    struct wire_meta meta;
    wire_meta_init(&meta);
    size_t head = h->type < WIRE_TYPES ? wire_types[h->type].offset : SIZE_MAX;
    uint32_t count = h->type == WIRE_CLASS_NAME && h->count > 1 ? 1 : h->count;
    uint8_t single[WIRE_STRING_BYTES] = {0};
    const uint8_t *data = payload + head;
    size_t data_bytes = head <= size ? size - head : 0;
    if (head <= size && wire_types[h->type].base == WIRE_STRING && count == 1 && data_bytes < WIRE_STRING_BYTES) {
        memcpy(single, data, data_bytes); /* READ sends as much of a text as there is */
        data = single;
        data_bytes = sizeof single;
    }
    if (head > size || wire_decode(h->type, count, payload, head, data, data_bytes, &value, &meta) != WIRE_OK) {
        show_hex(out, "payload", payload, size);
        return;
    }
    show_alarm_and_stamp(out, h, &value);
    show_meta(out, &meta);
    show_values(out, &value);
}

static void show_error(FILE *out, const struct normal_sids *sids, const uint8_t *payload, size_t size)
{
    struct cursor cur = cursor_over(payload, size);
    struct wire_header h;
    unsigned minor = normal_is_long(payload, size) ? WIRE_MINOR_EXTENDED : 0;
    if (wire_header_read(&cur, minor, &h) != WIRE_OK) {
        show_hex(out, "payload", payload, size);
        return;
    }
    const struct field_names *names = field_names(h.command, FIELD_REQUEST);
    bool is_sid = strcmp(names->name[FIELD_P1], "sid") == 0;
    fprintf(out, " of=%s", wire_command_name(h.command));
    show_hex(out, "request", payload, is_sid ? 8 : (size_t)(cur.p - payload));
    if (is_sid) {
        show_sid(out, sids, h.p1);
        fprintf(out, " %s=%" PRIu32, names->name[FIELD_P2], h.p2);
        if (cur.p - payload > WIRE_HEADER_BYTES)
            show_hex(out, "long", payload + WIRE_HEADER_BYTES, 8);
    }
    size_t n = strnlen((const char *)cur.p, cursor_left(&cur));
    fputs(" text=", out);
    if (n < cursor_left(&cur))
        show_quoted(out, (const char *)cur.p);
    else
        show_hex(out, "unterminated", cur.p, n);
}

static void show_payload(FILE *out, const struct normal_sids *sids, const struct wire_header *h, const uint8_t *payload,
                         size_t size)
{
    switch (h->command) {
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
    case WIRE_EVENT_ADD:
        show_dbr(out, h, payload, size);
        break;
    case WIRE_ERROR:
        show_error(out, sids, payload, size);
        break;
    default:
        show_hex(out, "payload", payload, size);
    }
}

void describe_message(const struct normal_sids *sids, const struct wire_header *h, size_t header_bytes, const uint8_t *message,
                      size_t size, bool is_confirm, char *text, size_t room)
{
    FILE *out = fmemopen(text, room, "w");
    if (out == NULL) {
        text[0] = '\0';
        return;
    }
    show_header(out, sids, h, is_confirm);
    if (header_bytes == WIRE_EXTENDED_BYTES)
        fputs(" ext", out);
    if (size > header_bytes)
        fprintf(out, " size=%zu", size - header_bytes);
    if (size > header_bytes || (!is_confirm && (h->command == WIRE_READ_NOTIFY || h->command == WIRE_READ)))
        show_payload(out, sids, h, message + header_bytes, size - header_bytes);
    fclose(out);
    text[room - 1] = '\0';
}
