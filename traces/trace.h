/* What a recording is. A trace is one little-endian file, mapped read-only: header, strings, PVs, circuits, events in time order,
 * payload pool, and a report of what was missing. Times are nanoseconds since the trace's first packet; the header holds that
 * packet's CLOCK_REALTIME. Layout byte by byte: traces/FORMAT.md. Reading trusts no length, offset or index: all are checked
 * before use. */
#ifndef CAPLAY_TRACES_TRACE_H
#define CAPLAY_TRACES_TRACE_H

#include "base/diag.h"
#include "wire/dbr.h"

#define TRACE_NONE  UINT32_MAX /* no PV, no circuit, no peer, no string */
#define TRACE_MAJOR 2
#define TRACE_MINOR 1

struct trace_checks;

/* The following four structs are the file's records as they are. */
struct trace_pv {
    uint32_t name;   /* string */
    uint32_t count;  /* native count, from CREATE_CHAN's reply; 0: never seen */
    uint16_t native; /* enum wire_base; 0xffff: never seen */
    uint16_t rights; /* bits of ACCESS_RIGHTS, last seen; 0xffff: never seen */
    uint32_t reserved;
};

enum trace_circuit_flags {
    TRACE_TCP = 1,        /* a circuit; else all UDP between one client's socket and the servers */
    TRACE_MIDWAY = 2,     /* its beginning was not captured: names may be missing */
    TRACE_GAP = 4,        /* bytes are missing, and what they said: names, numbers, updates */
    TRACE_CLOSED = 8,     /* its end was seen */
    TRACE_CONTINUED = 16, /* it began before this part of a recording, which carries what was open then */
};

struct trace_circuit {
    uint64_t begin_ns, end_ns;               /* first and last packet */
    uint32_t client_address, server_address; /* IPv4, as a host-order number; UDP: server 0 until one answered */
    uint16_t client_port, server_port;
    uint16_t minor; /* the client's */
    uint16_t priority;
    uint32_t user, host; /* strings: CLIENT_NAME, HOST_NAME */
    uint32_t flags;      /* enum trace_circuit_flags */
    uint32_t reserved;
};

enum trace_event_flags {
    TRACE_FROM_SERVER = 1,
    TRACE_UPDATE = 2,    /* a subscription update; peer is its EVENT_ADD */
    TRACE_FIRST = 4,     /* the first update of its subscription: the answer to the EVENT_ADD */
    TRACE_RIGHTS_OF = 8, /* the first ACCESS_RIGHTS of a channel; peer is its CREATE_CHAN, which it does not answer */
    TRACE_CARRIED = 16,  /* said before this part of a recording began, and told again at its beginning */
    TRACE_FILLED = 32,   /* a snapshot's answer, for what the recording does not have; it belongs to no circuit */
};

/* Was it said outside this recording's time? It counts nowhere, and what answers it has no service time. */
#define TRACE_ASIDE (TRACE_CARRIED | TRACE_FILLED)

struct trace_event {              /* one message */
    uint64_t t_ns;                /* when the packet with its first byte was captured */
    uint64_t head, body;          /* offsets in the pool */
    uint32_t span_ns;             /* from there to the packet with its last byte; saturates */
    uint32_t circuit;             /* index */
    uint32_t pv;                  /* index, or TRACE_NONE */
    uint32_t peer;                /* event index: a reply's request, an update's EVENT_ADD; else TRACE_NONE */
    uint32_t count, size, p1, p2; /* the header's; size in bytes, padding included */
    uint16_t command, type;
    uint16_t flags;      /* enum trace_event_flags */
    uint16_t head_bytes; /* the payload is head (head_bytes), body (body_bytes), and the rest of `size`, which follows head in the
                            pool */
    uint32_t body_bytes; /* DBR payloads: the values; others: the whole payload */
    uint32_t reserved;
};

enum trace_loss_kind {
    TRACE_LOSS_DROPPED,   /* packets that the kernel or the interface dropped; which ones is not known */
    TRACE_LOSS_CUT,       /* packets that were shorter in the capture than on the wire */
    TRACE_LOSS_GAP,       /* bytes of a TCP stream that never came */
    TRACE_LOSS_BEGINNING, /* the first bytes of one direction, nobody knows how many; counts as a gap */
    TRACE_LOSS_SKIPPED,   /* bytes that came and belong to no whole message */
    TRACE_LOSS_MIDWAY,    /* what a circuit said before the recording began */
    TRACE_LOSS_MALFORMED, /* messages that could not be decoded */
    TRACE_LOSS_KINDS
};

/* One loss, and its place: what belongs there was said after t_ns, or then, and not after until_ns. */
struct trace_loss {
    uint64_t t_ns, until_ns;
    uint64_t bytes;   /* as far as they are known */
    uint64_t count;   /* of what its kind counts: packets, gaps, circuits, messages; 0: more bytes of a gap that is counted */
    uint32_t circuit; /* index; TRACE_NONE: it is not known whose, and may be anybody's */
    uint16_t kind;    /* enum trace_loss_kind */
    uint16_t flags;   /* TRACE_FROM_SERVER: lost of what the server said */
};

/* Losses that a recording has a place for; what is beyond counts in struct trace_missing only. */
#define TRACE_LOSSES_MAX 65536u

/* What a recording lacks: all 0 is complete. */
struct trace_missing {
    uint64_t packets;         /* that were captured (not a lack) */
    uint64_t kernel_drops;    /* packets that the kernel or the interface dropped */
    uint64_t cut_packets;     /* shorter in the capture than on the wire */
    uint64_t gaps, gap_bytes; /* TCP bytes that never came, or came and belong to no whole message */
    uint64_t midway;          /* circuits whose beginning is missing */
    uint64_t malformed;       /* messages that could not be decoded */
    uint64_t other_packets;   /* not IPv4 TCP or UDP, or not CA (not a lack) */
    uint64_t retransmits;     /* TCP bytes seen again (not a lack) */
};

/* Is nothing missing? */
static inline bool trace_is_complete(const struct trace_missing *m)
{
    return (m->kernel_drops | m->cut_packets | m->gaps | m->gap_bytes | m->midway | m->malformed) == 0;
}

/* ---- reading ---- */

struct trace {
    const struct trace_pv *pvs;
    const struct trace_circuit *circuits;
    const struct trace_event *events;
    const struct trace_loss *losses; /* by time; none in a trace of version 1.0 or 2.0 */
    const uint8_t *pool;
    const char *strings;
    uint32_t npvs, ncircuits, nevents, nlosses, nstrings; /* nstrings: bytes */
    uint64_t pool_bytes;
    uint64_t start_realtime_ns; /* Unix time of the first packet */
    uint64_t end_ns;            /* last packet */
    struct trace_missing missing;
    char source[96]; /* "lo", "x.pcap" */
    char sha256[65]; /* of the capture that it was made from; "" for a live one */
    void *map;
    size_t map_bytes;
    struct trace_checks *checks; /* what of the file has been checked; NULL: no file is behind it */
};

/* Map and check a trace, every byte of it. 0, or -1 with DIAG_USAGE: not a trace (a capture is told apart), unfinished, cut short
 * (both sizes), another version (both versions), a bad checksum (section and offset), a record that points outside. */
int trace_open(struct trace *trace, const char *path, struct diag *diag);

/* Map a trace and check what one needs to find one's way: all but the messages and their payloads, so the time that it takes
 * does not grow with them. `events` and `pool` must not be used before trace_check() or trace_range() has said that they can be;
 * `path` is borrowed until trace_close(). Errors as above. */
int trace_open_index(struct trace *trace, const char *path, struct diag *diag);

enum trace_depth {
    TRACE_RECORDS,  /* the messages' records, and those of the requests that they answer */
    TRACE_PAYLOADS, /* and the messages' payloads */
};

/* Check messages first <= i < end of what trace_open_index() has opened. What was checked once is not checked again. 0, or -1. */
int trace_check(const struct trace *trace, uint32_t first, uint32_t end, enum trace_depth depth, struct diag *diag);

struct trace_range { /* messages first <= i < end */
    uint32_t first, end;
};

/* Which messages have from_ns <= t < to_ns? Reads what it needs of the index, and checks the records that it looks at. 0 or -1.
 */
int trace_range(const struct trace *trace, uint64_t from_ns, uint64_t to_ns, struct trace_range *range, struct diag *diag);
void trace_close(struct trace *trace);

/* Does the file begin as a trace does, whatever its version? False also if it cannot be read. */
bool trace_is_one(const char *path);

/* NUL-terminated, bytes as they were on the wire; "?" for TRACE_NONE. */
const char *trace_string(const struct trace *trace, uint32_t string);
const char *trace_pv_name(const struct trace *trace, uint32_t pv);

/* Views into the map, valid until trace_close(). */
static inline const uint8_t *trace_head(const struct trace *t, const struct trace_event *e)
{
    return t->pool + e->head;
}
static inline const uint8_t *trace_body(const struct trace *t, const struct trace_event *e)
{
    return t->pool + e->body;
}

/* Service time of a reply: from the capture of its request's last byte to that of its own first. False for what answers no
 * request (later updates, rights, replies without a known request), what was said outside the recording's time, and where the
 * capture's clock stepped back in between. */
bool trace_service_ns(const struct trace *trace, const struct trace_event *reply, uint64_t *ns);

/* ---- writing ---- */

struct trace_writer;

/* Writes PATH.part, which trace_writer_finish() renames to PATH: a half-written file never bears the final name. What is only in
 * memory until then goes to PATH.part.journal, too, after a second of the trace, 4 MiB or 16,384 messages. */
struct trace_writer *trace_writer_open(const char *path, struct diag *diag);

uint32_t trace_writer_string(struct trace_writer *w, const char *text, size_t length); /* interned */
uint32_t trace_writer_pv(struct trace_writer *w, const char *name, size_t length);     /* index; interned by name */
uint32_t trace_writer_circuit(struct trace_writer *w);                                 /* index of a zeroed one */

/* Valid until the next trace_writer_ call: change the record in place. */
struct trace_pv *trace_writer_pv_at(struct trace_writer *w, uint32_t pv);
struct trace_circuit *trace_writer_circuit_at(struct trace_writer *w, uint32_t circuit);

/* A string that was interned, NUL-terminated; valid until the next trace_writer_ call. "?" for TRACE_NONE. */
const char *trace_writer_text(const struct trace_writer *w, uint32_t string);

/* Equal bodies of at least so many bytes are stored once. Below, remembering them costs more than it saves. */
#define TRACE_SHARED_BYTES 64u

/* Is its payload a DBR structure: an answer's or update's from a server, a put's from a client? Then its body is the values. */
bool trace_has_values(const struct trace_event *event);

/* Append an event and its payload (event->size bytes; NULL only if that is 0); head, body, head_bytes and body_bytes are set by
 * the writer from type and count where the payload is a DBR structure. Returns the event's index, for a later event's `peer`, or
 * TRACE_NONE once the writer has failed; events may come slightly out of time order: finish() sorts. */
uint32_t trace_writer_event(struct trace_writer *w, const struct trace_event *event, const uint8_t *payload);

/* Something is missing here, in any order of time; finish() sorts. Beyond TRACE_LOSSES_MAX it is not kept. */
void trace_writer_loss(struct trace_writer *w, const struct trace_loss *loss);

/* As much as trace_writer_loss(), but one of the latest losses of the same kind, circuit and sender grows instead, if it ended at
 * most within_ns before this one begins. */
void trace_writer_loss_on(struct trace_writer *w, const struct trace_loss *loss, uint64_t within_ns);

/* Did something fail (disk full, no memory)? From then on nothing more is recorded, and finish() says what it was. */
bool trace_writer_failed(const struct trace_writer *w);

/* What has been written so far, for summaries. */
struct trace_counts {
    uint32_t pvs, circuits, events;
};
struct trace_counts trace_writer_counts(const struct trace_writer *w);

/* The tables so far, as an open trace has them, without payloads and times. Valid until the next trace_writer_ call. */
struct trace trace_writer_view(const struct trace_writer *w);

/* Bytes that the file has or will have, about. */
uint64_t trace_writer_bytes(const struct trace_writer *w);

struct trace_meta {
    uint64_t start_realtime_ns, end_ns;
    const char *source, *sha256;
    struct trace_missing missing;
};

/* Right after trace_writer_open(): the source stays, so that a trace which is killed or meets a full disk can be made again. No
 * journal is kept, and nothing is left that could be recovered. */
void trace_writer_forgo_journal(struct trace_writer *w);

/* Time passes, by any clock: what has waited for the journal for a second goes there, though nothing comes any more. */
void trace_writer_tick(struct trace_writer *w, uint64_t now_ns);

/* What is known already of what trace_writer_finish() is going to tell; for `caplay recover`, should finish() never come. */
void trace_writer_about(struct trace_writer *w, const struct trace_meta *meta);

/* Sort, write tables and header, rename. 0, or -1 (disk full...: DIAG_ENVIRONMENT; PATH.part and its journal stay if
 * they hold something to recover). Frees the writer in both cases. */
int trace_writer_finish(struct trace_writer *w, const struct trace_meta *meta, struct diag *diag);

/* Free without finishing; PATH.part and its journal are removed. */
void trace_writer_abandon(struct trace_writer *w);

#endif
