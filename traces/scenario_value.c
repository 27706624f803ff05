/* The values of a scenario's fields. */
#include "traces/scenario_parts.h"

#include <string.h>

int scenario_read_flag(struct yaml_reader *r, yaml_node_t *node, uint16_t *flags, unsigned flag, bool when)
{
    bool is;
    if (yaml_bool(r, node, &is) < 0)
        return -1;
    if (is == when)
        *flags |= (uint16_t)flag;
    return 0;
}

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

int scenario_read_value(struct yaml_reader *r, const yaml_node_t *node, const struct scenario_field *field,
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
