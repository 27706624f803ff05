/* uthash as we use it: a table that finds no memory leaves the record out (its handle's tbl is NULL) and does not exit. */
#ifndef CAPLAY_TRACES_TABLE_H
#define CAPLAY_TRACES_TABLE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
