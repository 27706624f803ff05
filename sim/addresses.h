/* Lists of addresses as EPICS has them in its environment variables: `host[:port]` with blanks between (ca-protocol 1.4), and the
 * addresses of this machine's interfaces. */
#ifndef CAPLAY_SIM_ADDRESSES_H
#define CAPLAY_SIM_ADDRESSES_H

#include "base/diag.h"

#include <netinet/in.h>
#include <stdbool.h>

#define ADDRESSES_MOST 32u

struct addresses {
    struct sockaddr_in at[ADDRESSES_MOST];
    unsigned n;
};

/* Append an address, unless it is there already. False: no room. */
bool addresses_add(struct addresses *list, struct in_addr address, uint16_t port);

/* Append all of a text; `port` where an entry has none. 0, or -1 with DIAG_USAGE that names the first entry that is no IPv4
 * address and no known host, and `what`, which it stands in. */
int addresses_parse(struct addresses *list, const char *what, const char *text, uint16_t port, struct diag *diag);

/* Append what an environment variable holds. As in EPICS a wrong entry is told on stderr and left out. */
void addresses_from_environment(struct addresses *list, const char *name, uint16_t port);

/* Append the groups of hosts (multicast) among the entries of an environment variable, which may name none. */
void addresses_groups(struct addresses *list, const char *name);

/* Append where broadcasts of an interface go, or of all for 0.0.0.0: the broadcast address, or the other end of a line between
 * two. 127.x.x.x has none: then 127.0.0.1. */
void addresses_add_broadcasts(struct addresses *list, struct in_addr interface, uint16_t port);

static inline bool address_is_multicast(struct in_addr address)
{
    return IN_MULTICAST(ntohl(address.s_addr));
}

static inline bool address_is_loopback(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == 127;
}

/* The value of an environment variable of EPICS, or NULL: one that is empty is not set. */
const char *environment_text(const char *name);

/* "yes" in any case is true, anything else false, unset `otherwise`. */
bool environment_flag(const char *name, bool otherwise);

#endif
