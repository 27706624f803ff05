#include "wire/value.h"

#include <math.h>
#include <stdio.h>

#include "wire/convert.h"

void wire_meta_init(struct wire_meta *meta)
{
    *meta = (struct wire_meta){.alarm = {NAN, NAN, NAN, NAN}};
}

/* Where the metadata of a GR_ or CTRL_ type of a numeric base is. */
struct layout {
    uint8_t units, limits;
    bool has_precision;
};

static struct layout layout_of(unsigned type)
{
    unsigned base = wire_types[type].base;
    bool is_real = base == WIRE_FLOAT || base == WIRE_DOUBLE;
    return (struct layout){.units = is_real ? 8 : 4, .limits = is_real ? 16 : 12, .has_precision = is_real};
}

static bool has_limits(unsigned type)
{
    const struct wire_type *t = &wire_types[type];
    return (t->family == WIRE_GR || t->family == WIRE_CTRL) && t->base != WIRE_STRING && t->base != WIRE_ENUM;
}

static bool has_labels(unsigned type)
{
    const struct wire_type *t = &wire_types[type];
    return (t->family == WIRE_GR || t->family == WIRE_CTRL) && t->base == WIRE_ENUM;
}

static bool has_alarm(unsigned type)
{
    return wire_types[type].offset >= 4;
}

/* What integer types say for an alarm limit that is not set: they have no NaN. */
static double alarm_sayable(unsigned base, double limit)
{
    bool is_real = base == WIRE_FLOAT || base == WIRE_DOUBLE;
    return is_real || isfinite(limit) ? limit : 0;
}

/* Take a limit in a narrow type for news only if the known one would read otherwise in that type: a DOUBLE's limits stay exact,
 * and unset alarm limits NaN, when somebody else asks for SHORT. */
static void limit_learn(unsigned base, const uint8_t *at, double known_as, double *limit)
{
    uint8_t known[sizeof(double)];
    wire_number_write(base, known_as, known);
    if (memcmp(known, at, wire_base_size((enum wire_base)base)) != 0)
        *limit = wire_number_read(base, at);
}

static void limits_learn(unsigned type, const uint8_t *at, struct wire_meta *meta)
{
    unsigned base = wire_types[type].base;
    size_t size = wire_base_size((enum wire_base)base);
    for (unsigned i = 0; i < 2; i++, at += size)
        limit_learn(base, at, meta->display[i], &meta->display[i]);
    for (unsigned i = 0; i < 4; i++, at += size)
        limit_learn(base, at, alarm_sayable(base, meta->alarm[i]), &meta->alarm[i]);
    if (wire_types[type].family == WIRE_CTRL)
        for (unsigned i = 0; i < 2; i++, at += size)
            limit_learn(base, at, meta->control[i], &meta->control[i]);
}

static void limits_decode(unsigned type, const uint8_t *head, struct wire_meta *meta)
{
    const struct wire_type *t = &wire_types[type];
    struct layout l = layout_of(type);
    memcpy(meta->units, head + l.units, WIRE_UNITS_BYTES);
    meta->has |= WIRE_META_UNITS | WIRE_META_DISPLAY;
    limits_learn(type, head + l.limits, meta);
    if (t->family == WIRE_CTRL)
        meta->has |= WIRE_META_CONTROL;
    if (l.has_precision) {
        meta->precision = (int16_t)wire_get16(head + 4);
        meta->has |= WIRE_META_PRECISION;
    }
}

static void labels_decode(const uint8_t *head, struct wire_meta *meta)
{
    uint16_t n = wire_get16(head + 4);
    meta->nlabels = n < WIRE_LABELS ? n : WIRE_LABELS;
    memcpy(meta->labels, head + 6, sizeof meta->labels);
    meta->has |= WIRE_META_LABELS;
}

static void meta_decode(unsigned type, const uint8_t *head, const struct wire_value *value, struct wire_meta *meta)
{
    if (has_limits(type))
        limits_decode(type, head, meta);
    else if (has_labels(type))
        labels_decode(head, meta);
    else if (type == WIRE_CLASS_NAME && value->count > 0) {
        wire_string_copy(value->data, WIRE_STRING_BYTES, meta->record_type);
        meta->has |= WIRE_META_CLASS;
    }
}

enum wire_err wire_decode(unsigned type, uint32_t count, const uint8_t *head, size_t head_bytes, const uint8_t *data,
                          size_t data_bytes, struct wire_value *value, struct wire_meta *meta)
{
    if (type >= WIRE_TYPES || head_bytes < wire_types[type].offset)
        return WIRE_MALFORMED;
    const struct wire_type *t = &wire_types[type];
    size_t most = data_bytes / t->size;
    struct wire_value v = {.data = data, .base = t->base, .count = most < count ? (uint32_t)most : count, .ackt = 1};
    if (has_alarm(type)) {
        v.has_alarm = true;
        v.status = wire_get16(head);
        v.severity = wire_get16(head + 2);
    }
    if (t->family == WIRE_TIME) {
        v.has_stamp = true;
        v.stamp = (struct wire_stamp){.seconds = wire_get32(head + 4), .nanoseconds = wire_get32(head + 8)};
    }
    if (type == WIRE_STSACK_STRING) {
        v.ackt = wire_get16(head + 4);
        v.acks = wire_get16(head + 6);
    }
    if (meta != NULL)
        meta_decode(type, head, &v, meta);
    *value = v;
    return WIRE_OK;
}

static uint8_t *limits_write(uint8_t *at, unsigned base, const double *limits, unsigned n)
{
    for (unsigned i = 0; i < n; i++, at += wire_base_size((enum wire_base)base))
        wire_number_write(base, limits[i], at);
    return at;
}

/* An integer field that travels as a DOUBLE. */
static bool is_whole(const struct wire_value *value)
{
    return value->field == WIRE_FIELD_WHOLE || value->field == WIRE_FIELD_INT64 || value->field == WIRE_FIELD_UINT64;
}

static void limits_encode(unsigned type, const struct wire_value *value, const struct wire_meta *meta, uint8_t *out)
{
    const struct wire_type *t = &wire_types[type];
    struct layout l = layout_of(type);
    double alarm[4];
    for (unsigned i = 0; i < 4; i++)
        alarm[i] = alarm_sayable(t->base, meta->alarm[i]);
    memcpy(out + l.units, meta->units, strnlen((const char *)meta->units, WIRE_UNITS_BYTES - 1));
    if (l.has_precision && (value->base == WIRE_FLOAT || value->base == WIRE_DOUBLE))
        wire_put16(out + 4, (uint16_t)(is_whole(value) ? 0 : meta->precision));
    uint8_t *at = limits_write(out + l.limits, t->base, meta->display, 2);
    at = limits_write(at, t->base, alarm, 4);
    if (t->family == WIRE_CTRL)
        limits_write(at, t->base, meta->control, 2);
}

static void labels_encode(const struct wire_value *value, const struct wire_meta *meta, uint8_t *out)
{
    uint16_t n = meta->nlabels < WIRE_LABELS ? meta->nlabels : WIRE_LABELS;
    if (value->base != WIRE_ENUM)
        return;
    wire_put16(out + 4, n);
    for (unsigned i = 0; i < n; i++)
        memcpy(out + 6 + i * WIRE_LABEL_BYTES, meta->labels[i], strnlen((const char *)meta->labels[i], WIRE_LABEL_BYTES));
}

void wire_encode_head(unsigned type, const struct wire_value *value, const struct wire_meta *meta, uint8_t *out)
{
    memset(out, 0, wire_types[type].offset);
    if (has_alarm(type)) {
        wire_put16(out, value->status);
        wire_put16(out + 2, value->severity);
    }
    if (wire_types[type].family == WIRE_TIME) {
        wire_put32(out + 4, value->stamp.seconds);
        wire_put32(out + 8, value->stamp.nanoseconds);
    }
    if (type == WIRE_STSACK_STRING) {
        wire_put16(out + 4, value->ackt);
        wire_put16(out + 6, value->acks);
    }
    if (has_limits(type))
        limits_encode(type, value, meta, out);
    else if (has_labels(type))
        labels_encode(value, meta, out);
}

/* rsrv reads the CHAR of STS_, GR_ and CTRL_ types as unsigned, that of CHAR and TIME_CHAR as signed. */
static struct wire_conversion reading(unsigned type, const struct wire_value *value, const struct wire_meta *meta)
{
    unsigned family = wire_types[type].family;
    return (struct wire_conversion){
        .from = value->base,
        .field = value->field,
        .to = wire_types[type].base,
        .is_single = value->count == 1,
        .unsigned_char = family != WIRE_PLAIN && family != WIRE_TIME,
        .precision = (uint16_t)(meta->has & WIRE_META_TEXT_PRECISION ? meta->text_precision : meta->precision),
        .meta = meta,
    };
}

static uint32_t encode_failed(unsigned type, uint32_t count, uint8_t *out)
{
    memset(out, 0, wire_dbr_padded(type, count));
    return WIRE_ECA_GETFAIL;
}

static uint32_t encode_class(uint32_t count, const struct wire_meta *meta, uint8_t *out)
{
    memset(out, 0, wire_dbr_padded(WIRE_CLASS_NAME, count));
    if (count > 0)
        wire_string_copy((const uint8_t *)meta->record_type, WIRE_STRING_BYTES, (char *)out);
    return WIRE_ECA_NORMAL;
}

static bool is_pseudo(const struct wire_value *value)
{
    return value->field == WIRE_FIELD_LINK || value->field == WIRE_FIELD_ATTRIBUTE;
}

/* What a link or an attribute gives: its text, as one string or as characters of which the last is NUL. */
static bool pseudo_convert(unsigned base, uint32_t count, const struct wire_value *value, uint8_t *out)
{
    size_t length = strlen((const char *)value->data);
    if (count == 0)
        return true;
    if (base == WIRE_STRING)
        wire_string_copy(value->data, WIRE_STRING_BYTES, (char *)out);
    else if (base == WIRE_CHAR)
        memcpy(out, value->data, length < count ? length : count - 1);
    else if (base == WIRE_DOUBLE && value->field == WIRE_FIELD_LINK)
        wire_number_write(base, (double)NAN, out);
    else
        return false;
    return true;
}

static uint32_t encode_pseudo(unsigned type, uint32_t count, const struct wire_value *value, const struct wire_meta *meta,
                              uint8_t *out)
{
    const struct wire_type *t = &wire_types[type];
    memset(out, 0, wire_dbr_padded(type, count));
    if (!pseudo_convert(t->base, count, value, out + t->offset))
        return WIRE_ECA_GETFAIL;
    wire_encode_head(type, value, meta, out);
    return WIRE_ECA_NORMAL;
}

uint32_t wire_value_count(unsigned type, const struct wire_value *value, uint32_t channel_count)
{
    const struct wire_type *t = &wire_types[type];
    bool is_signed = t->family == WIRE_PLAIN || t->family == WIRE_TIME;
    if (type == WIRE_CLASS_NAME)
        return channel_count;
    if (is_pseudo(value) && (t->base != WIRE_CHAR || value->base != WIRE_CHAR))
        return 1;
    if (t->base != WIRE_CHAR || !(is_pseudo(value) || (value->field == WIRE_FIELD_TEXT && is_signed)))
        return value->count;
    uint32_t length = (uint32_t)strnlen((const char *)value->data, value->count);
    return length < value->count ? length + 1 : length;
}

uint32_t wire_encode(unsigned type, uint32_t count, const struct wire_value *value, const struct wire_meta *meta, uint8_t *out)
{
    const struct wire_type *t = &wire_types[type];
    struct wire_conversion how = reading(type, value, meta);
    uint32_t n = count < value->count ? count : value->count;
    if (type == WIRE_CLASS_NAME)
        return encode_class(count, meta, out);
    if (is_pseudo(value) && type != WIRE_PUT_ACKT && type != WIRE_PUT_ACKS)
        return encode_pseudo(type, count, value, meta, out);
    if (type == WIRE_PUT_ACKT || type == WIRE_PUT_ACKS || !wire_convert(&how, value->data, n, out + t->offset))
        return encode_failed(type, count, out);
    wire_encode_head(type, value, meta, out);
    if (value->field == WIRE_FIELD_TEXT && t->base == WIRE_CHAR && n > 0)
        out[t->offset + n - 1] = '\0';
    size_t used = (size_t)wire_dbr_size(type, n);
    memset(out + used, 0, (size_t)wire_dbr_padded(type, count) - used);
    return WIRE_ECA_NORMAL;
}
