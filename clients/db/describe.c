#include "clients/db/describe.h"

#include "clients/db/value.h"

#include <epicsMath.h>
#include <string.h>

const dbDeviceMenu *db_device_menu(const dbFldDes *field)
{
    return field->field_type == DBF_DEVICE ? field->ftPvt : NULL;
}

bool db_is_same_states(const struct db_said *a, const struct db_said *b)
{
    return a->nstates == b->nstates && memcmp(a->state, b->state, sizeof a->state) == 0;
}

static const char *field_name(const struct db_description *d, short field)
{
    return d->type->papFldDes[field]->name;
}

static bool is_from_field(const struct db_description *d, unsigned n)
{
    return d->origin->number[n] != DB_NOWHERE && db_is_equal(d->said->number[n], d->expected->number[n]);
}

static bool is_control_from_fields(const struct db_description *d)
{
    return is_from_field(d, DB_CONTROL) && is_from_field(d, DB_CONTROL + 1);
}

/* A STRING or ENUM array has no units, though the same record's array of numbers has. */
static bool are_units_from_field(const struct db_description *d)
{
    bool can_have = d->said->type == d->origin->plain.type || (d->said->type != DBF_STRING && d->said->type != DBF_ENUM);
    return can_have && d->origin->units != DB_NOWHERE && strcmp(d->said->units, d->expected->units) == 0;
}

static void print_number_of(FILE *out, const struct db_description *d, unsigned n)
{
    if (is_from_field(d, n))
        fputs(field_name(d, d->origin->number[n]), out);
    else
        db_print_number(out, d->said->number[n]);
}

/* Nothing where all are 0 (alarm limits: NaN), which a scenario takes for what is not told. */
static void print_numbers(FILE *out, const struct db_description *d, const char *key, unsigned from, unsigned to)
{
    bool is_told = false;
    for (unsigned n = from; n < to; n++)
        is_told = is_told || is_from_field(d, n) || !db_is_equal(d->said->number[n], from == DB_ALARM ? epicsNAN : 0);
    if (!is_told)
        return;
    for (unsigned n = from; n < to; n++) {
        fprintf(out, n == from ? ", %s: [" : ", ", key);
        print_number_of(out, d, n);
    }
    fputc(']', out);
}

static void print_gates(FILE *out, const struct db_description *d)
{
    if (d->origin->gate[DB_ALARM] == DB_NOWHERE || !is_from_field(d, DB_ALARM))
        return;
    for (unsigned n = DB_ALARM; n < DB_CONTROL; n++)
        fprintf(out, "%s%s", n == DB_ALARM ? ", alarm-if: [" : ", ",
                d->origin->gate[n] != DB_NOWHERE ? field_name(d, d->origin->gate[n]) : "~");
    fputc(']', out);
}

static void print_meta(FILE *out, const struct db_description *d)
{
    if (are_units_from_field(d)) {
        fprintf(out, ", units-of: %s", field_name(d, d->origin->units));
    } else if (d->said->units[0] != '\0') {
        fputs(", units: ", out);
        db_print_text(out, d->said->units);
    }
    if (d->said->number[DB_PRECISION] != 0 || is_from_field(d, DB_PRECISION)) {
        fputs(", precision: ", out);
        print_number_of(out, d, DB_PRECISION);
        fputs(is_from_field(d, DB_PRECISION) && d->origin->is_kept ? ", precision-most: 15" : "", out);
    }
    if (d->said->text_precision >= 0)
        fprintf(out, ", text-precision: %d", d->said->text_precision);
    print_numbers(out, d, "display", DB_DISPLAY, DB_ALARM);
    print_numbers(out, d, "alarm", DB_ALARM, DB_CONTROL);
    print_gates(out, d);
    print_numbers(out, d, "control", DB_CONTROL, DB_NUMBERS);
    if (is_control_from_fields(d) && d->origin->within[0] != DB_NOWHERE)
        fprintf(out, ", control-within: [%s, %s]", field_name(d, d->origin->within[0]), field_name(d, d->origin->within[1]));
}

static void print_states(FILE *out, const struct db_description *d)
{
    bool from_fields = d->origin->nstates > 0 && db_is_same_states(d->said, d->expected);
    unsigned n = from_fields ? d->origin->nstates : d->said->nstates;
    for (unsigned i = 0; i < n; i++) {
        fputs(i > 0 ? ", " : from_fields ? ", labels-of: [" : ", labels: [", out);
        if (from_fields)
            fputs(field_name(d, d->origin->state[i]), out);
        else
            db_print_text(out, d->said->state[i]);
    }
    fputs(n > 0 ? "]" : "", out);
    if (from_fields && d->origin->plain.nstates > 0)
        fprintf(out, ", labels-unset: %u", d->origin->plain.nstates);
}

static void print_menu_name(FILE *out, const struct db_description *d)
{
    const dbMenu *menu = d->field->field_type == DBF_MENU ? d->field->ftPvt : NULL;
    if (menu != NULL)
        fprintf(out, ", menu: %s", menu->name);
    else if (db_device_menu(d->field) != NULL)
        fprintf(out, ", menu: %s%s", d->type->name, d->field->name);
}

void db_describe(FILE *out, const struct db_description *d)
{
    const struct db_said *said = d->said;
    fprintf(out, "{name: %s, type: %s", d->field->name, db_type_name(said->type));
    if (said->type == DBF_NOACCESS) {
        fputs("}\n", out);
        return;
    }
    if (said->type == DBF_STRING)
        fprintf(out, ", size: %d", said->bytes);
    if (said->count != 1)
        fprintf(out, ", count: %ld", said->count);
    fputs(said->is_array ? ", array: yes" : said->by_reference ? ", by-reference: yes" : "", out);
    fputs(said->is_long ? ", long: yes" : "", out);
    fputs(said->is_readonly ? ", write: no" : "", out);
    fputs(d->field->process_passive ? ", process: yes" : "", out);
    fputs(d->field->prop ? ", property: yes" : "", out);
    print_menu_name(out, d);
    print_states(out, d);
    print_meta(out, d);
    fprintf(out, ", value: %s}\n", d->value);
}
