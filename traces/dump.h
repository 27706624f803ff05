/* The forms of `caplay dump` that are one line a message, to stdout. */
#ifndef CAPLAY_TRACES_DUMP_H
#define CAPLAY_TRACES_DUMP_H

#include "traces/describe.h"

/* How many elements of an array are shown, unless asked otherwise. */
#define DUMP_ELEMENTS 8u

/* most: elements of an array that are shown. false: no memory, nothing was written. */
bool dump_text(const struct description *d, uint32_t most);
bool dump_json(const struct description *d, uint32_t most);

/* A loss, at its time among the messages. */
void dump_text_loss(const struct trace_loss *loss);
bool dump_json_loss(const struct trace_loss *loss);

/* A row (RFC 4180), the columns of which are those of the head line. */
bool dump_csv(const struct description *d, uint32_t most);
void dump_csv_head(void);

/* The first values as wire_value_text() has them; to be freed. NULL: no memory. */
char *dump_values(const struct wire_value *v, uint32_t most);

#endif
