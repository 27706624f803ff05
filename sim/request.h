/* What the fake server does with one message of a client. Rules: ca-protocol 5.2, 6, 8.2. */
#ifndef CAPLAY_SIM_REQUEST_H
#define CAPLAY_SIM_REQUEST_H

#include "sim/circuit.h"

struct request {
    struct wire_header header;
    const uint8_t *payload; /* header.size bytes, borrowed */
    uint64_t bytes;         /* with its header */
    uint64_t arrived_ns;    /* when its last byte was received: delays count from here */
    uint64_t now_ns;        /* when it is handled */
};

enum request_outcome {
    REQUEST_DONE,
    REQUEST_WAIT, /* it must wait for an earlier one: nothing happened, show it again */
    REQUEST_HELD, /* done but for a reply that still needs its payload: leave it in the input */
};

/* A whole message. The lanes have room for its replies. */
enum request_outcome request_handle(struct sim_circuit *c, const struct request *r);

/* Before its VERSION a client is refused whatever it sends. (A real server refuses the first message of a segment, and is deaf
 * for the next 4 GiB if more follow: ca-protocol 5.2. Here each one is refused, however they are cut into segments.) */
void request_unversioned(struct sim_circuit *c, const struct request *r);

/* A header that breaks the rules of framing, before its payload is there. */
void request_misaligned(struct sim_circuit *c, const struct request *r);
void request_too_large(struct sim_circuit *c, const struct request *r);

#endif
