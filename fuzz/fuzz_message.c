/* Messages out of a stream: the same ones, however the stream was cut into pieces. */
#include "fuzz/fuzz.h"

#include "traces/framer.h"

#define PIECES_SEED_BYTES 2

/* What came out, as one number, and how many. */
struct seen {
    uint64_t sum;
    unsigned messages;
    enum wire_err end;
};

static uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * UINT64_C(0x100000001b3);
}

static void see(struct seen *seen, const struct wire_header *h, const uint8_t *payload)
{
    seen->sum = mix(seen->sum, (uint64_t)h->command << 16 | h->type);
    seen->sum = mix(seen->sum, (uint64_t)h->count << 32 | h->size);
    seen->sum = mix(seen->sum, (uint64_t)h->p1 << 32 | h->p2);
    for (uint32_t i = 0; i < h->size; i++)
        seen->sum = mix(seen->sum, payload[i]);
    seen->messages++;
}

/* Every header that was read is written in the same meaning. */
static void check_header(const struct wire_header *h, unsigned minor)
{
    uint8_t bytes[WIRE_EXTENDED_BYTES];
    struct wire_header again;
    if (minor < WIRE_MINOR_EXTENDED)
        return;
    struct cursor cur = cursor_over(bytes, wire_header_write(bytes, h));
    FUZZ_HOLDS(wire_header_read(&cur, minor, &again) == WIRE_OK && cursor_left(&cur) == 0);
    FUZZ_HOLDS(again.command == h->command && again.size == h->size && again.count == h->count && again.p2 == h->p2);
}

static struct seen whole(const uint8_t *bytes, size_t n, unsigned minor)
{
    struct seen seen = {0};
    struct cursor cur = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    uint64_t need = 0;
    while ((seen.end = wire_message_read(&cur, minor, &h, &payload, &need)) == WIRE_OK) {
        FUZZ_HOLDS(h.size == 0 || (payload >= bytes && h.size <= (size_t)(bytes + n - payload)));
        check_header(&h, minor);
        see(&seen, &h, payload);
    }
    FUZZ_HOLDS(need > cursor_left(&cur));
    return seen;
}

static struct seen in_pieces(const uint8_t *bytes, size_t n, unsigned minor, unsigned seed)
{
    struct seen seen = {0};
    struct framer framer = {0};
    struct framer_message m;
    uint64_t t_ns = 0;
    while (n > 0 && seen.end != WIRE_MALFORMED) {
        seed = seed * 1103515245u + 12345u;
        size_t part = 1 + (seed >> 16) % 40;
        part = part < n ? part : n;
        uint8_t *piece = fuzz_copy(bytes, part);
        framer_feed(&framer, piece, part, ++t_ns);
        while ((seen.end = framer_next(&framer, minor, &m)) == WIRE_OK) {
            FUZZ_HOLDS(m.first_ns <= m.last_ns && m.last_ns <= t_ns);
            see(&seen, &m.header, m.payload);
        }
        free(piece);
        bytes += part;
        n -= part;
    }
    framer_fini(&framer);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < PIECES_SEED_BYTES)
        return 0;
    unsigned seed = bytes[0], minor = bytes[1] % 16;
    uint8_t *stream = fuzz_copy(bytes + PIECES_SEED_BYTES, n - PIECES_SEED_BYTES);
    n -= PIECES_SEED_BYTES;
    const struct seen a = whole(stream, n, minor), b = in_pieces(stream, n, minor, seed);
    FUZZ_HOLDS(a.messages == b.messages && a.sum == b.sum);
    wire_name_length(stream, (uint32_t)n);
    free(stream);
    return 0;
}
