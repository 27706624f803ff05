/* Where does the next message begin? For a direction of a connection whose beginning was not captured, or that lacks bytes. The
 * bytes are held until a message's beginning is proven, by lengths: each header's length has to lead to the next plausible one,
 *  - for RESYNC_CHAIN headers, or
 *  - from the first byte of a piece to the last byte of one, or from anywhere to the end of the stream, over two headers or more,
 *    or over one that its fields or its payload prove, or
 *  - from the first byte of a piece to the end of the stream, over one header.
 * What lies in front of it is skipped. Pure: no I/O, no clock. Each byte is the beginning of at most one chain, so the work is
 * bounded by RESYNC_CHAIN headers a byte, and the memory by RESYNC_HELD_BYTES; what does not fit is skipped, while the chain goes
 * on. Rule: ca-protocol 1.1 (lengths), 8.2 (whole multiples of 8). */
#ifndef CAPLAY_CAPTURE_RESYNC_H
#define CAPLAY_CAPTURE_RESYNC_H

#include "wire/message.h"

enum { RESYNC_CHAIN = 8, RESYNC_HELD_BYTES = 4 << 20, RESYNC_HELD_PIECES = 4096 };

enum resync_answer {
    RESYNC_NO,
    RESYNC_BEHIND, /* behind others; a chain that begins with it would prove little, since nearly all of it is zeros */
    RESYNC_MAYBE,
    RESYNC_SURE, /* fields that chance does not make: a number that is known, a text that fills its payload */
};

/* Is this a message's header? payload: NULL as long as it is not there as a whole. */
struct resync_judge {
    enum resync_answer (*ask)(void *arg, const struct wire_header *header, const uint8_t *payload);
    void *arg;
    unsigned minor; /* see wire_header_read() */
};

struct resync_piece {
    uint64_t end; /* number of the byte behind it */
    uint64_t t_ns;
};

struct resync {     /* a zeroed one looks at each byte; bytes are numbered from 0 on */
    uint64_t base;  /* number of the first byte that is held */
    uint64_t begin; /* of the first byte of its piece */
    uint8_t *bytes; /* `have` of them, in pieces */
    size_t have, room;
    struct resync_piece *pieces;
    size_t npieces, pieces_room, taken;
    bool is_aligned;              /* messages begin at whole multiples of 8 from the first candidate on */
    bool is_sure;                 /* the chain's first header is */
    uint64_t next;                /* where the chain's next header has to be */
    uint64_t heads[RESYNC_CHAIN]; /* of the chain; the first one is the candidate */
    unsigned nheads;
};

/* Begin anew, at a distance of `first` bytes (0 to 7) from where a message might begin. Frees what was held. */
void resync_begin(struct resync *r, unsigned first);

/* The next piece of the stream. True: a message's beginning is found; resync_take() gives the bytes from there on, and
 * resync_fini() ends it. */
bool resync_feed(struct resync *r, const struct resync_judge *judge, const uint8_t *bytes, size_t n, uint64_t t_ns);

/* n bytes are missing in front of the next piece; what was held is skipped. */
void resync_gap(struct resync *r, uint64_t n);

/* Is a message held that is a piece of its own, and waits for another one to prove it? Its header. */
bool resync_waits(const struct resync *r, const struct resync_judge *judge, struct wire_header *header);

/* Something else proves that message: as resync_feed() with true. */
void resync_believe(struct resync *r);

/* The stream is over. As resync_feed(); false: nothing is held any more. */
bool resync_end(struct resync *r, const struct resync_judge *judge);

/* The next piece of what is held, borrowed until resync_fini(); false: that was all. */
bool resync_take(struct resync *r, const uint8_t **bytes, size_t *n, uint64_t *t_ns);

/* Forget everything; also frees. */
void resync_fini(struct resync *r);

#endif
