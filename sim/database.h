/* A source of values (sim/source.h): the records of a scenario, as an IOC serves them. Every field is a PV; puts are stored with
 * the real server's conversions and posted. Records are processed as far as a put needs it where there is nothing but the value,
 * its alarms and its time stamp (database_process.h); SCAN, links and calculations do nothing. */
#ifndef CAPLAY_SIM_DATABASE_H
#define CAPLAY_SIM_DATABASE_H

#include "sim/source.h"
#include "traces/scenario.h"

struct database;

/* Takes over the scenario. now: what stamps take for it. NULL with diag set: a name that comes twice. */
struct database *database_new(struct scenario *scenario, struct clock_pair now, struct diag *diag);
void database_free(struct database *d);

const struct sim_source *database_source(const struct database *d);

/* Records that SCAN or links would change in an IOC. */
unsigned database_live(const struct database *d);

#endif
