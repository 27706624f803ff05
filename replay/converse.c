#include "replay/converse.h"

#include "base/clock.h"
#include "replay/asked.h"
#include "replay/describe.h"
#include "replay/talk.h"
#include "wire/value.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_NS    (5 * CLOCK_NS)   /* for what surely comes from a server that works */
#define SEARCH_WAIT_NS (CLOCK_NS / 4)   /* until a fence datagram is sent again: UDP may lose it */
#define FENCE_PLACE    (SCRIPT_UDP + 1) /* a UDP socket of its own */
#define FENCE          0xfeceu          /* in all that a fence sends */
#define UNKNOWN_SID    0x7ffffff0u      /* for a channel that was not created */
#define TEXT_BYTES     16384

_Static_assert(FENCE_PLACE < TALK_PLACES, "a place for each circuit and both UDP sockets");

struct conversation {
    const struct script *script;
    const struct converse_server *server;
    struct talk talk;
    struct asked asked[SCRIPT_PLACES];
    struct transcript *out;
    size_t block;
    size_t came[SCRIPT_PLACES]; /* messages in this block */
    bool ended[SCRIPT_PLACES], no_memory;
    bool unfenced[SCRIPT_PLACES]; /* its last block was: a fence might complete what was sent */
    uint16_t fences;              /* sent so far */
    bool echo_came, event_came;   /* the fence that is waited for */
    char text[TEXT_BYTES];
};

/* ---- turns ---- */

static struct turn make_turn(const struct conversation *c, unsigned place, uint64_t lane, const uint8_t *bytes, size_t size)
{
    return (struct turn){.block = c->block, .place = place, .lane = lane, .text = c->text, .bytes = bytes, .size = size};
}

static void add_turn(struct conversation *c, unsigned place, uint64_t lane, const uint8_t *bytes, size_t size)
{
    const struct turn turn = make_turn(c, place, lane, bytes, size);
    c->no_memory |= !transcript_add(c->out, &turn);
}

/* Two posts of a text or an array in one block are two equal updates if the event thread was fast enough, else one. */
static void add_late_update(struct conversation *c, unsigned place, uint64_t lane, const uint8_t *bytes, size_t size)
{
    const struct turn turn = make_turn(c, place, lane, bytes, size);
    if (!transcript_repeats(c->out, &turn))
        c->no_memory |= !transcript_add(c->out, &turn);
}

static void add_remark(struct conversation *c, unsigned place, const char *text)
{
    snprintf(c->text, sizeof c->text, "%s", text);
    add_turn(c, place, transcript_lane(place, LANE_END, 0), NULL, 0);
}

static void add_sid(struct conversation *c, const struct normal_sid *sid)
{
    struct normal_sids *sids = &c->out->sids;
    if (sids->n == sids->room) {
        size_t room = sids->room == 0 ? 16 : 2 * sids->room;
        struct normal_sid *at = realloc(sids->at, room * sizeof *at);
        c->no_memory |= at == NULL;
        if (at == NULL)
            return;
        sids->at = at;
        sids->room = room;
    }
    sids->at[sids->n++] = *sid;
}

/* The answer to a CREATE_CHAN. */
static void learn_channel(struct conversation *c, unsigned place, const struct wire_header *h)
{
    struct asked_entry *filtered = asked_find(&c->asked[place], ASKED_FILTERED, h->p1);
    if (h->command == WIRE_CREATE_CHAN)
        add_sid(c, &(struct normal_sid){.sid = h->p2,
                                        .cid = h->p1,
                                        .circuit = place,
                                        .native = h->type,
                                        .is_filtered = filtered != NULL,
                                        .is_late = filtered == NULL && (h->type == WIRE_STRING || h->count > 1)});
    if (filtered != NULL)
        asked_drop(&c->asked[place], filtered);
}

/* Results of puts come from the event thread, but for those that are refused before the write (ca-protocol 5.4). */
static uint64_t lane_of_put(struct conversation *c, unsigned place, const struct wire_header *h)
{
    struct asked_entry *put = asked_find(&c->asked[place], ASKED_PUT, h->p2);
    bool is_late = put != NULL && (h->p1 == 1 || h->p1 == 0xa0);
    uint32_t channel = is_late ? (uint32_t)normal_find_sid(&c->out->sids, place, put->sid) : 0;
    uint64_t lane = is_late ? transcript_lane(place, LANE_PUTS, channel) : transcript_lane(place, LANE_DIRECT, 0);
    if (put != NULL)
        asked_drop(&c->asked[place], put);
    return lane;
}

/* An EVENT_ADD without payload, if a cancel of that subid was sent: it confirms. */
static bool take_confirm(struct conversation *c, unsigned place, const struct wire_header *h)
{
    struct asked *asked = &c->asked[place];
    struct asked_entry *cancel = h->size == 0 ? asked_find(asked, ASKED_CANCEL, h->p2) : NULL;
    if (cancel == NULL)
        return false;
    asked_drop(asked, cancel);
    struct asked_entry *subscription = asked_find(asked, ASKED_SUBSCRIPTION, h->p2);
    if (subscription != NULL)
        asked_drop(asked, subscription);
    return true;
}

/* What a message is, beyond its bytes. */
struct meaning {
    uint64_t lane;
    bool is_confirm, is_dynamic, is_text, is_late;
};

/* Is it a STRING channel? Of READ's reply only the cid is known. */
static bool is_text(const struct conversation *c, unsigned place, const struct wire_header *h, const struct asked_entry *entry)
{
    const struct normal_sids *sids = &c->out->sids;
    long found = entry != NULL ? normal_find_sid(sids, place, entry->sid) : -1;
    for (size_t i = sids->n; i-- > 0 && found < 0 && h->command == WIRE_READ;)
        if (sids->at[i].circuit == place && sids->at[i].cid == h->p1)
            found = (long)i;
    return found >= 0 && sids->at[found].native == WIRE_STRING;
}

/* An ERROR in place of an update, which is too large for the client: the event thread's, too. */
static bool is_for_update(const struct wire_header *h, const uint8_t *payload)
{
    return h->size >= WIRE_HEADER_BYTES && wire_get16(payload) == WIRE_EVENT_ADD &&
           (h->p2 == WIRE_ECA_16KARRAYCLIENT || h->p2 == WIRE_ECA_TOLARGE);
}

/* A put that is refused with an ERROR, for its size, has no other result. */
static void drop_refused_put(struct asked *asked, const struct wire_header *h, const uint8_t *payload)
{
    bool is_put = h->size >= WIRE_HEADER_BYTES && wire_get16(payload) == WIRE_WRITE_NOTIFY;
    struct asked_entry *put = is_put ? asked_find(asked, ASKED_PUT, wire_get32(payload + 12)) : NULL;
    if (put != NULL)
        asked_drop(asked, put);
}

/* Is it an update of what is read when it is sent? */
static bool is_late_update(const struct conversation *c, unsigned place, const struct asked_entry *subscription)
{
    long found = subscription != NULL ? normal_find_sid(&c->out->sids, place, subscription->sid) : -1;
    return found >= 0 && c->out->sids.at[found].is_late;
}

static struct meaning understand(struct conversation *c, unsigned place, const struct wire_header *h, const uint8_t *payload)
{
    struct meaning m = {.lane = transcript_lane(place, LANE_DIRECT, 0)};
    struct asked *asked = &c->asked[place];
    struct asked_entry *entry = NULL;
    if (h->command == WIRE_EVENT_ADD) {
        m.is_confirm = take_confirm(c, place, h);
        entry = asked_find(asked, ASKED_SUBSCRIPTION, h->p2);
        m.is_late = !m.is_confirm && is_late_update(c, place, entry);
        if (!m.is_confirm)
            m.lane = transcript_lane(place, LANE_UPDATES, h->p2);
    } else if (h->command == WIRE_READ_NOTIFY) {
        entry = asked_find(asked, ASKED_READ, h->p2);
    } else if (h->command == WIRE_WRITE_NOTIFY) {
        m.lane = lane_of_put(c, place, h);
    } else if (h->command == WIRE_ERROR) {
        drop_refused_put(asked, h, payload);
        if (is_for_update(h, payload))
            m.lane = transcript_lane(place, LANE_UPDATES, wire_get32(payload + 12));
    }
    m.is_dynamic = entry != NULL && entry->count == 0;
    m.is_text = is_text(c, place, h, entry);
    if (entry != NULL && entry->kind == ASKED_READ)
        asked_drop(asked, entry);
    return m;
}

static void take_message(struct conversation *c, unsigned place, const struct talk_message *m)
{
    uint8_t *bytes = malloc(m->size);
    if (bytes == NULL) {
        c->no_memory = true;
        return;
    }
    memcpy(bytes, m->bytes, m->size);
    if (m->header.command == WIRE_CREATE_CHAN || m->header.command == WIRE_CREATE_CH_FAIL)
        learn_channel(c, place, &m->header);
    struct meaning meaning = understand(c, place, &m->header, m->bytes + m->header_bytes);
    struct normal_context context = {.sids = &c->out->sids,
                                     .circuit = place,
                                     .tcp_port = c->server->tcp_port,
                                     .is_confirm = meaning.is_confirm,
                                     .is_dynamic = meaning.is_dynamic,
                                     .is_text = meaning.is_text};
    size_t size = normal_message(&context, &m->header, m->header_bytes, bytes, m->size);
    struct cursor cur = cursor_over(bytes, size);
    struct wire_header masked = m->header;
    wire_header_read(&cur, WIRE_MINOR, &masked);
    describe_message(&c->out->sids, &masked, m->header_bytes, bytes, size, meaning.is_confirm, c->text, sizeof c->text);
    (meaning.is_late ? add_late_update : add_turn)(c, place, meaning.lane, bytes, size);
    c->came[place]++;
    free(bytes);
}

/* ---- what comes ---- */

/* Is it a fence's own? A blank ECHO is taken for one, too, where the dialogue sent none: caproto's server does not reflect. */
static bool take_fence(struct conversation *c, unsigned place, const struct wire_header *h)
{
    struct asked *asked = &c->asked[place];
    if (h->command == WIRE_ECHO) {
        bool is_blank = h->type == 0 && h->p1 == 0 && asked->echoes == 0;
        asked->echoes -= h->type != FENCE && asked->echoes > 0;
        c->echo_came |= is_blank || (h->type == FENCE && h->p1 == c->fences);
        return is_blank || h->type == FENCE;
    }
    if (h->command == WIRE_EVENT_ADD && h->p2 >> 16 == FENCE) {
        c->event_came |= (uint16_t)h->p2 == c->fences;
        return true;
    }
    return false;
}

static void take_rest(struct conversation *c, unsigned place, const uint8_t *bytes, size_t n)
{
    int used = snprintf(c->text, sizeof c->text, "REST size=%zu bytes=", n);
    for (size_t i = 0; i < n && i < 64; i++)
        used += snprintf(c->text + used, sizeof c->text - (size_t)used, "%02x", bytes[i]);
    add_turn(c, place, transcript_lane(place, LANE_DIRECT, 0), bytes, n);
}

static void take_circuit(struct conversation *c, unsigned place)
{
    struct talk_message m;
    const uint8_t *rest;
    while (talk_next(&c->talk, place, &m))
        if (!take_fence(c, place, &m.header))
            take_message(c, place, &m);
    if (c->talk.place[place].state != TALK_ENDED || c->ended[place])
        return;
    size_t n = talk_rest(&c->talk, place, &rest);
    if (n > 0)
        take_rest(c, place, rest, n);
    c->ended[place] = true;
    c->came[place]++;
    add_remark(c, place, "END");
}

static void take_datagrams(struct conversation *c)
{
    const uint8_t *bytes;
    size_t n;
    while (talk_next_datagram(&c->talk, SCRIPT_UDP, &bytes, &n)) {
        struct cursor cur = cursor_over(bytes, n);
        struct talk_message m = {.bytes = bytes};
        const uint8_t *payload;
        snprintf(c->text, sizeof c->text, "DATAGRAM size=%zu", n);
        add_turn(c, SCRIPT_UDP, transcript_lane(SCRIPT_UDP, LANE_DIRECT, 0), NULL, 0);
        c->came[SCRIPT_UDP]++;
        while (wire_message_read(&cur, WIRE_MINOR, &m.header, &payload, NULL) == WIRE_OK) {
            m.size = (size_t)(cur.p - m.bytes);
            m.header_bytes = m.size - m.header.size;
            take_message(c, SCRIPT_UDP, &m);
            m.bytes = cur.p;
        }
        if (cursor_left(&cur) > 0)
            take_rest(c, SCRIPT_UDP, cur.p, cursor_left(&cur));
    }
}

static void take_all(struct conversation *c)
{
    for (unsigned i = 0; i < SCRIPT_CIRCUITS; i++)
        if (c->talk.place[i].state != TALK_CLOSED)
            take_circuit(c, i);
    take_datagrams(c);
}

/* ---- fences ---- */

static bool is_open(const struct conversation *c, unsigned place)
{
    return c->talk.place[place].state == TALK_OPEN;
}

/* Wait until *done, or the place's end, or the deadline; false: the deadline. */
static bool wait_for(struct conversation *c, unsigned place, const bool *done)
{
    uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    take_all(c);
    while (!*done && is_open(c, place)) {
        if (!talk_wait(&c->talk, deadline_ns))
            return false;
        take_all(c);
    }
    return true;
}

static bool send_message(struct conversation *c, unsigned place, const struct wire_header *h, const uint8_t *payload)
{
    uint8_t bytes[WIRE_EXTENDED_BYTES + 16];
    size_t n = wire_header_write(bytes, h);
    if (h->size > 0)
        memcpy(bytes + n, payload, h->size);
    return talk_send(&c->talk, place, bytes, n + h->size, clock_monotonic_ns() + PATIENCE_NS);
}

/* The receive thread is done with what was sent before. */
static bool fence_echo(struct conversation *c, unsigned place)
{
    struct wire_header echo = {.command = WIRE_ECHO, .type = FENCE, .p1 = ++c->fences};
    c->echo_came = false;
    send_message(c, place, &echo, NULL);
    return wait_for(c, place, &c->echo_came);
}

/* For a fence. */
static const struct normal_sid *newest_channel(const struct conversation *c, unsigned place)
{
    const struct normal_sids *sids = &c->out->sids;
    for (size_t i = sids->n; i-- > 0;)
        if (sids->at[i].circuit == place && !sids->at[i].is_gone && !sids->at[i].is_filtered)
            return &sids->at[i];
    return NULL;
}

/* The event thread is done: it owes the first update of this subscription last. */
static bool fence_events(struct conversation *c, unsigned place, uint32_t sid)
{
    const uint8_t payload[16] = {[13] = WIRE_MASK_VALUE};
    struct wire_header add = {.command = WIRE_EVENT_ADD,
                              .type = WIRE_INT32,
                              .count = 1,
                              .size = sizeof payload,
                              .p1 = sid,
                              .p2 = (uint32_t)FENCE << 16 | ++c->fences};
    struct wire_header cancel = {.command = WIRE_EVENT_CANCEL, .type = WIRE_INT32, .count = 1, .p1 = sid, .p2 = add.p2};
    c->event_came = false;
    send_message(c, place, &add, payload);
    bool came = wait_for(c, place, &c->event_came);
    if (is_open(c, place))
        send_message(c, place, &cancel, NULL);
    return came;
}

static void wait_for_puts(struct conversation *c, unsigned place)
{
    uint64_t deadline_ns = clock_monotonic_ns() + 2 * PATIENCE_NS;
    struct asked *asked = &c->asked[place];
    while (asked->puts > 0 && is_open(c, place)) {
        if (!talk_wait(&c->talk, deadline_ns)) {
            add_remark(c, place, "SILENT no result of a WRITE_NOTIFY");
            asked->puts = 0;
        }
        take_all(c);
    }
}

static void settle_circuit(struct conversation *c, unsigned place)
{
    struct asked *asked = &c->asked[place];
    if (!is_open(c, place) || !asked->has_version)
        return;
    if (!fence_echo(c, place)) {
        add_remark(c, place, "SILENT no answer to an ECHO");
        asked->has_version = false; /* not asked again */
        return;
    }
    wait_for_puts(c, place);
    const struct normal_sid *channel = newest_channel(c, place);
    if (is_open(c, place) && asked->subscriptions > 0 && !asked->events_off && channel != NULL &&
        !fence_events(c, place, channel->sid))
        add_remark(c, place, "SILENT no first update of a subscription");
}

static uint16_t port_of_reply(const uint8_t *bytes, size_t n)
{
    struct cursor cur = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    while (wire_message_read(&cur, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK)
        if (h.command == WIRE_SEARCH)
            return h.type;
    return 0;
}

/* A search for a PV that the server has, from a socket of its own, until it is answered. The TCP port that it was told, or 0. */
static uint16_t fence_udp(struct talk *talk, unsigned place, const char *name, uint64_t patience_ns)
{
    uint8_t bytes[1024];
    const uint8_t *reply;
    size_t n, length = strlen(name) + 1;
    struct wire_header version = {.command = WIRE_VERSION, .type = 1, .count = WIRE_MINOR, .p1 = FENCE};
    struct wire_header search = {.command = WIRE_SEARCH,
                                 .type = WIRE_DONT_REPLY,
                                 .count = WIRE_MINOR,
                                 .size = (uint32_t)wire_pad8(length),
                                 .p1 = FENCE,
                                 .p2 = FENCE};
    if (length > 512)
        return 0;
    memset(bytes, 0, sizeof bytes);
    size_t used = wire_header_write(bytes, &version);
    used += wire_header_write(bytes + used, &search);
    memcpy(bytes + used, name, length);
    uint64_t deadline_ns = clock_monotonic_ns() + patience_ns;
    for (uint64_t now_ns; (now_ns = clock_monotonic_ns()) < deadline_ns;) {
        talk_send(talk, place, bytes, used + search.size, deadline_ns);
        while (talk_wait(talk, now_ns + SEARCH_WAIT_NS))
            if (talk_next_datagram(talk, place, &reply, &n))
                return port_of_reply(reply, n);
    }
    return 0;
}

/* ---- blocks ---- */

/* A place that owes stated replies still. */
static bool owes(const struct conversation *c, const struct script_block *block, unsigned place)
{
    size_t stated = 0;
    for (size_t i = 0; i < block->nreplies; i++)
        stated += block->replies[i].place == place;
    return c->came[place] < stated && (place == SCRIPT_UDP || is_open(c, place));
}

/* On the block's own place, or, of an unfenced block, on all. */
static void wait_for_stated(struct conversation *c, const struct script_block *block)
{
    uint64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    take_all(c);
    for (unsigned i = 0; i < SCRIPT_PLACES; i++)
        if (i == block->place || block->unfenced)
            while (owes(c, block, i) && talk_wait(&c->talk, deadline_ns))
                take_all(c);
}

/* Until the server has nothing more to say about this block. A datagram's answer has come before the fence is sent, as rsrv would
 * put both into one datagram. */
static void settle(struct conversation *c, const struct script_block *block)
{
    if (block->unfenced || block->act == SCRIPT_OPEN) {
        wait_for_stated(c, block);
    } else if (block->place == SCRIPT_UDP) {
        wait_for_stated(c, block);
        if (c->script->nneeds > 0 && !fence_udp(&c->talk, FENCE_PLACE, c->script->needs[0], PATIENCE_NS))
            add_remark(c, SCRIPT_UDP, "SILENT no answer to a search");
        take_all(c);
    } else if (block->act == SCRIPT_SHUTDOWN) {
        bool never = false;
        if (!wait_for(c, block->place, &never))
            add_remark(c, block->place, "SILENT the circuit stays open");
    } else {
        settle_circuit(c, block->place);
    }
    for (unsigned i = 0; i < SCRIPT_CIRCUITS; i++)
        if (i != block->place && !c->unfenced[i])
            settle_circuit(c, i);
}

static uint32_t resolve(const struct conversation *c, const struct script_sid *sid)
{
    const struct normal_sids *sids = &c->out->sids;
    for (size_t i = sids->n; i-- > 0;)
        if (sids->at[i].circuit == sid->circuit && sids->at[i].cid == sid->cid)
            return sids->at[i].sid;
    return UNKNOWN_SID;
}

static void forget_cleared(struct conversation *c, unsigned place, const uint8_t *bytes, size_t n)
{
    struct cursor cur = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    while (wire_message_read(&cur, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK) {
        long i = h.command == WIRE_CLEAR_CHANNEL ? normal_find_sid(&c->out->sids, place, h.p1) : -1;
        if (i >= 0)
            c->out->sids.at[i].is_gone = true;
    }
}

static bool send_block(struct conversation *c, const struct script_block *block)
{
    size_t n = 0, used = 0;
    for (size_t i = 0; i < block->nrequests; i++)
        n += block->requests[i].size;
    uint8_t *bytes = malloc(n + 1);
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < block->nrequests; i++) {
        const struct script_request *r = &block->requests[i];
        memcpy(bytes + used, r->bytes, r->size);
        for (size_t k = 0; k < r->nsids; k++)
            wire_put32(bytes + used + r->sids[k].at, resolve(c, &r->sids[k]));
        used += r->size;
    }
    bool noted = asked_sent(&c->asked[block->place], bytes, n);
    forget_cleared(c, block->place, bytes, n);
    talk_send(&c->talk, block->place, bytes, n, clock_monotonic_ns() + PATIENCE_NS);
    free(bytes);
    return noted;
}

static int open_place(struct conversation *c, unsigned place, struct diag *diag)
{
    if (place == SCRIPT_UDP && talk_open(&c->talk, FENCE_PLACE, true, diag) < 0)
        return -1;
    asked_fini(&c->asked[place]);
    c->ended[place] = false;
    return talk_open(&c->talk, place, place == SCRIPT_UDP, diag);
}

static void close_place(struct conversation *c, unsigned place)
{
    talk_close(&c->talk, place);
    asked_fini(&c->asked[place]);
    for (size_t i = 0; i < c->out->sids.n; i++)
        c->out->sids.at[i].is_gone |= c->out->sids.at[i].circuit == place;
}

static int run_block(struct conversation *c, const struct script_block *block, struct diag *diag)
{
    memset(c->came, 0, sizeof c->came);
    c->unfenced[block->place] = block->unfenced;
    if (block->act == SCRIPT_CLOSE)
        close_place(c, block->place);
    else if (c->talk.place[block->place].state == TALK_CLOSED && open_place(c, block->place, diag) < 0)
        return -1;
    if (block->act == SCRIPT_SHUTDOWN)
        talk_shutdown(&c->talk, block->place);
    if (block->act == SCRIPT_SEND && !send_block(c, block))
        c->no_memory = true;
    settle(c, block);
    return c->no_memory ? diag_fail(diag, DIAG_ENVIRONMENT, "out of memory") : 0;
}

int converse(const struct script *script, const struct converse_server *server, struct transcript *transcript, struct diag *diag)
{
    struct conversation *c = calloc(1, sizeof *c);
    *transcript = (struct transcript){.n = 0};
    if (c == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
    c->script = script;
    c->server = server;
    c->out = transcript;
    talk_init(&c->talk, server->address, server->udp_port, server->tcp_port);
    int result = 0;
    for (c->block = 0; c->block < script->nblocks && result == 0; c->block++)
        result = run_block(c, &script->blocks[c->block], diag);
    for (unsigned i = 0; i < SCRIPT_PLACES; i++)
        asked_fini(&c->asked[i]);
    talk_fini(&c->talk);
    free(c);
    if (result < 0)
        transcript_fini(transcript);
    return result;
}

bool converse_find(const struct converse_server *server, const char *name, uint16_t *tcp_port)
{
    struct talk talk;
    struct diag ignored;
    talk_init(&talk, server->address, server->udp_port, server->tcp_port);
    uint16_t port = talk_open(&talk, 0, true, &ignored) == 0 ? fence_udp(&talk, 0, name, 4 * SEARCH_WAIT_NS) : 0;
    talk_fini(&talk);
    if (port != 0)
        *tcp_port = port;
    return port != 0;
}
