/* A server's message with everything masked in which two right servers may differ, and nothing else: sids (numbered in order of
 * appearance), time stamps, the TCP port, pad bytes and bytes behind NULs, and file and line in error texts. Two servers behave
 * alike if these bytes are equal. Pure. Rule: ca-protocol 6.2, 8.2, trap 36. */
#ifndef CAPLAY_REPLAY_NORMAL_H
#define CAPLAY_REPLAY_NORMAL_H

#include "wire/message.h"

/* What stands for what is masked. */
#define NORMAL_SID   UINT32_C(0x51d00000) /* + number of the channel */
#define NORMAL_STAMP UINT32_C(0x7e7e7e7e) /* seconds and nanoseconds of any stamp but 0 */
#define NORMAL_PORT  0x7c70u

struct normal_sid {
    uint32_t sid, cid;
    uint16_t native; /* DBR type of the channel */
    unsigned circuit;
    bool is_gone;     /* cleared, or its circuit is closed */
    bool is_filtered; /* its updates pass filters that remember them: a fence would change what they do */
    bool is_late;     /* a text or an array: its updates have what it holds when they are sent (ca-protocol 6.5) */
};

/* The channels of a dialogue, in order of appearance. */
struct normal_sids {
    struct normal_sid *at;
    size_t n, room;
};

/* The number of the newest channel with this sid, of this circuit if it has one; -1: none. */
long normal_find_sid(const struct normal_sids *sids, unsigned circuit, uint32_t sid);

struct normal_context {
    const struct normal_sids *sids;
    unsigned circuit;
    uint16_t tcp_port;
    bool is_confirm; /* an EVENT_ADD that confirms an EVENT_CANCEL */
    bool is_dynamic; /* it answers a request of count 0: what follows the data means nothing */
    bool is_text; /* of a STRING channel: given as ENUM, where the text names a state of its record, rsrv's value is memory that
                   * nobody wrote (EPICS Base 7.0.10, getStringEnum) */
};

/* Is the request in an ERROR's payload in the long form? A size of 0xffff alone does not tell: it comes back as a short header
 * where the client is below 4.9, and then the text follows at once. */
bool normal_is_long(const uint8_t *error_payload, size_t size);

/* Mask a whole message (header and payload) in place; header_bytes is 16 or 24. Returns its size, which is smaller where an
 * error's text was cut. */
size_t normal_message(const struct normal_context *context, const struct wire_header *header, size_t header_bytes,
                      uint8_t *message, size_t size);

#endif
