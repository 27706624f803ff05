/* A scenario from a file: YAML as it is, an EPICS database through caplay-db, a program of its own. */
#ifndef CAPLAY_SIM_DATABASE_LOAD_H
#define CAPLAY_SIM_DATABASE_LOAD_H

#include "traces/scenario.h"

/* Does the name end in .db, .template, .yaml or .yml? In one of the last two? */
bool database_is_file(const char *name);
bool database_is_yaml(const char *name);

/* macros: "A=B,C=D", or NULL. The code of an error is DIAG_USAGE where the file is wrong: then EPICS Base has said so on stderr,
 * with the line. DIAG_ENVIRONMENT: there is no caplay-db. NULL then. */
struct scenario *database_load(const char *file, const char *macros, struct diag *diag);

#endif
