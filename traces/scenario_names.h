/* A scenario that is but names: a YAML mapping whose one key is `pvs`, a list of PV names. It is read event by event and never
 * held as a whole, so that a million names cost little more than libyaml's own pass over them. */
#ifndef CAPLAY_TRACES_SCENARIO_NAMES_H
#define CAPLAY_TRACES_SCENARIO_NAMES_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

#define SCENARIO_NAME_MOST 60u /* characters: as EPICS's record names */

struct scenario_names {
    /* A name, NUL-terminated, of 1 to SCENARIO_NAME_MOST characters, for this call only. Returns what is wrong with it ("comes
     * twice"), or NULL. */
    const char *(*take)(void *arg, const char *name, size_t length);
    void *arg;
};

/* Is it such a file? Its position is the beginning again. */
bool scenario_is_names(FILE *file);

/* file_name is for messages. 0, or -1 with DIAG_USAGE, file and line. */
int scenario_names_read(FILE *file, const char *file_name, const struct scenario_names *names, struct diag *diag);

#endif
