/* A scenario: PVs to serve, described in YAML. Today it holds the records of EPICS databases, as caplay-db prints them; records
 * share the tables of their types, so that 10,000 of them are short.
 *
 *     scenario: 1                                 the version of this format; first
 *     source: "motors.db by caplay-db, ..."       for people
 *     menus:
 *       menuYesNo: ["NO", "YES"]
 *     record-types:
 *       ai:                                       a list of fields:
 *         - {name: VAL, type: DOUBLE, units-of: EGU, precision: PREC, display: [HOPR, LOPR], value: 0}
 *     records:
 *       - name: "motor:1"
 *         type: ai
 *         live: yes                               SCAN or links would change it in an IOC
 *         processed: yes                          it has a time stamp: the server's start
 *         info: {"archive": "monitor"}
 *         values: {VAL: 1.5, EGU: "mm"}           only what differs from the type's
 *         own:                                    fields whose description differs from the type's
 *           - {name: A, ...}
 *     aliases:
 *       "other:name": "motor:1"
 *
 * Keys of a field: name; type: STRING CHAR UCHAR SHORT USHORT LONG ULONG INT64 UINT64 FLOAT DOUBLE ENUM MENU DEVICE INLINK
 * OUTLINK FWDLINK, or NOACCESS, which no client can reach; size: bytes of a STRING, NUL included (40); count: the most elements
 * (1); long: a STRING is characters rather than one text (lsi, lso); array: it holds 0 to count elements, and its value is a
 * list; by-reference: updates read it when they are sent; write: no; attribute: a pseudo field, whose puts fail; process: puts
 * process the record; property: changes are DBE_PROPERTY; menu: of MENU and DEVICE; labels, or labels-of (fields of the record:
 * the last that is not empty ends the list; labels-unset: so many if all are empty) of an ENUM; units, or units-of; precision
 * (precision-most: this where it is not 0 to this; text-precision: the decimals of text, if others); display: [upper, lower];
 * alarm: [HIHI, HIGH, LOW, LOLO] and alarm-if: fields without which they are unset; control: [upper, lower], or control-within if
 * its upper is larger than its lower. Numbers of metadata are numbers or names of the record's fields. Text that is not UTF-8 is
 * `!bytes "c3..."`, in hex. An unknown key is an error. */
#ifndef CAPLAY_TRACES_SCENARIO_H
#define CAPLAY_TRACES_SCENARIO_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scenario_kind {
    SCENARIO_STRING,
    SCENARIO_CHAR,
    SCENARIO_UCHAR,
    SCENARIO_SHORT,
    SCENARIO_USHORT,
    SCENARIO_LONG,
    SCENARIO_ULONG,
    SCENARIO_INT64,
    SCENARIO_UINT64,
    SCENARIO_FLOAT,
    SCENARIO_DOUBLE,
    SCENARIO_ENUM,
    SCENARIO_MENU,
    SCENARIO_DEVICE,
    SCENARIO_INLINK,
    SCENARIO_OUTLINK,
    SCENARIO_FWDLINK,
    SCENARIO_NOACCESS,
    SCENARIO_KINDS
};

enum scenario_flags {
    SCENARIO_ARRAY = 1,
    SCENARIO_BY_REFERENCE = 2,
    SCENARIO_READONLY = 4,
    SCENARIO_ATTRIBUTE = 8,
    SCENARIO_PROCESS = 16,
    SCENARIO_PROPERTY = 32,
    SCENARIO_LONG_TEXT = 64,
    SCENARIO_LIVE = 128,      /* of records */
    SCENARIO_PROCESSED = 256, /* of records */
};

#define SCENARIO_NOWHERE (-1) /* no field */
#define SCENARIO_LABELS  16

/* Numbers of metadata, in the protocol's order. */
enum scenario_number {
    SCENARIO_PRECISION,
    SCENARIO_DISPLAY,
    SCENARIO_ALARM = SCENARIO_DISPLAY + 2,
    SCENARIO_CONTROL = SCENARIO_ALARM + 4,
    SCENARIO_NUMBERS = SCENARIO_CONTROL + 2
};

/* Elements in host order, each as wide as its kind; STRINGs of arrays are text pointers. A single STRING or a link: one text. */
struct scenario_value {
    uint32_t count;
    const void *data; /* int8_t... double, uint16_t (ENUM, MENU, DEVICE), const char * */
};

struct scenario_menu {
    const char *name;
    const char **choice;
    unsigned nchoices;
};

struct scenario_meta {
    const char *units; /* or NULL */
    int16_t units_of;  /* index of a field of the type, or SCENARIO_NOWHERE, as everywhere below */
    double number[SCENARIO_NUMBERS];
    int16_t number_of[SCENARIO_NUMBERS];
    int16_t gate[SCENARIO_NUMBERS];
    int16_t within[2];
    int16_t precision_most, text_precision; /* or SCENARIO_NOWHERE */
    const char *label[SCENARIO_LABELS];
    int16_t label_of[SCENARIO_LABELS];
    uint16_t nlabels, labels_unset;
    bool labels_are_fields;
};

struct scenario_field {
    const char *name;
    uint8_t kind;   /* enum scenario_kind */
    uint16_t flags; /* enum scenario_flags */
    uint16_t size;
    uint32_t count;
    const struct scenario_menu *menu; /* or NULL */
    struct scenario_meta meta;
    struct scenario_value value;
};

struct scenario_type {
    const char *name;
    struct scenario_field *field;
    unsigned nfields;
};

struct scenario_override { /* of a record's field */
    int16_t field;
    struct scenario_value value;
};

struct scenario_own {
    int16_t field;
    struct scenario_field is;
};

struct scenario_info {
    const char *name, *text;
};

struct scenario_record {
    const char *name;
    const struct scenario_type *type;
    uint16_t flags; /* enum scenario_flags */
    struct scenario_override *value;
    struct scenario_own *own;
    struct scenario_info *info;
    unsigned nvalues, nown, ninfos;
};

struct scenario_alias {
    const char *name;
    unsigned record; /* index */
};

struct scenario {
    struct scenario_menu *menu;
    struct scenario_type *type;
    struct scenario_record *record;
    struct scenario_alias *alias;
    unsigned nmenus, ntypes, nrecords, naliases;
    const char *source;
    struct scenario_block *blocks; /* the memory of all of it */
};

/* Read one from an open file; name is for messages. NULL with DIAG_USAGE, file and line. Free with scenario_free(). */
struct scenario *scenario_read(FILE *file, const char *name, struct diag *diag);
void scenario_free(struct scenario *s);

/* Index of a type's field of this name, or SCENARIO_NOWHERE. */
int scenario_field_find(const struct scenario_type *type, const char *name, size_t length);

/* What a record's field is, its own description or its type's. field < type->nfields. */
const struct scenario_field *scenario_field_of(const struct scenario_record *record, int field);

/* Its value, the record's or its type's. */
const struct scenario_value *scenario_value_of(const struct scenario_record *record, int field);

/* Bytes of one element of a kind in struct scenario_value; a text: those of a pointer. */
size_t scenario_element_bytes(enum scenario_kind kind);

static inline bool scenario_is_link(unsigned kind)
{
    return kind >= SCENARIO_INLINK && kind <= SCENARIO_FWDLINK;
}

static inline bool scenario_is_text(unsigned kind)
{
    return kind == SCENARIO_STRING || scenario_is_link(kind);
}

#endif
