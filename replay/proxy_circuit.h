/* One circuit through the proxy: two sockets, a buffer each way. What one end closes, half-closes, resets or does not read, the
 * other end sees. With proxy.c and proxy_names.c the proxy's door to libevent. */
#ifndef CAPLAY_REPLAY_PROXY_CIRCUIT_H
#define CAPLAY_REPLAY_PROXY_CIRCUIT_H

#include "replay/proxy_parts.h"

/* A client was accepted at `fd`, which is ours from here on: connect to that IOC, then relay until both ends are through. */
void proxy_circuit_open(struct proxy_ioc *to, int fd, uint64_t now_ns);

/* End all circuits. */
/* End those whose sender was reset while the receiver takes nothing: nobody reads there, and would learn of it. To be called now
 * and then. */
void proxy_circuits_look(struct proxy *p, uint64_t now_ns);

void proxy_circuits_close(struct proxy *p, uint64_t now_ns);

#endif
