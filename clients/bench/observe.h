/* What a server of ours saw of the one client that it served, from its report: figures with names and units. A real IOC tells
 * nothing. */
#ifndef CAPLAY_CLIENTS_BENCH_OBSERVE_H
#define CAPLAY_CLIENTS_BENCH_OBSERVE_H

#include "wire/message.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum observe_figure {
    OBSERVE_SEARCH,  /* from the process's start to its first search */
    OBSERVE_CIRCUIT, /* these four: from its first search */
    OBSERVE_CREATED,
    OBSERVE_CONNECTED,
    OBSERVE_VALUE,
    OBSERVE_CHANNEL_P50, /* each channel: from the first search for its name */
    OBSERVE_CHANNEL_MAX,
    OBSERVE_TIMES, /* all above are seconds */
    OBSERVE_SEARCHES = OBSERVE_TIMES,
    OBSERVE_REPEATED,
    OBSERVE_DATAGRAMS_IN,
    OBSERVE_DATAGRAMS_OUT,
    OBSERVE_CIRCUITS,
    OBSERVE_CHANNELS,
    OBSERVE_BYTES_IN,
    OBSERVE_BYTES_OUT,
    OBSERVE_SEGMENTS_IN,
    OBSERVE_SEGMENTS_OUT,
    OBSERVE_ROUND_TRIPS,
    OBSERVE_MESSAGES_IN,
    OBSERVE_MESSAGES_OUT,
    OBSERVE_READS,
    OBSERVE_PUTS,
    OBSERVE_SUBSCRIPTIONS,
    OBSERVE_UPDATES,
    OBSERVE_MERGED,
    OBSERVE_EVENTS_OFF,
    OBSERVE_CLOSED,
    OBSERVE_BROKEN,
    OBSERVE_LEFT_OPEN,
    OBSERVE_FIGURES
};

extern const char *const observe_names[OBSERVE_FIGURES]; /* as in a result file */
extern const char *const observe_heads[OBSERVE_FIGURES]; /* as in a table */

enum { OBSERVE_FROM_IT, OBSERVE_TO_IT, OBSERVE_WAYS };

struct observed_run {
    double at[OBSERVE_FIGURES];                /* NAN: it has not happened */
    double kinds[OBSERVE_WAYS][WIRE_COMMANDS]; /* of its messages: how many of each command */
    bool searched, connected;
};

/* From a report (NULL: nothing is known) of a client that was started at start_ns, CLOCK_MONOTONIC. */
void observe_read(struct observed_run *run, const json_t *report, uint64_t start_ns);

/* "messages_in.READ_NOTIFY" */
#define OBSERVE_KIND_BYTES 40
void observe_name_kind(unsigned way, unsigned command, char name[OBSERVE_KIND_BYTES]);

/* Each figure by its name (null: it has not happened), and the commands that were used. */
json_t *observe_write(const struct observed_run *run);

/* Those that the client alone decides, whatever the machine does: what `caplay compare --gate counts` looks at. */
json_t *observe_counts(const struct observed_run *run);

#endif
