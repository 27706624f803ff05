/* DBR types 0 to 38: names, layouts, sizes. One table; everything else is derived from it. Pure.
 * Rule: ca-protocol 7.1, checked against EPICS Base's own dbr_value_offset[] and dbr_value_size[] in tests. */
#ifndef CAPLAY_WIRE_DBR_H
#define CAPLAY_WIRE_DBR_H

#include "wire/message.h"

/* The seven base types, which are also the native types of channels. */
enum wire_base {
    WIRE_STRING = 0,
    WIRE_INT16 = 1, /* DBR_SHORT */
    WIRE_FLOAT = 2,
    WIRE_ENUM = 3,
    WIRE_CHAR = 4,
    WIRE_INT32 = 5, /* DBR_LONG */
    WIRE_DOUBLE = 6,
    WIRE_BASES = 7
};

enum wire_family {
    WIRE_PLAIN = 0, /* type = base */
    WIRE_STS = 1,   /* type = 7 + base ... */
    WIRE_TIME = 2,
    WIRE_GR = 3,
    WIRE_CTRL = 4,
    WIRE_SPECIAL = 5, /* 35 to 38 */
};

enum { WIRE_PUT_ACKT = 35, WIRE_PUT_ACKS = 36, WIRE_STSACK_STRING = 37, WIRE_CLASS_NAME = 38, WIRE_TYPES = 39 };

#define WIRE_STRING_BYTES 40
#define WIRE_UNITS_BYTES  8
#define WIRE_LABEL_BYTES  26
#define WIRE_LABELS       16

struct wire_type {
    const char *name; /* "TIME_DOUBLE" */
    uint16_t offset;  /* bytes before the first value */
    uint8_t size;     /* bytes a value */
    uint8_t base;     /* enum wire_base of the values */
    uint8_t family;   /* enum wire_family */
};

extern const struct wire_type wire_types[WIRE_TYPES];

/* type < WIRE_TYPES. Bytes of the structure with n values, without and with padding to 8. */
static inline uint64_t wire_dbr_size(unsigned type, uint32_t n)
{
    return wire_types[type].offset + (uint64_t)wire_types[type].size * n;
}

static inline uint64_t wire_dbr_padded(unsigned type, uint32_t n)
{
    return wire_pad8(wire_dbr_size(type, n));
}

/* Bytes of one value of a base type. */
static inline size_t wire_base_size(enum wire_base base)
{
    return wire_types[base].size;
}

#endif
