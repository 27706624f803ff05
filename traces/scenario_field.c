/* A field of a scenario: the keys of its mapping. */
#include "traces/scenario_parts.h"

#include <math.h>
#include <string.h>

#define COUNT_MOST    (1u << 30)
#define LENGTH(table) (sizeof(table) / sizeof *(table))

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

static int take_array(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_ARRAY | SCENARIO_BY_REFERENCE, true);
}

static int take_long(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_LONG_TEXT, true);
}

static int take_by_reference(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_BY_REFERENCE, true);
}

static int take_write(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_READONLY, false);
}

static int take_attribute(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_ATTRIBUTE, true);
}

static int take_process(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_PROCESS, true);
}

static int take_property(struct yaml_reader *r, yaml_node_t *node, void *into)
{
    return scenario_read_flag(r, node, &((struct field_draft *)into)->field->flags, SCENARIO_PROPERTY, true);
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

int scenario_read_field(struct yaml_reader *r, yaml_node_t *node, const struct scenario_type *type, struct scenario_field *field)
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
        return scenario_read_value(r, draft.value, field, &field->value);
    static const char *const nothing = "";
    field->value.count = field->flags & SCENARIO_ARRAY ? 0 : 1;
    field->value.data = scenario_is_text(field->kind) ? (const void *)&nothing : &zero;
    return 0;
}
