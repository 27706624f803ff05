/* Payloads and headers of messages without what tells where they come from; sizes, types, counts, alarms and stamps stay. What
 * is not known to be harmless becomes zeros: padding (a real server leaves parts of older messages in it), payloads of unknown
 * messages. */
#ifndef CAPLAY_TRACES_SCRUB_H
#define CAPLAY_TRACES_SCRUB_H

#include "traces/pseudonym.h"
#include "traces/trace.h"

struct scrub_address {
    uint32_t from, to;
};

struct scrub {
    struct keyed *keyed;
    bool values; /* numbers, limits and enum states, too */
    struct scrub_address *addresses;
    uint32_t naddresses, nmoved; /* moved: those whose hash had been given to another one */
    bool failed;                 /* no memory */
};

/* An IPv4 address as one of 10.0.0.0/8; 0, 255.255.255.255 and 127.0.0.0/8 stay. Two never become one. */
uint32_t scrub_address(struct scrub *scrub, uint32_t address);

/* A message that is about to be written: payload, event->size bytes, in place; addresses in the header. Names in the payloads of
 * clients have been replaced already (traces/copy.h). */
void scrub_event(struct scrub *scrub, struct trace_event *event, uint8_t *payload);

void scrub_fini(struct scrub *scrub);

#endif
