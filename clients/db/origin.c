#include "clients/db/origin.h"

#include <epicsMath.h>
#include <special.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MARK     1001 /* fits a SHORT, and no field's range ends there */
#define KEPT_PRECISION 15.0

typedef void ask_field(struct db_type *type, unsigned i, const struct db_said *said);

static void ask_all(struct db_type *type, DBENTRY *entry, ask_field *take)
{
    struct db_said said;
    DBADDR address;
    for (long status = dbFirstField(entry, 0); status == 0; status = dbNextField(entry, 0))
        if (db_address(entry, &address)) {
            db_ask(&address, &said);
            take(type, (unsigned)entry->indfield, &said);
        }
}

bool db_is_equal(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* ---- marks ---- */

static bool can_mark(const dbFldDes *field)
{
    return field->special != SPC_NOMOD && field->special != SPC_DBADDR;
}

static void write_number(struct dbCommon *record, const dbFldDes *field, short mark)
{
    void *at = (char *)record + field->offset;
    switch (field->field_type) {
    case DBF_SHORT:
    case DBF_USHORT:
        *(epicsInt16 *)at = mark;
        break;
    case DBF_LONG:
    case DBF_ULONG:
        *(epicsInt32 *)at = mark;
        break;
    case DBF_INT64:
    case DBF_UINT64:
        *(epicsInt64 *)at = mark;
        break;
    case DBF_FLOAT:
        *(epicsFloat32 *)at = mark;
        break;
    case DBF_DOUBLE:
        *(epicsFloat64 *)at = mark;
        break;
    default:
        break;
    }
}

/* Fields that come later have larger marks, or smaller ones if `falling`. */
static short mark_of(const struct db_type *type, short i, bool falling)
{
    return (short)(FIRST_MARK + (falling ? type->type->no_fields - 1 - i : i));
}

static void mark_all(struct db_type *type, bool falling)
{
    for (short i = 0; i < type->type->no_fields; i++) {
        const dbFldDes *field = type->type->papFldDes[i];
        if (!can_mark(field))
            continue;
        if (field->field_type == DBF_STRING)
            strncpy((char *)type->probe + field->offset, field->name, (size_t)field->size - 1);
        else
            write_number(type->probe, field, mark_of(type, i, falling));
    }
}

static short marked_number(const struct db_type *type, double number, bool falling)
{
    if (!(number >= FIRST_MARK && number < FIRST_MARK + type->type->no_fields))
        return DB_NOWHERE;
    short i = (short)(number - FIRST_MARK);
    if (falling)
        i = (short)(type->type->no_fields - 1 - i);
    return can_mark(type->type->papFldDes[i]) ? i : DB_NOWHERE;
}

static short marked_text(const struct db_type *type, const char *text)
{
    for (short i = 0; i < type->type->no_fields; i++) {
        const dbFldDes *field = type->type->papFldDes[i];
        if (field->field_type == DBF_STRING && can_mark(field) && strcmp(field->name, text) == 0)
            return i;
    }
    return DB_NOWHERE;
}

/* ---- what the marks tell ---- */

static void take_plain(struct db_type *type, unsigned i, const struct db_said *said)
{
    struct db_origin *origin = &type->field[i];
    origin->plain = *said;
    origin->units = origin->within[0] = origin->within[1] = DB_NOWHERE;
    for (unsigned n = 0; n < DB_NUMBERS; n++)
        origin->number[n] = origin->gate[n] = DB_NOWHERE;
}

static void take_marks(struct db_type *type, unsigned i, const struct db_said *said)
{
    struct db_origin *origin = &type->field[i];
    origin->units = marked_text(type, said->units);
    for (unsigned n = 0; n < DB_NUMBERS; n++)
        if (!db_is_equal(said->number[n], origin->plain.number[n]))
            origin->number[n] = marked_number(type, said->number[n], false);
    origin->nstates = said->nstates;
    for (unsigned n = 0; n < said->nstates; n++)
        origin->state[n] = marked_text(type, said->state[n]);
}

/* Control limits that were others while the marks were rising hold only if the upper one is larger. */
static void take_falling(struct db_type *type, unsigned i, const struct db_said *said)
{
    struct db_origin *origin = &type->field[i];
    short upper = marked_number(type, said->number[DB_CONTROL], true),
          lower = marked_number(type, said->number[DB_CONTROL + 1], true);
    if (upper == DB_NOWHERE || lower == DB_NOWHERE || upper == origin->number[DB_CONTROL])
        return;
    origin->within[0] = upper;
    origin->within[1] = lower;
}

/* Severities are set one at a time: the limits that appear now, and were NaN without, are behind this gate. */
static void take_gate(struct db_type *type, unsigned i, const struct db_said *said)
{
    struct db_origin *origin = &type->field[i];
    for (unsigned n = DB_ALARM; n < DB_CONTROL; n++)
        if (isnan(origin->plain.number[n]) && !isnan(said->number[n]) && origin->number[n] == DB_NOWHERE) {
            origin->number[n] = marked_number(type, said->number[n], false);
            origin->gate[n] = type->gate_tried;
        }
}

static bool is_severity(const dbFldDes *field)
{
    const dbMenu *menu = field->field_type == DBF_MENU ? field->ftPvt : NULL;
    return menu != NULL && strcmp(menu->name, "menuAlarmSevr") == 0 && can_mark(field);
}

static void try_gates(struct db_type *type, DBENTRY *entry)
{
    for (short i = 0; i < type->type->no_fields; i++) {
        const dbFldDes *field = type->type->papFldDes[i];
        if (!is_severity(field))
            continue;
        epicsEnum16 *severity = (epicsEnum16 *)((char *)type->probe + field->offset), before = *severity;
        *severity = 1;
        type->gate_tried = i;
        ask_all(type, entry, take_gate);
        *severity = before;
    }
}

/* Marks as precision are beyond 15: where they do not come back as they are the record support keeps to 0..15. */
static void take_kept(struct db_type *type, unsigned i, const struct db_said *said)
{
    struct db_origin *origin = &type->field[i];
    bool is_new = !db_is_equal(said->number[DB_PRECISION], origin->plain.number[DB_PRECISION]);
    if (origin->number[DB_PRECISION] != DB_NOWHERE || !is_new)
        return;
    origin->is_kept = true;
    for (short f = 0; f < type->type->no_fields; f++)
        if (strcmp(type->type->papFldDes[f]->name, "PREC") == 0)
            origin->number[DB_PRECISION] = f;
}

static void try_precision(struct db_type *type, DBENTRY *entry)
{
    const short small = 7; /* no record's default, and in the range that is kept */
    for (short i = 0; i < type->type->no_fields; i++)
        if (strcmp(type->type->papFldDes[i]->name, "PREC") == 0)
            write_number(type->probe, type->type->papFldDes[i], small);
    ask_all(type, entry, take_kept);
}

/* A multi-bit record is an ENUM only while it has states, which it notes in SDEF. */
static void show_states(struct db_type *type)
{
    for (short i = 0; i < type->type->no_fields; i++)
        if (strcmp(type->type->papFldDes[i]->name, "SDEF") == 0)
            *(epicsInt16 *)((char *)type->probe + type->type->papFldDes[i]->offset) = 1;
}

bool db_type_probe(struct db_type *type, DBENTRY *entry)
{
    type->field = calloc((size_t)type->type->no_fields, sizeof *type->field);
    if (type->field == NULL)
        return false;
    show_states(type);
    ask_all(type, entry, take_plain);
    mark_all(type, false);
    ask_all(type, entry, take_marks);
    try_gates(type, entry);
    try_precision(type, entry);
    mark_all(type, true);
    ask_all(type, entry, take_falling);
    return true;
}

/* ---- what follows for a record ---- */

static double expected_number(const struct db_type *type, const struct db_origin *origin, const struct dbCommon *record,
                              unsigned n)
{
    dbFldDes *const *fields = type->type->papFldDes;
    if (origin->gate[n] != DB_NOWHERE && db_number_of(record, fields[origin->gate[n]]) == 0)
        return epicsNAN;
    if (origin->number[n] == DB_NOWHERE)
        return origin->plain.number[n];
    double number = db_number_of(record, fields[origin->number[n]]);
    return n == DB_PRECISION && origin->is_kept && !(number >= 0 && number <= KEPT_PRECISION) ? KEPT_PRECISION : number;
}

static void expect_within(const struct db_type *type, const struct db_origin *origin, const struct dbCommon *record,
                          struct db_said *said)
{
    if (origin->within[0] == DB_NOWHERE)
        return;
    double upper = db_number_of(record, type->type->papFldDes[origin->within[0]]);
    double lower = db_number_of(record, type->type->papFldDes[origin->within[1]]);
    if (upper > lower) {
        said->number[DB_CONTROL] = upper;
        said->number[DB_CONTROL + 1] = lower;
    }
}

static void expect_states(const struct db_type *type, const struct db_origin *origin, const struct dbCommon *record,
                          struct db_said *said)
{
    unsigned set = 0;
    memset(said->state, 0, sizeof said->state);
    for (unsigned n = 0; n < origin->nstates; n++) {
        if (origin->state[n] == DB_NOWHERE)
            continue;
        const dbFldDes *field = type->type->papFldDes[origin->state[n]];
        strncpy(said->state[n], (const char *)record + field->offset, DB_STATE_BYTES - 1);
        if (said->state[n][0] != '\0')
            set = n + 1;
    }
    said->nstates = set > 0 ? set : origin->plain.nstates;
}

void db_origin_expect(const struct db_type *type, const struct db_origin *origin, const struct dbCommon *record,
                      struct db_said *said)
{
    *said = origin->plain;
    if (origin->units != DB_NOWHERE)
        strncpy(said->units, (const char *)record + type->type->papFldDes[origin->units]->offset, sizeof said->units - 1);
    for (unsigned n = 0; n < DB_NUMBERS; n++)
        said->number[n] = expected_number(type, origin, record, n);
    expect_within(type, origin, record, said);
    expect_states(type, origin, record, said);
}
