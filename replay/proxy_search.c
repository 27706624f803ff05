#include "replay/proxy_search.h"

enum { OLDEST_MINOR = 4, SEQUENCED_MINOR = 11, REPLY_BYTES = 24, ANSWER_BYTES = 1024, NAME_BYTES_LEAST = 2 };

/* ---- to the IOC ---- */

static uint32_t note(struct proxy_search *s, const struct proxy_asked *asked)
{
    uint32_t number = s->next++;
    struct proxy_asked *slot = &s->asked[number % PROXY_ASKED];
    *slot = *asked;
    slot->number = number;
    slot->waits = true;
    return number;
}

static size_t put_search(struct proxy_search *s, const struct proxy_asked *asked, const struct wire_header *h,
                         const uint8_t *payload, uint8_t *out)
{
    struct wire_header to = *h;
    to.p1 = to.p2 = note(s, asked);
    size_t head = h->size >= 0xffff ? wire_header_write_extended(out, &to) : wire_header_write(out, &to);
    memcpy(out + head, payload, h->size);
    return head + h->size;
}

/* As a server reads a datagram: nothing counts before a VERSION, and what is no search ends it. */
size_t proxy_search_ask(struct proxy_search *s, const struct proxy_peer *peer, const uint8_t *bytes, size_t n, uint8_t *out)
{
    struct cursor c = cursor_over(bytes, n);
    struct proxy_asked asked = {.peer = *peer};
    struct wire_header h;
    const uint8_t *payload;
    size_t used = 0;
    bool asks = false;
    while (wire_message_read(&c, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK && h.size % 8 == 0 && h.count >= OLDEST_MINOR) {
        if (h.command == WIRE_VERSION) {
            asked.minor = h.count < UINT8_MAX ? (uint8_t)h.count : UINT8_MAX;
            asked.sequence = h.p1;
            h.size = 0;
            used += wire_header_write(out + used, &h);
        } else if (h.command == WIRE_SEARCH && asked.minor != 0) {
            asked.cid = h.p2;
            asks |= h.size >= NAME_BYTES_LEAST;
            used += h.size >= NAME_BYTES_LEAST ? put_search(s, &asked, &h, payload, out + used) : 0;
        } else {
            break;
        }
    }
    return asks ? used : 0;
}

/* ---- back to the clients ---- */

struct answer { /* the replies to one client that go together */
    struct proxy_peer peer;
    uint32_t sequence;
    uint8_t minor;
    size_t used;
    uint8_t bytes[ANSWER_BYTES];
};

static bool belongs(const struct answer *a, const struct proxy_asked *to)
{
    return a->peer.address == to->peer.address && a->peer.port == to->peer.port && a->sequence == to->sequence &&
           a->minor == to->minor && a->used + REPLY_BYTES <= sizeof a->bytes;
}

static void flush(struct answer *a, proxy_send_fn *send, void *arg)
{
    const struct wire_header version = {.command = WIRE_VERSION, .type = 1, .count = WIRE_MINOR, .p1 = a->sequence};
    size_t from = a->minor >= SEQUENCED_MINOR ? 0 : WIRE_HEADER_BYTES; /* older clients get no VERSION */
    if (a->used <= WIRE_HEADER_BYTES)
        return;
    wire_header_write(a->bytes, &version);
    send(arg, &a->peer, a->bytes + from, a->used - from);
    a->used = 0;
}

static void add(struct answer *a, const struct proxy_asked *to, uint16_t port)
{
    const struct wire_header found = {.command = WIRE_SEARCH, .type = port, .size = 8, .p1 = UINT32_MAX, .p2 = to->cid};
    if (a->used == 0) {
        a->peer = to->peer;
        a->sequence = to->sequence;
        a->minor = to->minor;
        a->used = WIRE_HEADER_BYTES;
    }
    uint8_t *at = a->bytes + a->used;
    memset(at, 0, REPLY_BYTES);
    wire_header_write(at, &found);
    wire_put16(at + WIRE_HEADER_BYTES, WIRE_MINOR);
    a->used += REPLY_BYTES;
}

void proxy_search_answer(struct proxy_search *s, const uint8_t *bytes, size_t n, const struct proxy_answerer *to)
{
    struct cursor c = cursor_over(bytes, n);
    struct answer answer = {.used = 0};
    struct wire_header h;
    const uint8_t *payload;
    while (wire_message_read(&c, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK) {
        struct proxy_asked *asked = &s->asked[h.p2 % PROXY_ASKED];
        if (h.command != WIRE_SEARCH || !asked->waits || asked->number != h.p2)
            continue;
        const uint16_t port = to->port(to->arg, &h);
        if (port == 0)
            continue;
        asked->waits = false;
        if (!belongs(&answer, asked))
            flush(&answer, to->send, to->arg);
        add(&answer, asked, port);
    }
    flush(&answer, to->send, to->arg);
}
