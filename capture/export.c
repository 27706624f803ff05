/* `caplay export`: a trace as packets that other programs decode. A message's bytes are what its record says, so they are those
 * of the wire; packets around them are made anew: a circuit's handshake and end where they were seen, segments of at most
 * SEGMENTS_PAYLOAD_MAX bytes, the last of a message at the time at which its last byte came. */
#include "capture/command.h"

#include "base/options.h"
#include "capture/raw.h"
#include "capture/segments.h"
#include "traces/copy.h"
#include "traces/edit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_ETHERNET = 1, CA_PORT = 5064, HEADER_MAX = 24 };
enum { UNACKNOWLEDGED_MAX = 32768 }; /* then an empty packet comes back; the window is 65,535 */

struct export
{
    const char *output;
};

static const struct option export_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct export, output), "FILE", NULL, 0, 0,
     "the capture to write: pcap if it ends in .pcap, else pcapng"},
};

static const struct option_command export_command = {
    .name = "export",
    .synopsis = "FILE -o FILE.pcapng",
    .about =
        "Writes a trace as a capture: Ethernet, IPv4, TCP and UDP with right checksums and the recorded times, for Wireshark\n"
        "and whatever else reads captures. Messages are those of the wire, packets around them are made anew: the trace\n"
        "does not keep how a circuit's bytes were cut into packets. What a snapshot filled in is left out: it was never on\n"
        "this wire; what a part of a recording carries of the part before comes at its beginning.",
    .examples = "caplay export run.catrace -o run.pcapng && tshark -r run.pcapng",
    .options = export_options,
    .noptions = sizeof export_options / sizeof *export_options,
    .min_operands = 1,
    .max_operands = 1,
};

enum piece_kind { PIECE_OPEN, PIECE_FIRST, PIECE_LAST, PIECE_END }; /* FIRST: all but the last bytes of a message */

struct piece { /* what is sent at one time */
    uint64_t t_ns;
    uint32_t of, order; /* event or circuit */
    enum piece_kind kind;
};

struct exporting {
    const struct trace *t;
    struct raw *raw;
    uint32_t (*next)[2];           /* sequence numbers of a circuit, by sender: the client, the server */
    uint32_t (*unacknowledged)[2]; /* bytes, by sender */
    struct piece *pieces;
    uint32_t npieces;
    uint16_t number;
    uint8_t *message;
    size_t room;
};

static void add(struct exporting *x, uint64_t t_ns, enum piece_kind kind, uint32_t of)
{
    x->pieces[x->npieces] = (struct piece){.t_ns = t_ns, .of = of, .order = x->npieces, .kind = kind};
    x->npieces++;
}

static int by_time(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->t_ns != y->t_ns)
        return x->t_ns < y->t_ns ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* At one time a circuit's beginning comes first, and its end last. */
static void plan(struct exporting *x)
{
    const struct trace *t = x->t;
    for (uint32_t i = 0; i < t->ncircuits; i++)
        if ((t->circuits[i].flags & (TRACE_TCP | TRACE_MIDWAY)) == TRACE_TCP)
            add(x, t->circuits[i].begin_ns, PIECE_OPEN, i);
    for (uint32_t i = 0; i < t->nevents; i++) {
        if (t->events[i].circuit == TRACE_NONE)
            continue;
        if (t->events[i].span_ns > 0)
            add(x, t->events[i].t_ns, PIECE_FIRST, i);
        add(x, t->events[i].t_ns + t->events[i].span_ns, PIECE_LAST, i);
    }
    for (uint32_t i = 0; i < t->ncircuits; i++)
        if ((t->circuits[i].flags & (TRACE_TCP | TRACE_CLOSED)) == (TRACE_TCP | TRACE_CLOSED))
            add(x, t->circuits[i].end_ns, PIECE_END, i);
    qsort(x->pieces, x->npieces, sizeof *x->pieces, by_time);
}

/* ---- packets ---- */

static bool send(struct exporting *x, uint64_t t_ns, uint32_t circuit, bool from_server, struct segment s)
{
    uint8_t frame[SEGMENTS_FRAME_MAX];
    const struct trace_circuit *c = &x->t->circuits[circuit];
    const uint32_t server = c->server_address != 0 ? c->server_address : UINT32_MAX; /* a search that nobody answered */
    const uint16_t port = c->server_port != 0 ? c->server_port : CA_PORT;
    s.from_address = from_server ? server : c->client_address;
    s.to_address = from_server ? c->client_address : server;
    s.from_port = from_server ? port : c->client_port;
    s.to_port = from_server ? c->client_port : port;
    s.is_tcp = (c->flags & TRACE_TCP) != 0;
    s.sequence = x->next[circuit][from_server];
    s.acknowledged = x->next[circuit][!from_server];
    s.number = x->number++;
    x->unacknowledged[circuit][!from_server] = 0;
    x->unacknowledged[circuit][from_server] += s.n;
    x->next[circuit][from_server] += s.n + (s.flags & (SEGMENTS_SYN | SEGMENTS_FIN) ? 1u : 0u);
    const uint32_t n = (uint32_t)segments_frame(frame, &s);
    return raw_packet(
        x->raw,
        &(struct source_packet){
            .bytes = frame, .captured = n, .length = n, .realtime_ns = x->t->start_realtime_ns + t_ns, .link = LINK_ETHERNET});
}

static bool send_open(struct exporting *x, const struct piece *p)
{
    return send(x, p->t_ns, p->of, false, (struct segment){.flags = SEGMENTS_SYN}) &&
           send(x, p->t_ns, p->of, true, (struct segment){.flags = SEGMENTS_SYN | SEGMENTS_ACK}) &&
           send(x, p->t_ns, p->of, false, (struct segment){.flags = SEGMENTS_ACK});
}

static bool send_end(struct exporting *x, const struct piece *p)
{
    return send(x, p->t_ns, p->of, false, (struct segment){.flags = SEGMENTS_FIN | SEGMENTS_ACK}) &&
           send(x, p->t_ns, p->of, true, (struct segment){.flags = SEGMENTS_FIN | SEGMENTS_ACK}) &&
           send(x, p->t_ns, p->of, false, (struct segment){.flags = SEGMENTS_ACK});
}

/* The message's bytes behind those that are there already; 0: no memory. */
static size_t gather(struct exporting *x, size_t used, const struct trace_event *e)
{
    const struct wire_header h = {
        .command = e->command, .type = e->type, .count = e->count, .size = e->size, .p1 = e->p1, .p2 = e->p2};
    const size_t most = used + HEADER_MAX + e->size;
    uint8_t *message = most > x->room ? realloc(x->message, most) : x->message;
    if (message == NULL)
        return 0;
    x->room = most > x->room ? most : x->room;
    x->message = message;
    uint8_t *at = message + used + wire_header_write(message + used, &h);
    copy_payload(x->t, e, at);
    return (size_t)(at - message) + e->size;
}

/* What a message that came in several packets has in the last one. */
static size_t last_bytes(size_t n)
{
    const size_t rest = n % SEGMENTS_PAYLOAD_MAX;
    return n <= SEGMENTS_PAYLOAD_MAX ? n / 2 : rest > 0 ? rest : SEGMENTS_PAYLOAD_MAX;
}

static bool send_stream(struct exporting *x, const struct piece *p, size_t n)
{
    const struct trace_event *e = &x->t->events[p->of];
    const size_t first = e->span_ns > 0 ? n - last_bytes(n) : 0, end = p->kind == PIECE_FIRST ? first : n;
    const bool from_server = e->flags & TRACE_FROM_SERVER;
    size_t at = p->kind == PIECE_FIRST ? 0 : first;
    while (at < end) {
        const size_t bytes = end - at < SEGMENTS_PAYLOAD_MAX ? end - at : SEGMENTS_PAYLOAD_MAX;
        const struct segment s = {.flags = SEGMENTS_ACK | SEGMENTS_PUSH, .payload = x->message + at, .n = (uint16_t)bytes};
        if (!send(x, p->t_ns, e->circuit, from_server, s))
            return false;
        if (x->unacknowledged[e->circuit][from_server] >= UNACKNOWLEDGED_MAX &&
            !send(x, p->t_ns, e->circuit, !from_server, (struct segment){.flags = SEGMENTS_ACK}))
            return false;
        at += bytes;
    }
    return true;
}

/* Messages of one datagram have its time, and follow each other. */
static bool is_same_datagram(const struct exporting *x, uint32_t k, const struct trace_event *e)
{
    if (k >= x->npieces || x->pieces[k].kind != PIECE_LAST)
        return false;
    const struct trace_event *next = &x->t->events[x->pieces[k].of];
    return next->circuit == e->circuit && next->t_ns == e->t_ns && !((next->flags ^ e->flags) & TRACE_FROM_SERVER);
}

/* Returns the index of the next piece; 0: it failed. */
static uint32_t send_message(struct exporting *x, uint32_t k)
{
    const struct piece *p = &x->pieces[k];
    const struct trace_event *e = &x->t->events[p->of];
    size_t n = gather(x, 0, e);
    if (n == 0)
        return 0;
    if (x->t->circuits[e->circuit].flags & TRACE_TCP)
        return send_stream(x, p, n) ? k + 1 : 0;
    for (k++; is_same_datagram(x, k, e); k++) {
        const struct trace_event *next = &x->t->events[x->pieces[k].of];
        if (n + HEADER_MAX + next->size > SEGMENTS_PAYLOAD_MAX)
            break;
        n = gather(x, n, next);
        if (n == 0)
            return 0;
    }
    const struct segment s = {.payload = x->message, .n = (uint16_t)n};
    return n <= SEGMENTS_PAYLOAD_MAX && send(x, p->t_ns, e->circuit, (e->flags & TRACE_FROM_SERVER) != 0, s) ? k : 0;
}

/* The pieces that were sent: all of them, or those before the one that could not be. */
static uint32_t send_all(struct exporting *x)
{
    for (uint32_t k = 0; k < x->npieces;) {
        const struct piece *p = &x->pieces[k];
        const uint32_t at = k;
        bool is_sent = true;
        if (p->kind == PIECE_OPEN)
            is_sent = send_open(x, p);
        else if (p->kind == PIECE_END)
            is_sent = send_end(x, p);
        else if ((k = send_message(x, k)) > 0)
            continue;
        if (!is_sent || k == 0)
            return at;
        k++;
    }
    return x->npieces;
}

/* ---- the command ---- */

static int export_trace(struct exporting *x, const char *output, struct diag *diag)
{
    const size_t n = strlen(output), most = 2 * ((size_t)x->t->ncircuits + x->t->nevents) + 1;
    const struct raw_config config = {.rotation.path = output,
                                      .pcapng = n < 5 || strcmp(output + n - 5, ".pcap") != 0,
                                      .snaplen = 262144,
                                      .interface = x->t->source,
                                      .drops = x->t->missing.kernel_drops};
    x->pieces = malloc(most * sizeof *x->pieces);
    x->next = calloc((size_t)x->t->ncircuits + 1, sizeof *x->next);
    x->unacknowledged = calloc((size_t)x->t->ncircuits + 1, sizeof *x->unacknowledged);
    if (x->pieces == NULL || x->next == NULL || x->unacknowledged == NULL || most > UINT32_MAX)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %" PRIu32 " messages", x->t->nevents);
    for (uint32_t i = 0; i < x->t->ncircuits; i++)
        x->next[i][0] = x->next[i][1] = 1000;
    plan(x);
    x->raw = raw_open(&config, diag);
    if (x->raw == NULL)
        return -1;
    const uint32_t sent = send_all(x);
    if (raw_close(x->raw, diag) < 0)
        return -1;
    if (sent == x->npieces)
        return DIAG_GOOD;
    return diag_fail(diag, DIAG_ENVIRONMENT,
                     "%s ends before message %" PRIu32 " of the trace, of %" PRIu32
                     " bytes: a datagram holds %u here, or there is no memory",
                     output, x->pieces[sent].of, x->t->events[x->pieces[sent].of].size, SEGMENTS_PAYLOAD_MAX);
}

int capture_export(int argc, char **argv, struct diag *diag)
{
    struct export export = {0};
    struct option_result result;
    struct trace t;
    if (options_parse(&export_command, argc, argv, &export, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_output("export", export.output, "run.pcapng", diag) < 0 ||
        edit_check("export", export.output, result.operands.at, 1, diag) < 0 || edit_open(&t, result.operands.at[0], diag) < 0)
        return -1;
    struct exporting x = {.t = &t};
    int code = export_trace(&x, export.output, diag);
    free(x.pieces);
    free(x.next);
    free(x.unacknowledged);
    free(x.message);
    trace_close(&t);
    return code;
}
