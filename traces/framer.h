/* A stream's bytes -> whole CA messages. A message that lies in one piece of the stream is given as a view of it; one that is
 * spread over several is gathered in one buffer: one copy. Pure: no I/O, no clock.
 * Rule: ca-protocol 1.1 (header, extended form). */
#ifndef CAPLAY_TRACES_FRAMER_H
#define CAPLAY_TRACES_FRAMER_H

#include "wire/message.h"

/* The longest message that is gathered; a header that claims more is taken for garbage. */
#define FRAMER_MESSAGE_BYTES (256u << 20)

struct framer {       /* a zeroed one is at a message's beginning */
    struct cursor in; /* the piece that was fed, as far as it is unread */
    uint64_t in_ns;   /* the latest time so far */
    uint8_t *bytes;   /* a message's beginning: `have` of the `need` bytes known to be needed */
    size_t have, room;
    uint64_t need;
    uint64_t skip; /* bytes still to come of a message that has a hole */
    uint64_t first_ns;
};

struct framer_message {
    struct wire_header header;
    const uint8_t *payload; /* header.size bytes, borrowed until the next framer_ call */
    size_t bytes;           /* of the stream: header and payload */
    /* When its first byte could be read, and when its last one could: the times of the packets that brought them, but never
     * before an earlier byte of the stream had come. So the messages' times are in the stream's order. */
    uint64_t first_ns, last_ns;
};

/* The next piece of the stream; framer_next() must have said SHORT. Borrowed until it says so again. */
void framer_feed(struct framer *f, const uint8_t *bytes, size_t n, uint64_t t_ns);

/* The next whole message. minor: the client's CA minor version. OK: *m is set. SHORT: feed more. MALFORMED: too long. */
enum wire_err framer_next(struct framer *f, unsigned minor, struct framer_message *m);

/* n bytes are missing in front of the next piece. True if they all belong to the message that was being gathered: it is lost, and
 * the next one is found behind it. False: where the next message begins is unknown; the framer begins anew. */
bool framer_gap(struct framer *f, uint64_t n);

/* How far is the end of what was fed from where a message begins, modulo 8? Messages are whole multiples of 8 bytes. */
unsigned framer_phase(const struct framer *f);

/* Forget everything; also frees. */
void framer_fini(struct framer *f);

#endif
