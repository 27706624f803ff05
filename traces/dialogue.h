/* Who said what to whom: messages in, events out. Keeps each circuit's channels (cid, sid, name), requests (ioid) and
 * subscriptions (subid), ties every reply to its request and every update to its EVENT_ADD, and writes them with trace_writer.
 * Knows no packet and no clock. Rule: ca-protocol 2, 5, 6; decoder trap 13.40. */
#ifndef CAPLAY_TRACES_DIALOGUE_H
#define CAPLAY_TRACES_DIALOGUE_H

#include "traces/trace.h"

struct dialogue;

struct dialogue *dialogue_new(struct trace_writer *writer); /* borrows the writer */
void dialogue_free(struct dialogue *d);

/* The recording comes in parts, each a trace of its own that can be replayed: keep what dialogue_continue() will need. To be
 * called before any message. */
void dialogue_keep(struct dialogue *d);

/* Go on in another trace, the next part, whose time 0 is start_ns of the times that are given here. Circuits that are open are
 * told again at its beginning, with TRACE_CARRIED: channels, subscriptions, last values and metadata; their handles stay.
 * Requests that wait stay known, but for searches, and their answers have no peer. The old writer may be finished afterwards. */
void dialogue_continue(struct dialogue *d, struct trace_writer *writer, uint64_t start_ns);

struct dialogue_endpoints {
    uint32_t client_address, server_address; /* host-order IPv4 */
    uint16_t client_port, server_port;
};

/* A TCP circuit; `midway`: its beginning was not captured. Returns the circuit's handle, which is its index in a trace of one
 * part; TRACE_NONE: no memory. */
uint32_t dialogue_circuit_open(struct dialogue *d, const struct dialogue_endpoints *ends, bool midway, uint64_t t_ns);
void dialogue_circuit_gap(struct dialogue *d, uint32_t circuit, uint64_t t_ns);

/* Nothing proved what a server's bytes were up to now: updates may have been among them. */
void dialogue_circuit_skipped(struct dialogue *d, uint32_t circuit);

void dialogue_circuit_close(struct dialogue *d, uint32_t circuit, uint64_t t_ns);

/* Something is missing, of a circuit or (TRACE_NONE) of any: its place, in times as they are given here; its own `circuit` does
 * not count. within_ns: see trace_writer_loss_on(). That a circuit is joined midway and that a message cannot be decoded is told
 * by the dialogue itself. */
void dialogue_loss(struct dialogue *d, uint32_t circuit, const struct trace_loss *loss, uint64_t within_ns);

/* The client's CA minor version as known so far, for the framer (midway: WIRE_MINOR). */
unsigned dialogue_minor(const struct dialogue *d, uint32_t circuit);

/* Could a server say this now, as far as the client's requests tell? Unless it bears the number of a channel, a subscription or a
 * request that nobody asked for: yes. *is_known: it bears one that is known. */
bool dialogue_expects(const struct dialogue *d, uint32_t circuit, const struct wire_header *header, bool *is_known);

struct dialogue_message {
    const struct wire_header *header;
    const uint8_t *payload; /* header->size bytes, borrowed for the call */
    uint64_t first_ns, last_ns;
    bool from_server;
};

void dialogue_message(struct dialogue *d, uint32_t circuit, const struct dialogue_message *m);

/* One UDP datagram between two sockets. Finds out itself whether it is CA: false if not, and nothing is recorded. Searches,
 * replies (tied by cid), beacons, repeater messages. The sender's side is told by the messages. */
bool dialogue_datagram(struct dialogue *d, uint32_t from_address, uint16_t from_port, uint32_t to_address, uint16_t to_port,
                       const uint8_t *bytes, size_t n, uint64_t t_ns);

/* Is this TCP port a CA server's: announced by a search reply or a beacon that was seen? */
bool dialogue_is_server_port(const struct dialogue *d, uint16_t port);

/* Messages that could not be decoded so far. */
uint64_t dialogue_malformed(const struct dialogue *d);

#endif
