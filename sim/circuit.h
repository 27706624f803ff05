/* One circuit of the fake server, without its socket: bytes in, bytes out, deadlines. Its owner reads into sim_circuit_room(),
 * says what happened, lets it work, and sends what sim_circuit_output() shows. Rules: ca-protocol 5.
 *
 * Like a real server's, it takes no more requests while it cannot send, apart from those that need no reply, and bounds all that
 * it keeps for a client that does not read. */
#ifndef CAPLAY_SIM_CIRCUIT_H
#define CAPLAY_SIM_CIRCUIT_H

#include "sim/arrival.h"
#include "sim/lane.h"
#include "sim/outbox.h"
#include "sim/queue.h"

#define CIRCUIT_INPUT_BYTES 16384u /* at first; grown for larger messages and kept */

struct sim;
struct sim_channel;

#define CIRCUIT_READ_BYTES (1u << 20) /* taken at once, of a message that is larger than the buffer was at first */
#define CIRCUIT_TURN       64u        /* requests; then other circuits have their turn */

/* A WRITE_NOTIFY waits so long for an earlier one of its channel, which is given up then (ca-protocol 6.4). */
#define CIRCUIT_PUT_NS (60 * CLOCK_NS)

struct circuit_input {
    uint8_t *bytes;
    size_t room, begin, end;
    uint64_t offset; /* in the client's stream, of the byte at begin */
    uint64_t need;   /* bytes of the message at begin, if it is not all there; else 0 */
    uint64_t skip;   /* bytes to come that belong to a message that was too large */
    struct arrival_marks arrivals;
};

struct sim_circuit {
    struct sim *sim;
    void *owner;                      /* the connection */
    struct sim_circuit *next, **link; /* of all */
    struct sim_circuit *prev_dirty, *next_dirty;
    struct sim_channel *channels;
    uint32_t nchannels, nsubscriptions;
    struct circuit_input in;
    size_t held; /* bytes of an ECHO in the input whose reply has not left */
    struct lane direct, puts;
    struct queue events;
    struct outbox out;
    uint64_t number;                /* log lines name it so; its place in the order of accept */
    uint64_t requests[SIM_CLASSES]; /* so far; their delays are drawn by it */
    uint64_t free_ns;               /* when its client last became ready to take updates again */
    uint64_t off_ns;                /* when EVENTS_OFF came */
    uint64_t wait_ns;               /* since when a request waits for a put, or for the last result of one; 0: not yet */
    uint64_t output_ns, before_ns;  /* of the last output, and of the one before it */
    unsigned minor;                 /* the client's; 0 before its VERSION */
    unsigned turn;                  /* requests taken in this turn */
    bool is_dirty;
    bool is_blocked; /* the socket took only a part */
    bool is_pressed; /* counted in sim->npressed */
    bool is_stuck;   /* nobody waits for it any more, until it has sent what it has */
    bool has_more;   /* its turn is over: to be called again when others had theirs */
    bool is_waiting; /* the next request waits for a put of its channel, or a put for replies */
    bool is_deaf;    /* no more requests: the end is in the lane of direct replies */
    bool is_ending;  /* send what there is, then close */
    bool has_asked;  /* its client has spoken since we did */
    bool at_end_of_file;
};

/* NULL without memory. The server's VERSION is its first output. */
struct sim_circuit *sim_circuit_new(struct sim *sim, void *owner, uint64_t now_ns);

/* Frees it with its channels and subscriptions. Who reaches it: the list of circuits, the list of dirty ones, its channels, and
 * the owner, which calls this. */
void sim_circuit_free(struct sim_circuit *c, uint64_t now_ns);

/* Where the next bytes of the client go: *n bytes of room, at least 1 where sim_circuit_wants_input(). */
uint8_t *sim_circuit_room(struct sim_circuit *c, size_t *n);
/* n bytes are there; arrived_ns: when the last of them reached this machine, at most now. */
void sim_circuit_received(struct sim_circuit *c, size_t n, uint64_t arrived_ns);
void sim_circuit_end_of_file(struct sim_circuit *c);

/* Handle what has come and what has become due. more: the socket holds further input, so replies may still wait for company.
 * Returns whether output is to be sent now; then send, say sim_circuit_sent(), and call again. Where c->has_more is set there is
 * more to do: call again soon, whatever was returned. */
bool sim_circuit_work(struct sim_circuit *c, uint64_t now_ns, bool more);

/* Does what is to be sent have due times? */
static inline bool sim_circuit_is_timed(const struct sim_circuit *c)
{
    return c->out.notes > 0;
}

/* What to send; lateness is counted with now_ns. Returns the number of pieces. */
int sim_circuit_output(struct sim_circuit *c, uint64_t now_ns, struct iovec pieces[OUTBOX_PIECES]);

/* What was sent before had not even left this machine when this was: its client takes it too slowly. */
void sim_circuit_is_behind(struct sim_circuit *c);

/* The socket took n bytes; if that was not all the circuit is blocked until sim_circuit_unblock(). */
void sim_circuit_sent(struct sim_circuit *c, size_t n);
void sim_circuit_unblock(struct sim_circuit *c, uint64_t now_ns);

/* Read from the socket? False while earlier requests wait. */
bool sim_circuit_wants_input(struct sim_circuit *c);

/* All is sent and the circuit is to be closed. */
static inline bool sim_circuit_is_over(const struct sim_circuit *c)
{
    return c->is_ending && outbox_is_empty(&c->out);
}

/* When to call sim_circuit_work() again without anything having happened; CLOCK_NEVER if only events bring work. */
uint64_t sim_circuit_deadline(struct sim_circuit *c);

#endif
