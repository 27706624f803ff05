/* What EPICS Base says of one field of one record: type, size, access, and the metadata that its record support gives. Part of
 * caplay-db; only after iocBuildIsolated(). */
#ifndef CAPLAY_CLIENTS_DB_FIELD_H
#define CAPLAY_CLIENTS_DB_FIELD_H

#define USE_TYPED_RSET
#include <dbAccess.h>
#include <dbBase.h>
#include <dbStaticLib.h>
#include <stdbool.h>

/* The numbers of a field's metadata, in the order in which Channel Access has them. */
enum db_number { DB_PRECISION, DB_DISPLAY, DB_ALARM = DB_DISPLAY + 2, DB_CONTROL = DB_ALARM + 4, DB_NUMBERS = DB_CONTROL + 2 };

#define DB_STATES      16
#define DB_STATE_BYTES 27 /* Channel Access's 26, and a NUL */

struct db_said {
    bool is_array;        /* it holds 0 to count elements */
    bool by_reference;    /* updates read it when they are sent, even if it is one number (SPC_DBADDR) */
    bool is_readonly;     /* SPC_NOMOD */
    bool is_long;         /* one text of a size of its own: lsi, lso, printf */
    short text_precision; /* decimals of text where the record support tells no precision; -1: as the precision */
    short type;           /* DBF_...: of an array the elements' */
    short bytes;          /* an element's */
    long count;           /* the most elements */
    char units[DB_UNITS_SIZE];
    double number[DB_NUMBERS]; /* enum db_number; NaN: an alarm limit that is not set */
    unsigned nstates;
    char state[DB_STATES][DB_STATE_BYTES]; /* an ENUM's own labels; those of a MENU or DEVICE are not here */
};

/* Address a field of the record that `entry` is at. */
bool db_address(DBENTRY *entry, DBADDR *address);

/* Does it hold 0 to no_elements elements? Is it one text of a size of its own, as in lsi, lso, printf? */
bool db_is_array(const DBADDR *address);
bool db_is_long(const DBADDR *address);

void db_ask(DBADDR *address, struct db_said *said);

/* A numeric or menu field's value in the record's memory, as a number; NaN if the field is neither. */
double db_number_of(const struct dbCommon *record, const dbFldDes *field);

/* "DOUBLE" for DBF_DOUBLE. */
const char *db_type_name(short type);

static inline bool db_is_link(short type)
{
    return type == DBF_INLINK || type == DBF_OUTLINK || type == DBF_FWDLINK;
}

#endif
