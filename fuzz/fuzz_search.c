/* Search over UDP: datagrams in, at the fuzzer's times and from several clients; reply datagrams out. */
#include "fuzz/fuzz.h"

#include "fuzz/source.h"
#include "sim/search.h"

struct scene {
    const uint8_t *in;
    size_t in_bytes;
    uint64_t replies;
};

static bool was_said(const struct scene *s, uint32_t id)
{
    uint8_t bytes[4];
    wire_put32(bytes, id);
    return memmem(s->in, s->in_bytes, bytes, sizeof bytes) != NULL;
}

static uint64_t on_send(void *arg, const struct search_peer *to, const uint8_t *bytes, size_t n)
{
    struct scene *s = arg;
    struct cursor cur = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    FUZZ_HOLDS(n > 0 && n <= SEARCH_DATAGRAM_BYTES && to->port != 0);
    while (wire_message_read(&cur, 0, &h, &payload, NULL) == WIRE_OK) {
        FUZZ_HOLDS(h.command == WIRE_VERSION || (h.command == WIRE_SEARCH && h.size == 8 && was_said(s, h.p2)));
        s->replies += h.command == WIRE_SEARCH;
    }
    FUZZ_HOLDS(cursor_left(&cur) == 0);
    return CLOCK_NEVER;
}

/* A length, who sends it, then the datagram. */
static size_t hear(struct search *search, const uint8_t *bytes, size_t n, uint64_t now_ns)
{
    struct search_peer peer = {.address = 0x0a000001, .port = (uint16_t)(40000 + bytes[2] % 3)};
    size_t length = wire_get16(bytes), left = n - 3;
    length = length < left ? length : left;
    uint8_t *datagram = fuzz_copy(bytes + 3, length);
    search_datagram(search, &peer, datagram, length, now_ns);
    free(datagram);
    return 3 + length;
}

/* The lane is large: it is made once. */
static void begin(struct search *search, struct sim *sim, struct scene *scene)
{
    static struct search_late *lane;
    *search = (struct search){.sim = sim, .send = on_send, .arg = scene};
    if (lane == NULL) {
        FUZZ_HOLDS(search_init(search) == 0);
        lane = search->lane;
    }
    search->lane = lane;
    search->batch.used = WIRE_HEADER_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct scene scene = {.in = bytes, .in_bytes = n};
    struct search search;
    uint64_t delay_ns[SIM_CLASSES] = {[SIM_SEARCH] = n > 0 && bytes[0] & 1 ? 30000 : 0};
    struct sim *sim = fuzz_source_begin(delay_ns);
    FUZZ_HOLDS(n < 1u << 20);
    begin(&search, sim, &scene);
    uint64_t now_ns = CLOCK_NS;
    for (size_t at = n > 0; at + 3 <= n; now_ns += 10000) {
        at += hear(&search, bytes + at, n - at, now_ns);
        search_due(&search, now_ns);
    }
    search_flush(&search);
    search_due(&search, CLOCK_NEVER - 1);
    FUZZ_HOLDS(search_deadline(&search) == CLOCK_NEVER);
    FUZZ_HOLDS(scene.replies <= n / WIRE_HEADER_BYTES);
    fuzz_source_end();
    return 0;
}
