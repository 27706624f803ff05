/* `caplay merge`: several traces on one clock. */
#include "traces/command.h"

#include "base/options.h"
#include "traces/edit.h"
#include "traces/fill.h"
#include "traces/standard.h"

#include <stdlib.h>

struct merge {
    const char *output, *offset;
};

static const struct option merge_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct merge, output), "FILE", NULL, 0, 0, "the trace to write; -: standard output"},
    {"offset", 0, OPTION_STRING, offsetof(struct merge, offset), "[-]DURATION", NULL, 0, 0,
     "move all but the first trace by so much: 250us, -1.5s"},
};

static const struct option_command merge_command = {
    .name = "merge",
    .synopsis = "FILE FILE... -o FILE [--offset [-]DURATION]",
    .about =
        "Puts the messages of several traces into one, by the time of day at which they were captured; --offset corrects\n"
        "hosts whose clocks differ. Circuits stay apart, PVs of the same name become one; what the traces lack is added up.\n\n"
        "Snapshots (`caplay snapshot`) behind a recording are not put in by time: they fill in what nobody asked on the\n"
        "recording's wire, units, limits, labels, types, rights, and the value of a PV that has none. A replay takes these\n"
        "only where the recording says nothing, whenever the snapshot was made. What is still not known is listed.",
    .examples = "caplay merge host-a.catrace host-b.catrace --offset -1.5ms -o both.catrace\n"
                "caplay snapshot -l names.txt -w now.catrace && caplay merge night.catrace now.catrace -o whole.catrace",
    .options = merge_options,
    .noptions = sizeof merge_options / sizeof *merge_options,
    .min_operands = 2,
    .max_operands = OPTION_LIST_MAX,
};

struct inputs {
    struct trace traces[OPTION_LIST_MAX];
    uint64_t starts_ns[OPTION_LIST_MAX]; /* Unix time, moved */
    bool fills[OPTION_LIST_MAX];         /* a snapshot behind a recording */
    unsigned n, nfilling;
};

static int read_offset(const char *text, bool *is_earlier, uint64_t *ns, struct diag *diag)
{
    *ns = 0;
    *is_earlier = text != NULL && *text == '-';
    if (text == NULL || options_duration(text + *is_earlier, ns) == 0)
        return 0;
    return diag_fail(diag, DIAG_USAGE, "--offset: '%s' is not a duration with its unit (examples: 100us, -1.5s)", text);
}

static int open_inputs(struct inputs *in, const struct option_list *files, const struct merge *merge, struct diag *diag)
{
    bool is_earlier;
    uint64_t offset_ns;
    if (read_offset(merge->offset, &is_earlier, &offset_ns, diag) < 0)
        return -1;
    for (; in->n < files->count; in->n++) {
        if (edit_open(&in->traces[in->n], files->at[in->n], diag) < 0)
            return -1;
        in->fills[in->n] = fill_is_snapshot(&in->traces[in->n]) && !fill_is_snapshot(&in->traces[0]);
        in->nfilling += in->fills[in->n];
        uint64_t *start_ns = &in->starts_ns[in->n];
        *start_ns = in->traces[in->n].start_realtime_ns;
        if (in->n > 0)
            *start_ns = !is_earlier ? *start_ns + offset_ns : *start_ns > offset_ns ? *start_ns - offset_ns : 0;
    }
    return 0;
}

static void add_missing(struct trace_missing *to, const struct trace_missing *m)
{
    to->packets += m->packets;
    to->kernel_drops += m->kernel_drops;
    to->cut_packets += m->cut_packets;
    to->gaps += m->gaps;
    to->gap_bytes += m->gap_bytes;
    to->midway += m->midway;
    to->malformed += m->malformed;
    to->other_packets += m->other_packets;
    to->retransmits += m->retransmits;
}

/* Several snapshots are one. */
static bool are_snapshots(const struct inputs *in)
{
    unsigned n = 0;
    while (n < in->n && fill_is_snapshot(&in->traces[n]))
        n++;
    return n == in->n;
}

/* One recording stays what it is, whatever fills it in. */
static struct trace_meta begin_meta(const struct inputs *in)
{
    if (in->n - in->nfilling == 1)
        return edit_meta(&in->traces[0]);
    struct trace_meta meta = {.start_realtime_ns = UINT64_MAX, .source = are_snapshots(in) ? FILL_SOURCE : "merge"};
    for (unsigned i = 0; i < in->n; i++)
        if (!in->fills[i] && in->starts_ns[i] < meta.start_realtime_ns)
            meta.start_realtime_ns = in->starts_ns[i];
    for (unsigned i = 0; i < in->n; i++) {
        if (in->fills[i])
            continue;
        const uint64_t end_ns = in->traces[i].end_ns + in->starts_ns[i] - meta.start_realtime_ns;
        meta.end_ns = end_ns > meta.end_ns ? end_ns : meta.end_ns;
        add_missing(&meta.missing, &in->traces[i].missing);
    }
    return meta;
}

/* Recordings first, so that their PVs keep their order. */
static int write_all(const struct inputs *in, uint64_t start_ns, struct trace_writer *w, struct diag *diag)
{
    int result = 0;
    for (unsigned i = 0; i < in->n && result == 0; i++) {
        const struct copy rules = {.shift_ns = in->starts_ns[i] - start_ns, .to_ns = UINT64_MAX};
        if (!in->fills[i])
            result = copy_trace(&in->traces[i], &rules, w, diag);
    }
    for (unsigned i = 0; i < in->n && result == 0; i++)
        if (in->fills[i])
            result = fill_trace(&in->traces[i], w, diag);
    return result;
}

static int list_lacks(const char *path, struct diag *diag)
{
    struct trace t;
    if (trace_open(&t, path, diag) < 0)
        return -1;
    int result = fill_print_lacks(stderr, &t, diag);
    trace_close(&t);
    return result;
}

static int merge_traces(const struct inputs *in, const char *output, struct diag *diag)
{
    const struct trace_meta meta = begin_meta(in);
    struct trace_writer *w = trace_writer_open(output, diag);
    if (w == NULL)
        return -1;
    if (write_all(in, meta.start_realtime_ns, w, diag) < 0) {
        trace_writer_abandon(w);
        return -1;
    }
    if (trace_writer_finish(w, &meta, diag) < 0 || (in->nfilling > 0 && list_lacks(output, diag) < 0))
        return -1;
    return DIAG_GOOD;
}

static int merge_out(struct inputs *in, const char *output, struct diag *diag)
{
    struct standard_output standard;
    const char *path = standard_output(&standard, output, diag);
    return standard_deliver(&standard, path != NULL ? merge_traces(in, path, diag) : -1, diag);
}

int traces_merge(int argc, char **argv, struct diag *diag)
{
    struct merge merge = {0};
    struct option_result result;
    if (options_parse(&merge_command, argc, argv, &merge, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_check("merge", merge.output, result.operands.at, result.operands.count, diag) < 0)
        return -1;
    struct inputs *in = calloc(1, sizeof *in);
    if (in == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory to merge traces");
    int code = open_inputs(in, &result.operands, &merge, diag) < 0 ? -1 : merge_out(in, merge.output, diag);
    while (in->n > 0)
        trace_close(&in->traces[--in->n]);
    free(in);
    return code;
}
