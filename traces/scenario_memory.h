/* Memory of a scenario while it is read: it lives as long as the scenario. Inside traces/scenario* only. */
#ifndef CAPLAY_TRACES_SCENARIO_MEMORY_H
#define CAPLAY_TRACES_SCENARIO_MEMORY_H

#include "traces/scenario.h"

/* n zeroed elements. Ends the process without memory. */
void *scenario_alloc(struct scenario *s, size_t n, size_t size);

#endif
