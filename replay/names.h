/* PV names -> numbers 0, 1, 2... in the order in which they were added. */
#ifndef CAPLAY_REPLAY_NAMES_H
#define CAPLAY_REPLAY_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define NAMES_NONE UINT32_MAX

struct names;

struct names *names_new(void); /* NULL: no memory */
void names_free(struct names *names);

/* Number of the name, which is added if it is new; NAMES_NONE if there is no memory. */
uint32_t names_add(struct names *names, const char *name, size_t length);

/* Number of the name, or NAMES_NONE. Allocates nothing. */
uint32_t names_find(const struct names *names, const char *name, size_t length);

uint32_t names_count(const struct names *names);

/* The k-th name, NUL-terminated, valid until names_free(). k < names_count(). */
const char *names_at(const struct names *names, uint32_t k);

/* Length of the record's own name in a channel name: "x.VAL", "x." and "x" are the same field (ca-protocol 3.4). */
size_t names_record_length(const char *name, size_t length);

#endif
