/* A CA repeater: of all CA clients of a host one socket hears the beacons, and every client that has registered there gets a copy
 * of each datagram that comes. Rules: ca-protocol 9.2, and ca_repeater() of libca, beside which a test holds it. No socket, no
 * clock, no allocation.
 *
 * Not as libca's: there are at most REPEATER_CLIENTS, and clients may register from any address of this machine, not only from
 * the loopback and the first other address that comes. */
#ifndef CAPLAY_SIM_REPEATER_H
#define CAPLAY_SIM_REPEATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPEATER_CLIENTS 256u

struct repeater_peer {
    uint32_t address; /* in host order */
    uint16_t port;
};

/* What it needs of a machine. */
struct repeater_calls {
    bool (*is_local)(void *self, uint32_t address);                       /* an address of this machine? */
    bool (*is_held)(void *self, uint16_t port);                           /* does anybody hold this UDP port? */
    int (*open)(void *self, const struct repeater_peer *client);          /* a new socket that sends to it, or -1 */
    bool (*send)(void *self, int socket, const uint8_t *bytes, size_t n); /* false: nobody takes it */
    void (*close)(void *self, int socket);
};

struct repeater_client {
    struct repeater_peer peer;
    int socket;
};

struct repeater {
    const struct repeater_calls *calls;
    void *self;
    struct repeater_client client[REPEATER_CLIENTS];
    unsigned nclients;
};

/* A datagram has come. The sender's address is written into a beacon that bears none, in its first message only. */
void repeater_datagram(struct repeater *r, const struct repeater_peer *from, uint8_t *bytes, size_t n);

/* Closes the sockets of all clients. */
void repeater_fini(struct repeater *r);

#endif
