#include "sim/search.h"

#include <stdlib.h>
#include <string.h>

#define OLDEST_MINOR    4u  /* that is answered */
#define SEQUENCED_MINOR 11u /* first with a sequence number in VERSION, and a VERSION in the reply */

int search_init(struct search *s)
{
    s->lane = calloc(SEARCH_LANE, sizeof *s->lane);
    s->batch.used = WIRE_HEADER_BYTES;
    return s->lane != NULL ? 0 : -1;
}

void search_fini(struct search *s)
{
    free(s->lane);
    s->lane = NULL;
}

/* ---- the reply datagram ---- */

/* The first 16 bytes are kept for VERSION, which older clients do not get. */
void search_flush(struct search *s)
{
    struct search_batch *batch = &s->batch;
    if (batch->used == WIRE_HEADER_BYTES)
        return;
    const struct wire_header version = {.command = WIRE_VERSION, .type = 1, .count = WIRE_MINOR, .p1 = batch->sequence};
    bool with_version = batch->minor >= SEQUENCED_MINOR;
    size_t from = with_version ? 0 : WIRE_HEADER_BYTES;
    if (with_version)
        wire_header_write(batch->bytes, &version);
    observed_datagram(&s->sim->observed, OBSERVED_OUT, batch->used - from);
    const uint64_t now_ns = s->send(s->arg, &batch->peer, batch->bytes + from, batch->used - from);
    for (unsigned i = 0; i < batch->count; i++)
        latency_count(&s->sim->latency, SIM_SEARCH, now_ns - batch->asked_ns[i], 1);
    batch->used = WIRE_HEADER_BYTES;
    batch->count = 0;
}

static void add_reply(struct search *s, uint32_t cid, uint64_t asked_ns)
{
    struct search_batch *batch = &s->batch;
    const struct wire_header found = {.command = WIRE_SEARCH, .type = s->sim->tcp_port, .size = 8, .p1 = UINT32_MAX, .p2 = cid};
    if (batch->used + SEARCH_REPLY_BYTES > sizeof batch->bytes)
        search_flush(s);
    uint8_t *at = batch->bytes + batch->used;
    memset(at, 0, SEARCH_REPLY_BYTES);
    wire_header_write(at, &found);
    wire_put16(at + WIRE_HEADER_BYTES, WIRE_MINOR);
    batch->used += SEARCH_REPLY_BYTES;
    batch->asked_ns[batch->count++] = asked_ns;
}

static bool is_same(const struct search_peer *a, const struct search_peer *b)
{
    return a->address == b->address && a->port == b->port;
}

/* ---- replies with a service time ---- */

static void add_late(struct search *s, uint32_t cid, uint64_t arrived_ns, uint64_t delay_ns)
{
    const uint64_t own_ns = arrived_ns + delay_ns;
    if (s->count == SEARCH_LANE) {
        s->sim->counts.dropped_searches++;
        return;
    }
    uint64_t due = own_ns > s->last_due_ns ? own_ns : s->last_due_ns;
    s->last_due_ns = due;
    s->lane[(s->first + s->count++) % SEARCH_LANE] = (struct search_late){.peer = s->batch.peer,
                                                                          .sequence = s->batch.sequence,
                                                                          .cid = cid,
                                                                          .minor = s->batch.minor,
                                                                          .asked_ns = arrived_ns,
                                                                          .own_ns = own_ns,
                                                                          .due_ns = due};
}

/* All answers to a datagram bear the number of its last VERSION (ca-protocol 3.2). */
static void settle_late(struct search *s, uint32_t before)
{
    for (uint32_t i = before; i < s->count; i++) {
        struct search_late *late = &s->lane[(s->first + i) % SEARCH_LANE];
        late->sequence = s->batch.sequence;
        late->minor = s->batch.minor;
    }
}

uint64_t search_deadline(const struct search *s)
{
    if (s->count == 0)
        return CLOCK_NEVER;
    uint64_t first = s->lane[s->first].due_ns, last = first;
    for (uint32_t i = 1; i < s->count; i++) {
        uint64_t due = s->lane[(s->first + i) % SEARCH_LANE].due_ns;
        if (due - first > LANE_TOGETHER_NS)
            break;
        last = due;
    }
    return last > s->free_ns ? last : s->free_ns;
}

/* Waiting for the pace is not being late. */
static void count_lateness(struct search *s, const struct search_late *late, uint64_t now_ns)
{
    struct sim *sim = s->sim;
    const uint64_t due_ns = late->due_ns > s->free_ns ? late->due_ns : s->free_ns;
    lateness_count(&sim->late, due_ns, 0, now_ns);
    if (due_ns > late->own_ns)
        histogram_add(&sim->late.of[SIM_LATE_ORDER], due_ns - late->own_ns);
}

/* The replies that are due, as far as they belong into one datagram. */
static void send_due(struct search *s, uint64_t now_ns)
{
    struct search_batch *batch = &s->batch;
    batch->peer = s->lane[s->first].peer;
    batch->sequence = s->lane[s->first].sequence;
    while (s->count > 0 && batch->used + SEARCH_REPLY_BYTES <= sizeof batch->bytes) {
        const struct search_late *late = &s->lane[s->first];
        if (late->due_ns > now_ns || !is_same(&late->peer, &batch->peer) || late->sequence != batch->sequence)
            break;
        batch->minor = late->minor;
        add_reply(s, late->cid, late->asked_ns);
        count_lateness(s, late, now_ns);
        s->first = (s->first + 1) % SEARCH_LANE;
        s->count--;
    }
    search_flush(s);
}

void search_due(struct search *s, uint64_t now_ns)
{
    search_flush(s);
    while (s->count > 0 && s->lane[s->first].due_ns <= now_ns && s->free_ns <= now_ns) {
        send_due(s, now_ns);
        if (s->sim->reply_pace_ns > 0)
            s->free_ns = now_ns + s->sim->reply_pace_ns;
    }
}

/* ---- the request datagram ---- */

static uint64_t searcher(const struct search_peer *peer, uint32_t cid)
{
    return ((uint64_t)peer->address << 32 | (uint64_t)peer->port << 16 | 1) ^ (uint64_t)cid * UINT64_C(0x9e3779b97f4a7c15);
}

static void on_search(struct search *s, const struct wire_header *h, const uint8_t *payload, uint64_t arrived_ns)
{
    if (h->size <= 1)
        return;
    struct sim *sim = s->sim;
    struct sim_pv *pv = sim_find(sim, (const char *)payload, wire_name_length(payload, h->size));
    sim_count_search(sim, pv, searcher(&s->batch.peer, h->p2), arrived_ns);
    if (pv == NULL)
        return;
    const struct latency_request r = {.class = SIM_SEARCH, .pv = pv, .circuit = h->p2, .number = s->batch.sequence};
    uint64_t delay_ns = latency_next(&sim->latency, sim->source, &r) + link_time_ns(&sim->link, SEARCH_REPLY_BYTES);
    if (delay_ns > 0 || s->count > 0 || sim->reply_pace_ns > 0)
        add_late(s, h->p2, arrived_ns, delay_ns);
    else
        add_reply(s, h->p2, arrived_ns);
    if (sim->start.kind == SIM_START_SEARCH)
        sim_begin(sim, arrived_ns);
}

/* False: the rest of the datagram is ignored, in silence (ca-protocol 3.2). */
static bool on_message(struct search *s, const struct wire_header *h, const uint8_t *payload, uint64_t arrived_ns)
{
    struct search_batch *batch = &s->batch;
    if (h->command == WIRE_VERSION) {
        batch->minor = h->count < OLDEST_MINOR ? 0 : h->count;
        if (batch->minor >= SEQUENCED_MINOR)
            batch->sequence = h->p1;
        return batch->minor != 0;
    }
    if (batch->minor == 0 || h->command != WIRE_SEARCH || h->count < OLDEST_MINOR)
        return false;
    on_search(s, h, payload, arrived_ns);
    return true;
}

void search_datagram(struct search *s, const struct search_peer *peer, const uint8_t *bytes, size_t n, uint64_t arrived_ns)
{
    struct cursor cur = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    observed_datagram(&s->sim->observed, OBSERVED_IN, n);
    s->batch.minor = 0;
    s->batch.sequence = 0;
    if (!is_same(peer, &s->batch.peer)) {
        search_flush(s); /* without VERSION, as a real server does it, since minor is 0 by now (ca-protocol 3.3) */
        s->batch.peer = *peer;
    }
    const uint32_t before = s->count;
    while (wire_message_read(&cur, s->batch.minor, &h, &payload, NULL) == WIRE_OK && h.size % 8 == 0 &&
           on_message(s, &h, payload, arrived_ns))
        continue;
    settle_late(s, before);
}
