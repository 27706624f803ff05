/* Elements of one base type -> elements of another: wire/convert.h without its text half. */
#include "wire/convert.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static float float_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t bits_from_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static double double_from_bits(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static uint64_t bits_from_double(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

/* The cast of cvttsd2si: what does not fit becomes INT32_MIN. The narrower integers are its low bits. */
static uint32_t integer_bits(double number)
{
    if (number > -2147483649.0 && number < 2147483648.0)
        return (uint32_t)(int32_t)number;
    return UINT32_C(0x80000000);
}

/* EPICS never lets a finite number become infinite, nor one that is not 0 become denormal. */
static float float_saturated(double number)
{
    double size = fabs(number);
    if (number == 0 || !isfinite(number))
        return (float)number;
    if (size >= (double)FLT_MAX)
        return copysignf(FLT_MAX, number < 0 ? -1.0f : 1.0f);
    if (size <= (double)FLT_MIN)
        return copysignf(FLT_MIN, number < 0 ? -1.0f : 1.0f);
    return (float)number;
}

double wire_number_read(unsigned base, const uint8_t *src)
{
    switch (base) {
    case WIRE_INT16:
        return (int16_t)wire_get16(src);
    case WIRE_FLOAT:
        return (double)float_from_bits(wire_get32(src));
    case WIRE_ENUM:
        return wire_get16(src);
    case WIRE_CHAR:
        return (int8_t)*src;
    case WIRE_INT32:
        return (int32_t)wire_get32(src);
    case WIRE_DOUBLE:
        return double_from_bits(wire_get64(src));
    default:
        return NAN;
    }
}

void wire_number_write(unsigned base, double number, uint8_t *dst)
{
    switch (base) {
    case WIRE_INT16:
    case WIRE_ENUM:
        wire_put16(dst, (uint16_t)integer_bits(number));
        break;
    case WIRE_FLOAT:
        wire_put32(dst, bits_from_float(float_saturated(number)));
        break;
    case WIRE_CHAR:
        *dst = (uint8_t)integer_bits(number);
        break;
    case WIRE_INT32:
        wire_put32(dst, integer_bits(number));
        break;
    case WIRE_DOUBLE:
        wire_put64(dst, bits_from_double(number));
        break;
    default:
        break;
    }
}

bool wire_is_wide_read(const struct wire_conversion *how)
{
    return how->from == WIRE_DOUBLE && !how->is_put && (how->field == WIRE_FIELD_INT64 || how->field == WIRE_FIELD_UINT64);
}

bool wire_is_wide_put(const struct wire_conversion *how)
{
    return how->to == WIRE_DOUBLE && how->is_put &&
           (how->meta->whole == WIRE_WHOLE_INT64 || how->meta->whole == WIRE_WHOLE_UINT64);
}

double wire_wide_number(bool is_unsigned, uint64_t bits)
{
    return is_unsigned ? (double)bits : (double)(int64_t)bits;
}

/* The casts of x86-64: what does not fit becomes INT64_MIN; from 2^63 on an unsigned one is cast without its highest bit. */
static uint64_t wide_bits(bool is_unsigned, double number)
{
    const double limit = 9223372036854775808.0; /* 2^63 */
    bool is_upper = is_unsigned && number >= limit;
    double rest = is_upper ? number - limit : number;
    uint64_t bits = rest >= -limit && rest < limit ? (uint64_t)(int64_t)rest : UINT64_C(1) << 63;
    return is_upper ? bits ^ UINT64_C(1) << 63 : bits;
}

static double read_number(const struct wire_conversion *how, const uint8_t *src)
{
    if (wire_is_wide_read(how))
        return wire_wide_number(how->field == WIRE_FIELD_UINT64, wire_get64(src));
    if (how->from == WIRE_CHAR && (how->is_put || how->field == WIRE_FIELD_UCHAR))
        return *src;
    return wire_number_read(how->from, src);
}

static void label_text(const uint8_t label[WIRE_LABEL_BYTES], char text[WIRE_STRING_BYTES])
{
    memset(text, 0, WIRE_STRING_BYTES);
    memcpy(text, label, strnlen((const char *)label, WIRE_LABEL_BYTES));
}

static bool is_record(const struct wire_meta *meta, const char *type)
{
    return !meta->is_menu && strcmp(meta->record_type, type) == 0;
}

/* What a record says about a state that it has no label for: by its type where that is known, else the number. */
static void stray_state_text(const struct wire_meta *meta, unsigned state, char text[WIRE_STRING_BYTES])
{
    if (is_record(meta, "bo") || is_record(meta, "bi"))
        snprintf(text, WIRE_STRING_BYTES, "%s", state < 2 ? "" : "Illegal_Value");
    else if (is_record(meta, "mbbo") || is_record(meta, "mbbi"))
        snprintf(text, WIRE_STRING_BYTES, "%s", state < WIRE_LABELS ? "" : "Illegal Value");
    else
        snprintf(text, WIRE_STRING_BYTES, "%u", state);
}

static void menu_text(const struct wire_meta *meta, unsigned choice, char text[WIRE_STRING_BYTES])
{
    if (choice < meta->nmenu)
        snprintf(text, WIRE_STRING_BYTES, "%s", meta->menu[choice]);
    else if (meta->nmenu > 0)
        snprintf(text, WIRE_STRING_BYTES, "%u", choice);
    else
        text[0] = '\0';
}

static void state_text(const struct wire_meta *meta, unsigned state, char text[WIRE_STRING_BYTES])
{
    if (meta->is_menu)
        menu_text(meta, state, text);
    else if (state < meta->nlabels && state < WIRE_LABELS)
        label_text(meta->labels[state], text);
    else
        stray_state_text(meta, state, text);
}

static bool menu_number(const struct wire_meta *meta, const char *text, double *choice)
{
    for (unsigned i = 0; i < meta->nmenu; i++)
        if (strcmp(meta->menu[i], text) == 0) {
            *choice = i;
            return true;
        }
    return false;
}

static bool label_number(const struct wire_meta *meta, const char *text, double *state)
{
    if (meta->is_menu)
        return menu_number(meta, text, state);
    char label[WIRE_STRING_BYTES];
    for (unsigned i = 0; i < meta->nlabels && i < WIRE_LABELS; i++) {
        label_text(meta->labels[i], label);
        if (strcmp(label, text) == 0) {
            *state = i;
            return true;
        }
    }
    return false;
}

static unsigned most_states(const struct wire_meta *meta)
{
    if (is_record(meta, "bo") || is_record(meta, "bi"))
        return 2;
    return is_record(meta, "mbbo") || is_record(meta, "mbbi") ? WIRE_LABELS : 0;
}

/* A string that a client puts into an ENUM: one of the labels, else the number of one (any number where labels never were on
 * the wire). mbbo alone lets text follow the number, or a put of several that are no menu's, and all records with states look for
 * "" behind the last label, too. */
static bool state_number(const struct wire_conversion *how, const char *text, double *state)
{
    const struct wire_meta *meta = how->meta;
    const char *rest;
    if (label_number(meta, text, state))
        return true;
    if (*text == '\0') {
        *state = meta->nlabels;
        return meta->nlabels < most_states(meta);
    }
    if (!wire_text_number(text, how, state, &rest))
        return false;
    if (*state >= meta->nlabels && (meta->nlabels > 0 || meta->has & WIRE_META_LABELS))
        return false;
    return is_record(meta, "mbbo") || (how->is_several && !meta->is_menu) || rest[strspn(rest, " \t\n\v\f\r")] == '\0';
}

bool wire_state_of(const struct wire_meta *meta, const char *text, uint16_t *state)
{
    double label;
    bool has_states = meta->nlabels > 0 || most_states(meta) == 2;
    if (most_states(meta) == 0 || !has_states)
        return false;
    bool is_label = label_number(meta, text, &label);
    *state = is_label ? (uint16_t)label : meta->nlabels;
    return is_label || (*text == '\0' && meta->nlabels < most_states(meta));
}

/* A text field of a record with states that is read as ENUM: the number of a state. Of a text that names one an IOC gives
 * whatever its memory held; here it is 0. */
static bool text_as_state(const struct wire_conversion *how, const char *text, double *number)
{
    const char *rest;
    uint16_t state;
    *number = 0;
    if (wire_state_of(how->meta, text, &state))
        return true;
    return wire_text_number(text, how, number, &rest) && rest[strspn(rest, " \t\n\v\f\r")] == '\0' &&
           *number < how->meta->nlabels;
}

/* Empty text is 0; but not in a put to an array. */
static bool text_number(const struct wire_conversion *how, const char *text, double *number)
{
    const char *rest;
    *number = 0;
    if (how->is_put && how->to == WIRE_ENUM)
        return state_number(how, text, number);
    if (how->to == WIRE_ENUM && how->is_single && most_states(how->meta) > 0)
        return text_as_state(how, text, number);
    if (*text == '\0')
        return !how->is_put || how->is_single;
    return wire_text_number(text, how, number, &rest);
}

static void number_to_string(const struct wire_conversion *how, const uint8_t *src, uint8_t *dst)
{
    char text[WIRE_STRING_BYTES];
    double number = read_number(how, src);
    if (how->from == WIRE_ENUM && !how->is_put)
        state_text(how->meta, wire_get16(src), text);
    else if (wire_is_wide_read(how))
        snprintf(text, sizeof text, how->field == WIRE_FIELD_UINT64 ? "%" PRIu64 : "%" PRId64, wire_get64(src));
    else if ((how->from == WIRE_FLOAT || how->from == WIRE_DOUBLE) && how->field != WIRE_FIELD_WHOLE)
        wire_number_text(number, how->from == WIRE_FLOAT, how->precision, text);
    else
        snprintf(text, sizeof text, "%.0f", number);
    wire_string_copy((const uint8_t *)text, sizeof text, (char *)dst);
}

/* An integer of up to 64 bits, signed or not; what no such integer could be, NaN included, gives what x86-64 makes of it. */
static uint64_t whole_bits(double number)
{
    const double limit = 9223372036854775808.0; /* 2^63 */
    if (number >= -limit && number < limit)
        return (uint64_t)(int64_t)number;
    return number >= limit && number < 2 * limit ? (uint64_t)number : UINT64_C(1) << 63;
}

/* C's cast of an integer of up to 64 bits: the low bits. number: the same, for real types. */
static void write_whole(unsigned base, uint64_t bits, double number, uint8_t *dst)
{
    switch (base) {
    case WIRE_INT16:
    case WIRE_ENUM:
        wire_put16(dst, (uint16_t)bits);
        break;
    case WIRE_CHAR:
        *dst = (uint8_t)bits;
        break;
    case WIRE_INT32:
        wire_put32(dst, (uint32_t)bits);
        break;
    default:
        wire_number_write(base, number, dst);
    }
}

static void convert_number(const struct wire_conversion *how, const uint8_t *src, uint8_t *dst)
{
    double number = read_number(how, src);
    if (wire_is_wide_read(how))
        write_whole(how->to, wire_get64(src), number, dst);
    else if (wire_is_wide_put(how))
        wire_put64(dst, wide_bits(how->meta->whole == WIRE_WHOLE_UINT64, number));
    else if (how->field == WIRE_FIELD_WHOLE)
        write_whole(how->to, whole_bits(number), number, dst);
    else
        wire_number_write(how->to, number, dst);
}

/* Empty text is 0, as text_number() has it. */
static bool string_to_wide(const struct wire_conversion *how, const char *text, uint8_t *dst)
{
    uint64_t bits = 0;
    const char *rest;
    bool is_good = *text == '\0' ? how->is_single : wire_text_wide(text, how->meta->whole == WIRE_WHOLE_UINT64, &bits, &rest);
    if (is_good)
        wire_put64(dst, bits);
    return is_good;
}

static bool string_to_number(const struct wire_conversion *how, const uint8_t *src, uint8_t *dst)
{
    char text[WIRE_STRING_BYTES];
    double number;
    wire_string_copy(src, WIRE_STRING_BYTES, text);
    if (wire_is_wide_put(how))
        return string_to_wide(how, text, dst);
    if (!text_number(how, text, &number))
        return false;
    bool is_kept = how->is_put && how->meta->whole == WIRE_WHOLE_ULONG && isnan(number);
    if (!is_kept)
        wire_number_write(how->to, number, dst);
    return true;
}

static void strings_copy(const uint8_t *src, uint32_t n, uint8_t *dst)
{
    for (; n > 0; n--, src += WIRE_STRING_BYTES, dst += WIRE_STRING_BYTES)
        wire_string_copy(src, WIRE_STRING_BYTES, (char *)dst);
}

/* Reads that no record answers: a single string of a record without states, though an array of strings is parsed; and an array of
 * ENUM, which has no names for them. */
static bool is_refused(const struct wire_conversion *how)
{
    if (how->is_put)
        return false;
    if (how->from == WIRE_STRING && how->to == WIRE_ENUM)
        return how->is_single && most_states(how->meta) == 0;
    return how->from == WIRE_ENUM && how->to == WIRE_STRING && !how->meta->is_menu && how->meta->has & WIRE_META_LABELS &&
           how->meta->nlabels == 0;
}

bool wire_convert(const struct wire_conversion *how, const uint8_t *src, uint32_t n, uint8_t *dst)
{
    size_t from_bytes = wire_base_size(how->from), to_bytes = wire_base_size(how->to);
    if (n == 0)
        return true;
    if (is_refused(how))
        return false;
    if (how->from == how->to && !wire_is_wide_read(how) && !wire_is_wide_put(how)) {
        if (how->from == WIRE_STRING)
            strings_copy(src, n, dst);
        else
            memcpy(dst, src, from_bytes * n);
        return true;
    }
    for (; n > 0; n--, src += from_bytes, dst += to_bytes) {
        if (how->to == WIRE_STRING)
            number_to_string(how, src, dst);
        else if (how->from != WIRE_STRING)
            convert_number(how, src, dst);
        else if (!string_to_number(how, src, dst))
            return false;
    }
    return true;
}
