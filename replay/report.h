/* What a replay says before it serves: what there is, what the recording lacks, and how far its service times can be kept. */
#ifndef CAPLAY_REPLAY_REPORT_H
#define CAPLAY_REPLAY_REPORT_H

#include "replay/timeline.h"
#include "sim/service.h"

#include <stdio.h>

/* One line a fact, only where there is one. path: as the user named it. */
void report_contents(FILE *out, const char *path, const struct trace *trace, const struct timeline *timeline);

/* What of it is played: --from, --to. */
void report_cut(FILE *out, const struct timeline *timeline, uint64_t from_ns);

/* One line a class of requests; floor_ns: floor_measure_ns(). */
void report_service(FILE *out, const struct service *service, uint64_t floor_ns);

#endif
