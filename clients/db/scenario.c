#include "clients/db/scenario.h"

#include "clients/db/describe.h"
#include "clients/db/value.h"

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

static void print_device_menu(FILE *out, const dbRecordType *type)
{
    for (short i = 0; i < type->no_fields; i++) {
        const dbDeviceMenu *menu = db_device_menu(type->papFldDes[i]);
        if (menu != NULL)
            print_choices(out, type->name, type->papFldDes[i]->name, menu->papChoice, menu->nChoice);
    }
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
        const struct db_description d = {.type = type->type,
                                         .field = type->type->papFldDes[i],
                                         .said = &type->field[i].plain,
                                         .expected = &type->field[i].plain,
                                         .origin = &type->field[i],
                                         .value = type->value[i]};
        fputs("    - ", out);
        db_describe(out, &d);
    }
    print_attributes(out, type->type);
}

/* ---- records ---- */

static bool is_same(const struct db_said *a, const struct db_said *b)
{
    bool same = a->type == b->type && a->bytes == b->bytes && a->count == b->count && a->is_array == b->is_array &&
                a->is_long == b->is_long && a->text_precision == b->text_precision && a->by_reference == b->by_reference &&
                a->is_readonly == b->is_readonly && strcmp(a->units, b->units) == 0 && db_is_same_states(a, b);
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
        const struct db_description d = {
            .type = type->type, .field = entry->pflddes, .said = &said, .expected = &expected, .origin = origin, .value = value};
        fputs(printed++ == 0 ? "    own:\n      - " : "      - ", out);
        db_describe(out, &d);
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
