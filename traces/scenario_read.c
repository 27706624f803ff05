/* A scenario's YAML -> struct scenario: the keys of each mapping, one table each. */
#include "traces/scenario_memory.h"
#include "traces/scenario_yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1
#define COUNT_MOST     (1u << 30)

#define LENGTH(table) (sizeof(table) / sizeof *(table))

/* ---- fields ---- */

/* A field while it is read: its value is understood when all else is known. */
struct field_draft {
    const struct scenario_type *type; /* whose fields its metadata may name */
    struct scenario_field *field;
    yaml_node_t *value;
};

static const char *const kind_names[SCENARIO_KINDS] = {
    [SCENARIO_STRING] = "STRING",   [SCENARIO_CHAR] = "CHAR",       [SCENARIO_UCHAR] = "UCHAR",
    [SCENARIO_SHORT] = "SHORT",     [SCENARIO_USHORT] = "USHORT",   [SCENARIO_LONG] = "LONG",
    [SCENARIO_ULONG] = "ULONG",     [SCENARIO_INT64] = "INT64",     [SCENARIO_UINT64] = "UINT64",
    [SCENARIO_FLOAT] = "FLOAT",     [SCENARIO_DOUBLE] = "DOUBLE",   [SCENARIO_ENUM] = "ENUM",
    [SCENARIO_MENU] = "MENU",       [SCENARIO_DEVICE] = "DEVICE",   [SCENARIO_INLINK] = "INLINK",
    [SCENARIO_OUTLINK] = "OUTLINK", [SCENARIO_FWDLINK] = "FWDLINK", [SCENARIO_NOACCESS] = "NOACCESS",
};

static int take_name(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return yaml_text(r, node, &((struct field_draft *)into)->field->name);
}

static int take_kind(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    const char *text;
    if (yaml_text(r, node, &text) < 0)
        return -1;
    for (uint8_t kind = 0; kind < SCENARIO_KINDS; kind++)
        if (strcmp(kind_names[kind], text) == 0) {
            ((struct field_draft *)into)->field->kind = kind;
            return 0;
        }
    return yaml_fail(r, node, "'%s' is no type of a field (DOUBLE, LONG, STRING...)", text);
}

static int take_size(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    uint64_t size;
    if (yaml_unsigned(r, node, INT16_MAX, &size) < 0)
        return -1;
    ((struct field_draft *)into)->field->size = (uint16_t)size;
    return 0;
}

static int take_count(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    uint64_t count;
    if (yaml_unsigned(r, node, COUNT_MOST, &count) < 0)
        return -1;
    ((struct field_draft *)into)->field->count = (uint32_t)count;
    return 0;
}

static int take_flag(struct yaml_reader *r, yaml_node_t *node, uint16_t *flags, unsigned flag, bool when)
{
    bool is;
    if (yaml_bool(r, node, &is) < 0)
        return -1;
    if (is == when)
        *flags |= (uint16_t)flag;
    return 0;
}

static int take_array(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_ARRAY | SCENARIO_BY_REFERENCE, true);
}

static int take_long(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_LONG_TEXT, true);
}

static int take_by_reference(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_BY_REFERENCE, true);
}

static int take_write(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_READONLY, false);
}

static int take_attribute(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_ATTRIBUTE, true);
}

static int take_process(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_PROCESS, true);
}

static int take_property(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_PROPERTY, true);
}

static int take_menu(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    const struct scenario *s = r->scenario;
    const char *name;
    if (yaml_text(r, node, &name) < 0)
        return -1;
    for (unsigned i = 0; i < s->nmenus; i++)
        if (strcmp(s->menu[i].name, name) == 0) {
            ((struct field_draft *)into)->field->menu = &s->menu[i];
            return 0;
        }
    return yaml_fail(r, node, "there is no menu '%s' above", name);
}

/* ---- metadata ---- */

static int field_reference(struct yaml_reader *r, const yaml_node_t *node, const struct scenario_type *type, int16_t *field)
{
    const char *name;
    if (yaml_text(r, node, &name) < 0)
        return -1;
    int found = type != NULL ? scenario_field_find(type, name, strlen(name)) : SCENARIO_NOWHERE;
    if (found == SCENARIO_NOWHERE)
        return yaml_fail(r, node, "'%s' is neither a number nor a field here", name);
    *field = (int16_t)found;
    return 0;
}

static int number_or_field(struct yaml_reader *r, const yaml_node_t *node, struct field_draft *draft, unsigned n)
{
    struct scenario_meta *meta = &draft->field->meta;
    if (yaml_is_number(node))
        return yaml_real(r, node, &meta->number[n]);
    return field_reference(r, node, draft->type, &meta->number_of[n]);
}

static int expect_items(struct yaml_reader *r, const yaml_node_t *node, unsigned n)
{
    if (yaml_expect(r, node, YAML_SEQUENCE_NODE, "this") < 0)
        return -1;
    return yaml_count(node) == n ? 0 : yaml_fail(r, node, "%u items are expected, not %u", n, yaml_count(node));
}

static int take_numbers(struct yaml_reader *r, const yaml_node_t *node, struct field_draft *draft, unsigned from, unsigned to)
{
    if (expect_items(r, node, to - from) < 0)
        return -1;
    for (unsigned n = from; n < to; n++)
        if (number_or_field(r, yaml_item(r, node, n - from), draft, n) < 0)
            return -1;
    return 0;
}

static int take_units(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return yaml_text(r, node, &((struct field_draft *)into)->field->meta.units);
}

static int take_units_of(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct field_draft *draft = into;
    return field_reference(r, node, draft->type, &draft->field->meta.units_of);
}

static int take_precision(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return number_or_field(r, node, into, SCENARIO_PRECISION);
}

static int take_precision_most(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    int64_t most;
    if (yaml_integer(r, node, 0, INT16_MAX, &most) < 0)
        return -1;
    ((struct field_draft *)into)->field->meta.precision_most = (int16_t)most;
    return 0;
}

static int take_text_precision(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    int64_t precision;
    if (yaml_integer(r, node, 0, INT16_MAX, &precision) < 0)
        return -1;
    ((struct field_draft *)into)->field->meta.text_precision = (int16_t)precision;
    return 0;
}

static int take_display(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_numbers(r, node, into, SCENARIO_DISPLAY, SCENARIO_ALARM);
}

static int take_alarm(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_numbers(r, node, into, SCENARIO_ALARM, SCENARIO_CONTROL);
}

static int take_control(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_numbers(r, node, into, SCENARIO_CONTROL, SCENARIO_NUMBERS);
}

static int take_alarm_if(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct field_draft *draft = into;
    const unsigned n = SCENARIO_CONTROL - SCENARIO_ALARM;
    if (expect_items(r, node, n) < 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        const yaml_node_t *item = yaml_item(r, node, i);
        if (!yaml_is_null(item) && field_reference(r, item, draft->type, &draft->field->meta.gate[SCENARIO_ALARM + i]) < 0)
            return -1;
    }
    return 0;
}

static int take_control_within(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct field_draft *draft = into;
    if (expect_items(r, node, 2) < 0)
        return -1;
    for (unsigned i = 0; i < 2; i++)
        if (field_reference(r, yaml_item(r, node, i), draft->type, &draft->field->meta.within[i]) < 0)
            return -1;
    return 0;
}

static int count_labels(struct yaml_reader *r, const yaml_node_t *node, struct scenario_meta *meta)
{
    if (yaml_expect(r, node, YAML_SEQUENCE_NODE, "labels") < 0)
        return -1;
    if (meta->nlabels > 0)
        return yaml_fail(r, node, "a field has either labels or labels-of");
    if (yaml_count(node) > SCENARIO_LABELS)
        return yaml_fail(r, node, "%u labels are at most %d", yaml_count(node), SCENARIO_LABELS);
    meta->nlabels = (uint16_t)yaml_count(node);
    return 0;
}

static int take_labels(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct scenario_meta *meta = &((struct field_draft *)into)->field->meta;
    if (count_labels(r, node, meta) < 0)
        return -1;
    for (unsigned i = 0; i < meta->nlabels; i++)
        if (yaml_text(r, yaml_item(r, node, i), &meta->label[i]) < 0)
            return -1;
    return 0;
}

static int take_labels_of(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    struct field_draft *draft = into;
    struct scenario_meta *meta = &draft->field->meta;
    if (count_labels(r, node, meta) < 0)
        return -1;
    meta->labels_are_fields = true;
    for (unsigned i = 0; i < meta->nlabels; i++)
        if (field_reference(r, yaml_item(r, node, i), draft->type, &meta->label_of[i]) < 0)
            return -1;
    return 0;
}

static int take_labels_unset(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    uint64_t n;
    if (yaml_unsigned(r, node, SCENARIO_LABELS, &n) < 0)
        return -1;
    ((struct field_draft *)into)->field->meta.labels_unset = (uint16_t)n;
    return 0;
}

/* ---- values ---- */

static int integer_value(struct yaml_reader *r, const yaml_node_t *node, int64_t least, int64_t most, size_t size, void *at)
{
    int64_t number;
    if (yaml_integer(r, node, least, most, &number) < 0)
        return -1;
    memcpy(at, &number, size); /* little endian: the low bytes come first */
    return 0;
}

static int unsigned_value(struct yaml_reader *r, const yaml_node_t *node, uint64_t most, size_t size, void *at)
{
    uint64_t number;
    if (yaml_unsigned(r, node, most, &number) < 0)
        return -1;
    memcpy(at, &number, size);
    return 0;
}

static int real_value(struct yaml_reader *r, const yaml_node_t *node, size_t size, void *at)
{
    double number;
    if (yaml_real(r, node, &number) < 0)
        return -1;
    float narrow = (float)number;
    memcpy(at, size == sizeof narrow ? (const void *)&narrow : (const void *)&number, size);
    return 0;
}

static int element(struct yaml_reader *r, const yaml_node_t *node, enum scenario_kind kind, void *at)
{
    switch (kind) {
    case SCENARIO_CHAR:
        return integer_value(r, node, INT8_MIN, INT8_MAX, 1, at);
    case SCENARIO_SHORT:
        return integer_value(r, node, INT16_MIN, INT16_MAX, 2, at);
    case SCENARIO_LONG:
        return integer_value(r, node, INT32_MIN, INT32_MAX, 4, at);
    case SCENARIO_INT64:
        return integer_value(r, node, INT64_MIN, INT64_MAX, 8, at);
    case SCENARIO_UCHAR:
        return unsigned_value(r, node, UINT8_MAX, 1, at);
    case SCENARIO_USHORT:
    case SCENARIO_ENUM:
    case SCENARIO_MENU:
    case SCENARIO_DEVICE:
        return unsigned_value(r, node, UINT16_MAX, 2, at);
    case SCENARIO_ULONG:
        return unsigned_value(r, node, UINT32_MAX, 4, at);
    case SCENARIO_UINT64:
        return unsigned_value(r, node, UINT64_MAX, 8, at);
    case SCENARIO_FLOAT:
    case SCENARIO_DOUBLE:
        return real_value(r, node, scenario_element_bytes(kind), at);
    default:
        return yaml_text(r, node, (const char **)at);
    }
}

static int take_elements(struct yaml_reader *r, const yaml_node_t *node, const struct scenario_field *field,
                         struct scenario_value *value)
{
    size_t size = scenario_element_bytes((enum scenario_kind)field->kind);
    if (yaml_expect(r, node, YAML_SEQUENCE_NODE, "an array's value") < 0)
        return -1;
    unsigned n = yaml_count(node);
    if (n > field->count)
        return yaml_fail(r, node, "%u elements are too many: %s has room for %u", n, field->name, field->count);
    char *data = scenario_alloc(r->scenario, n > 0 ? n : 1, size);
    for (unsigned i = 0; i < n; i++)
        if (element(r, yaml_item(r, node, i), (enum scenario_kind)field->kind, data + i * size) < 0)
            return -1;
    *value = (struct scenario_value){.count = n, .data = data};
    return 0;
}

static int understand_value(struct yaml_reader *r, const yaml_node_t *node, const struct scenario_field *field,
                            struct scenario_value *value)
{
    if (field->kind == SCENARIO_NOACCESS)
        return yaml_fail(r, node, "%s is NOACCESS: it has no value", field->name);
    if (field->flags & SCENARIO_ARRAY)
        return take_elements(r, node, field, value);
    void *data = scenario_alloc(r->scenario, 1, sizeof(uint64_t));
    *value = (struct scenario_value){.count = 1, .data = data};
    return element(r, node, (enum scenario_kind)field->kind, data);
}

static int take_value(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    (void)r;
    ((struct field_draft *)into)->value = node;
    return 0;
}

/* ---- whole fields ---- */

static const struct yaml_key field_keys[] = {
    {"name", take_name},
    {"type", take_kind},
    {"size", take_size},
    {"count", take_count},
    {"array", take_array},
    {"by-reference", take_by_reference},
    {"long", take_long},
    {"write", take_write},
    {"attribute", take_attribute},
    {"process", take_process},
    {"property", take_property},
    {"menu", take_menu},
    {"labels", take_labels},
    {"labels-of", take_labels_of},
    {"labels-unset", take_labels_unset},
    {"units", take_units},
    {"units-of", take_units_of},
    {"precision", take_precision},
    {"precision-most", take_precision_most},
    {"text-precision", take_text_precision},
    {"display", take_display},
    {"alarm", take_alarm},
    {"alarm-if", take_alarm_if},
    {"control", take_control},
    {"control-within", take_control_within},
    {"value", take_value},
};

static void field_init(struct scenario_field *field)
{
    struct scenario_meta *meta = &field->meta;
    *field = (struct scenario_field){.kind = SCENARIO_DOUBLE, .count = 1, .size = 40};
    meta->units_of = meta->precision_most = meta->text_precision = meta->within[0] = meta->within[1] = SCENARIO_NOWHERE;
    for (unsigned n = 0; n < SCENARIO_NUMBERS; n++) {
        meta->number_of[n] = meta->gate[n] = SCENARIO_NOWHERE;
        meta->number[n] = n >= SCENARIO_ALARM && n < SCENARIO_CONTROL ? (double)NAN : 0;
    }
}

static int read_field(struct yaml_reader *r, yaml_node_t *node, const struct scenario_type *type, struct scenario_field *field)
{
    static const uint64_t zero;
    struct field_draft draft = {.type = type, .field = field};
    field_init(field);
    if (yaml_map(r, node, "a field", field_keys, LENGTH(field_keys), &draft) < 0)
        return -1;
    if (field->name == NULL)
        return yaml_fail(r, node, "a field has no name");
    if (field->count == 0)
        return yaml_fail(r, node, "%s has no room for an element", field->name);
    if (draft.value != NULL)
        return understand_value(r, draft.value, field, &field->value);
    static const char *const nothing = "";
    field->value.count = field->flags & SCENARIO_ARRAY ? 0 : 1;
    field->value.data = scenario_is_text(field->kind) ? (const void *)&nothing : &zero;
    return 0;
}

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
        if (read_field(r, yaml_item(r, list, i), type, &field) < 0)
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
    return take_flag(r, node, &((struct record_draft *)into)->record->flags, SCENARIO_LIVE, true);
}

static int take_processed(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return take_flag(r, node, &((struct record_draft *)into)->record->flags, SCENARIO_PROCESSED, true);
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
        char *name = scenario_alloc(r->scenario, strlen(key) + 1, 1);
        record->info[i].name = strcpy(name, key);
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
        if (read_field(r, node, record->type, &own->is) < 0)
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
        if (understand_value(r, node, scenario_field_of(record, override->field), &override->value) < 0)
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
        char *name = scenario_alloc(s, strlen(key) + 1, 1);
        menu->name = strcpy(name, key);
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
        char *name = scenario_alloc(s, strlen(key) + 1, 1);
        s->type[s->ntypes].name = strcpy(name, key);
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
        char *name = scenario_alloc(s, strlen(key) + 1, 1);
        alias->name = strcpy(name, key);
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
