/* uthash as we use it: a table that finds no memory leaves the record out (its handle's tbl is NULL) and does not exit; keys are
 * hashed by XXH3, which takes eight bytes at a time where uthash's own takes one. */
#ifndef CAPLAY_TRACES_TABLE_H
#define CAPLAY_TRACES_TABLE_H

#include <xxhash.h>

#define HASH_NONFATAL_OOM              1
#define HASH_FUNCTION(key, bytes, sum) ((sum) = (unsigned)XXH3_64bits(key, bytes))
#include <uthash.h>

#endif
