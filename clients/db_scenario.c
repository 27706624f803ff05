#include "clients/db_scenario.h"

#include "clients/db_value.h"

#include <dbLink.h>
#include <epicsMath.h>
#include <epicsVersion.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

static bool is_probe(const char *name)
{
    return strncmp(name, DB_PROBE_PREFIX, strlen(DB_PROBE_PREFIX)) == 0;
}

static void probe_name(const dbRecordType *type, char name[128])
{
    snprintf(name, 128, DB_PROBE_PREFIX "%s", type->name);
}

int db_scenario_prepare(struct diag *diag)
{
    DBENTRY entry, probe;
    char name[128];
    dbInitEntry(pdbbase, &entry);
    for (long status = dbFirstRecordType(&entry); status == 0; status = dbNextRecordType(&entry)) {
        if (dbGetNRecords(&entry) == 0)
            continue;
        probe_name(entry.precordType, name);
        dbInitEntry(pdbbase, &probe);
        if (dbFindRecordType(&probe, entry.precordType->name) != 0 || dbCreateRecord(&probe, name) != 0)
            return diag_fail(diag, DIAG_ENVIRONMENT, "cannot make a record of type %s", entry.precordType->name);
        if (dbFindField(&probe, "FTVL") == 0) /* arrays of numbers have the metadata that those of strings lack */
            dbPutString(&probe, "DOUBLE");
        dbFinishEntry(&probe);
    }
    dbFinishEntry(&entry);
    return 0;
}

/* ---- menus ---- */

static void print_choices(FILE *out, const char *type, const char *name, char *const *choice, int n)
{
    fprintf(out, "  %s%s: [", type, name);
    for (int i = 0; i < n; i++) {
        fputs(i == 0 ? "" : ", ", out);
        db_print_text(out, choice[i]);
    }
    fputs("]\n", out);
}

static void print_menus(FILE *out)
{
    fputs("menus:\n", out);
    for (ELLNODE *node = ellFirst(&pdbbase->menuList); node != NULL; node = ellNext(node)) {
        const dbMenu *menu = (const dbMenu *)node;
        print_choices(out, "", menu->name, menu->papChoiceValue, menu->nChoice);
    }
}

static const dbDeviceMenu *device_menu(const dbFldDes *field)
{
    return field->field_type == DBF_DEVICE ? field->ftPvt : NULL;
}

static void print_device_menu(FILE *out, const dbRecordType *type)
{
    for (short i = 0; i < type->no_fields; i++) {
        const dbDeviceMenu *menu = device_menu(type->papFldDes[i]);
        if (menu != NULL)
            print_choices(out, type->name, type->papFldDes[i]->name, menu->papChoice, menu->nChoice);
    }
}

/* ---- one field's description ---- */

struct description {
    const dbRecordType *type;
    const dbFldDes *field;
    const struct db_said *said, *expected; /* where they differ, what comes from other fields is not told */
    const struct db_origin *origin;
    const char *value;
};

static const char *field_name(const struct description *d, short field)
{
    return d->type->papFldDes[field]->name;
}

static bool is_from_field(const struct description *d, unsigned n)
{
    return d->origin->number[n] != DB_NOWHERE && db_is_equal(d->said->number[n], d->expected->number[n]);
}

static bool is_control_from_fields(const struct description *d)
{
    return is_from_field(d, DB_CONTROL) && is_from_field(d, DB_CONTROL + 1);
}

/* A STRING or ENUM array has no units, though the same record's array of numbers has. */
static bool are_units_from_field(const struct description *d)
{
    bool can_have = d->said->type == d->origin->plain.type || (d->said->type != DBF_STRING && d->said->type != DBF_ENUM);
    return can_have && d->origin->units != DB_NOWHERE && strcmp(d->said->units, d->expected->units) == 0;
}

static void print_number_of(FILE *out, const struct description *d, unsigned n)
{
    if (is_from_field(d, n))
        fputs(field_name(d, d->origin->number[n]), out);
    else
        db_print_number(out, d->said->number[n]);
}

/* Nothing where all are 0 (alarm limits: NaN), which a scenario takes for what is not told. */
static void print_numbers(FILE *out, const struct description *d, const char *key, unsigned from, unsigned to)
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

static void print_gates(FILE *out, const struct description *d)
{
    if (d->origin->gate[DB_ALARM] == DB_NOWHERE || !is_from_field(d, DB_ALARM))
        return;
    for (unsigned n = DB_ALARM; n < DB_CONTROL; n++)
        fprintf(out, "%s%s", n == DB_ALARM ? ", alarm-if: [" : ", ",
                d->origin->gate[n] != DB_NOWHERE ? field_name(d, d->origin->gate[n]) : "~");
    fputc(']', out);
}

static void print_meta(FILE *out, const struct description *d)
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

static bool is_same_states(const struct db_said *a, const struct db_said *b)
{
    return a->nstates == b->nstates && memcmp(a->state, b->state, sizeof a->state) == 0;
}

static void print_states(FILE *out, const struct description *d)
{
    bool from_fields = d->origin->nstates > 0 && is_same_states(d->said, d->expected);
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

static void print_menu_name(FILE *out, const struct description *d)
{
    const dbMenu *menu = d->field->field_type == DBF_MENU ? d->field->ftPvt : NULL;
    if (menu != NULL)
        fprintf(out, ", menu: %s", menu->name);
    else if (device_menu(d->field) != NULL)
        fprintf(out, ", menu: %s%s", d->type->name, d->field->name);
}

static void print_description(FILE *out, const struct description *d)
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

/* ---- record types ---- */

static char *value_text(DBADDR *address)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        abort();
    if (address->dbr_field_type != DBR_NOACCESS)
        db_print_value(f, address);
    fclose(f);
    return text;
}

static void take_values(struct db_type *type, DBENTRY *entry)
{
    DBADDR address;
    type->value = calloc((size_t)type->type->no_fields, sizeof *type->value);
    if (type->value == NULL)
        abort();
    for (long status = dbFirstField(entry, 0); status == 0; status = dbNextField(entry, 0))
        if (strcmp(entry->pflddes->name, "NAME") == 0)
            type->value[entry->indfield] = strdup("\"\"");
        else if (db_address(entry, &address))
            type->value[entry->indfield] = value_text(&address);
}

static void print_attributes(FILE *out, const dbRecordType *type)
{
    for (ELLNODE *node = ellFirst(&type->attributeList); node != NULL; node = ellNext(node)) {
        const dbRecordAttribute *attribute = (const dbRecordAttribute *)node;
        fprintf(out, "    - {name: %s, type: STRING, size: 40, attribute: yes, value: ", attribute->name);
        db_print_text(out, attribute->value);
        fputs("}\n", out);
    }
}

static void print_type(FILE *out, const struct db_type *type)
{
    fprintf(out, "  %s:\n", type->type->name);
    for (short i = 0; i < type->type->no_fields; i++) {
        const struct description d = {.type = type->type,
                                      .field = type->type->papFldDes[i],
                                      .said = &type->field[i].plain,
                                      .expected = &type->field[i].plain,
                                      .origin = &type->field[i],
                                      .value = type->value[i]};
        fputs("    - ", out);
        print_description(out, &d);
    }
    print_attributes(out, type->type);
}

/* ---- records ---- */

static bool is_same(const struct db_said *a, const struct db_said *b)
{
    bool same = a->type == b->type && a->bytes == b->bytes && a->count == b->count && a->is_array == b->is_array &&
                a->is_long == b->is_long && a->text_precision == b->text_precision && a->by_reference == b->by_reference &&
                a->is_readonly == b->is_readonly && strcmp(a->units, b->units) == 0 && is_same_states(a, b);
    for (unsigned n = 0; n < DB_NUMBERS; n++)
        same = same && db_is_equal(a->number[n], b->number[n]);
    return same;
}

/* A multi-bit record's VAL is a number while it has no states: that is the server's to follow, since states may come. */
static bool is_state(const struct db_type *type, const dbFldDes *field)
{
    bool is_multi_bit = strcmp(type->type->name, "mbbi") == 0 || strcmp(type->type->name, "mbbo") == 0;
    return is_multi_bit && field->field_type == DBF_ENUM;
}

/* The fields whose description is not the type's, each with all of its description. */
static void print_own(FILE *out, const struct db_type *type, DBENTRY *entry)
{
    struct db_said said, expected;
    DBADDR address;
    unsigned printed = 0;
    for (long status = dbFirstField(entry, 0); status == 0; status = dbNextField(entry, 0)) {
        const struct db_origin *origin = &type->field[entry->indfield];
        if (is_state(type, entry->pflddes) || !db_address(entry, &address))
            continue;
        db_ask(&address, &said);
        db_origin_expect(type, origin, address.precord, &expected);
        if (is_same(&said, &expected))
            continue;
        char *value = value_text(&address);
        const struct description d = {
            .type = type->type, .field = entry->pflddes, .said = &said, .expected = &expected, .origin = origin, .value = value};
        fputs(printed++ == 0 ? "    own:\n      - " : "      - ", out);
        print_description(out, &d);
        free(value);
    }
}

static void print_values(FILE *out, const struct db_type *type, DBENTRY *entry)
{
    DBADDR address;
    unsigned printed = 0;
    for (long status = dbFirstField(entry, 0); status == 0; status = dbNextField(entry, 0)) {
        if (strcmp(entry->pflddes->name, "NAME") == 0 || !db_address(entry, &address))
            continue;
        char *value = value_text(&address);
        if (strcmp(value, type->value[entry->indfield]) != 0)
            fprintf(out, "%s%s: %s", printed++ == 0 ? "    values: {" : ", ", entry->pflddes->name, value);
        free(value);
    }
    fputs(printed > 0 ? "}\n" : "", out);
}

static void print_infos(FILE *out, DBENTRY *entry)
{
    unsigned printed = 0;
    for (long status = dbFirstInfo(entry); status == 0; status = dbNextInfo(entry)) {
        fputs(printed++ == 0 ? "    info: {" : ", ", out);
        db_print_text(out, dbGetInfoName(entry));
        fputs(": ", out);
        db_print_text(out, dbGetInfoString(entry));
    }
    fputs(printed > 0 ? "}\n" : "", out);
}

/* Would it change by itself in an IOC, or change others? */
static bool is_live(const struct dbCommon *record)
{
    if (record->scan != 0)
        return true;
    const dbRecordType *type = record->rdes;
    for (short i = 0; i < type->no_links; i++) {
        const dbFldDes *field = type->papFldDes[type->link_ind[i]];
        const struct link *link = (const struct link *)((const char *)record + field->offset);
        if (!dbLinkIsConstant(link))
            return true;
    }
    return false;
}

static void print_record(FILE *out, const struct db_type *type, DBENTRY *entry)
{
    const struct dbCommon *record = entry->precnode->precord;
    fputs("  - name: ", out);
    db_print_text(out, record->name);
    fprintf(out, "\n    type: %s\n", type->type->name);
    fputs(is_live(record) ? "    live: yes\n" : "", out);
    fputs(record->time.secPastEpoch != 0 ? "    processed: yes\n" : "", out);
    print_infos(out, entry);
    print_values(out, type, entry);
    print_own(out, type, entry);
}

static void print_records(FILE *out, const struct db_type *type, DBENTRY *entry)
{
    for (long status = dbFirstRecord(entry); status == 0; status = dbNextRecord(entry))
        if (!dbIsAlias(entry) && !is_probe(dbGetRecordName(entry)))
            print_record(out, type, entry);
}

static void print_aliases(FILE *out, const struct db_type *type, DBENTRY *entry)
{
    (void)type;
    for (long status = dbFirstRecord(entry); status == 0; status = dbNextRecord(entry)) {
        const struct dbCommon *record = entry->precnode->precord;
        if (!dbIsAlias(entry))
            continue;
        fputs("  ", out);
        db_print_text(out, dbGetRecordName(entry));
        fputs(": ", out);
        db_print_text(out, record->name);
        fputc('\n', out);
    }
}

/* ---- all of it ---- */

/* The types that have records, each with its probe asked. */
static unsigned find_types(struct db_type *types)
{
    DBENTRY entry;
    char name[128];
    unsigned n = 0;
    for (ELLNODE *node = ellFirst(&pdbbase->recordTypeList); node != NULL; node = ellNext(node)) {
        struct db_type *type = &types[n];
        *type = (struct db_type){.type = (dbRecordType *)node};
        probe_name(type->type, name);
        dbInitEntry(pdbbase, &entry);
        if (dbFindRecord(&entry, name) == 0) {
            type->probe = entry.precnode->precord;
            take_values(type, &entry);
            if (!db_type_probe(type, &entry))
                abort();
            n++;
        }
        dbFinishEntry(&entry);
    }
    return n;
}

static unsigned count_aliases(const struct db_type *types, unsigned n)
{
    unsigned aliases = 0;
    for (unsigned i = 0; i < n; i++)
        aliases += (unsigned)types[i].type->no_aliases;
    return aliases;
}

static void each_type(FILE *out, const struct db_type *types, unsigned n,
                      void (*print)(FILE *, const struct db_type *, DBENTRY *))
{
    DBENTRY entry;
    for (unsigned i = 0; i < n; i++) {
        dbInitEntry(pdbbase, &entry);
        dbFindRecordType(&entry, types[i].type->name);
        print(out, &types[i], &entry);
        dbFinishEntry(&entry);
    }
}

void db_scenario_print(FILE *out, const struct option_list *files)
{
    struct db_type *types = calloc((size_t)ellCount(&pdbbase->recordTypeList) + 1, sizeof *types);
    if (types == NULL)
        abort();
    unsigned n = find_types(types);
    fprintf(out, "scenario: 1\nsource: \"%s by caplay-db, %s\"\n", files->at[0], EPICS_VERSION_STRING);
    print_menus(out);
    for (unsigned i = 0; i < n; i++)
        print_device_menu(out, types[i].type);
    fputs("record-types:\n", out);
    for (unsigned i = 0; i < n; i++)
        print_type(out, &types[i]);
    fputs("records:\n", out);
    each_type(out, types, n, print_records);
    if (count_aliases(types, n) > 0)
        fputs("aliases:\n", out);
    each_type(out, types, n, print_aliases);
}
