/* What a circuit hands to its socket next: small messages as bytes, and behind them at most one large shared payload.
 * Whole messages only. It takes more while it is under OUTBOX_BYTES and ends in bytes; what does not fit waits in its lane until
 * the rest has been sent, as a real server's thread waits in send(). Rule: ca-protocol 5.3. Pure. */
#ifndef CAPLAY_SIM_OUTBOX_H
#define CAPLAY_SIM_OUTBOX_H

#include "sim/limits.h"
#include "sim/payload.h"

#include <sys/uio.h>

#define OUTBOX_BYTES  16384u
#define OUTBOX_NOTES  256u
#define OUTBOX_PIECES 3

struct outbox_note {   /* of messages with a due time, for their lateness, or of a class, for their delay */
    uint64_t due_ns;   /* 0: none */
    uint64_t asked_ns; /* when they were asked for */
    uint32_t messages; /* of which all this is true */
    uint8_t class;     /* enum sim_class; SIM_CLASSES: none */
};

struct outbox {
    uint8_t *bytes;
    size_t room, begin, end;
    struct payload *payload;
    uint64_t payload_at, payload_size; /* sent so far, and all of it with its padding */
    struct outbox_note note[OUTBOX_NOTES];
    unsigned notes;
    struct memory *memory;
};

/* memory: what its growth counts to, or NULL. 0, or -1 without memory. */
int outbox_init(struct outbox *out, struct memory *memory);
void outbox_fini(struct outbox *out);

static inline bool outbox_is_empty(const struct outbox *out)
{
    return out->begin == out->end && out->payload == NULL;
}

enum outbox_err { OUTBOX_OK, OUTBOX_LATER, OUTBOX_NEVER };

/* Room for a message of n bytes, to be written to *at and then counted with outbox_add(). LATER: send first; NEVER: an empty
 * outbox could not grow so far. */
enum outbox_err outbox_reserve(struct outbox *out, uint64_t n, uint8_t **at);
void outbox_add(struct outbox *out, size_t n);

/* End the outbox with a shared payload: its values, then zeros up to `size` (under 8). Takes over the caller's reference. */
void outbox_attach(struct outbox *out, struct payload *payload, uint64_t size);

/* Remember a message. The notes are the caller's to read and to reset when the bytes go out. */
void outbox_remember(struct outbox *out, const struct outbox_note *note);

/* What to send, at most OUTBOX_PIECES pieces; returns their number. Borrowed until outbox_sent(). */
int outbox_view(const struct outbox *out, struct iovec pieces[OUTBOX_PIECES]);

/* n bytes were taken. If some are left, the payload is made independent of its source, which may change it any time. */
void outbox_sent(struct outbox *out, size_t n);

#endif
