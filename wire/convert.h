/* Conversions between the seven base types, element by element, as rsrv and the database behind it do them. Inside wire/ only;
 * others ask wire/value.h. Pure. Rule: ca-protocol 7.4.
 * A number on its way from one type to another is a double: every integer type of the protocol fits in it exactly. Only
 * INT64 and UINT64 fields go their own ways. */
#ifndef CAPLAY_WIRE_CONVERT_H
#define CAPLAY_WIRE_CONVERT_H

#include "wire/value.h"

struct wire_conversion {
    uint8_t from, to;             /* enum wire_base */
    uint8_t field;                /* enum wire_field: what is read */
    bool is_put;                  /* a client writes: CHAR is unsigned, an ENUM becomes its number, a string may name a state */
    bool is_single;               /* the PV holds one element (a put: has room for one), whatever is asked for */
    bool is_several;              /* a put of more than one element was asked for, whatever the PV has room for */
    bool unsigned_char;           /* a string that becomes a CHAR may be 0 to 255, not -128 to 127 */
    uint16_t precision;           /* decimals of FLOAT and DOUBLE as text */
    const struct wire_meta *meta; /* labels and record type; not NULL */
};

/* Convert n elements, big endian on both sides. src holds n whole elements. False: some element has no conversion; dst is then
 * partly written. */
bool wire_convert(const struct wire_conversion *how, const uint8_t *src, uint32_t n, uint8_t *dst);

/* An element of a numeric type as a number; CHAR signed. */
double wire_number_read(unsigned base, const uint8_t *src);

/* Are the elements that are read, or put, integers of 64 bits in the place of doubles? */
bool wire_is_wide_read(const struct wire_conversion *how);
bool wire_is_wide_put(const struct wire_conversion *how);

/* An INT64 or UINT64 as a number. */
double wire_wide_number(bool is_unsigned, uint64_t bits);

/* The INT64 or UINT64 at the start of a text; else as wire_text_number(). */
bool wire_text_wide(const char *text, bool is_unsigned, uint64_t *bits, const char **rest);

/* A number as an element of a numeric type: what the C cast gives on x86-64 for every value, NaN and the infinities included. */
void wire_number_write(unsigned base, double number, uint8_t *dst);

/* The text of a DOUBLE or (is_float) a FLOAT, NUL-terminated. precision as in the record: PREC. */
void wire_number_text(double number, bool is_float, uint16_t precision, char text[WIRE_STRING_BYTES]);

/* The number at the start of a NUL-terminated text, in the range of how->to; *rest is what follows it. False: no number, or out
 * of range. */
bool wire_text_number(const char *text, const struct wire_conversion *how, double *number, const char **rest);

/* Copy a string element to `text`, cut to 39 characters, NULs behind. */
void wire_string_copy(const uint8_t *src, size_t bytes, char text[WIRE_STRING_BYTES]);

#endif
