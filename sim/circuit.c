#include "sim/circuit.h"

#include "sim/answer.h"
#include "sim/core.h"

#include <stdlib.h>
#include <string.h>

/* Of one that is new. */
#define CIRCUIT_BYTES (sizeof(struct sim_circuit) + CIRCUIT_INPUT_BYTES + OUTBOX_BYTES + 2 * LANE_ROOM * sizeof(struct reply))

static int init_buffers(struct sim_circuit *c)
{
    struct memory *memory = &c->sim->memory;
    queue_init(&c->events, memory);
    c->in = (struct circuit_input){.bytes = malloc(CIRCUIT_INPUT_BYTES), .room = CIRCUIT_INPUT_BYTES};
    return c->in.bytes == NULL || lane_init(&c->direct, memory) < 0 || lane_init(&c->puts, memory) < 0 ||
                   outbox_init(&c->out, memory) < 0
               ? -1
               : 0;
}

static void free_buffers(struct sim_circuit *c)
{
    struct memory *memory = &c->sim->memory;
    if (c->in.bytes != NULL)
        memory_give(memory, c->in.room - CIRCUIT_INPUT_BYTES);
    free(c->in.bytes);
    lane_fini(&c->direct);
    lane_fini(&c->puts);
    queue_fini(&c->events);
    outbox_fini(&c->out);
    free(c);
    memory_give(memory, CIRCUIT_BYTES);
}

static void greet(struct sim_circuit *c, uint64_t now_ns)
{
    lane_push(&c->direct,
              &(struct reply){.kind = REPLY_HEADER, .header = {.command = WIRE_VERSION, .count = WIRE_MINOR}, .own_ns = now_ns});
}

struct sim_circuit *sim_circuit_new(struct sim *sim, void *owner, uint64_t now_ns)
{
    struct sim_circuit *c = NULL;
    if (memory_take(&sim->memory, CIRCUIT_BYTES) && (c = calloc(1, sizeof *c)) == NULL)
        memory_give(&sim->memory, CIRCUIT_BYTES);
    if (c == NULL)
        return NULL;
    c->sim = sim;
    if (init_buffers(c) < 0) {
        free_buffers(c);
        return NULL;
    }
    c->owner = owner;
    c->number = ++sim->counts.circuits;
    if (c->number == 1)
        sim->observed.first_circuit_ns = now_ns;
    c->next = sim->circuits;
    c->link = &sim->circuits;
    if (c->next != NULL)
        c->next->link = &c->next;
    sim->circuits = c;
    sim->ncircuits++;
    greet(c, now_ns);
    return c;
}

static void leave_lists(struct sim_circuit *c)
{
    c->sim->ncircuits--;
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    sim_leave_dirty(c);
}

void sim_circuit_free(struct sim_circuit *c, uint64_t now_ns)
{
    while (c->channels != NULL)
        channel_free(c->channels);
    if (c->events.off)
        c->sim->counts.events_off_ns += now_ns - c->off_ns;
    sim_relieve(c);
    leave_lists(c);
    free_buffers(c);
}

/* ---- input ---- */

static void consume(struct circuit_input *in, size_t n)
{
    in->begin += n;
    in->offset += n;
    in->need = 0;
}

static void compact(struct circuit_input *in)
{
    memmove(in->bytes, in->bytes + in->begin, in->end - in->begin);
    in->end -= in->begin;
    in->begin = 0;
}

static bool resize_input(struct sim_circuit *c, uint64_t room)
{
    uint8_t *bytes = memory_resize(&c->sim->memory, c->in.bytes, c->in.room, room);
    if (bytes == NULL)
        return false;
    c->in.bytes = bytes;
    c->in.room = (size_t)room;
    return true;
}

/* A message of `need` bytes is larger than what has come of it: the buffer grows with what has really come, never at once to what
 * a header claims. */
static bool make_room(struct sim_circuit *c, uint64_t need)
{
    struct circuit_input *in = &c->in;
    in->need = need;
    if (in->begin > 0)
        compact(in);
    if (need <= in->room || in->room - in->end >= CIRCUIT_INPUT_BYTES / 4)
        return true;
    return resize_input(c, need < 2 * (uint64_t)in->room ? need : 2 * (uint64_t)in->room);
}

static void rest(struct sim_circuit *c)
{
    c->in.begin = c->in.end = 0;
    if (c->in.room > LIMIT_KEPT_BYTES)
        resize_input(c, CIRCUIT_INPUT_BYTES);
}

uint8_t *sim_circuit_room(struct sim_circuit *c, size_t *n)
{
    struct circuit_input *in = &c->in;
    if (in->begin == in->end)
        rest(c);
    else if (in->begin > 0 && in->room - in->end < CIRCUIT_INPUT_BYTES / 4)
        compact(in);
    size_t most = in->need > CIRCUIT_INPUT_BYTES ? CIRCUIT_READ_BYTES : CIRCUIT_INPUT_BYTES, room = in->room - in->end;
    *n = room < most ? room : most;
    return in->bytes + in->end;
}

void sim_circuit_received(struct sim_circuit *c, size_t n, uint64_t arrived_ns)
{
    struct circuit_input *in = &c->in;
    observed_bytes(&c->sim->observed, OBSERVED_IN, n, &c->has_asked);
    uint64_t skipped = n < in->skip ? n : in->skip;
    in->skip -= skipped;
    if (skipped > 0 && skipped < n)
        memmove(in->bytes + in->end, in->bytes + in->end + skipped, n - (size_t)skipped);
    in->end += n - (size_t)skipped;
    arrival_mark(&in->arrivals, in->offset, in->offset + in->end - in->begin, arrived_ns);
}

void sim_circuit_end_of_file(struct sim_circuit *c)
{
    c->at_end_of_file = true;
}

/* While it cannot send, a real server's receiving thread stops at the first request that needs a reply; those that need none,
 * such as EVENTS_OFF, are still heard. */
static bool takes_requests(struct sim_circuit *c)
{
    return !c->is_deaf && c->held == 0 && !(c->is_blocked && c->direct.count > 0) && lane_reserve(&c->direct) &&
           lane_reserve(&c->puts);
}

bool sim_circuit_wants_input(struct sim_circuit *c)
{
    return !c->at_end_of_file && !c->is_waiting && !c->has_more && takes_requests(c);
}

static void skip_message(struct sim_circuit *c, uint64_t bytes)
{
    struct circuit_input *in = &c->in;
    size_t here = in->end - in->begin;
    size_t now = bytes < here ? (size_t)bytes : here;
    consume(in, now);
    in->skip = bytes - now;
    in->offset += in->skip;
}

/* What can be said from the header alone. Returns whether the message is dealt with. */
static bool take_header(struct sim_circuit *c, const struct request *r)
{
    if (c->minor == 0 && r->header.command != WIRE_VERSION)
        request_unversioned(c, r);
    else if (r->header.size % 8 != 0)
        request_misaligned(c, r);
    else if (r->bytes > c->sim->message_limit)
        request_too_large(c, r);
    else
        return false;
    skip_message(c, r->bytes);
    return true;
}

/* Take one message out of the input. False: it is not all there, or must wait. */
static bool take_message(struct sim_circuit *c, uint64_t now_ns)
{
    struct circuit_input *in = &c->in;
    struct cursor cur = cursor_over(in->bytes + in->begin, in->end - in->begin);
    struct request r = {.now_ns = now_ns};
    c->is_waiting = false;
    if (!takes_requests(c) || wire_header_read(&cur, c->minor, &r.header) != WIRE_OK)
        return false;
    r.bytes = (uint64_t)(cur.p - (in->bytes + in->begin)) + r.header.size;
    r.arrived_ns = arrival_of(&in->arrivals, in->offset + r.bytes);
    if (take_header(c, &r))
        return true;
    r.payload = cursor_bytes(&cur, r.header.size);
    if (r.payload == NULL) {
        if (make_room(c, r.bytes))
            return false;
        request_too_large(c, &r);
        skip_message(c, r.bytes);
        return true;
    }
    enum request_outcome outcome = request_handle(c, &r);
    if (outcome == REQUEST_HELD)
        c->held = (size_t)r.bytes;
    else if (outcome == REQUEST_DONE)
        consume(in, (size_t)r.bytes);
    c->is_waiting = outcome == REQUEST_WAIT;
    if (c->is_waiting)
        return false;
    c->wait_ns = 0;
    observed_message(&c->sim->observed, OBSERVED_IN, r.header.command);
    return true;
}

/* ---- output ---- */

/* Remember a message until its bytes go out, and count what its lane cost one that has a due time. */
static void note(struct sim_circuit *c, struct outbox_note note, uint64_t own_ns, bool timed)
{
    if (timed && note.due_ns > own_ns)
        histogram_add(&c->sim->late.of[SIM_LATE_ORDER], note.due_ns - own_ns);
    if (!timed)
        note.due_ns = 0;
    note.messages = 1;
    if (timed || note.class != SIM_CLASSES)
        outbox_remember(&c->out, &note);
}

/* The class, if it has a model whose effect is counted. */
static uint8_t counted(const struct sim_circuit *c, uint8_t class)
{
    return class != SIM_CLASSES && c->sim->latency.is_counted[class] ? class : SIM_CLASSES;
}

static void note_reply(struct sim_circuit *c, const struct reply *r)
{
    const uint8_t class = r->asked_ns > 0 ? counted(c, r->class) : SIM_CLASSES;
    note(c, (struct outbox_note){.due_ns = r->due_ns, .asked_ns = r->asked_ns, .class = class}, r->own_ns, r->timed);
}

static void note_update(struct sim_circuit *c, const struct queue_entry *e)
{
    const uint8_t class = e->asked_ns > 0 ? counted(c, e->first ? SIM_FIRST_UPDATE : SIM_UPDATE) : SIM_CLASSES;
    note(c, (struct outbox_note){.due_ns = e->due_ns, .asked_ns = e->asked_ns, .class = class}, e->own_ns, e->timed);
}

static void observe_reply(struct sim_circuit *c, const struct reply *r, uint64_t now_ns)
{
    struct observed *o = &c->sim->observed;
    observed_message(o, OBSERVED_OUT, r->kind == REPLY_ERROR ? WIRE_ERROR : r->header.command);
    if (r->kind == REPLY_CREATED) {
        observed_message(o, OBSERVED_OUT, WIRE_ACCESS_RIGHTS);
        observed_created(o, &r->pv->searched.since_ns, now_ns);
    } else if (r->kind == REPLY_READ || (r->kind == REPLY_VALUE && r->header.command == WIRE_READ_NOTIFY))
        observed_value(o, now_ns);
}

static void after_reply(struct sim_circuit *c, const struct reply *reply, uint64_t now_ns)
{
    note_reply(c, reply);
    observe_reply(c, reply, now_ns);
    if (reply->kind == REPLY_ECHO) {
        consume(&c->in, c->held);
        c->held = 0;
    }
    if (reply->kind == REPLY_END)
        c->is_ending = true;
    if (reply->writing != NULL) {
        reply->writing->is_writing = false;
        c->wait_ns = 0;
    }
}

/* Write what is due. False: the outbox must be sent first. */
static bool drain_lane(struct sim_circuit *c, struct lane *lane, uint64_t now_ns)
{
    for (struct reply *reply; !c->is_ending && (reply = lane_due(lane, now_ns)) != NULL; lane_pop(lane)) {
        if (reply->cancelled)
            continue;
        if (!reply_write(c, reply))
            return false;
        after_reply(c, reply, now_ns);
    }
    return true;
}

static bool drain_events(struct sim_circuit *c, uint64_t now_ns)
{
    for (struct queue_entry *entry; !c->is_ending && (entry = queue_first(&c->events)) != NULL; queue_pop(&c->events)) {
        if (entry->due_ns > now_ns)
            break;
        if (!update_write(c, entry))
            return false;
        note_update(c, entry);
        observed_message(&c->sim->observed, OBSERVED_OUT, WIRE_EVENT_ADD);
        observed_value(&c->sim->observed, now_ns);
    }
    sim_relieve(c);
    return true;
}

/* Requests in, direct replies out. False: the outbox must be sent first. */
static bool take_requests(struct sim_circuit *c, uint64_t now_ns)
{
    bool fits = true, taken;
    do {
        if (!c->is_blocked)
            fits = drain_lane(c, &c->direct, now_ns);
        taken = fits && c->turn < CIRCUIT_TURN && take_message(c, now_ns);
    } while (taken && ++c->turn);
    c->has_more = fits && c->turn == CIRCUIT_TURN;
    return fits;
}

bool sim_circuit_work(struct sim_circuit *c, uint64_t now_ns, bool more)
{
    c->turn = 0;
    bool fits = take_requests(c, now_ns);
    if (c->is_blocked)
        return false;
    while (fits && c->is_waiting && !c->has_more && lane_due(&c->puts, now_ns) != NULL)
        fits = drain_lane(c, &c->puts, now_ns) && take_requests(c, now_ns);
    if (fits && (more || c->has_more) && !c->is_ending && !c->is_waiting)
        return false;
    if (fits)
        fits = drain_lane(c, &c->puts, now_ns) && drain_events(c, now_ns);
    if (fits && c->at_end_of_file && !c->is_waiting && !c->has_more && takes_requests(c)) {
        answer_end(c, now_ns, NULL);
        drain_lane(c, &c->direct, now_ns);
    }
    return !outbox_is_empty(&c->out);
}

static void count_late(struct sim_circuit *c, const struct outbox_note *note, uint64_t now_ns)
{
    for (uint32_t n = note->messages; n > 0; n--)
        lateness_count(&c->sim->late, note->due_ns, c->free_ns, now_ns);
}

static void count_lateness(struct sim_circuit *c, uint64_t now_ns)
{
    const uint64_t leaves_ns = now_ns + link_wait_ns(&c->sim->link, now_ns);
    for (unsigned i = 0; i < c->out.notes; i++) {
        const struct outbox_note *note = &c->out.note[i];
        if (note->due_ns > 0)
            count_late(c, note, now_ns);
        if (note->class != SIM_CLASSES)
            latency_count(&c->sim->latency, note->class, leaves_ns > note->asked_ns ? leaves_ns - note->asked_ns : 0,
                          note->messages);
    }
    c->out.notes = 0;
}

int sim_circuit_output(struct sim_circuit *c, uint64_t now_ns, struct iovec pieces[OUTBOX_PIECES])
{
    count_lateness(c, now_ns);
    c->before_ns = c->output_ns;
    c->output_ns = now_ns;
    return outbox_view(&c->out, pieces);
}

void sim_circuit_is_behind(struct sim_circuit *c)
{
    histogram_add(&c->sim->late.of[SIM_LATE_PEER], c->output_ns - c->before_ns);
}

void sim_circuit_sent(struct sim_circuit *c, size_t n)
{
    outbox_sent(&c->out, n);
    observed_bytes(&c->sim->observed, OBSERVED_OUT, n, &c->has_asked);
    c->is_blocked = !outbox_is_empty(&c->out);
}

void sim_circuit_unblock(struct sim_circuit *c, uint64_t now_ns)
{
    if (c->is_blocked)
        histogram_add(&c->sim->late.of[SIM_LATE_PEER], now_ns - c->output_ns);
    c->is_blocked = false;
    c->free_ns = now_ns;
}

uint64_t sim_circuit_deadline(struct sim_circuit *c)
{
    if (c->is_blocked || c->is_ending)
        return CLOCK_NEVER;
    uint64_t direct = lane_deadline(&c->direct), puts = lane_deadline(&c->puts), events = CLOCK_NEVER;
    const struct queue_entry *entry = queue_first(&c->events);
    if (entry != NULL)
        events = entry->due_ns;
    uint64_t replies = direct < puts ? direct : puts;
    if (c->is_waiting && c->wait_ns != 0 && c->wait_ns + CIRCUIT_PUT_NS < replies)
        replies = c->wait_ns + CIRCUIT_PUT_NS;
    return replies < events ? replies : events;
}
