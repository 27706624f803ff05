/* UDP: is a datagram CA, who is its client, and its messages. Any datagram on the network may come here, so shapes are checked
 * strictly. Rule: ca-protocol 2.1, 2.2 (rows "UDP"), 3, 9.1, 9.2. */
#include "traces/conversation.h"

#include <stdlib.h>

#define MINOR_MAX 99u /* far above any that exists */

/* Clients' sockets that are remembered at once. Beyond, the one that was silent for the longest time is forgotten, and is another
 * circuit when it speaks again. Some 20 MB. */
#define CLIENTS_MAX 16384u

enum sender { UNKNOWN, CLIENT, SERVER };

struct datagram {
    const uint8_t *bytes;
    size_t n, good; /* good: bytes of messages that are right */
    enum sender sender;
};

/* Who sends such a message; UNKNOWN for VERSION, which both do. */
static enum sender sender_of(const struct wire_header *h)
{
    switch (h->command) {
    case WIRE_VERSION:
        return UNKNOWN;
    case WIRE_SEARCH:
        return h->count == 0 ? SERVER : CLIENT; /* a request's count is a minor version */
    case WIRE_REPEATER_REGISTER:
        return CLIENT;
    default:
        return SERVER;
    }
}

static bool is_search(const struct wire_header *h)
{
    if (h->count == 0)
        return h->size == 8 || h->size == 0;
    return (h->type == WIRE_DONT_REPLY || h->type == WIRE_DO_REPLY) && h->count <= MINOR_MAX && h->size > 0 && h->p1 == h->p2;
}

/* Does the header look as the specification says, in every field that it fixes? */
static bool is_plausible(const struct wire_header *h)
{
    switch (h->command) {
    case WIRE_VERSION:
        return h->size == 0 && h->type <= 1 && h->count <= MINOR_MAX && h->p2 == 0;
    case WIRE_SEARCH:
        return is_search(h);
    case WIRE_ERROR:
        return h->size >= WIRE_HEADER_BYTES && h->type == 0 && h->count == 0;
    case WIRE_RSRV_IS_UP:
        return h->size == 0 && h->type <= MINOR_MAX && h->count > 0 && h->count <= UINT16_MAX;
    case WIRE_NOT_FOUND:
        return h->size == 0 && h->type == WIRE_DO_REPLY && h->count <= MINOR_MAX;
    case WIRE_REPEATER_CONFIRM:
    case WIRE_REPEATER_REGISTER:
        return h->size == 0 && h->type == 0 && h->count == 0 && h->p1 == 0;
    default:
        return false;
    }
}

/* Walk over the messages that are right; all of one sender. */
static struct datagram look_at(const uint8_t *bytes, size_t n)
{
    struct datagram g = {.bytes = bytes, .n = n};
    struct cursor c = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    while (wire_message_read(&c, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK && h.size % 8 == 0 && is_plausible(&h)) {
        enum sender sender = sender_of(&h);
        if (sender != UNKNOWN && g.sender != UNKNOWN && sender != g.sender)
            break;
        if (sender != UNKNOWN)
            g.sender = sender;
        g.good = (size_t)(c.p - bytes);
    }
    return g;
}

/* The latest comes last. False: no memory, and it is not in the table. */
static bool put_last(struct dialogue *d, struct client *client)
{
    HASH_ADD(hh, d->clients, key, sizeof client->key, client);
    return client->hh.tbl != NULL;
}

static void forget_client(struct dialogue *d, struct client *client)
{
    conversation_forget(d, client->circuit);
    free(client);
}

static struct client *new_client(struct dialogue *d, const struct client_key *key, uint64_t t_ns)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->key = *key;
    const struct dialogue_endpoints ends = {.client_address = key->address, .client_port = (uint16_t)key->port};
    client->circuit = conversation_circuit(d, &ends, 0, t_ns);
    if (client->circuit != NULL)
        return client;
    free(client);
    return NULL;
}

/* The circuit that stands for all UDP of a client's socket. */
static struct circuit *circuit_of(struct dialogue *d, uint32_t address, uint16_t port, uint64_t t_ns)
{
    const struct client_key key = {address, port};
    struct client *client;
    HASH_FIND(hh, d->clients, &key, sizeof key, client);
    if (client != NULL && client->hh.next == NULL)
        return client->circuit;
    if (client != NULL)
        HASH_DEL(d->clients, client);
    else
        client = new_client(d, &key, t_ns);
    if (client == NULL)
        return NULL;
    if (!put_last(d, client)) {
        forget_client(d, client);
        return NULL;
    }
    if (HASH_COUNT(d->clients) > CLIENTS_MAX) {
        struct client *silent = d->clients;
        HASH_DEL(d->clients, silent);
        forget_client(d, silent);
    }
    return client->circuit;
}

static void record(struct dialogue *d, struct circuit *circuit, const struct datagram *g, uint64_t t_ns)
{
    struct cursor c = cursor_over(g->bytes, g->good);
    struct wire_header h;
    struct dialogue_message m = {.header = &h, .first_ns = t_ns, .last_ns = t_ns, .from_server = g->sender == SERVER};
    while (wire_message_read(&c, WIRE_MINOR, &h, &m.payload, NULL) == WIRE_OK)
        conversation_message(d, circuit, &m);
    if (g->good < g->n)
        conversation_malformed(d, circuit, &m, g->n - g->good);
}

bool dialogue_datagram(struct dialogue *d, uint32_t from_address, uint16_t from_port, uint32_t to_address, uint16_t to_port,
                       const uint8_t *bytes, size_t n, uint64_t t_ns)
{
    const struct datagram g = look_at(bytes, n);
    if (g.sender == UNKNOWN)
        return false;
    struct circuit *circuit =
        g.sender == CLIENT ? circuit_of(d, from_address, from_port, t_ns) : circuit_of(d, to_address, to_port, t_ns);
    if (circuit == NULL)
        return true;
    struct trace_circuit *record_at = trace_writer_circuit_at(d->writer, circuit->index);
    if (g.sender == SERVER && record_at->server_address == 0) {
        record_at->server_address = from_address;
        record_at->server_port = from_port;
    }
    record(d, circuit, &g, t_ns);
    return true;
}
