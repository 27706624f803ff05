/* One dialogue with one server, in lockstep: each block is sent when the server is done with the one before. That is learned from
 * fences, never from the clock: an ECHO on the circuit, a subscription's first update behind what its event thread owes, a search
 * behind the datagrams; or the circuit's end. Rule: ca-protocol 5.4. */
#ifndef CAPLAY_REPLAY_CONVERSE_H
#define CAPLAY_REPLAY_CONVERSE_H

#include "replay/script.h"
#include "replay/transcript.h"

#include <netinet/in.h>

struct converse_server {
    struct in_addr address;
    uint16_t udp_port, tcp_port;
};

/* 0: *transcript is what it said, for transcript_fini(). -1 with DIAG_ENVIRONMENT: no connection. */
int converse(const struct script *script, const struct converse_server *server, struct transcript *transcript, struct diag *diag);

/* Does the server answer a search for this name? *tcp_port is then what it told. */
bool converse_find(const struct converse_server *server, const char *name, uint16_t *tcp_port);

#endif
