/* A Channel Access client on the level of bytes: some circuits and some UDP sockets to one server. It sends what it is given and
 * keeps what comes, in order; it knows no request and answers nothing. For `caplay validate` only. */
#ifndef CAPLAY_REPLAY_TALK_H
#define CAPLAY_REPLAY_TALK_H

#include "base/diag.h"
#include "wire/message.h"

#include <netinet/in.h>

#define TALK_PLACES 10

enum talk_state {
    TALK_CLOSED,
    TALK_OPEN,
    TALK_ENDED, /* the server has ended the circuit; what it sent before may still be read */
};

struct talk_place {
    enum talk_state state;
    int fd;
    bool is_udp, is_resetted; /* the server ended it by a reset */
    uint8_t *bytes;           /* received; datagrams have their length (32 bits, host order) in front */
    size_t taken, used, room;
};

struct talk {
    struct in_addr address;
    uint16_t udp_port, tcp_port;
    struct talk_place place[TALK_PLACES];
};

struct talk_message {
    struct wire_header header;
    const uint8_t *bytes; /* header and payload, valid until the next call */
    size_t header_bytes, size;
};

void talk_init(struct talk *talk, struct in_addr address, uint16_t udp_port, uint16_t tcp_port);
void talk_fini(struct talk *talk);

/* Connect a circuit, or make a UDP socket. 0, or -1 with DIAG_ENVIRONMENT. */
int talk_open(struct talk *talk, unsigned place, bool is_udp, struct diag *diag);
void talk_close(struct talk *talk, unsigned place);
void talk_shutdown(struct talk *talk, unsigned place); /* end of file to the server */

/* Send all of it (UDP: one datagram), and read what comes meanwhile. False: the server has ended the circuit, or takes no more
 * before the deadline. */
bool talk_send(struct talk *talk, unsigned place, const uint8_t *bytes, size_t n, uint64_t deadline_ns);

/* Wait until something comes on any place, and read it. False: the deadline has passed. */
bool talk_wait(struct talk *talk, uint64_t deadline_ns);

/* The next whole message of a circuit. False: none yet. */
bool talk_next(struct talk *talk, unsigned place, struct talk_message *message);

/* The next datagram of a UDP place. */
bool talk_next_datagram(struct talk *talk, unsigned place, const uint8_t **bytes, size_t *n);

/* What has come and is no whole message. */
size_t talk_rest(const struct talk *talk, unsigned place, const uint8_t **bytes);

#endif
