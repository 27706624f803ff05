#include "sim/lockstep_parts.h"

#include <string.h>

/* ---- output ---- */

static void record(struct line *line, bool from_server, const uint8_t *bytes, size_t n)
{
    const struct recorder_piece piece = {
        .circuit = line->circuit->number, .from_server = from_server, .t_ns = line->lockstep->now_ns, .bytes = bytes, .n = n};
    recorder_bytes(line->lockstep->recorder, &piece);
}

static void send_output(struct line *line)
{
    struct iovec pieces[OUTBOX_PIECES];
    int n = sim_circuit_output(line->circuit, line->lockstep->now_ns, pieces);
    size_t all = 0;
    for (int i = 0; i < n; all += pieces[i++].iov_len)
        record(line, true, pieces[i].iov_base, pieces[i].iov_len);
    sim_circuit_sent(line->circuit, all);
}

static void end_circuit(struct line *line)
{
    struct lockstep *l = line->lockstep;
    recorder_close(l->recorder, line->circuit->number, l->now_ns);
    sim_circuit_free(line->circuit, l->now_ns);
    line->circuit = NULL;
    schedule_set(&l->schedule, &line->deadline, CLOCK_NEVER);
}

static void work(struct line *line, bool more)
{
    struct sim_circuit *c = line->circuit;
    bool sends;
    do {
        sends = sim_circuit_work(c, line->lockstep->now_ns, more);
        if (sends)
            send_output(line);
    } while ((sends || c->has_more) && !sim_circuit_is_over(c));
}

/* ---- input ---- */

/* Give the circuit what it takes of its client's bytes. */
static void feed(struct line *line)
{
    struct sim_circuit *c = line->circuit;
    while (line->begin < line->end && !sim_circuit_is_over(c) && sim_circuit_wants_input(c)) {
        size_t room, left = line->end - line->begin;
        uint8_t *at = sim_circuit_room(c, &room);
        size_t n = left < room ? left : room;
        memcpy(at, line->inbox + line->begin, n);
        record(line, false, at, n);
        sim_circuit_received(c, n, line->lockstep->now_ns);
        line->begin += n;
        work(line, n == room);
    }
    if (line->is_ending && line->begin == line->end)
        sim_circuit_end_of_file(c);
}

void line_turn(struct line *line)
{
    if (line->circuit == NULL) { /* it is over: what its client still sends goes nowhere */
        line->begin = line->end;
        return;
    }
    work(line, false);
    feed(line);
    work(line, false);
    if (sim_circuit_is_over(line->circuit))
        end_circuit(line);
    else
        schedule_set(&line->lockstep->schedule, &line->deadline, sim_circuit_deadline(line->circuit));
}

static void on_deadline(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    line_turn(owner);
}

static void on_begin(void *owner, uint64_t now_ns)
{
    struct line *line = owner;
    struct lockstep *l = line->lockstep;
    const struct trace_circuit *r = line->recorded;
    const struct dialogue_endpoints ends = {r->client_address, r->server_address, r->client_port, r->server_port};
    line->circuit = sim_circuit_new(&l->sim, line, now_ns);
    l->has_failed |= line->circuit == NULL;
    if (line->circuit == NULL)
        return;
    recorder_circuit(l->recorder, line->circuit->number, &ends, now_ns);
    line_turn(line);
}

static void on_end(void *owner, uint64_t now_ns)
{
    (void)now_ns;
    struct line *line = owner;
    line->is_ending = true;
    line_turn(line);
}

/* ---- what the recording says ---- */

void line_learn(struct line *line, const struct trace_event *e)
{
    struct sid *known;
    HASH_FIND(hh, line->sids, &e->p2, sizeof e->p2, known);
    if (known == NULL) {
        known = calloc(1, sizeof *known);
        line->lockstep->has_failed |= known == NULL;
        if (known == NULL)
            return;
        known->sid = e->p2;
        HASH_ADD(hh, line->sids, sid, sizeof known->sid, known);
        if (known->hh.tbl == NULL) {
            free(known);
            line->lockstep->has_failed = true;
            return;
        }
    }
    known->cid = e->p1;
}

/* The sid that this server has given where the recorded one gave `sid`; `sid` itself if the recording does not know it. */
static uint32_t own_sid(const struct line *line, uint32_t sid)
{
    const struct sid *known;
    HASH_FIND(hh, line->sids, &sid, sizeof sid, known);
    if (known == NULL || line->circuit == NULL)
        return sid;
    for (const struct sim_channel *channel = line->circuit->channels; channel != NULL; channel = channel->next)
        if (channel->cid == known->cid)
            return channel->sid;
    return sid;
}

static bool make_room(struct line *line, size_t n)
{
    if (line->begin == line->end)
        line->begin = line->end = 0;
    if (line->room - line->end >= n)
        return true;
    const size_t room = 2 * line->room + n + 4096;
    uint8_t *inbox = realloc(line->inbox, room);
    if (inbox == NULL)
        return false;
    line->inbox = inbox;
    line->room = room;
    return true;
}

void line_add(struct line *line, const struct trace_event *e)
{
    struct lockstep *l = line->lockstep;
    struct wire_header h = {.command = e->command, .type = e->type, .count = e->count, .size = e->size, .p1 = e->p1, .p2 = e->p2};
    if (!make_room(line, WIRE_EXTENDED_BYTES + (size_t)e->size)) {
        l->has_failed = true;
        return;
    }
    if (wire_names_channel(e->command))
        h.p1 = own_sid(line, e->p1);
    uint8_t *at = line->inbox + line->end;
    at += wire_header_write(at, &h);
    memcpy(at, trace_head(&l->trace, e), e->head_bytes);
    at += e->head_bytes;
    memcpy(at, trace_body(&l->trace, e), e->body_bytes);
    at += e->body_bytes;
    const size_t rest = e->size - e->head_bytes - e->body_bytes;
    memcpy(at, trace_head(&l->trace, e) + e->head_bytes, rest);
    line->end = (size_t)(at + rest - line->inbox);
}

/* ---- life ---- */

int line_init(struct lockstep *l, uint32_t i)
{
    struct line *line = &l->lines[i];
    const struct trace_circuit *r = &l->trace.circuits[i];
    *line = (struct line){.lockstep = l,
                          .recorded = r,
                          .begins = {.fire = on_begin, .owner = line},
                          .ends = {.fire = on_end, .owner = line},
                          .deadline = {.fire = on_deadline, .owner = line}};
    if (schedule_add(&l->schedule, &line->begins) < 0 || schedule_add(&l->schedule, &line->ends) < 0 ||
        schedule_add(&l->schedule, &line->deadline) < 0)
        return -1;
    l->midway += (r->flags & TRACE_MIDWAY) != 0;
    if (!(r->flags & TRACE_TCP) || r->flags & TRACE_MIDWAY)
        return 0;
    schedule_set(&l->schedule, &line->begins, SIM_LOCKSTEP_NS + r->begin_ns);
    /* behind the messages of that instant */
    schedule_set(&l->schedule, &line->ends, SIM_LOCKSTEP_NS + 1 + (r->flags & TRACE_CLOSED ? r->end_ns : l->trace.end_ns));
    if (l->sim.tcp_port == 0)
        l->sim.tcp_port = r->server_port;
    return 0;
}

void line_fini(struct line *line)
{
    struct sid *sid, *next;
    if (line->circuit != NULL)
        sim_circuit_free(line->circuit, line->lockstep->now_ns);
    HASH_ITER(hh, line->sids, sid, next)
    {
        HASH_DEL(line->sids, sid);
        free(sid);
    }
    free(line->inbox);
}
