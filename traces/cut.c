/* `caplay cut`: a part of a trace, by time and by PV. */
#include "traces/command.h"

#include "base/options.h"
#include "traces/edit.h"

#include <inttypes.h>
#include <stdlib.h>

struct cut {
    const char *output, *pv;
    uint64_t from_ns, to_ns;
};

static const struct option cut_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct cut, output), "FILE", NULL, 0, 0, "the trace to write"},
    {"from", 0, OPTION_DURATION, offsetof(struct cut, from_ns), "DURATION", NULL, 0, 0,
     "messages from this time on, after the first packet (10s); it becomes the new trace's beginning"},
    {"to", 0, OPTION_DURATION, offsetof(struct cut, to_ns), "DURATION", NULL, 1, 0, "messages before this time (12.5s)"},
    {"pv", 0, OPTION_STRING, offsetof(struct cut, pv), "GLOB", NULL, 0, 0,
     "of messages about PVs only those whose name matches: 'SIM:*'"},
};

static const struct option_command cut_command = {
    .name = "cut",
    .synopsis = "FILE -o FILE [--from T] [--to T] [--pv GLOB]",
    .about = "Makes a trace of a part of a trace. Names, types and rights of PVs stay known, also where the messages that told\n"
             "them are left out. A circuit that began before --from counts as joined midway.",
    .examples = "caplay cut --from 10s --to 20s night.catrace -o ten.catrace\n"
                "caplay cut --pv 'BL1:*' night.catrace -o bl1.catrace",
    .options = cut_options,
    .noptions = sizeof cut_options / sizeof *cut_options,
    .min_operands = 1,
    .max_operands = 1,
};

static uint32_t count_begun(const struct trace *t, uint64_t from_ns)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->ncircuits; i++)
        n += (t->circuits[i].flags & (TRACE_TCP | TRACE_MIDWAY)) == TRACE_TCP && t->circuits[i].begin_ns < from_ns;
    return n;
}

static int cut_trace(const struct cut *cut, const struct trace *t, struct diag *diag)
{
    bool *pvs = NULL;
    if (cut->from_ns >= cut->to_ns || cut->from_ns > t->end_ns)
        return diag_fail(diag, DIAG_USAGE, "--from: %" PRIu64 " ns is not before --to and the trace's end at %" PRIu64 " ns",
                         cut->from_ns, t->end_ns);
    if (cut->pv != NULL && (pvs = edit_match("--pv", cut->pv, t, diag)) == NULL)
        return -1;
    struct trace_meta meta = edit_meta(t);
    const uint64_t to_ns = cut->to_ns < t->end_ns ? cut->to_ns : t->end_ns;
    meta.start_realtime_ns += cut->from_ns;
    meta.end_ns = to_ns - cut->from_ns;
    meta.missing.midway += count_begun(t, cut->from_ns);
    const struct copy rules = {.from_ns = cut->from_ns, .to_ns = cut->to_ns, .pvs = pvs};
    int code = edit_one(t, &rules, &meta, cut->output, diag);
    free(pvs);
    return code;
}

int traces_cut(int argc, char **argv, struct diag *diag)
{
    struct cut cut = {.to_ns = UINT64_MAX};
    struct option_result result;
    struct trace t;
    if (options_parse(&cut_command, argc, argv, &cut, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_check("cut", cut.output, result.operands.at, 1, diag) < 0 || trace_open(&t, result.operands.at[0], diag) < 0)
        return -1;
    int code = cut_trace(&cut, &t, diag);
    trace_close(&t);
    return code;
}
