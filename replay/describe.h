/* A server's message, masked by replay/normal.h, as one line: "READ_NOTIFY type=DOUBLE count=1 status=NORMAL ioid=1 size=8
 * value=[1.5]". The same words are what a written dialogue states; each "key=..." is one word. Pure. */
#ifndef CAPLAY_REPLAY_DESCRIBE_H
#define CAPLAY_REPLAY_DESCRIBE_H

#include "replay/normal.h"

/* Cut where room ends. */
void describe_message(const struct normal_sids *sids, const struct wire_header *header, size_t header_bytes,
                      const uint8_t *message, size_t size, bool is_confirm, char *text, size_t room);

#endif
