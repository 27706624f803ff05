#include "capture/flows.h"

#include "capture/connection.h"
#include "capture/fragments.h"
#include "capture/lacks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { PORTS_MAX = 64 };

/* Packets that are cut within so long of each other are one loss. */
#define CUT_NS UINT64_C(1000000000)

struct flow {
    struct connection connection; /* its `ends` are the key */
    UT_hash_handle hh;
};

struct flows {
    struct connection_world world;
    struct flow *table;  /* in the order of their first packets */
    struct flow *latest; /* of the last packet: the next one's, more often than not; or NULL */
    struct fragments *fragments;
    uint64_t told_incomplete; /* datagrams that lack a fragment, and are told */
    uint16_t ports[PORTS_MAX];
    uint64_t others[PACKET_KINDS]; /* but for those of TCP, which their connections count */
};

struct flows *flows_new(struct dialogue *dialogue, const uint16_t *ports, unsigned nports)
{
    struct flows *f = calloc(1, sizeof *f);
    struct fragments *fragments = fragments_new();
    if (f == NULL || fragments == NULL) {
        free(f);
        free(fragments);
        return NULL;
    }
    f->fragments = fragments;
    for (unsigned i = 0; i < nports && i < PORTS_MAX; i++)
        f->ports[f->world.nports++] = ports[i];
    f->world.dialogue = dialogue;
    f->world.ports = f->ports;
    return f;
}

static void end_flow(struct flows *f, struct flow *flow, uint64_t t_ns)
{
    connection_fini(&flow->connection, &f->world, t_ns);
    if (f->latest == flow)
        f->latest = NULL;
    HASH_DEL(f->table, flow);
    free(flow);
}

static struct flow *new_flow(struct flows *f, const struct connection_ends *ends, uint64_t t_ns)
{
    struct flow *flow = malloc(sizeof *flow);
    if (flow == NULL)
        return NULL;
    connection_init(&flow->connection, ends, t_ns);
    HASH_ADD(hh, f->table, connection.ends, sizeof flow->connection.ends, flow);
    if (flow->hh.tbl == NULL) {
        free(flow);
        return NULL;
    }
    if (HASH_COUNT(f->table) > FLOWS_MAX)
        end_flow(f, f->table, t_ns);
    return flow;
}

static struct flow *find_flow(struct flows *f, const struct connection_ends *ends)
{
    struct flow *flow = f->latest;
    if (flow == NULL || memcmp(&flow->connection.ends, ends, sizeof *ends) != 0)
        HASH_FIND(hh, f->table, ends, sizeof *ends, flow);
    return flow;
}

static void take_tcp(struct flows *f, const struct packet *packet, uint64_t t_ns)
{
    unsigned way;
    struct connection_ends ends = connection_ends(packet, &way);
    struct flow *flow = find_flow(f, &ends);
    if (flow == NULL && (packet->n > 0 || (packet->flags & TCP_SYN)))
        flow = new_flow(f, &ends, t_ns);
    f->latest = flow;
    if (flow == NULL)
        f->world.missing.other_packets++;
    else
        connection_packet(&flow->connection, &f->world, packet, way, t_ns);
}

static void count_other(struct flows *f, enum packet_kind kind)
{
    f->world.missing.other_packets++;
    f->others[kind]++;
}

static void take_udp(struct flows *f, const struct packet *p, uint64_t t_ns)
{
    if (p->cut ||
        !dialogue_datagram(f->world.dialogue, p->from_address, p->from_port, p->to_address, p->to_port, p->payload, p->n, t_ns))
        count_other(f, PACKET_UDP);
}

/* A fragment: the kind of the datagram that it completes, which is in *packet then. */
static enum packet_kind put_together(struct flows *f, struct packet *packet, uint64_t t_ns)
{
    size_t n;
    const uint8_t *whole = fragments_add(f->fragments, packet, t_ns, &n);
    return whole != NULL ? packet_transport(packet->fragment.protocol, whole, n, packet) : PACKET_FRAGMENT;
}

/* Of which circuit is known where it is a TCP packet of one. */
static void tell_cut(struct flows *f, const struct packet *packet, bool is_tcp, const struct flows_packet *p)
{
    const struct connection *c = is_tcp && f->latest != NULL ? &f->latest->connection : NULL;
    struct trace_loss loss = {.t_ns = p->t_ns, .until_ns = p->t_ns, .count = 1, .kind = TRACE_LOSS_CUT};
    unsigned way;
    loss.bytes = p->length > p->captured ? p->length - p->captured : 0;
    if (c == NULL || !c->open) {
        dialogue_loss(f->world.dialogue, TRACE_NONE, &loss, CUT_NS);
        return;
    }
    (void)connection_ends(packet, &way);
    loss.flags = (unsigned)c->server == way ? TRACE_FROM_SERVER : 0;
    dialogue_loss(f->world.dialogue, c->index, &loss, CUT_NS);
}

void flows_packet(struct flows *f, enum packet_link link, const struct flows_packet *p)
{
    struct trace_missing *missing = &f->world.missing;
    struct packet packet = {.cut = false};
    enum packet_kind kind = packet_read(link, p->bytes, p->captured, &packet);
    missing->packets++;
    const bool is_cut = kind == PACKET_BROKEN || p->captured < p->length || packet.cut;
    missing->cut_packets += is_cut;
    if (kind == PACKET_FRAGMENT)
        kind = put_together(f, &packet, p->t_ns);
    if (kind == PACKET_TCP)
        take_tcp(f, &packet, p->t_ns);
    else if (kind == PACKET_UDP)
        take_udp(f, &packet, p->t_ns);
    else if (kind != PACKET_FRAGMENT)
        count_other(f, kind);
    if (is_cut)
        tell_cut(f, &packet, kind == PACKET_TCP, p);
}

/* Some of their fragments never came; when, their sender knows. */
static void tell_incomplete(struct flows *f, uint64_t t_ns)
{
    const uint64_t n = fragments_incomplete(f->fragments) - f->told_incomplete;
    f->told_incomplete += n;
    if (n > 0)
        dialogue_loss(f->world.dialogue, TRACE_NONE, &(struct trace_loss){.until_ns = t_ns, .count = n, .kind = TRACE_LOSS_CUT},
                      0);
}

void flows_finish(struct flows *f, uint64_t t_ns)
{
    while (f->table != NULL)
        end_flow(f, f->table, t_ns);
    tell_incomplete(f, t_ns);
}

struct trace_missing flows_missing_now(const struct flows *f)
{
    struct trace_missing missing = f->world.missing;
    for (const struct flow *flow = f->table; flow != NULL; flow = flow->hh.next)
        if (flow->connection.open)
            lacks_add(&flow->connection, &missing);
    return missing;
}

struct trace_missing flows_missing(const struct flows *f)
{
    struct trace_missing missing = f->world.missing;
    missing.cut_packets += fragments_incomplete(f->fragments);
    return missing;
}

struct flows_others flows_others(const struct flows *f)
{
    struct flows_others others;
    memcpy(others.n, f->others, sizeof others.n);
    others.n[PACKET_TCP] = f->world.missing.other_packets;
    for (unsigned kind = 0; kind < PACKET_TCP; kind++)
        others.n[PACKET_TCP] -= others.n[kind];
    return others;
}

const char *flows_others_text(const struct flows_others *others, char *out)
{
    static const char *const names[PACKET_KINDS] = {
        [PACKET_OTHER_LINK] = "of a link layer that is not read",
        [PACKET_NOT_IP] = "not IP",
        [PACKET_IPV6] = "IPv6",
        [PACKET_OTHER_PROTOCOL] = "neither UDP nor TCP",
        [PACKET_BROKEN] = "broken",
        [PACKET_UDP] = "UDP",
        [PACKET_TCP] = "TCP",
    };
    size_t used = 0;
    out[0] = '\0';
    for (unsigned kind = 0; kind < PACKET_KINDS; kind++)
        if (others->n[kind] > 0 && used < FLOWS_OTHERS_BYTES)
            used += (size_t)snprintf(out + used, FLOWS_OTHERS_BYTES - used, "%s%" PRIu64 " %s", used > 0 ? ", " : "",
                                     others->n[kind], names[kind]);
    return out;
}

void flows_free(struct flows *f)
{
    if (f == NULL)
        return;
    flows_finish(f, 0);
    fragments_free(f->fragments);
    free(f);
}
