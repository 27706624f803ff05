/* YAML nodes -> C values, with the file and line of whatever is wrong. The one door to libyaml. Inside traces/scenario* only.
 * Functions return 0, or -1 with the reader's diag set. */
#ifndef CAPLAY_TRACES_SCENARIO_YAML_H
#define CAPLAY_TRACES_SCENARIO_YAML_H

#include "traces/scenario.h"

#include <yaml.h>

struct yaml_reader {
    yaml_document_t document;
    const char *file; /* for messages */
    struct scenario *scenario;
    struct diag *diag;
};

/* One key of a mapping: what to do with its value. */
struct yaml_key {
    const char *name;
    int (*take)(struct yaml_reader *r, yaml_node_t *value, void *into);
};

int yaml_fail(struct yaml_reader *r, const yaml_node_t *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Give each value of a mapping to its key; a key that is not in the table is an error, as is one that comes twice. `what` is for
 * messages: "a record". */
int yaml_map(struct yaml_reader *r, yaml_node_t *map, const char *what, const struct yaml_key *keys, size_t nkeys, void *into);

/* Number of entries of a mapping or of items of a list, and the i-th; node has been checked by yaml_expect(). */
int yaml_expect(struct yaml_reader *r, const yaml_node_t *node, yaml_node_type_t type, const char *what);
unsigned yaml_count(const yaml_node_t *node);
yaml_node_t *yaml_item(struct yaml_reader *r, const yaml_node_t *list, unsigned i);
yaml_node_t *yaml_entry(struct yaml_reader *r, const yaml_node_t *map, unsigned i, const char **key);

/* Scalars. Texts live as long as the scenario. */
int yaml_text(struct yaml_reader *r, const yaml_node_t *node, const char **text);
int yaml_bool(struct yaml_reader *r, const yaml_node_t *node, bool *is);
int yaml_integer(struct yaml_reader *r, const yaml_node_t *node, int64_t least, int64_t most, int64_t *number);
int yaml_unsigned(struct yaml_reader *r, const yaml_node_t *node, uint64_t most, uint64_t *number);
int yaml_real(struct yaml_reader *r, const yaml_node_t *node, double *number);

/* Is it the null value, "~"? Does it start as a number does? */
bool yaml_is_null(const yaml_node_t *node);
bool yaml_is_number(const yaml_node_t *node);

#endif
