#include "capture/compile.h"

#include "capture/ask.h"
#include "capture/finishing.h"
#include "traces/dialogue.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's count of dropped packets is looked at no more often: libpcap opens files for it. */
#define LOOK_NS UINT64_C(100000000)

struct compile {
    struct compile_config config;
    struct trace_writer *writer; /* NULL: its name waits for the first packet's time */
    struct dialogue *dialogue;
    struct flows *flows;
    uint64_t start_ns, end_ns; /* first packet: Unix time; last packet: since the first */
    bool started;              /* start_ns is set */
    uint64_t drops;            /* packets that the kernel had dropped when that was last looked at, */
    uint64_t looked_ns;        /* since the first packet, */
    uint64_t ticked_ns;        /* and by compile_tick()'s clock */

    /* One part after the other. */
    struct rotation rotation;
    char path[PATH_MAX];       /* of this part */
    char beside[PATH_MAX + 8]; /* where it is written until it is whole, if the one before has the same path */
    bool is_beside;
    struct finishing finishing;  /* of the part before */
    uint64_t part_ns;            /* when this part began, since the first packet */
    uint64_t carried_bytes;      /* what it carries of the part before */
    uint32_t aside;              /* messages in it that are not its own */
    struct trace_missing before; /* what was missing when it began */
    unsigned parts;              /* that have ended */
    uint64_t messages;           /* of those */
    struct diag fault;           /* why there is no next part */
};

static bool rotates(const struct compile *c)
{
    return c->config.rotation.by_bytes != 0 || c->config.rotation.by_seconds != 0;
}

/* ---- opening ---- */

static struct trace_writer *open_writer(const struct compile *c, const char *path, struct diag *diag)
{
    struct trace_writer *w = trace_writer_open(path, diag);
    if (w != NULL && c->config.source_stays)
        trace_writer_forgo_journal(w);
    return w;
}

static struct trace_writer *open_part(struct compile *c, struct diag *diag)
{
    rotation_name(&c->rotation, c->path, sizeof c->path);
    return open_writer(c, c->path, diag);
}

/* With -G a name may have to wait for the first packet. */
static bool has_name(const struct compile *c)
{
    return c->rotation.begin_ns != 0 || c->rotation.rules.by_seconds == 0;
}

static int open_all(struct compile *c, struct diag *diag)
{
    if (has_name(c) && (c->writer = open_part(c, diag)) == NULL)
        return -1;
    c->dialogue = dialogue_new(c->writer);
    c->flows = c->dialogue != NULL ? flows_new(c->dialogue, c->config.ports, c->config.nports) : NULL;
    if (c->flows == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "%s: out of memory", c->config.rotation.path);
    if (rotates(c))
        dialogue_keep(c->dialogue);
    return 0;
}

struct compile *compile_open(const struct compile_config *config, struct diag *diag)
{
    struct compile *c = calloc(1, sizeof *c);
    if (c == NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "%s: out of memory", config->rotation.path);
        return NULL;
    }
    c->config = *config;
    c->rotation = (struct rotation){.rules = config->rotation, .begin_ns = config->start_ns};
    if (open_all(c, diag) == 0)
        return c;
    dialogue_free(c->dialogue);
    trace_writer_abandon(c->writer);
    free(c);
    return NULL;
}

/* ---- parts ---- */

static struct trace_meta about(const struct compile *c)
{
    return (struct trace_meta){
        .start_realtime_ns = c->start_ns + c->part_ns, .source = c->config.source, .sha256 = c->config.sha256};
}

static void tell_about(struct compile *c)
{
    const struct trace_meta meta = about(c);
    trace_writer_about(c->writer, &meta);
}

static bool begin(struct compile *c, uint64_t realtime_ns)
{
    if (c->started)
        return c->writer != NULL;
    c->started = true;
    c->start_ns = realtime_ns;
    if (c->rotation.begin_ns == 0)
        c->rotation.begin_ns = realtime_ns;
    if (c->writer == NULL && (c->writer = open_part(c, &c->fault)) != NULL)
        dialogue_continue(c->dialogue, c->writer, 0);
    if (c->writer != NULL)
        tell_about(c);
    return c->writer != NULL;
}

/* The members of `now` that count, less those of `before`. */
static struct trace_missing less(const struct trace_missing *now, const struct trace_missing *before)
{
    return (struct trace_missing){.packets = now->packets - before->packets,
                                  .kernel_drops = now->kernel_drops - before->kernel_drops,
                                  .cut_packets = now->cut_packets - before->cut_packets,
                                  .gaps = now->gaps - before->gaps,
                                  .gap_bytes = now->gap_bytes - before->gap_bytes,
                                  .midway = now->midway,
                                  .malformed = now->malformed - before->malformed,
                                  .other_packets = now->other_packets - before->other_packets,
                                  .retransmits = now->retransmits - before->retransmits};
}

static uint64_t count_midway(struct trace_writer *w)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < trace_writer_counts(w).circuits; i++)
        n += (trace_writer_circuit_at(w, i)->flags & TRACE_MIDWAY) != 0;
    return n;
}

/* What this part lacks, of what was missing so far. A circuit that was joined midway lacks its beginning in each of its parts. */
static struct trace_missing of_part(struct compile *c, const struct trace_missing *now)
{
    struct trace_missing missing = less(now, &c->before);
    if (c->parts > 0)
        missing.midway = count_midway(c->writer);
    return missing;
}

static struct trace_meta part_meta(struct compile *c, const struct trace_missing *now)
{
    struct trace_meta meta = about(c);
    meta.end_ns = c->end_ns > c->part_ns ? c->end_ns - c->part_ns : 0;
    meta.missing = of_part(c, now);
    return meta;
}

static void count_part(struct compile *c)
{
    c->messages += trace_writer_counts(c->writer).events - c->aside;
    c->parts++;
}

/* So many packets had been dropped until then: the new ones were since the last look. */
static void take_drops(struct compile *c, uint64_t drops, uint64_t until_ns)
{
    if (c->writer == NULL)
        return;
    const struct trace_loss loss = {.t_ns = c->looked_ns < until_ns ? c->looked_ns : until_ns,
                                    .until_ns = until_ns,
                                    .count = drops - c->drops,
                                    .kind = TRACE_LOSS_DROPPED};
    if (drops > c->drops)
        dialogue_loss(c->dialogue, TRACE_NONE, &loss, 0);
    c->drops = drops > c->drops ? drops : c->drops;
    c->looked_ns = until_ns;
}

static uint64_t drops_now(const struct compile *c)
{
    return c->config.packets != NULL ? source_drops(c->config.packets) : 0;
}

static struct trace_missing missing_now(const struct compile *c)
{
    struct trace_missing missing = flows_missing_now(c->flows);
    missing.kernel_drops += c->drops;
    missing.malformed += dialogue_malformed(c->dialogue);
    return missing;
}

static struct finishing_names part_names(const struct compile *c)
{
    return c->is_beside ? (struct finishing_names){c->beside, c->path} : (struct finishing_names){NULL, NULL};
}

static void leave_part(struct compile *c, struct trace_writer *writer, const struct trace_meta *meta,
                       const struct finishing_names *names)
{
    if (trace_writer_counts(writer).events > 0)
        finishing_begin(&c->finishing, writer, meta, names);
    else
        trace_writer_abandon(writer);
}

/* The part before is still being written, so the next one of the same path, in a ring of one, is written beside it. NULL with
 * c->fault. */
static struct trace_writer *open_next(struct compile *c)
{
    char before[PATH_MAX];
    memcpy(before, c->path, sizeof before);
    if (finishing_wait(&c->finishing, &c->fault) < 0)
        return NULL;
    rotation_name(&c->rotation, c->path, sizeof c->path);
    const bool is_same = strcmp(before, c->path) == 0;
    if (is_same && (c->rotation.rules.by_seconds != 0 || c->rotation.rules.files != 1)) {
        diag_fail(&c->fault, DIAG_USAGE, "%s: the next part has the same name (example: -w night-%%H%%M%%S.catrace)", before);
        return NULL;
    }
    const bool is_beside = is_same && !c->is_beside;
    snprintf(c->beside, sizeof c->beside, "%s.next", c->path);
    struct trace_writer *w = open_writer(c, is_beside ? c->beside : c->path, &c->fault);
    if (w != NULL)
        c->is_beside = is_beside;
    return w;
}

/* The part before is finished beside the next one. */
static bool next_part(struct compile *c, uint64_t t_ns)
{
    const struct finishing_names names = part_names(c);
    struct trace_writer *writer = c->writer, *next = open_next(c);
    if (next == NULL)
        return false;
    take_drops(c, drops_now(c), t_ns);
    const struct trace_missing now = missing_now(c);
    const struct trace_meta meta = part_meta(c, &now);
    count_part(c);
    c->writer = next;
    c->part_ns = t_ns;
    c->before = now;
    tell_about(c);
    dialogue_continue(c->dialogue, next, t_ns);
    c->carried_bytes = trace_writer_bytes(next);
    c->aside = trace_writer_counts(next).events;
    leave_part(c, writer, &meta, &names);
    return true;
}

/* False: there shall be no other part, or there cannot be. */
static bool rotate(struct compile *c, uint64_t realtime_ns, uint64_t t_ns)
{
    switch (rotation_step(&c->rotation, realtime_ns, trace_writer_bytes(c->writer) - c->carried_bytes)) {
    case ROTATION_STAY:
        return true;
    case ROTATION_NEXT:
        return next_part(c, t_ns);
    case ROTATION_END:
        break;
    }
    return false;
}

bool compile_packet(struct compile *c, const struct source_packet *p)
{
    if (!begin(c, p->realtime_ns))
        return false;
    uint64_t t_ns = p->realtime_ns > c->start_ns ? p->realtime_ns - c->start_ns : 0; /* several cores may swap neighbours */
    if (rotates(c) && !rotate(c, p->realtime_ns, t_ns))
        return false;
    if (t_ns > c->end_ns)
        c->end_ns = t_ns;
    flows_packet(c->flows, packet_link(p->link),
                 &(struct flows_packet){.bytes = p->bytes, .captured = p->captured, .length = p->length, .t_ns = t_ns});
    return !trace_writer_failed(c->writer);
}

void compile_tick(struct compile *c, uint64_t now_ns, uint64_t realtime_ns)
{
    if (c->writer == NULL)
        return;
    if (c->started && realtime_ns > c->start_ns && now_ns - c->ticked_ns >= LOOK_NS) {
        take_drops(c, drops_now(c), realtime_ns - c->start_ns);
        c->ticked_ns = now_ns;
    }
    trace_writer_tick(c->writer, now_ns);
}

/* ---- the end ---- */

int compile_ask(struct compile *c, struct diag *diag)
{
    if (c->writer == NULL || trace_writer_failed(c->writer))
        return 0;
    const uint32_t before = trace_writer_counts(c->writer).events;
    const int result = ask_fill(c->writer, c->path, diag);
    c->aside += trace_writer_counts(c->writer).events - before;
    return result;
}

/* The last part's: 0 or -1; the writer is gone in both cases. */
static int finish_last(struct compile *c, const struct trace_missing *now, struct diag *diag)
{
    if (c->writer == NULL)
        return 0;
    const struct trace_meta meta = part_meta(c, now);
    const struct finishing_names names = part_names(c);
    const bool is_empty = trace_writer_counts(c->writer).events == 0 && !trace_writer_failed(c->writer);
    count_part(c);
    if (!is_empty)
        return finishing_now(c->writer, &meta, &names, diag);
    trace_writer_abandon(c->writer);
    return 0;
}

static int fail_empty(const struct compile *c, const struct compile_summary *s, struct diag *diag)
{
    char others[FLOWS_OTHERS_BYTES];
    flows_others_text(&s->others, others);
    return diag_fail(diag, DIAG_USAGE,
                     "%s: %" PRIu64
                     " packets, no Channel Access in them%s%s (a server's TCP port whose search was not captured: --port N)",
                     c->config.source, s->missing.packets, *others != '\0' ? ": " : "", others);
}

/* The first thing that failed is told. */
static int finish_traces(struct compile *c, const struct compile_summary *s, struct diag *diag)
{
    struct diag last = {0}, before = {0};
    const int status_before = finishing_wait(&c->finishing, &before), status = finish_last(c, &s->missing, &last);
    if (status_before < 0)
        *diag = before;
    else if (c->fault.code != DIAG_GOOD)
        *diag = c->fault;
    else if (status < 0)
        *diag = last;
    else
        return c->messages > 0 ? 0 : fail_empty(c, s, diag);
    return -1;
}

int compile_finish(struct compile *c, uint64_t drops, bool source_cut, struct compile_summary *summary, struct diag *diag)
{
    flows_finish(c->flows, c->end_ns);
    take_drops(c, drops, c->end_ns);
    if (source_cut && c->writer != NULL)
        dialogue_loss(c->dialogue, TRACE_NONE,
                      &(struct trace_loss){.t_ns = c->end_ns, .until_ns = c->end_ns, .count = 1, .kind = TRACE_LOSS_CUT}, 0);
    summary->missing = flows_missing(c->flows);
    summary->others = flows_others(c->flows);
    summary->missing.kernel_drops += drops;
    summary->missing.cut_packets += source_cut;
    summary->missing.malformed += dialogue_malformed(c->dialogue);
    summary->counts = c->writer != NULL ? trace_writer_counts(c->writer) : (struct trace_counts){0};
    flows_free(c->flows);
    dialogue_free(c->dialogue);
    int status = finish_traces(c, summary, diag);
    summary->parts = c->parts;
    summary->messages = c->messages;
    free(c);
    return status;
}
