#include "capture/compile.h"

#include "capture/flows.h"
#include "traces/dialogue.h"

#include <inttypes.h>
#include <stdlib.h>

struct compile {
    struct compile_config config;
    struct trace_writer *writer;
    struct dialogue *dialogue;
    struct flows *flows;
    uint64_t start_ns, end_ns; /* first packet: Unix time; last packet: since the first */
    bool started;              /* start_ns is set */
};

struct compile *compile_open(const struct compile_config *config, struct diag *diag)
{
    struct compile *c = calloc(1, sizeof *c);
    struct trace_writer *writer = c != NULL ? trace_writer_open(config->path, diag) : NULL;
    struct dialogue *dialogue = writer != NULL ? dialogue_new(writer) : NULL;
    struct flows *flows = dialogue != NULL ? flows_new(dialogue, config->ports, config->nports) : NULL;
    if (flows != NULL) {
        *c = (struct compile){.config = *config, .writer = writer, .dialogue = dialogue, .flows = flows};
        return c;
    }
    if (c == NULL || writer != NULL)
        diag_fail(diag, DIAG_ENVIRONMENT, "%s: out of memory", config->path);
    if (dialogue != NULL)
        dialogue_free(dialogue);
    if (writer != NULL)
        trace_writer_abandon(writer);
    free(c);
    return NULL;
}

bool compile_packet(struct compile *c, const struct source_packet *p)
{
    if (!c->started) {
        c->start_ns = p->realtime_ns;
        trace_writer_about(
            c->writer,
            &(struct trace_meta){.start_realtime_ns = c->start_ns, .source = c->config.source, .sha256 = c->config.sha256});
    }
    c->started = true;
    uint64_t t_ns = p->realtime_ns > c->start_ns ? p->realtime_ns - c->start_ns : 0; /* several cores may swap neighbours */
    if (t_ns > c->end_ns)
        c->end_ns = t_ns;
    flows_packet(c->flows, packet_link(p->link),
                 &(struct flows_packet){.bytes = p->bytes, .captured = p->captured, .length = p->length, .t_ns = t_ns});
    return !trace_writer_failed(c->writer);
}

/* The trace's end: 0 or -1; the writer is gone in both cases. */
static int finish_trace(struct compile *c, const struct compile_summary *s, struct diag *diag)
{
    struct trace_meta meta = {.start_realtime_ns = c->start_ns,
                              .end_ns = c->end_ns,
                              .source = c->config.source,
                              .sha256 = c->config.sha256,
                              .missing = s->missing};
    if (s->counts.events > 0 || trace_writer_failed(c->writer))
        return trace_writer_finish(c->writer, &meta, diag);
    trace_writer_abandon(c->writer);
    return diag_fail(diag, DIAG_USAGE,
                     "%s: %" PRIu64
                     " packets, no Channel Access in them (a server's TCP port whose search was not captured: --port N)",
                     c->config.source, s->missing.packets);
}

int compile_finish(struct compile *c, uint64_t drops, bool source_cut, struct compile_summary *summary, struct diag *diag)
{
    flows_finish(c->flows, c->end_ns);
    summary->missing = flows_missing(c->flows);
    summary->missing.kernel_drops += drops;
    summary->missing.cut_packets += source_cut;
    summary->missing.malformed += dialogue_malformed(c->dialogue);
    summary->counts = trace_writer_counts(c->writer);
    flows_free(c->flows);
    dialogue_free(c->dialogue);
    int status = finish_trace(c, summary, diag);
    free(c);
    return status;
}
