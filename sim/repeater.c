#include "sim/repeater.h"

#include "wire/message.h"

#define ADDRESS_AT 12u /* p2 of a header: the address in a beacon and in a confirmation */

static void drop(struct repeater *r, unsigned i)
{
    r->calls->close(r->self, r->client[i].socket);
    r->client[i] = r->client[--r->nclients];
}

static bool is_same(const struct repeater_peer *a, const struct repeater_peer *b)
{
    return a->address == b->address && a->port == b->port;
}

/* To all but the sender. Whoever does not take it, and whose port is free, is gone. */
static void fan_out(struct repeater *r, const struct repeater_peer *from, const uint8_t *bytes, size_t n)
{
    for (unsigned i = r->nclients; i-- > 0;) {
        const struct repeater_client *client = &r->client[i];
        if (is_same(&client->peer, from) || r->calls->send(r->self, client->socket, bytes, n))
            continue;
        if (!r->calls->is_held(r->self, client->peer.port))
            drop(r, i);
    }
}

/* A client that is gone may be noticed by nothing but its port. */
static void drop_gone(struct repeater *r)
{
    for (unsigned i = r->nclients; i-- > 0;)
        if (!r->calls->is_held(r->self, r->client[i].peer.port))
            drop(r, i);
}

static bool find(const struct repeater *r, uint16_t port, unsigned *i)
{
    for (*i = 0; *i < r->nclients; ++*i)
        if (r->client[*i].peer.port == port)
            return true;
    return false;
}

static bool add(struct repeater *r, const struct repeater_peer *peer)
{
    if (r->nclients == REPEATER_CLIENTS)
        drop_gone(r);
    int socket = r->nclients < REPEATER_CLIENTS ? r->calls->open(r->self, peer) : -1;
    if (socket < 0)
        return false;
    r->client[r->nclients++] = (struct repeater_client){.peer = *peer, .socket = socket};
    return true;
}

static bool confirm(struct repeater *r, const struct repeater_client *client)
{
    uint8_t bytes[WIRE_EXTENDED_BYTES];
    const struct wire_header h = {.command = WIRE_REPEATER_CONFIRM, .p2 = client->peer.address};
    size_t n = wire_header_write(bytes, &h);
    return r->calls->send(r->self, client->socket, bytes, n);
}

/* Clients are told apart by their port alone, as libca does it. The others get a message that says nothing, so that those which
 * are gone are noticed where no beacons come. */
static void register_client(struct repeater *r, const struct repeater_peer *from)
{
    static const uint8_t noop[WIRE_HEADER_BYTES] = {0};
    unsigned i;
    if (!r->calls->is_local(r->self, from->address))
        return;
    bool is_known = find(r, from->port, &i);
    if (!is_known && !add(r, from))
        return;
    if (!is_known)
        i = r->nclients - 1;
    if (!confirm(r, &r->client[i]))
        drop(r, i);
    fan_out(r, from, noop, sizeof noop);
    if (!is_known)
        drop_gone(r);
}

void repeater_datagram(struct repeater *r, const struct repeater_peer *from, uint8_t *bytes, size_t n)
{
    uint16_t command = n >= WIRE_HEADER_BYTES ? wire_get16(bytes) : WIRE_VERSION;
    if (n == 0 || command == WIRE_REPEATER_REGISTER) {
        register_client(r, from);
        bytes += n > 0 ? WIRE_HEADER_BYTES : 0;
        n -= n > 0 ? WIRE_HEADER_BYTES : 0;
    } else if (command == WIRE_RSRV_IS_UP && wire_get32(bytes + ADDRESS_AT) == 0) {
        wire_put32(bytes + ADDRESS_AT, from->address);
    }
    if (n > 0)
        fan_out(r, from, bytes, n);
}

void repeater_fini(struct repeater *r)
{
    while (r->nclients > 0)
        drop(r, r->nclients - 1);
}
