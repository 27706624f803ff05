/* The server's whole circuit: a client's bytes in, cut into pieces, at the fuzzer's times, into a socket that takes as little as
 * the fuzzer likes; what comes out must be messages of a server, and answers to what was asked. */
#include "fuzz/fuzz.h"

#include "fuzz/source.h"

#define CONTROL_BYTES 6
#define STEPS_MOST    4096u /* without a byte in or out */
#define TAKES_STEP    64u

struct scene {
    struct sim *sim;
    uint64_t delay_ns[SIM_CLASSES];
    struct sim_circuit *circuit;
    const uint8_t *in; /* all that the client says */
    size_t in_bytes;
    uint8_t *out; /* what the server has said and nobody has looked at */
    size_t out_bytes, out_room;
    uint64_t replies, posts;
    uint64_t now_ns;
    size_t takes;  /* bytes that the socket takes at once */
    unsigned idle; /* steps since a byte went in or out */
};

/* ---- what comes out ---- */

/* An id that the server echoes was in the client's bytes. */
static bool was_said(const struct scene *s, uint32_t id)
{
    uint8_t bytes[4];
    wire_put32(bytes, id);
    return memmem(s->in, s->in_bytes, bytes, sizeof bytes) != NULL;
}

static void check_value(const struct wire_header *h)
{
    FUZZ_HOLDS(h->type < WIRE_TYPES);
    bool is_cut = h->command == WIRE_READ && h->type == WIRE_STRING && h->count == 1;
    bool is_empty = h->command == WIRE_EVENT_ADD && h->size == 0; /* the end of a subscription */
    FUZZ_HOLDS(is_cut || is_empty || h->size == wire_dbr_padded(h->type, h->count));
}

static void check_message(const struct scene *s, const struct wire_header *h)
{
    FUZZ_HOLDS(h->size % 8 == 0);
    switch (h->command) {
    case WIRE_READ:
        check_value(h);
        break;
    case WIRE_READ_NOTIFY:
    case WIRE_EVENT_ADD:
        check_value(h);
        FUZZ_HOLDS(was_said(s, h->p2));
        break;
    case WIRE_WRITE_NOTIFY:
    case WIRE_SEARCH:
    case WIRE_NOT_FOUND:
        FUZZ_HOLDS(h->size == 0 && was_said(s, h->p2));
        break;
    case WIRE_CREATE_CHAN:
    case WIRE_CREATE_CH_FAIL:
    case WIRE_ACCESS_RIGHTS:
        FUZZ_HOLDS(h->size == 0 && was_said(s, h->p1));
        break;
    default:
        FUZZ_HOLDS(h->command == WIRE_VERSION || h->command == WIRE_ERROR || h->command == WIRE_ECHO ||
                   h->command == WIRE_READ_SYNC || h->command == WIRE_CLEAR_CHANNEL);
    }
}

static void look(struct scene *s)
{
    struct cursor cur = cursor_over(s->out, s->out_bytes);
    struct wire_header h;
    const uint8_t *payload;
    while (wire_message_read(&cur, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK) {
        check_message(s, &h);
        s->replies++;
    }
    s->out_bytes = cursor_left(&cur);
    memmove(s->out, cur.p, s->out_bytes);
}

static void take(struct scene *s, const struct iovec *piece, size_t n)
{
    if (s->out_bytes + n > s->out_room) {
        s->out_room = 2 * (s->out_bytes + n);
        s->out = realloc(s->out, s->out_room);
        FUZZ_HOLDS(s->out != NULL);
    }
    memcpy(s->out + s->out_bytes, piece->iov_base, n);
    s->out_bytes += n;
}

static void send_output(struct scene *s)
{
    struct iovec pieces[OUTBOX_PIECES];
    int n = sim_circuit_output(s->circuit, s->now_ns, pieces);
    size_t all = 0;
    FUZZ_HOLDS(n > 0);
    for (int i = 0; i < n && all < s->takes; i++) {
        size_t part = pieces[i].iov_len < s->takes - all ? pieces[i].iov_len : s->takes - all;
        take(s, &pieces[i], part);
        all += part;
    }
    sim_circuit_sent(s->circuit, all);
    s->idle = 0;
    look(s);
}

/* ---- what goes in ---- */

static void work(struct scene *s, bool more)
{
    bool sends;
    while ((sends = sim_circuit_work(s->circuit, s->now_ns, more)) || s->circuit->has_more)
        if (sends)
            send_output(s);
}

/* Time passes until the circuit may go on. */
static void wait(struct scene *s)
{
    uint64_t due_ns = sim_circuit_deadline(s->circuit);
    s->now_ns += 1000;
    s->idle++;
    if (due_ns != CLOCK_NEVER && due_ns > s->now_ns)
        s->now_ns = due_ns;
    if (s->circuit->is_blocked)
        sim_circuit_unblock(s->circuit, s->now_ns);
    work(s, false);
}

static void say(struct scene *s, const uint8_t *bytes, size_t n, unsigned piece)
{
    s->idle = 0;
    while (n > 0 && !sim_circuit_is_over(s->circuit) && s->idle < STEPS_MOST) {
        if (!sim_circuit_wants_input(s->circuit)) {
            wait(s);
            continue;
        }
        size_t room;
        uint8_t *at = sim_circuit_room(s->circuit, &room);
        FUZZ_HOLDS(room > 0);
        size_t part = n < piece ? n : piece;
        part = part < room ? part : room;
        memcpy(at, bytes, part);
        sim_circuit_received(s->circuit, part, s->now_ns);
        bytes += part;
        n -= part;
        s->idle = 0;
        fuzz_source_change(s->sim, s->now_ns);
        s->posts++;
        work(s, n > 0 && piece & 1);
    }
    FUZZ_HOLDS(n == 0 || sim_circuit_is_over(s->circuit) || s->circuit->is_ending || s->circuit->is_deaf);
}

static void hang_up(struct scene *s)
{
    sim_circuit_end_of_file(s->circuit);
    work(s, false);
    s->idle = 0;
    while (s->idle < STEPS_MOST && !sim_circuit_is_over(s->circuit))
        wait(s);
    FUZZ_HOLDS(sim_circuit_is_over(s->circuit));
    FUZZ_HOLDS(s->out_bytes == 0); /* whole messages only */
}

/* ---- one run ---- */

static void begin(struct scene *s, const uint8_t *control)
{
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        s->delay_ns[i] = control[2] >> i & 1 ? 1000u * (control[3] + 1u) : 0;
    s->sim = fuzz_source_begin(s->delay_ns);
    s->sim->message_limit = 65536;
    s->takes = control[1] == 0 ? SIZE_MAX : TAKES_STEP * control[1];
    s->now_ns = CLOCK_NS;
    s->circuit = sim_circuit_new(s->sim, s, s->now_ns);
    FUZZ_HOLDS(s->circuit != NULL);
    work(s, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < CONTROL_BYTES)
        return 0;
    struct scene s = {.in = bytes + CONTROL_BYTES, .in_bytes = n - CONTROL_BYTES};
    begin(&s, bytes);
    say(&s, s.in, s.in_bytes, bytes[0] == 0 ? 4096 : bytes[0]);
    hang_up(&s);
    FUZZ_HOLDS(s.replies <= 2 + 3 * (s.in_bytes / WIRE_HEADER_BYTES) * (s.posts + 1));
    sim_circuit_free(s.circuit, s.now_ns);
    FUZZ_HOLDS(s.sim->memory.used == 0);
    FUZZ_HOLDS(s.sim->channels == NULL && s.sim->circuits == NULL && s.sim->dirty == NULL);
    fuzz_source_end();
    free(s.out);
    return 0;
}
