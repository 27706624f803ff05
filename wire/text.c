/* Numbers <-> text by the rules of EPICS Base's libCom: the text half of wire/convert.h. Rule: ca-protocol 7.4. */
#include "wire/convert.h"

#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void wire_string_copy(const uint8_t *src, size_t bytes, char text[WIRE_STRING_BYTES])
{
    size_t room = bytes < WIRE_STRING_BYTES ? bytes : WIRE_STRING_BYTES - 1;
    size_t n = strnlen((const char *)src, room);
    memmove(text, src, n);
    memset(text + n, 0, WIRE_STRING_BYTES - n);
}

/* Beyond what EPICS prints digit by digit it leaves the number to printf, with limits of its own on width and decimals. */
static void printf_text(double number, bool is_float, uint16_t precision, char text[WIRE_STRING_BYTES])
{
    int most = is_float ? 12 : 17, margin = is_float ? 6 : 7;
    bool is_large = is_float ? fabs(number) >= 1e8 : fabs(number) > 1e16;
    int decimals = precision < most ? precision : most;
    if (precision > 8 || is_large)
        snprintf(text, WIRE_STRING_BYTES, "%*.*e", decimals + margin, decimals, number);
    else
        snprintf(text, WIRE_STRING_BYTES, "%.*f", precision < 3 ? precision : 3, number);
}

/* The fraction of a number in units of 10^-(decimals+1), cut: in the arithmetic of the number's own type. */
static int32_t fraction_cut(double fraction, bool is_float, int32_t scale)
{
    if (is_float)
        return (int32_t)((float)fraction * (float)scale * 10.0f);
    return (int32_t)(fraction * scale * 10);
}

void wire_number_text(double number, bool is_float, uint16_t precision, char text[WIRE_STRING_BYTES])
{
    if (isnan(number) || precision > 8 || fabs(number) > 1e7) {
        printf_text(number, is_float, precision, text);
        return;
    }
    int32_t scale = 1;
    for (int i = 0; i < precision; i++)
        scale *= 10;
    double size = fabs(number);
    int32_t whole = (int32_t)size;
    int32_t fraction = (fraction_cut(size - whole, is_float, scale) + 5) / 10;
    if (fraction >= scale) {
        whole++;
        fraction -= scale;
    }
    int n = snprintf(text, WIRE_STRING_BYTES, "%s%d", number < 0 ? "-" : "", whole);
    if (precision > 0)
        snprintf(text + n, WIRE_STRING_BYTES - (size_t)n, ".%0*d", precision, fraction);
}

static bool real_from_text(const char *text, bool is_float, double *number, char **end)
{
    double value = strtod(text, end);
    bool is_tiny = value > 0 && value <= (double)FLT_MIN, is_huge = isfinite(value) && fabs(value) >= (double)FLT_MAX;
    if (is_float && (is_tiny || is_huge))
        return false;
    *number = value;
    return true;
}

static bool signed_from_text(const char *text, long most, double *number, char **end)
{
    long value = strtol(text, end, 0);
    *number = (double)value;
    return value >= -most - 1 && value <= most;
}

/* As strtoul has it, "-1" is the largest number; EPICS lets -most to -1 pass for their low bits. */
static bool unsigned_from_text(const char *text, unsigned long most, double *number, char **end)
{
    unsigned long value = strtoul(text, end, 0);
    *number = (double)(value & most);
    return value <= most || value > ~most;
}

/* A ULONG alone may be written as a real number, if that is in its range; else what stands before the point or e counts. NaN for
 * "inf" and "nan", which EPICS Base lets pass. */
static bool ulong_from_text(const char *text, double *number, char **end)
{
    bool is_in_range = unsigned_from_text(text, UINT32_MAX, number, end);
    bool is_real = *end == text || (is_in_range && (**end == '.' || **end == 'e' || **end == 'E'));
    if (!is_real)
        return is_in_range;
    double real = strtod(text, end);
    if (real >= 0 && real <= UINT32_MAX)
        *number = trunc(real);
    else if (isnan(real) || isinf(real))
        *number = (double)NAN;
    return true;
}

/* As unsigned_from_text() has it, each UINT64 may be written as a negative number. */
bool wire_text_wide(const char *text, bool is_unsigned, uint64_t *bits, const char **rest)
{
    char *end = NULL;
    errno = 0;
    *bits = is_unsigned ? strtoull(text, &end, 0) : (uint64_t)strtoll(text, &end, 0);
    *rest = end;
    return end != text && errno == 0;
}

static bool whole_from_text(const char *text, uint8_t whole, double *number, char **end)
{
    switch (whole) {
    case WIRE_WHOLE_UCHAR:
        return unsigned_from_text(text, UINT8_MAX, number, end);
    case WIRE_WHOLE_USHORT:
        return unsigned_from_text(text, UINT16_MAX, number, end);
    default:
        return ulong_from_text(text, number, end);
    }
}

static bool from_text(const char *text, const struct wire_conversion *how, double *number, char **end)
{
    if (how->is_put && how->meta->whole != WIRE_WHOLE_NATIVE)
        return whole_from_text(text, how->meta->whole, number, end);
    switch (how->to) {
    case WIRE_INT16:
        return signed_from_text(text, INT16_MAX, number, end);
    case WIRE_ENUM:
        return unsigned_from_text(text, UINT16_MAX, number, end);
    case WIRE_CHAR:
        return how->unsigned_char ? unsigned_from_text(text, UINT8_MAX, number, end)
                                  : signed_from_text(text, INT8_MAX, number, end);
    case WIRE_INT32:
        return signed_from_text(text, INT32_MAX, number, end);
    default:
        return real_from_text(text, how->to == WIRE_FLOAT, number, end);
    }
}

bool wire_text_number(const char *text, const struct wire_conversion *how, double *number, const char **rest)
{
    char *end = NULL;
    errno = 0;
    bool is_in_range = from_text(text, how, number, &end);
    *rest = end;
    return is_in_range && end != text && errno == 0;
}
