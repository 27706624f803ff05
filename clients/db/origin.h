/* Where the metadata of a record type's fields come from: that an ai's VAL has its units from EGU and its upper alarm limit from
 * HIHI, if HHSV is not 0. Nobody writes that down: it is found by asking EPICS Base's record support about a probe, a record of
 * the type whose fields hold marks that tell them apart. Part of caplay-db. */
#ifndef CAPLAY_CLIENTS_DB_ORIGIN_H
#define CAPLAY_CLIENTS_DB_ORIGIN_H

#include "clients/db/field.h"

#define DB_NOWHERE (-1) /* no field: constant */

struct db_origin {        /* of one field; indices of fields of its record type, or DB_NOWHERE */
    struct db_said plain; /* what the probe says before there are marks: a fresh record's metadata, and the constants */
    short units;
    short number[DB_NUMBERS];
    short gate[DB_NUMBERS]; /* the severity without which an alarm limit is NaN */
    short within[2];        /* the control limits instead, if the first of these is larger than the second */
    bool is_kept;           /* the precision is given as 15 where the record's is not 0 to 15 */
    unsigned nstates;       /* labels that come from fields; the last set one ends the list, and plain.nstates are there if
                             * none is set */
    short state[DB_STATES];
};

struct db_type {
    dbRecordType *type;
    struct dbCommon *probe;
    struct db_origin *field; /* type->no_fields of them */
    char **value;            /* the fields' values in a fresh record, as YAML */
    short gate_tried;        /* while the probe is asked */
};

#define DB_PROBE_PREFIX "caplay-db:probe:"

/* Find the origins for the type of a probe, a fresh record whose fields are the type's defaults. The probe is full of marks
 * afterwards. `entry` is at the probe. False without memory. */
bool db_type_probe(struct db_type *type, DBENTRY *entry);

/* NaN equals NaN. */
bool db_is_equal(double a, double b);

/* What the type lets expect for a field of one of its records. said: what that record says, whose type, count and states stay. */
void db_origin_expect(const struct db_type *type, const struct db_origin *origin, const struct dbCommon *record,
                      struct db_said *said);

#endif
