/* Channel Access messages: the header, bytes <-> struct, and the table of commands. Pure: no I/O, no malloc, no clock.
 * Rule: ca-protocol 1.1 (header), 1.2 (versions), 2 (commands). */
#ifndef CAPLAY_WIRE_MESSAGE_H
#define CAPLAY_WIRE_MESSAGE_H

#include "wire/cursor.h"

#define WIRE_MINOR          13 /* what we speak: CA 4.13 */
#define WIRE_MINOR_EXTENDED 9  /* first minor with the 24-byte header */
#define WIRE_HEADER_BYTES   16
#define WIRE_EXTENDED_BYTES 24
#define WIRE_PORT           5064
#define WIRE_REPEATER_PORT  5065

enum wire_command {
    WIRE_VERSION = 0,
    WIRE_EVENT_ADD = 1,
    WIRE_EVENT_CANCEL = 2,
    WIRE_READ = 3,
    WIRE_WRITE = 4,
    WIRE_SNAPSHOT = 5,
    WIRE_SEARCH = 6,
    WIRE_BUILD = 7,
    WIRE_EVENTS_OFF = 8,
    WIRE_EVENTS_ON = 9,
    WIRE_READ_SYNC = 10,
    WIRE_ERROR = 11,
    WIRE_CLEAR_CHANNEL = 12,
    WIRE_RSRV_IS_UP = 13,
    WIRE_NOT_FOUND = 14,
    WIRE_READ_NOTIFY = 15,
    WIRE_READ_BUILD = 16,
    WIRE_REPEATER_CONFIRM = 17,
    WIRE_CREATE_CHAN = 18,
    WIRE_WRITE_NOTIFY = 19,
    WIRE_CLIENT_NAME = 20,
    WIRE_HOST_NAME = 21,
    WIRE_ACCESS_RIGHTS = 22,
    WIRE_ECHO = 23,
    WIRE_REPEATER_REGISTER = 24,
    WIRE_SIGNAL = 25,
    WIRE_CREATE_CH_FAIL = 26,
    WIRE_SERVER_DISCONN = 27,
    WIRE_COMMANDS = 28
};

/* SEARCH's `type` field. */
enum { WIRE_DONT_REPLY = 5, WIRE_DO_REPLY = 10 };

/* Bits of ACCESS_RIGHTS. */
enum { WIRE_RIGHT_READ = 1, WIRE_RIGHT_WRITE = 2 };

/* Bits of EVENT_ADD's mask (ca-protocol 6.5). */
enum { WIRE_MASK_VALUE = 1, WIRE_MASK_LOG = 2, WIRE_MASK_ALARM = 4, WIRE_MASK_PROPERTY = 8 };

struct wire_header {        /* host order; the extended form (CA 4.9) is folded in */
    uint16_t command, type; /* WIRE_SEARCH...; DBR code, or the command's own field */
    uint32_t count, size;   /* elements; payload bytes as sent, padding included */
    uint32_t p1, p2;        /* cid, sid, ioid, status...: ca-protocol 2 */
};

enum wire_err {
    WIRE_OK = 0,
    WIRE_SHORT,     /* more bytes are needed; nothing was consumed */
    WIRE_MALFORMED, /* can never become right */
};

/* Read one header. minor: the peer's CA minor version; >= 9 allows the 24-byte form.
 * OK: *cur moved 16 or 24 bytes and *h set. SHORT: feed more; nothing touched. */
enum wire_err wire_header_read(struct cursor *cur, unsigned minor, struct wire_header *h);

/* Read one whole message: OK moves *cur over header and payload and sets *payload (borrowed, h->size bytes).
 * SHORT: nothing touched; *need (if not NULL) is how many bytes the message has in all, as far as is known yet.
 * Sizes that are no multiple of 8 are given as they are: what that means is the receiver's rule. */
enum wire_err wire_message_read(struct cursor *cur, unsigned minor, struct wire_header *h, const uint8_t **payload,
                                uint64_t *need);

/* Write a header; 24 bytes if size or count is >= 0xffff, else 16. Returns the bytes written. out: 24 bytes.
 * The caller has made sure that the peer's minor is >= 9 where the long form is needed. */
size_t wire_header_write(uint8_t *out, const struct wire_header *h);

/* The same with the long form forced: for dynamic counts, where the form follows the maximum (ca-protocol 1.1). */
size_t wire_header_write_extended(uint8_t *out, const struct wire_header *h);

static inline uint64_t wire_pad8(uint64_t n)
{
    return (n + 7) & ~UINT64_C(7);
}

/* Is p1 of this command the sid of a channel, in what a client sends? */
bool wire_names_channel(unsigned command);

/* "READ_NOTIFY", or "UNKNOWN" from WIRE_COMMANDS on. */
const char *wire_command_name(unsigned command);

/* The name in a SEARCH or CREATE_CHAN payload, as rsrv reads it: the last payload byte is taken for NUL, and the name ends at
 * the first NUL (ca-protocol 3.2). Returns its length; payload itself holds the characters. */
size_t wire_name_length(const uint8_t *payload, uint32_t size);

#endif
