/* The records of an EPICS database file, as far as random dialogues need them: names, types, and which may be written without
 * anything being processed that only a real IOC does. Macros are not expanded: records whose names hold one are left out. */
#ifndef CAPLAY_CLIENTS_VALIDATE_RECORDS_H
#define CAPLAY_CLIENTS_VALIDATE_RECORDS_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

struct validate_record {
    char name[64], type[24];
    bool is_writable;  /* of a type whose VAL is a value and no more, without links and SCAN */
    bool has_labels;   /* a state string is set */
    bool is_disguised; /* an array of a type that a client cannot tell from another: UCHAR, ULONG, INT64 ... */
};

struct validate_records {
    struct validate_record *at;
    size_t n;
    bool is_recorded; /* a server has a recording in which somebody read VAL of each: no fields, no puts */
};

/* 0, or -1 with DIAG_USAGE: unreadable, or no record in it. */
int validate_records_read(const char *path, struct validate_records *records, struct diag *diag);
void validate_records_free(struct validate_records *records);

#endif
