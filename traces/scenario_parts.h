/* What the files of traces/scenario* share. */
#ifndef CAPLAY_TRACES_SCENARIO_PARTS_H
#define CAPLAY_TRACES_SCENARIO_PARTS_H

#include "traces/scenario_yaml.h"

/* n zeroed elements that live as long as the scenario. Ends the process without memory. */
void *scenario_alloc(struct scenario *s, size_t n, size_t size);

/* A copy of a text that lives as long. */
const char *scenario_copy(struct scenario *s, const char *text);

/* Functions that read return 0, or -1 with the reader's diag set. */

/* yes or no: set `flag` where it is `when`. */
int scenario_read_flag(struct yaml_reader *r, yaml_node_t *node, uint16_t *flags, unsigned flag, bool when);

/* The value of a field: a scalar, or the list of an array's elements. */
int scenario_read_value(struct yaml_reader *r, const yaml_node_t *node, const struct scenario_field *field,
                        struct scenario_value *value);

/* A field's mapping. type: whose fields its metadata may name; their names are known already. */
int scenario_read_field(struct yaml_reader *r, yaml_node_t *node, const struct scenario_type *type, struct scenario_field *field);

#endif
