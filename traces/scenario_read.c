/* A scenario's YAML -> struct scenario: record types, records, and the whole. */
#include "traces/scenario_parts.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1
#define LENGTH(table)  (sizeof(table) / sizeof *(table))

/* ---- record types ---- */

/* The names first, since metadata may name fields that come later. */
static int read_names(struct yaml_reader *r, const yaml_node_t *list, struct scenario_type *type)
{
    for (unsigned i = 0; i < type->nfields; i++) {
        const yaml_node_t *node = yaml_item(r, list, i);
        if (yaml_expect(r, node, YAML_MAPPING_NODE, "a field") < 0)
            return -1;
        type->field[i].name = "";
        for (unsigned k = 0; k < yaml_count(node); k++) {
            const char *key;
            const yaml_node_t *value = yaml_entry(r, node, k, &key);
            if (strcmp(key, "name") == 0 && yaml_text(r, value, &type->field[i].name) < 0)
                return -1;
        }
    }
    return 0;
}

static int read_type(struct yaml_reader *r, const yaml_node_t *list, struct scenario_type *type)
{
    if (yaml_expect(r, list, YAML_SEQUENCE_NODE, "the fields of a record type") < 0)
        return -1;
    type->nfields = yaml_count(list);
    if (type->nfields > INT16_MAX)
        return yaml_fail(r, list, "%u fields are too many", type->nfields);
    type->field = scenario_alloc(r->scenario, type->nfields + 1, sizeof *type->field);
    if (read_names(r, list, type) < 0)
        return -1;
    for (unsigned i = 0; i < type->nfields; i++) {
        struct scenario_field field;
        if (scenario_read_field(r, yaml_item(r, list, i), type, &field) < 0)
            return -1;
        type->field[i] = field;
    }
    return 0;
}

/* ---- records ---- */

struct record_draft {
    struct scenario_record *record;
    yaml_node_t *values, *own;
};

static int take_record_name(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return yaml_text(r, node, &((struct record_draft *)into)->record->name);
}

static int take_record_type(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    const struct scenario *s = r->scenario;
    const char *name;
    if (yaml_text(r, node, &name) < 0)
        return -1;
    for (unsigned i = 0; i < s->ntypes; i++)
        if (strcmp(s->type[i].name, name) == 0) {
            ((struct record_draft *)into)->record->type = &s->type[i];
            return 0;
        }
    return yaml_fail(r, node, "there is no record type '%s' above", name);
}

static int take_live(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct record_draft *)into)->record->flags, SCENARIO_LIVE, true);
}

static int take_processed(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct record_draft *)into)->record->flags, SCENARIO_PROCESSED, true);
}

static int take_info(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct scenario_record *record = ((struct record_draft *)into)->record;
    if (yaml_expect(r, node, YAML_MAPPING_NODE, "info") < 0)
        return -1;
    record->ninfos = yaml_count(node);
    record->info = scenario_alloc(r->scenario, record->ninfos + 1, sizeof *record->info);
    for (unsigned i = 0; i < record->ninfos; i++) {
        const char *key;
        const yaml_node_t *value = yaml_entry(r, node, i, &key);
        record->info[i].name = scenario_copy(r->scenario, key);
        if (yaml_text(r, value, &record->info[i].text) < 0)
            return -1;
    }
    return 0;
}

static int take_values(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    ((struct record_draft *)into)->values = node;
    return yaml_expect(r, node, YAML_MAPPING_NODE, "values");
}

static int take_own(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    ((struct record_draft *)into)->own = node;
    return yaml_expect(r, node, YAML_SEQUENCE_NODE, "own");
}

static const struct yaml_key record_keys[] = {
    {"name", take_record_name}, {"type", take_record_type}, {"live", take_live}, {"processed", take_processed},
    {"info", take_info},        {"values", take_values},    {"own", take_own},
};

static int read_own(struct yaml_reader *r, const yaml_node_t *list, struct scenario_record *record)
{
    record->nown = yaml_count(list);
    record->own = scenario_alloc(r->scenario, record->nown + 1, sizeof *record->own);
    for (unsigned i = 0; i < record->nown; i++) {
        struct scenario_own *own = &record->own[i];
        yaml_node_t *node = yaml_item(r, list, i);
        if (scenario_read_field(r, node, record->type, &own->is) < 0)
            return -1;
        own->field = (int16_t)scenario_field_find(record->type, own->is.name, strlen(own->is.name));
        if (own->field == SCENARIO_NOWHERE)
            return yaml_fail(r, node, "record type %s has no field %s", record->type->name, own->is.name);
    }
    return 0;
}

static int read_values(struct yaml_reader *r, const yaml_node_t *map, struct scenario_record *record)
{
    record->nvalues = yaml_count(map);
    record->value = scenario_alloc(r->scenario, record->nvalues + 1, sizeof *record->value);
    for (unsigned i = 0; i < record->nvalues; i++) {
        struct scenario_override *override = &record->value[i];
        const char *key;
        const yaml_node_t *node = yaml_entry(r, map, i, &key);
        override->field = (int16_t)scenario_field_find(record->type, key, strlen(key));
        if (override->field == SCENARIO_NOWHERE)
            return yaml_fail(r, node, "record type %s has no field '%s'", record->type->name, key);
        if (scenario_read_value(r, node, scenario_field_of(record, override->field), &override->value) < 0)
            return -1;
    }
    return 0;
}

static int read_record(struct yaml_reader *r, yaml_node_t *node, struct scenario_record *record)
{
    struct record_draft draft = {.record = record};
    if (yaml_map(r, node, "a record", record_keys, LENGTH(record_keys), &draft) < 0)
        return -1;
    if (record->name == NULL || record->type == NULL)
        return yaml_fail(r, node, "a record needs a name and a type");
    if (draft.own != NULL && read_own(r, draft.own, record) < 0)
        return -1;
    return draft.values != NULL ? read_values(r, draft.values, record) : 0;
}

/* ---- the whole ---- */

static int take_version(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    int64_t version;
    (void)into;
    return yaml_integer(r, node, FORMAT_VERSION, FORMAT_VERSION, &version);
}

static int take_source(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return yaml_text(r, node, &((struct scenario *)into)->source);
}

static int take_menus(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct scenario *s = into;
    if (yaml_expect(r, node, YAML_MAPPING_NODE, "menus") < 0)
        return -1;
    s->menu = scenario_alloc(s, yaml_count(node) + 1, sizeof *s->menu);
    for (; s->nmenus < yaml_count(node); s->nmenus++) {
        struct scenario_menu *menu = &s->menu[s->nmenus];
        const char *key;
        const yaml_node_t *list = yaml_entry(r, node, s->nmenus, &key);
        if (yaml_expect(r, list, YAML_SEQUENCE_NODE, "a menu") < 0)
            return -1;
        menu->name = scenario_copy(s, key);
        menu->nchoices = yaml_count(list);
        menu->choice = scenario_alloc(s, menu->nchoices + 1, sizeof *menu->choice);
        for (unsigned i = 0; i < menu->nchoices; i++)
            if (yaml_text(r, yaml_item(r, list, i), &menu->choice[i]) < 0)
                return -1;
    }
    return 0;
}

static int take_types(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct scenario *s = into;
    if (yaml_expect(r, node, YAML_MAPPING_NODE, "record-types") < 0)
        return -1;
    s->type = scenario_alloc(s, yaml_count(node) + 1, sizeof *s->type);
    for (; s->ntypes < yaml_count(node); s->ntypes++) {
        const char *key;
        const yaml_node_t *list = yaml_entry(r, node, s->ntypes, &key);
        s->type[s->ntypes].name = scenario_copy(s, key);
        if (read_type(r, list, &s->type[s->ntypes]) < 0)
            return -1;
    }
    return 0;
}

static int take_records(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct scenario *s = into;
    if (yaml_expect(r, node, YAML_SEQUENCE_NODE, "records") < 0)
        return -1;
    s->record = scenario_alloc(s, yaml_count(node) + 1, sizeof *s->record);
    for (; s->nrecords < yaml_count(node); s->nrecords++)
        if (read_record(r, yaml_item(r, node, s->nrecords), &s->record[s->nrecords]) < 0)
            return -1;
    return 0;
}

static int find_record(struct yaml_reader *r, const yaml_node_t *node, unsigned *record)
{
    const struct scenario *s = r->scenario;
    const char *name;
    if (yaml_text(r, node, &name) < 0)
        return -1;
    for (unsigned i = 0; i < s->nrecords; i++)
        if (strcmp(s->record[i].name, name) == 0) {
            *record = i;
            return 0;
        }
    return yaml_fail(r, node, "there is no record '%s' above", name);
}

static int take_aliases(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct scenario *s = into;
    if (yaml_expect(r, node, YAML_MAPPING_NODE, "aliases") < 0)
        return -1;
    s->alias = scenario_alloc(s, yaml_count(node) + 1, sizeof *s->alias);
    for (; s->naliases < yaml_count(node); s->naliases++) {
        struct scenario_alias *alias = &s->alias[s->naliases];
        const char *key;
        const yaml_node_t *value = yaml_entry(r, node, s->naliases, &key);
        alias->name = scenario_copy(s, key);
        if (find_record(r, value, &alias->record) < 0)
            return -1;
    }
    return 0;
}

static const struct yaml_key top_keys[] = {
    {"scenario", take_version},   {"source", take_source},   {"menus", take_menus},
    {"record-types", take_types}, {"records", take_records}, {"aliases", take_aliases},
};

static int load(struct yaml_reader *r, FILE *file)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_file(&parser, file);
    int result = 0;
    if (!yaml_parser_load(&parser, &r->document))
        result = diag_fail(r->diag, DIAG_USAGE, "%s:%zu: %s", r->file, parser.problem_mark.line + 1,
                           parser.problem != NULL ? parser.problem : "this is no YAML");
    yaml_parser_delete(&parser);
    return result;
}

struct scenario *scenario_read(FILE *file, const char *name, struct diag *diag)
{
    struct yaml_reader r = {.file = name, .diag = diag, .scenario = calloc(1, sizeof *r.scenario)};
    if (r.scenario == NULL)
        abort();
    if (load(&r, file) < 0) {
        scenario_free(r.scenario);
        return NULL;
    }
    yaml_node_t *root = yaml_document_get_root_node(&r.document);
    int failed = root == NULL ? diag_fail(diag, DIAG_USAGE, "%s: it is empty", name)
                              : yaml_map(&r, root, "a scenario", top_keys, LENGTH(top_keys), r.scenario);
    yaml_document_delete(&r.document);
    if (failed == 0)
        return r.scenario;
    scenario_free(r.scenario);
    return NULL;
}
