#include "traces/edit.h"

#include "traces/standard.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

int edit_output(const char *command, const char *output, const char *example, struct diag *diag)
{
    if (output != NULL && *output != '\0')
        return 0;
    return diag_fail(diag, DIAG_USAGE, "%s: -o FILE says where the result goes: -o %s", command, example);
}

bool edit_is_same(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int edit_check(const char *command, const char *output, const char *const *inputs, unsigned ninputs, struct diag *diag)
{
    if (edit_output(command, output, "new.catrace", diag) < 0)
        return -1;
    for (unsigned i = 0; i < ninputs; i++)
        if (edit_is_same(inputs[i], output))
            return diag_fail(diag, DIAG_USAGE, "%s: -o %s is an input, too: take another name", command, output);
    return 0;
}

struct trace_meta edit_meta(const struct trace *t)
{
    return (struct trace_meta){.start_realtime_ns = t->start_realtime_ns,
                               .end_ns = t->end_ns,
                               .source = t->source,
                               .sha256 = t->sha256,
                               .missing = t->missing};
}

int edit_one(const struct trace *t, const struct copy *rules, const struct trace_meta *meta, const char *output,
             struct diag *diag)
{
    struct standard_output standard;
    const char *path = standard_output(&standard, output, diag);
    struct trace_writer *w = path != NULL ? trace_writer_open(path, diag) : NULL;
    int code = -1;
    if (w != NULL && copy_trace(t, rules, w, diag) < 0)
        trace_writer_abandon(w);
    else if (w != NULL)
        code = trace_writer_finish(w, meta, diag) < 0 ? -1 : DIAG_GOOD;
    return standard_deliver(&standard, code, diag);
}

int edit_open(struct trace *t, const char *input, struct diag *diag)
{
    const char *path = standard_input(input, diag);
    return path != NULL ? trace_open(t, path, diag) : -1;
}

bool *edit_match(const char *option, const char *glob, const struct trace *t, struct diag *diag)
{
    bool *match = calloc((size_t)t->npvs + 1, sizeof *match), any = false;
    if (match == NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %" PRIu32 " PVs", t->npvs);
        return NULL;
    }
    for (uint32_t i = 0; i < t->npvs; i++)
        any |= match[i] = fnmatch(glob, trace_pv_name(t, i), 0) == 0;
    if (any)
        return match;
    free(match);
    diag_fail(diag, DIAG_USAGE, "%s: none of the %" PRIu32 " PVs matches '%s': `caplay info --pvs 0` lists them", option, t->npvs,
              glob);
    return NULL;
}
