/* One direction of a TCP connection, put in order: segments in any order go in, each byte comes out once, in order, with the time
 * of the packet that brought it. Pure: no clock, no sockets; malloc only to hold data that came too early.
 * Of bytes that came twice the first ones win. Sequence numbers wrap at 2^32. Rule: RFC 9293, 3.4. */
#ifndef CAPLAY_CAPTURE_STREAM_H
#define CAPLAY_CAPTURE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds of what a stream holds back while it waits for missing bytes; beyond them the bytes are given up as a gap. */
#define STREAM_HELD_BYTES    (4u << 20)
#define STREAM_HELD_SEGMENTS 4096u

/* A stream whose SYN was not seen waits for so many segments, or so long, before it begins at the lowest number it saw. What
 * comes so long after a packet without data, which tells the number of the next byte, need not wait. */
#define STREAM_ATTACH_SEGMENTS 8u
#define STREAM_ATTACH_NS       UINT64_C(100000000)

/* How long missing bytes are waited for: after the receiver has acknowledged them (so they will not be sent again), and at most.
 */
#define STREAM_ACKED_NS UINT64_C(100000000)
#define STREAM_LOST_NS  UINT64_C(30000000000)

struct stream_segment {
    uint32_t seq;
    const uint8_t *bytes; /* borrowed for the call */
    size_t n;
    uint64_t t_ns;
};

/* Where a stream's bytes go. data(): the next n bytes, borrowed for the call: they lie in the caller's packet unless they had to
 * wait. gap(): n bytes are missing in front of what data() brings next. Neither may call this module for the same stream. */
struct stream_sink {
    void (*data)(void *arg, const uint8_t *bytes, size_t n, uint64_t t_ns);
    void (*gap)(void *arg, uint32_t n, uint64_t t_ns);
    void *arg;
};

struct stream_held; /* a piece that came too early */

struct stream {         /* a zeroed one is a stream of which nothing is known */
    uint32_t next;      /* number of the next byte to hand on */
    uint32_t end;       /* number behind the last byte, once FIN or RST told it */
    uint32_t acked;     /* what the other side acknowledged last */
    bool begun, midway; /* next is valid; its SYN was not seen */
    bool end_known, ack_known;
    bool seen;                        /* before it began: seen_next and seen_ns are valid */
    uint32_t seen_next;               /* number of the next byte, as packets without data tell */
    uint64_t seen_ns;                 /* when the first of these came */
    struct stream_held *first, *last; /* in order, without overlaps */
    size_t held_bytes;
    unsigned held_segments;
    uint64_t retransmitted; /* bytes that came again */
    uint64_t gaps, gap_bytes;
};

/* The byte `seq` is the first one: SYN's number + 1, or what the peer's SYN and ACK acknowledges. */
void stream_begin(struct stream *s, uint32_t seq, const struct stream_sink *sink);

void stream_segment(struct stream *s, const struct stream_segment *segment, const struct stream_sink *sink);

/* A packet without data: its next byte is going to be `seq`. */
void stream_seen(struct stream *s, uint32_t seq, uint64_t t_ns);

/* FIN or RST: the byte before `seq` is the last one. */
void stream_finish(struct stream *s, uint32_t seq);

/* The other side acknowledged all bytes before `ack`. */
void stream_acked(struct stream *s, uint32_t ack);

/* Time passes: begin midway, or give up missing bytes, where the bounds above say so. To be called with each packet of the
 * connection, behind the others. */
void stream_tick(struct stream *s, uint64_t now_ns, const struct stream_sink *sink);

/* When the first of the held data came; UINT64_MAX if nothing is held. */
uint64_t stream_held_since(const struct stream *s);

/* Has everything up to FIN or RST been handed on? */
bool stream_ended(const struct stream *s);

/* The connection or the capture is over: hand on what is held, gaps included. */
void stream_flush(struct stream *s, uint64_t now_ns, const struct stream_sink *sink);

/* Free what is held. The counters stay. */
void stream_fini(struct stream *s);

#endif
