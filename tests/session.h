/* CA conversations in hex, said into a dialogue: by the unit tests, and by session_tool, which makes traces for the others. */
#ifndef CAPLAY_TESTS_SESSION_H
#define CAPLAY_TESTS_SESSION_H

#include "traces/dialogue.h"

#define SESSION_CLIENT_ADDRESS 0x0a000001u
#define SESSION_SERVER_ADDRESS 0x0a000002u
#define SESSION_CLIENT_PORT    40000
#define SESSION_SEARCH_PORT    5064
#define SESSION_TCP_PORT       0x3bd2

struct session {
    struct dialogue *d;
    uint64_t now_ns; /* grows by 1,000 a message */
};

/* A circuit from SESSION_CLIENT_PORT to SESSION_TCP_PORT. */
uint32_t session_circuit(struct session *s, bool midway);

/* Whole messages of one direction; blanks and | in the hex are decoration. */
void session_says(struct session *s, uint32_t circuit, bool from_server, const char *hex);

/* A datagram between the client's socket at `port` and the server's search port. */
bool session_sends(struct session *s, uint16_t port, bool from_server, const char *hex);

/* The session of ca-protocol 12, message by message, with two updates more. */
void session_whole(struct session *s);

#endif
