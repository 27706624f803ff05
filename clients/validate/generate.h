/* Random dialogues: valid requests and slightly invalid ones, over the records of a database. The same seed gives the same text.
 * Puts stand in blocks of their own, since what is updated meanwhile has no defined order; their values are such as a record
 * takes without being processed by links. */
#ifndef CAPLAY_CLIENTS_VALIDATE_GENERATE_H
#define CAPLAY_CLIENTS_VALIDATE_GENERATE_H

#include "clients/validate/records.h"

#include <stdint.h>

/* A dialogue of at least `requests` requests as text, for free(); NULL: no memory. */
char *validate_generate(const struct validate_records *records, uint64_t seed, unsigned requests);

#endif
