#include "traces/scenario_yaml.h"

#include "traces/scenario_parts.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int yaml_fail(struct yaml_reader *r, const yaml_node_t *at, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return diag_fail(r->diag, DIAG_USAGE, "%s:%zu: %s", r->file, at->start_mark.line + 1, text);
}

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* ---- mappings and lists ---- */

int yaml_expect(struct yaml_reader *r, const yaml_node_t *node, yaml_node_type_t type, const char *what)
{
    if (node->type == type)
        return 0;
    return yaml_fail(r, node, "%s must be %s", what, type == YAML_MAPPING_NODE ? "a mapping {name: value}" : "a list");
}

unsigned yaml_count(const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE)
        return (unsigned)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    return (unsigned)(node->data.sequence.items.top - node->data.sequence.items.start);
}

yaml_node_t *yaml_item(struct yaml_reader *r, const yaml_node_t *list, unsigned i)
{
    return yaml_document_get_node(&r->document, list->data.sequence.items.start[i]);
}

yaml_node_t *yaml_entry(struct yaml_reader *r, const yaml_node_t *map, unsigned i, const char **key)
{
    const yaml_node_pair_t *pair = &map->data.mapping.pairs.start[i];
    *key = scalar(yaml_document_get_node(&r->document, pair->key));
    if (*key == NULL)
        *key = "";
    return yaml_document_get_node(&r->document, pair->value);
}

static const struct yaml_key *find_key(const char *name, const struct yaml_key *keys, size_t nkeys)
{
    for (size_t i = 0; i < nkeys; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

int yaml_map(struct yaml_reader *r, yaml_node_t *map, const char *what, const struct yaml_key *keys, size_t nkeys, void *into)
{
    uint64_t seen = 0; /* a bit for each key of the table: nkeys <= 64 */
    if (yaml_expect(r, map, YAML_MAPPING_NODE, what) < 0)
        return -1;
    for (unsigned i = 0; i < yaml_count(map); i++) {
        const char *name;
        yaml_node_t *value = yaml_entry(r, map, i, &name);
        const struct yaml_key *key = find_key(name, keys, nkeys);
        if (key == NULL)
            return yaml_fail(r, value, "unknown key '%s' in %s", name, what);
        uint64_t bit = UINT64_C(1) << (key - keys);
        if (seen & bit)
            return yaml_fail(r, value, "key '%s' comes twice in %s", name, what);
        seen |= bit;
        if (key->take(r, value, into) < 0)
            return -1;
    }
    return 0;
}

/* ---- scalars ---- */

static int expect_scalar(struct yaml_reader *r, const yaml_node_t *node, const char *what, const char **text)
{
    *text = scalar(node);
    return *text != NULL ? 0 : yaml_fail(r, node, "%s is expected here, not a list or mapping", what);
}

static int take_bytes(struct yaml_reader *r, const yaml_node_t *node, const char *hex, char *out)
{
    size_t n = strlen(hex);
    for (size_t i = 0; i < n; i += 2) {
        unsigned byte;
        if (i + 1 == n || !isxdigit((unsigned char)hex[i]) || !isxdigit((unsigned char)hex[i + 1]))
            return yaml_fail(r, node, "'%s' is no list of bytes in hex", hex);
        sscanf(hex + i, "%2x", &byte);
        out[i / 2] = (char)byte;
    }
    out[n / 2] = '\0';
    return 0;
}

int yaml_text(struct yaml_reader *r, const yaml_node_t *node, const char **text)
{
    const char *value;
    if (expect_scalar(r, node, "a text", &value) < 0)
        return -1;
    char *copy = scenario_alloc(r->scenario, strlen(value) + 1, 1);
    if (node->tag != NULL && strcmp((const char *)node->tag, "!bytes") == 0) {
        if (take_bytes(r, node, value, copy) < 0)
            return -1;
    } else {
        strcpy(copy, value);
    }
    *text = copy;
    return 0;
}

int yaml_bool(struct yaml_reader *r, const yaml_node_t *node, bool *is)
{
    const char *text;
    if (expect_scalar(r, node, "yes or no", &text) < 0)
        return -1;
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return yaml_fail(r, node, "yes or no is expected, not '%s'", text);
    *is = yes;
    return 0;
}

int yaml_integer(struct yaml_reader *r, const yaml_node_t *node, int64_t least, int64_t most, int64_t *number)
{
    const char *text;
    char *end;
    if (expect_scalar(r, node, "a whole number", &text) < 0)
        return -1;
    errno = 0;
    long long value = strtoll(text, &end, 0);
    if (end == text || *end != '\0' || errno != 0 || value < least || value > most)
        return yaml_fail(r, node, "a whole number from %" PRId64 " to %" PRId64 " is expected, not '%s'", least, most, text);
    *number = value;
    return 0;
}

int yaml_unsigned(struct yaml_reader *r, const yaml_node_t *node, uint64_t most, uint64_t *number)
{
    const char *text;
    char *end;
    if (expect_scalar(r, node, "a whole number", &text) < 0)
        return -1;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || value > most)
        return yaml_fail(r, node, "a whole number from 0 to %" PRIu64 " is expected, not '%s'", most, text);
    *number = value;
    return 0;
}

static bool special_number(const char *text, double *number)
{
    static const struct {
        const char *text;
        double number;
    } known[] = {{".nan", (double)NAN}, {".inf", HUGE_VAL}, {"+.inf", HUGE_VAL}, {"-.inf", -HUGE_VAL}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i].text) == 0) {
            *number = known[i].number;
            return true;
        }
    return false;
}

int yaml_real(struct yaml_reader *r, const yaml_node_t *node, double *number)
{
    const char *text;
    char *end;
    if (expect_scalar(r, node, "a number", &text) < 0)
        return -1;
    if (special_number(text, number))
        return 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !yaml_is_number(node))
        return yaml_fail(r, node, "a number is expected, not '%s'", text);
    *number = value;
    return 0;
}

bool yaml_is_null(const yaml_node_t *node)
{
    const char *text = scalar(node);
    return text != NULL && strcmp(text, "~") == 0 && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool yaml_is_number(const yaml_node_t *node)
{
    const char *text = scalar(node);
    return text != NULL && *text != '\0' && strchr("+-.0123456789", *text) != NULL;
}
