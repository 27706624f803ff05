/* Walks the database that EPICS Base has loaded and prints it as a scenario. Part of caplay-db. */
#ifndef CAPLAY_CLIENTS_DB_SCENARIO_H
#define CAPLAY_CLIENTS_DB_SCENARIO_H

#include "base/options.h"
#include "clients/db/origin.h"

#include <stdio.h>

/* Before iocBuildIsolated(): add a probe for each record type that has records. 0, or -1 with diag set. */
int db_scenario_prepare(struct diag *diag);

/* After it. files: named in the head. */
void db_scenario_print(FILE *out, const struct option_list *files);

#endif
