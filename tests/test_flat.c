/* Memory while a capture is taken does not grow with it. Packets are made here and go the whole way (packets, streams, messages,
 * dialogue, writer) into a trace: images of 614,400 bytes to several circuits beside small messages, some packets out of order,
 * some lost, requests that nobody answers, waveforms of which no two are equal. `make flat GB=100` does 10^11 bytes of it.
 * test_flat [BYTES]: with a table of what the process occupies. */
#include "base/random.h"
#include "capture/flows.h"
#include "traces/array.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { TCP_BYTES = 40, MSS = 1448, PORT = 5064, FIRST_PORT = 40000, PACKET_NS = 20000 };
enum { CLIENT = 0x0a000001, SERVER = 0x0a000002, CID = 1, SID = 7, SUBID = 9 };

/* What is said: a round is an image on each circuit of the first kind, then so many exchanges, by turns, on those of the second.
 */
enum { IMAGE_CIRCUITS = 4, SMALL_CIRCUITS = 2, CIRCUITS = IMAGE_CIRCUITS + SMALL_CIRCUITS, ROUND_EXCHANGES = 1000 };
enum { IMAGE_BYTES = 614400, IMAGES = 64, WAVEFORM = 16 };

/* One of so many packets or exchanges. */
enum { HELD_BACK = 100, LOST_OF_IMAGES = 20000, LOST_OF_SMALL = 1000000, UNANSWERED = 8, WITH_WAVEFORM = 8 };

/* What memory may grow by after the first tenth: by requests without an answer, until they are so many that the oldest is
 * forgotten, and by remembered bodies; and for a while by the messages that memory takes before they go to a file. */
#define GROWTH_BYTES ((uint64_t)32 << 20)
#define PEAK_BYTES   (GROWTH_BYTES + ARRAY_MEMORY_BYTES)

static uint64_t most_bytes = 2000000000;
static bool is_table_wanted;

struct side {
    uint32_t address, seq;
    uint16_t port;
};

struct line { /* a circuit */
    struct side client, server;
    uint32_t ioid;
};

struct frame {
    uint8_t bytes[TCP_BYTES + MSS];
    size_t n;
};

struct scene {
    char path[PATH_MAX];
    struct trace_writer *writer;
    struct dialogue *dialogue;
    struct flows *flows;
    struct line lines[CIRCUITS];
    struct frame frame, held;
    bool is_holding;
    uint64_t t_ns, bytes, draws, round;
};

/* ---- what the process occupies ---- */

/* Of /proc/self/status, in bytes. */
static uint64_t occupied(const char *name)
{
    char line[256];
    uint64_t kb = 0;
    FILE *f = fopen("/proc/self/status", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtoull(line + strlen(name) + 1, NULL, 10);
    fclose(f);
    return kb << 10;
}

static void print_row(const struct scene *s, const char *when)
{
    if (is_table_wanted)
        printf("%-8s %7.2f GB %9" PRIu32 " messages   VmRSS %4" PRIu64 " MB   RssAnon %4" PRIu64 " MB   peak %4" PRIu64 " MB\n",
               when, (double)s->bytes / 1e9, s->writer != NULL ? trace_writer_counts(s->writer).events : 0,
               occupied("VmRSS") >> 20, occupied("RssAnon") >> 20, occupied("VmHWM") >> 20);
    fflush(stdout);
}

/* ---- packets ---- */

/* True once in so many times. */
static bool comes_true(struct scene *s, uint64_t in)
{
    return random_bits(1, 0, s->draws++) % in == 0;
}

static void deliver(struct scene *s, const struct frame *f)
{
    s->t_ns += PACKET_NS;
    s->bytes += f->n;
    flows_packet(s->flows, PACKET_RAW,
                 &(struct flows_packet){.bytes = f->bytes, .captured = f->n, .length = f->n, .t_ns = s->t_ns});
}

static void make_frame(struct frame *f, const struct side *from, const struct side *to, unsigned flags, size_t n)
{
    memset(f->bytes, 0, TCP_BYTES);
    f->n = TCP_BYTES + n;
    f->bytes[0] = 0x45;
    wire_put16(f->bytes + 2, (uint16_t)f->n);
    f->bytes[9] = 6;
    wire_put32(f->bytes + 12, from->address);
    wire_put32(f->bytes + 16, to->address);
    wire_put16(f->bytes + 20, from->port);
    wire_put16(f->bytes + 22, to->port);
    wire_put32(f->bytes + 24, from->seq);
    wire_put32(f->bytes + 28, to->seq);
    f->bytes[32] = 5 << 4;
    f->bytes[33] = (uint8_t)flags;
}

/* Some packets are overtaken by the next one. */
static void send_packet(struct scene *s, struct side *from, const struct side *to, unsigned flags, const uint8_t *bytes, size_t n)
{
    make_frame(&s->frame, from, to, flags, n);
    if (n > 0)
        memcpy(s->frame.bytes + TCP_BYTES, bytes, n);
    from->seq += (uint32_t)n + ((flags & TCP_SYN) != 0);
    if (!s->is_holding && n > 0 && comes_true(s, HELD_BACK)) {
        s->held = s->frame;
        s->is_holding = true;
        return;
    }
    deliver(s, &s->frame);
    if (s->is_holding)
        deliver(s, &s->held);
    s->is_holding = false;
}

static void send_bytes(struct scene *s, struct side *from, const struct side *to, const uint8_t *bytes, size_t n, uint64_t lost)
{
    for (size_t part; n > 0; bytes += part, n -= part) {
        part = n < MSS ? n : MSS;
        if (comes_true(s, lost))
            from->seq += (uint32_t)part;
        else
            send_packet(s, from, to, TCP_ACK, bytes, part);
    }
}

static void send_message(struct scene *s, struct side *from, const struct side *to, const struct wire_header *h,
                         const void *payload)
{
    uint8_t bytes[MSS];
    const size_t n = wire_header_write(bytes, h);
    assert_true(n + h->size <= sizeof bytes);
    if (h->size > 0)
        memcpy(bytes + n, payload, h->size);
    send_bytes(s, from, to, bytes, n + h->size, LOST_OF_SMALL);
}

/* ---- conversations ---- */

static void open_line(struct scene *s, unsigned i)
{
    static const uint8_t mask[16] = {[13] = 5};
    const uint32_t count = i < IMAGE_CIRCUITS ? IMAGE_BYTES : WAVEFORM;
    const uint16_t type = i < IMAGE_CIRCUITS ? WIRE_CHAR : WIRE_DOUBLE;
    const uint8_t name[8] = {'f', 'l', 'a', 't', (uint8_t)('0' + i)};
    struct line *l = &s->lines[i];
    *l = (struct line){.client = {CLIENT, 100, (uint16_t)(FIRST_PORT + i)}, .server = {SERVER, UINT32_MAX - 20, PORT}};
    struct side *client = &l->client, *server = &l->server;
    send_packet(s, client, server, TCP_SYN, NULL, 0);
    send_packet(s, server, client, TCP_SYN | TCP_ACK, NULL, 0);
    send_message(s, client, server, &(struct wire_header){.command = WIRE_VERSION, .count = 13}, NULL);
    send_message(s, client, server, &(struct wire_header){.command = WIRE_CREATE_CHAN, .size = 8, .p1 = CID, .p2 = 13}, name);
    send_message(s, server, client, &(struct wire_header){.command = WIRE_ACCESS_RIGHTS, .p1 = CID, .p2 = 3}, NULL);
    send_message(s, server, client,
                 &(struct wire_header){.command = WIRE_CREATE_CHAN, .type = type, .count = count, .p1 = CID, .p2 = SID}, NULL);
    send_message(
        s, client, server,
        &(struct wire_header){.command = WIRE_EVENT_ADD, .type = type, .count = count, .size = 16, .p1 = SID, .p2 = SUBID}, mask);
}

/* The same image to all; they come again. */
static void send_image(struct scene *s, struct line *l)
{
    static uint8_t bytes[WIRE_EXTENDED_BYTES + IMAGE_BYTES];
    const size_t n = wire_header_write(
        bytes,
        &(struct wire_header){
            .command = WIRE_EVENT_ADD, .type = WIRE_CHAR, .count = IMAGE_BYTES, .size = IMAGE_BYTES, .p1 = 1, .p2 = SUBID});
    wire_put64(bytes + n, s->round % IMAGES);
    send_bytes(s, &l->server, &l->client, bytes, n + IMAGE_BYTES, LOST_OF_IMAGES);
    send_packet(s, &l->client, &l->server, TCP_ACK, NULL, 0);
}

static void send_waveform(struct scene *s, struct line *l)
{
    uint8_t values[8 * WAVEFORM] = {0};
    wire_put64(values, s->draws);
    send_message(
        s, &l->server, &l->client,
        &(struct wire_header){
            .command = WIRE_EVENT_ADD, .type = WIRE_DOUBLE, .count = WAVEFORM, .size = sizeof values, .p1 = 1, .p2 = SUBID},
        values);
}

static void read_value(struct scene *s, struct line *l)
{
    static const uint8_t value[8] = {0x3f, 0xf8};
    struct wire_header h = {.command = WIRE_READ_NOTIFY, .type = WIRE_DOUBLE, .count = 1, .p1 = SID, .p2 = l->ioid++};
    send_message(s, &l->client, &l->server, &h, NULL);
    if (comes_true(s, UNANSWERED))
        return;
    h.p1 = 1;
    h.size = sizeof value;
    send_message(s, &l->server, &l->client, &h, value);
}

static void converse(struct scene *s)
{
    for (unsigned i = 0; i < IMAGE_CIRCUITS; i++)
        send_image(s, &s->lines[i]);
    for (unsigned i = 0; i < ROUND_EXCHANGES; i++) {
        struct line *l = &s->lines[IMAGE_CIRCUITS + i % SMALL_CIRCUITS];
        read_value(s, l);
        if (comes_true(s, WITH_WAVEFORM))
            send_waveform(s, l);
    }
    s->round++;
}

/* ---- the test ---- */

static void begin(struct scene *s)
{
    struct diag diag = {0};
    const char *tmp = getenv("TMPDIR");
    *s = (struct scene){.t_ns = 0};
    snprintf(s->path, sizeof s->path, "%s/test_flat.%d.catrace", tmp != NULL ? tmp : "/tmp", (int)getpid());
    s->writer = trace_writer_open(s->path, &diag);
    assert_non_null(s->writer);
    s->dialogue = dialogue_new(s->writer);
    s->flows = flows_new(s->dialogue, NULL, 0);
    assert_non_null(s->flows);
    for (unsigned i = 0; i < CIRCUITS; i++)
        open_line(s, i);
}

static struct trace_missing finish(struct scene *s)
{
    struct diag diag = {0};
    flows_finish(s->flows, s->t_ns);
    const struct trace_missing missing = flows_missing(s->flows);
    flows_free(s->flows);
    dialogue_free(s->dialogue);
    if (trace_writer_finish(s->writer, &(struct trace_meta){.source = "test", .end_ns = s->t_ns, .missing = missing}, &diag) < 0)
        fail_msg("%s", diag.text);
    s->writer = NULL;
    unlink(s->path);
    return missing;
}

static void check_growth(const char *what, uint64_t from, uint64_t to, uint64_t most)
{
    if (to > from + most)
        fail_msg("%s grew from %" PRIu64 " to %" PRIu64 " bytes, by more than %" PRIu64, what, from, to, most);
}

static void memory_does_not_grow_with_a_capture(void **state)
{
    (void)state;
    static struct scene s;
    uint64_t first = 0, anonymous = 0, resident = 0;
    begin(&s);
    for (unsigned tenth = 1; tenth <= 10; tenth++) {
        char when[8];
        while (s.bytes < most_bytes / 10 * tenth)
            converse(&s);
        anonymous = occupied("RssAnon");
        first = tenth == 1 ? anonymous : first;
        resident = tenth == 1 ? occupied("VmRSS") : resident;
        snprintf(when, sizeof when, "%u0 %%", tenth);
        print_row(&s, when);
    }
    assert_true(trace_writer_counts(s.writer).events > s.round * (2 * ROUND_EXCHANGES - ROUND_EXCHANGES / UNANSWERED));
    const struct trace_missing missing = finish(&s);
    print_row(&s, "finished");
    assert_true(missing.gaps > 0 && missing.malformed == 0);
    check_growth("RssAnon", first, anonymous, GROWTH_BYTES);
    check_growth("VmRSS at its peak, writing the tables included,", resident, occupied("VmHWM"), PEAK_BYTES);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_does_not_grow_with_a_capture),
    };
    is_table_wanted = argc > 1;
    if (argc > 1)
        most_bytes = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
