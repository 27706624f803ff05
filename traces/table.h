/* uthash as we use it: a table that finds no memory leaves the record out (its handle's tbl is NULL) and does not exit. */
#ifndef CAPLAY_TRACES_TABLE_H
#define CAPLAY_TRACES_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <xxhash.h>

/* Numbers of 4 and 8 bytes, as most keys are, by two products, so that each bit of the sum depends on all of theirs, however they
 * are counted on; all else by XXH3. */
static inline unsigned table_hash(const void *key, size_t n)
{
    static const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio */
    uint64_t number = 0;
    if (n != 4 && n != 8)
        return (unsigned)XXH3_64bits(key, n);
    memcpy(&number, key, n);
    number *= factor;
    number = (number ^ number >> 32) * factor;
    return (unsigned)(number >> 32);
}

#define HASH_NONFATAL_OOM              1
#define HASH_FUNCTION(key, bytes, sum) ((sum) = table_hash(key, bytes))
#include <uthash.h>

#endif
