/* libca's DBR structures as JSON. */
#ifndef CAPLAY_CLIENTS_LIBCA_VALUE_H
#define CAPLAY_CLIENTS_LIBCA_VALUE_H

#include <cadef.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Serial number in the first four 16-bit elements (base/frame.h), and the sum over all. */
uint64_t value_serial(const dbr_short_t *elements, long count);
int64_t value_sum(const dbr_short_t *elements, long count);

/* One number or string: that of a scalar; an array's serial number, or, where its elements are not 16-bit, its first element. */
json_t *value_short(const void *data, long type, long count);

/* Status, severity and stamp of a DBR_TIME structure. */
void value_add_stamp(json_t *into, const void *data);

/* "DOUBLE" of DBF_DOUBLE ...; NULL for others. */
const char *value_type_name(short native);

/* Value (an array's first 16 elements and its sum) of any DBR structure. */
void value_add_value(json_t *into, const void *data, long type, long count);

/* Units, precision, limits or labels, whatever a DBR_CTRL structure has. */
void value_add_metadata(json_t *into, const void *data, long type);

#endif
