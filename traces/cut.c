/* `caplay cut`: a part of a trace, by time and by PV. */
#include "traces/command.h"

#include "base/options.h"
#include "traces/edit.h"
#include "traces/standard.h"

#include <inttypes.h>
#include <stdlib.h>

struct cut {
    const char *output, *pv;
    uint64_t from_ns, to_ns;
};

static const struct option cut_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct cut, output), "FILE", NULL, 0, 0, "the trace to write; -: standard output"},
    {"from", 0, OPTION_DURATION, offsetof(struct cut, from_ns), "DURATION", NULL, 0, 0,
     "messages from this time on, after the first packet (10s); it becomes the new trace's beginning"},
    {"to", 0, OPTION_DURATION, offsetof(struct cut, to_ns), "DURATION", NULL, 1, 0, "messages before this time (12.5s)"},
    {"pv", 0, OPTION_STRING, offsetof(struct cut, pv), "GLOB", NULL, 0, 0,
     "of messages about PVs only those whose name matches: 'SIM:*'"},
};

static const struct option_command cut_command = {
    .name = "cut",
    .synopsis = "FILE -o FILE [--from T] [--to T] [--pv GLOB]",
    .about =
        "Makes a trace of a part of a trace. Types and rights of the PVs that its messages name stay known, also where the\n"
        "messages that told them are left out; other PVs are. What a snapshot filled in stays in each part, with its PVs. A\n"
        "circuit that began before --from counts as joined midway. What the trace lacks outside the part, the part does not\n"
        "lack, where the trace knows when it was lost.",
    .examples = "caplay cut --from 10s --to 20s night.catrace -o ten.catrace\n"
                "caplay cut --pv 'BL1:*' night.catrace -o bl1.catrace",
    .options = cut_options,
    .noptions = sizeof cut_options / sizeof *cut_options,
    .min_operands = 1,
    .max_operands = 1,
};

/* Name the PVs of these messages that have all of `flags`. matches: those that may be named; NULL: all. False with diag. */
static bool name_pvs(const struct trace *t, struct trace_range part, unsigned flags, const bool *matches, bool *named,
                     struct diag *diag)
{
    if (trace_check(t, part.first, part.end, TRACE_RECORDS, diag) < 0)
        return false;
    for (uint32_t i = part.first; i < part.end; i++) {
        const struct trace_event *e = &t->events[i];
        if (e->pv != TRACE_NONE && (e->flags & flags) == flags)
            named[e->pv] = matches == NULL || matches[e->pv];
    }
    return true;
}

/* Which of the PVs that match are named by a message of the part, or by a snapshot's, which belong to any part? */
static bool find_named(const struct cut *cut, const struct trace *t, const bool *matches, bool *named, struct diag *diag)
{
    struct trace_range part = {0}, filled = {0};
    return trace_range(t, cut->from_ns, cut->to_ns, &part, diag) == 0 && trace_range(t, 0, 1, &filled, diag) == 0 &&
           name_pvs(t, part, 0, matches, named, diag) && name_pvs(t, filled, TRACE_FILLED, matches, named, diag);
}

/* Which PVs are kept: npvs flags, to be freed. NULL with diag. */
static bool *choose_pvs(const struct cut *cut, const struct trace *t, struct diag *diag)
{
    bool *matches = cut->pv != NULL ? edit_match("--pv", cut->pv, t, diag) : NULL;
    if (cut->pv != NULL && matches == NULL)
        return NULL;
    bool *named = calloc((size_t)t->npvs + 1, sizeof *named);
    if (named == NULL)
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %" PRIu32 " PVs", t->npvs);
    else if (!find_named(cut, t, matches, named, diag)) {
        free(named);
        named = NULL;
    }
    free(matches);
    return named;
}

static int cut_trace(const struct cut *cut, const struct trace *t, struct diag *diag)
{
    if (cut->from_ns >= cut->to_ns || cut->from_ns > t->end_ns)
        return diag_fail(diag, DIAG_USAGE, "--from: %" PRIu64 " ns is not before --to and the trace's end at %" PRIu64 " ns",
                         cut->from_ns, t->end_ns);
    bool *pvs = choose_pvs(cut, t, diag);
    if (pvs == NULL)
        return -1;
    struct trace_meta meta = edit_meta(t);
    const uint64_t to_ns = cut->to_ns < t->end_ns ? cut->to_ns : t->end_ns;
    meta.start_realtime_ns += cut->from_ns;
    meta.end_ns = to_ns - cut->from_ns;
    const struct copy rules = {.from_ns = cut->from_ns, .to_ns = cut->to_ns, .pvs = pvs};
    meta.missing = copy_missing(t, &rules);
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
    if (edit_check("cut", cut.output, result.operands.at, 1, diag) < 0)
        return -1;
    const char *path = standard_input(result.operands.at[0], diag);
    if (path == NULL || trace_open_index(&t, path, diag) < 0)
        return -1;
    int code = cut_trace(&cut, &t, diag);
    trace_close(&t);
    return code;
}
