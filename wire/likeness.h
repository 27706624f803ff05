/* Does it look like Channel Access, and who speaks? For connections whose beginning or ports do not tell. Pure.
 * Rule: ca-protocol 2 (who sends what), 5.1 (first messages of a circuit). */
#ifndef CAPLAY_WIRE_LIKENESS_H
#define CAPLAY_WIRE_LIKENESS_H

#include "wire/message.h"

enum likeness_speaker { LIKENESS_UNKNOWN, LIKENESS_CLIENT, LIKENESS_SERVER };

/* Could these be a message's header fields? A known TCP command, whole multiples of 8, field values in their ranges. */
bool likeness_header(const struct wire_header *h);

/* The same, strictly: as all known clients and servers write it when this side speaks. Fields without a meaning are 0, a status
 * is one that there is, a payload is there if, and only if, it has to be. Small numbers in an array look like headers else. */
bool likeness_strictly(const struct wire_header *h, enum likeness_speaker speaker);

/* Does the payload prove the header: a client's mask between zeros, or a text and nothing but zeros behind it? */
bool likeness_is_proven(const struct wire_header *h, const uint8_t *payload);

/* Is this the server's answer to that request, by the numbers in both? */
bool likeness_answers(const struct wire_header *reply, const struct wire_header *request);

/* Who sends such a message? */
enum likeness_speaker likeness_speaker(const struct wire_header *h, const uint8_t *payload);

#endif
