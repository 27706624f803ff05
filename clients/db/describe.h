/* A field's description as one line of YAML: the keys are in traces/scenario.h. Part of caplay-db. */
#ifndef CAPLAY_CLIENTS_DB_DESCRIBE_H
#define CAPLAY_CLIENTS_DB_DESCRIBE_H

#include "clients/db/origin.h"

#include <stdio.h>

struct db_description {
    const dbRecordType *type;
    const dbFldDes *field;
    const struct db_said *said, *expected; /* where they differ, what comes from other fields is not told */
    const struct db_origin *origin;
    const char *value;
};

void db_describe(FILE *out, const struct db_description *d);

/* The choices of DTYP, or NULL: of another field, or without device support. */
const dbDeviceMenu *db_device_menu(const dbFldDes *field);

bool db_is_same_states(const struct db_said *a, const struct db_said *b);

#endif
