/* One message, taken apart for people: which of its header's fields mean what, by command and sender (one table), and what is
 * in its payload. The text and the JSON of `caplay dump` are made from it. Rule: ca-protocol 2.1, 2.2, 8.1. */
#ifndef CAPLAY_TRACES_DESCRIBE_H
#define CAPLAY_TRACES_DESCRIBE_H

#include "traces/trace.h"
#include "wire/value.h"

enum describe_kind {
    DESCRIBE_NUMBER,
    DESCRIBE_TYPE,   /* DBR type */
    DESCRIBE_STATUS, /* ECA status */
    DESCRIBE_ADDRESS,
    DESCRIBE_RIGHTS,
};

/* One field of the header. */
struct describe_field {
    const char *label; /* NULL: means nothing in such a message */
    enum describe_kind kind;
    uint32_t value;
};

#define DESCRIBE_FIELDS     4   /* type, count, p1, p2 */
#define DESCRIBE_TEXT_BYTES 513 /* names and messages have at most 512 (ca-protocol 5.2, 8.1) */

struct description {
    const struct trace_event *e;
    uint32_t index;
    const char *command;
    const char *pv;   /* or NULL: it is of none, or */
    bool is_nameless; /* of a channel whose name was not heard: the recording joined its circuit later */
    bool has_sid;     /* of such a channel, where the request tells it and this message does not */
    uint32_t sid;
    const char *role;  /* of an EVENT_ADD from a server: "first", "update", "cancelled"; else NULL */
    const char *aside; /* said outside the recording's time: "carried", "filled"; else NULL */
    struct describe_field fields[DESCRIBE_FIELDS];

    bool has_value;
    struct wire_value value; /* borrowed from the trace, or from `string` */
    uint8_t string[WIRE_STRING_BYTES];

    bool has_mask; /* of an EVENT_ADD */
    uint16_t mask;

    const char *about; /* the command that an ERROR is about, or NULL */
    bool has_text;
    char text[DESCRIBE_TEXT_BYTES]; /* CLIENT_NAME, HOST_NAME, ERROR; as on the wire */

    bool has_service;
    uint64_t service_ns;
};

/* What a message's type, count, p1 and p2 mean: DESCRIBE_FIELDS names, NULL for what means nothing. */
const char *const *describe_labels(const struct trace_event *e, bool is_udp);
enum describe_kind describe_kind(const char *label);

/* Describe event `index`. The description borrows from the trace and must not be copied. */
void describe(const struct trace *trace, uint32_t index, struct description *d);

#endif
