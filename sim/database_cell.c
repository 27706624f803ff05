/* Values of fields: from the scenario until somebody opens them, then in cells. */
#include "sim/database_parts.h"

#include <math.h>
#include <string.h>

static const uint8_t bases[SCENARIO_KINDS] = {
    [SCENARIO_STRING] = WIRE_STRING,  [SCENARIO_CHAR] = WIRE_CHAR,      [SCENARIO_UCHAR] = WIRE_CHAR,
    [SCENARIO_SHORT] = WIRE_INT16,    [SCENARIO_USHORT] = WIRE_INT32,   [SCENARIO_LONG] = WIRE_INT32,
    [SCENARIO_ULONG] = WIRE_DOUBLE,   [SCENARIO_INT64] = WIRE_DOUBLE,   [SCENARIO_UINT64] = WIRE_DOUBLE,
    [SCENARIO_FLOAT] = WIRE_FLOAT,    [SCENARIO_DOUBLE] = WIRE_DOUBLE,  [SCENARIO_ENUM] = WIRE_ENUM,
    [SCENARIO_MENU] = WIRE_ENUM,      [SCENARIO_DEVICE] = WIRE_ENUM,    [SCENARIO_INLINK] = WIRE_STRING,
    [SCENARIO_OUTLINK] = WIRE_STRING, [SCENARIO_FWDLINK] = WIRE_STRING,
};

uint8_t db_base(const struct scenario_field *is)
{
    return bases[is->kind];
}

bool db_is_text(const struct scenario_field *is)
{
    bool is_array = is->flags & SCENARIO_ARRAY && !(is->flags & SCENARIO_LONG_TEXT);
    return scenario_is_link(is->kind) || (is->kind == SCENARIO_STRING && !is_array);
}

/* ---- elements ---- */

bool db_is_wide(const struct scenario_field *is)
{
    return is->kind == SCENARIO_INT64 || is->kind == SCENARIO_UINT64;
}

static double scenario_number(const struct scenario_field *is, const struct scenario_value *value, uint32_t i)
{
    switch (is->kind) {
    case SCENARIO_CHAR:
        return ((const int8_t *)value->data)[i];
    case SCENARIO_UCHAR:
        return ((const uint8_t *)value->data)[i];
    case SCENARIO_SHORT:
        return ((const int16_t *)value->data)[i];
    case SCENARIO_USHORT:
    case SCENARIO_ENUM:
    case SCENARIO_MENU:
    case SCENARIO_DEVICE:
        return ((const uint16_t *)value->data)[i];
    case SCENARIO_LONG:
        return ((const int32_t *)value->data)[i];
    case SCENARIO_ULONG:
        return ((const uint32_t *)value->data)[i];
    case SCENARIO_INT64:
        return (double)((const int64_t *)value->data)[i];
    case SCENARIO_UINT64:
        return (double)((const uint64_t *)value->data)[i];
    case SCENARIO_FLOAT:
        return (double)((const float *)value->data)[i];
    case SCENARIO_DOUBLE:
        return ((const double *)value->data)[i];
    default:
        return (double)NAN;
    }
}

static void write_real(unsigned base, double number, uint8_t *at)
{
    float narrow = (float)number;
    uint32_t bits32;
    uint64_t bits64;
    memcpy(&bits32, &narrow, sizeof bits32);
    memcpy(&bits64, &number, sizeof bits64);
    if (base == WIRE_FLOAT)
        wire_put32(at, bits32);
    else
        wire_put64(at, bits64);
}

/* The number is in the field's range. */
static void write_element(const struct scenario_field *is, double number, uint8_t *at)
{
    switch (db_base(is)) {
    case WIRE_CHAR:
        *at = (uint8_t)(int)number;
        break;
    case WIRE_INT16:
    case WIRE_ENUM:
        wire_put16(at, (uint16_t)(int32_t)number);
        break;
    case WIRE_INT32:
        wire_put32(at, (uint32_t)(int32_t)number);
        break;
    default:
        write_real(db_base(is), number, at);
    }
}

static uint8_t wide_field(const struct scenario_field *is)
{
    if (!db_is_wide(is))
        return WIRE_FIELD_PLAIN;
    return is->kind == SCENARIO_INT64 ? WIRE_FIELD_INT64 : WIRE_FIELD_UINT64;
}

static double cell_number(const struct db_cell *cell)
{
    const struct wire_value value = {
        .data = (const uint8_t *)cell->bytes, .count = cell->count, .base = db_base(cell->is), .field = wide_field(cell->is)};
    double number = wire_value_number(&value);
    return cell->is->kind == SCENARIO_CHAR ? (double)(int8_t)number : number;
}

/* ---- cells ---- */

static size_t room_of(const struct scenario_field *is)
{
    if (scenario_is_link(is->kind))
        return DATABASE_LINK_BYTES;
    if (db_is_text(is))
        return is->size > WIRE_STRING_BYTES ? is->size : WIRE_STRING_BYTES;
    return is->count * wire_base_size((enum wire_base)db_base(is));
}

static void fill(struct db_cell *cell, const struct scenario_value *value)
{
    uint8_t *at = (uint8_t *)cell->bytes;
    size_t size = wire_base_size((enum wire_base)db_base(cell->is));
    cell->count = value->count;
    if (db_is_text(cell->is)) {
        if (value->count > 0)
            strncpy((char *)at, *(const char *const *)value->data, cell->room - 1);
        if (cell->is->flags & SCENARIO_LONG_TEXT && *at == '\0') /* its length is 0 until something is put */
            cell->count = 0;
        return;
    }
    for (uint32_t i = 0; i < value->count; i++, at += size)
        if (cell->is->kind == SCENARIO_STRING)
            strncpy((char *)at, ((const char *const *)value->data)[i], WIRE_STRING_BYTES - 1);
        else if (db_is_wide(cell->is))
            wire_put64(at, ((const uint64_t *)value->data)[i]);
        else
            write_element(cell->is, scenario_number(cell->is, value, i), at);
}

static struct db_cell *find_cell(const struct db_record *r, int field)
{
    struct db_cell *cell = r->cells;
    while (cell != NULL && cell->field != field)
        cell = cell->next;
    return cell;
}

static bool grow_scratch(struct database *d, size_t bytes)
{
    if (bytes <= d->scratch_bytes)
        return true;
    uint8_t *scratch = realloc(d->scratch, bytes);
    if (scratch == NULL)
        return false;
    d->scratch = scratch;
    d->scratch_bytes = bytes;
    return true;
}

struct db_cell *db_cell(struct db_record *r, int field)
{
    struct db_cell *cell = find_cell(r, field);
    const struct scenario_field *is = scenario_field_of(r->is, field);
    size_t room = room_of(is);
    if (cell != NULL)
        return cell;
    if (!grow_scratch(r->database, room) || (cell = calloc(1, sizeof *cell + room + sizeof cell->bytes[0])) == NULL)
        return NULL;
    cell->is = is;
    cell->field = field;
    cell->room = room;
    fill(cell, scenario_value_of(r->is, field));
    if (strcmp(is->name, "NAME") == 0)
        strncpy((char *)cell->bytes, r->is->name, room - 1);
    cell->next = r->cells;
    r->cells = cell;
    return cell;
}

struct db_cell *db_cell_named(struct db_record *r, const char *name)
{
    int field = scenario_field_find(r->is->type, name, strlen(name));
    return field != SCENARIO_NOWHERE ? db_cell(r, field) : NULL;
}

double db_number(const struct db_record *r, int field)
{
    const struct db_cell *cell = find_cell(r, field);
    if (cell != NULL)
        return cell_number(cell);
    const struct scenario_value *value = scenario_value_of(r->is, field);
    return value->count > 0 ? scenario_number(scenario_field_of(r->is, field), value, 0) : (double)NAN;
}

const char *db_text(const struct db_record *r, int field)
{
    const struct db_cell *cell = find_cell(r, field);
    if (!db_is_text(scenario_field_of(r->is, field)))
        return "";
    return cell != NULL ? (const char *)cell->bytes : *(const char *const *)scenario_value_of(r->is, field)->data;
}

/* C's casts, as x86-64 has them: what an integer of 32 bits cannot hold is its least number. */
static int64_t whole_of(double number)
{
    bool fits = number >= -9223372036854775808.0 && number < 9223372036854775808.0;
    return fits ? (int64_t)number : INT64_MIN;
}

static double cast_to(uint8_t kind, double number)
{
    int64_t whole = whole_of(number);
    switch (kind) {
    case SCENARIO_CHAR:
        return (int8_t)whole;
    case SCENARIO_UCHAR:
        return (uint8_t)whole;
    case SCENARIO_SHORT:
        return (int16_t)whole;
    case SCENARIO_USHORT:
    case SCENARIO_ENUM:
    case SCENARIO_MENU:
    case SCENARIO_DEVICE:
        return (uint16_t)whole;
    case SCENARIO_LONG:
        return whole >= INT32_MIN && whole <= INT32_MAX ? (double)whole : (double)INT32_MIN;
    case SCENARIO_ULONG:
        return (uint32_t)whole;
    default:
        return number;
    }
}

void db_cast(const struct scenario_field *is, uint8_t *bytes, uint32_t n)
{
    bool is_wider = is->kind == SCENARIO_USHORT || is->kind == SCENARIO_ULONG;
    const size_t size = wire_base_size((enum wire_base)db_base(is));
    for (; is_wider && n > 0; n--, bytes += size) {
        const struct wire_value element = {.data = bytes, .count = 1, .base = db_base(is)};
        write_element(is, cast_to(is->kind, wire_value_number(&element)), bytes);
    }
}

void db_cell_set(struct db_cell *cell, double number)
{
    if (db_is_wide(cell->is))
        wire_put64((uint8_t *)cell->bytes, (uint64_t)whole_of(number));
    else
        write_element(cell->is, cast_to(cell->is->kind, number), (uint8_t *)cell->bytes);
    cell->count = 1;
}
