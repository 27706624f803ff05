/* Does it look like Channel Access, and who speaks? For connections whose beginning or ports do not tell. Pure.
 * Rule: ca-protocol 2 (who sends what), 5.1 (first messages of a circuit). */
#ifndef CAPLAY_CAPTURE_LIKENESS_H
#define CAPLAY_CAPTURE_LIKENESS_H

#include "wire/message.h"

enum likeness_speaker { LIKENESS_UNKNOWN, LIKENESS_CLIENT, LIKENESS_SERVER };

/* Could these be a message's header fields? A known TCP command, whole multiples of 8, field values in their ranges. */
bool likeness_header(const struct wire_header *h);

/* Do the bytes begin with a message, and with nothing but messages up to their end, where one may be cut? */
bool likeness_messages(const uint8_t *bytes, size_t n);

/* Who sends such a message? */
enum likeness_speaker likeness_speaker(const struct wire_header *h, const uint8_t *payload);

#endif
