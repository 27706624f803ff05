/* Messages of both directions, on several circuits, and datagrams: the dialogue ties them, and the trace that it writes is good,
 * as are several, where the recording comes in parts. */
#include "fuzz/fuzz.h"

#include "traces/dialogue.h"

#define TURN_BYTES 4 /* what comes: kind and circuit, who speaks, length */
#define CIRCUITS   3u
#define PARTS      3u

struct scene {
    struct dialogue *dialogue;
    struct trace_writer *writer;
    char path[64];
    unsigned parts;
    uint32_t circuit[CIRCUITS];
    bool open[CIRCUITS];
    uint64_t now_ns;
};

static const struct dialogue_endpoints ends = {0x0a000001, 0x0a000002, 40000, 5064};

static void say(struct scene *s, unsigned i, bool from_server, const uint8_t *bytes, size_t n)
{
    struct cursor cur = cursor_over(bytes, n);
    struct wire_header h;
    struct dialogue_message m = {.header = &h, .from_server = from_server, .first_ns = s->now_ns, .last_ns = s->now_ns};
    while (wire_message_read(&cur, dialogue_minor(s->dialogue, s->circuit[i]), &h, &m.payload, NULL) == WIRE_OK)
        dialogue_message(s->dialogue, s->circuit[i], &m);
}

static void open_part(struct scene *s)
{
    struct diag diag = {0};
    fuzz_path(s->parts++ % 2 == 0 ? "dialogue" : "dialogue-next", s->path);
    s->writer = trace_writer_open(s->path, &diag);
    FUZZ_HOLDS(s->writer != NULL);
}

static void finish(struct trace_writer *writer, const char *path, uint64_t end_ns)
{
    struct diag diag = {0};
    struct trace trace;
    const struct trace_meta meta = {.source = "fuzz", .sha256 = "", .end_ns = end_ns};
    FUZZ_HOLDS(trace_writer_finish(writer, &meta, &diag) == 0);
    FUZZ_HOLDS(trace_open(&trace, path, &diag) == 0);
    trace_close(&trace);
    unlink(path);
}

static void go_on(struct scene *s)
{
    struct scene before = *s;
    open_part(s);
    dialogue_continue(s->dialogue, s->writer, s->now_ns);
    finish(before.writer, before.path, s->now_ns);
}

static void turn(struct scene *s, const uint8_t *control, const uint8_t *bytes, size_t n)
{
    unsigned i = control[0] % CIRCUITS, kind = control[0] / CIRCUITS % 8;
    bool from_server = control[1] & 1;
    s->now_ns += 1000;
    if (kind == 0) {
        dialogue_datagram(s->dialogue, 0x0a000001, (uint16_t)(from_server ? 5064 : 40000), 0x0a000002,
                          (uint16_t)(from_server ? 40000 : 5064), bytes, n, s->now_ns);
        return;
    }
    if (!s->open[i])
        s->circuit[i] = dialogue_circuit_open(s->dialogue, &ends, control[1] & 2, s->now_ns);
    s->open[i] = true;
    say(s, i, from_server, bytes, n);
    if (kind == 1)
        dialogue_circuit_gap(s->dialogue, s->circuit[i], s->now_ns);
    if (kind == 2)
        dialogue_circuit_close(s->dialogue, s->circuit[i], s->now_ns);
    s->open[i] = kind != 2;
    if (kind == 3 && s->parts < PARTS)
        go_on(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct scene s = {.parts = 0};
    open_part(&s);
    s.dialogue = dialogue_new(s.writer);
    FUZZ_HOLDS(s.dialogue != NULL);
    dialogue_keep(s.dialogue);
    while (n >= TURN_BYTES) {
        const uint8_t *control = bytes;
        size_t length = wire_get16(bytes + 2);
        bytes += TURN_BYTES;
        n -= TURN_BYTES;
        length = length < n ? length : n;
        uint8_t *piece = fuzz_copy(bytes, length);
        turn(&s, control, piece, length);
        free(piece);
        bytes += length;
        n -= length;
    }
    dialogue_free(s.dialogue);
    finish(s.writer, s.path, s.now_ns);
    return 0;
}
