/* Inside of the dialogue: one circuit, and one message on its way into the trace. Shared by dialogue.c (circuits), turns.c (what
 * each command means), datagram.c (UDP) and carry.c (from one part of a recording to the next). */
#ifndef CAPLAY_TRACES_CONVERSATION_H
#define CAPLAY_TRACES_CONVERSATION_H

#include "traces/dialogue.h"
#include "traces/ledger.h"

struct circuit {
    uint32_t index;  /* in the trace */
    uint32_t handle; /* in the dialogue's table; what its users call it */
    unsigned minor;
    bool has_version;  /* the client's first VERSION was seen */
    unsigned gaps;     /* that were told so far */
    uint64_t heard_ns; /* when the server's latest message so far began, by the times that are given */
    bool has_stray;    /* an update of a subscription that nobody has asked for so far: */
    uint32_t stray;    /* its subid */
    struct ledger ledger;
};

/* All UDP of one client's socket. */
struct client {
    UT_hash_handle hh;
    struct client_key {
        uint32_t address, port;
    } key;
    struct circuit *circuit;
};

struct dialogue {
    struct trace_writer *writer;
    struct circuit **circuits; /* by handle */
    uint32_t ncircuits, room;
    struct client *clients;
    uint64_t malformed;
    uint64_t start_ns;               /* the trace's time 0 */
    bool is_keeping;                 /* messages that the next part is going to need are kept */
    uint8_t server_ports[65536 / 8]; /* a bit a port */
};

/* One message: its command's function fills in the event, and says where the event's index is to be kept. */
struct turn {
    struct dialogue *d;
    struct circuit *circuit;
    const struct wire_header *h;
    const uint8_t *payload;
    struct trace_event e;
    uint32_t *keep; /* for the replies to come; or NULL */
    bool malformed; /* recorded as it is, and counted */
};

/* What a message of a command means, by its sender. NULL: nothing to be tied. turns.c */
struct turn_calls {
    void (*from_client)(struct turn *t);
    void (*from_server)(struct turn *t);
};
extern const struct turn_calls turn_calls[WIRE_COMMANDS];

/* A new circuit of the trace, flags as given; NULL without memory. dialogue.c */
struct circuit *conversation_circuit(struct dialogue *d, const struct dialogue_endpoints *ends, uint32_t flags, uint64_t t_ns);

/* End a circuit's bookkeeping. dialogue.c */
void conversation_forget(struct dialogue *d, struct circuit *circuit);

/* A message of this circuit as its header has it: time 0, of no PV, answering nothing. dialogue.c */
struct trace_event conversation_event(const struct circuit *circuit, const struct wire_header *header, unsigned flags);

/* Something that cannot be decoded, of so many bytes: counted, and placed. dialogue.c */
void conversation_malformed(struct dialogue *d, const struct circuit *circuit, const struct dialogue_message *m, uint64_t bytes);

/* Let a message of a circuit speak: decode, tie, write. dialogue.c */
void conversation_message(struct dialogue *d, struct circuit *circuit, const struct dialogue_message *m);

#endif
