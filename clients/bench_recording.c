#include "clients/bench_recording.h"

#include "base/frame.h"
#include "replay/timeline.h"

#include <stdlib.h>
#include <string.h>

static uint64_t serial_of(const struct timeline_update *update)
{
    return update->count >= 4 ? frame_serial_be(update->data) : UINT64_MAX;
}

static int copy_posts(const struct timeline_pv *pv, struct bench_posts *posts, struct diag *diag)
{
    if (pv->native != WIRE_INT16 || pv->count < 4 || pv->nupdates < 2)
        return diag_fail(diag, DIAG_USAGE, "the recording of %s holds no frames of ours: %u updates of %u elements", pv->name,
                         pv->nupdates, pv->count);
    posts->count = pv->nupdates;
    posts->serials = malloc(posts->count * sizeof *posts->serials);
    posts->stamps_ns = malloc(posts->count * sizeof *posts->stamps_ns);
    if (posts->serials == NULL || posts->stamps_ns == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %zu posts of %s", posts->count, pv->name);
    for (size_t i = 0; i < posts->count; i++) {
        posts->serials[i] = serial_of(&pv->updates[i]);
        posts->stamps_ns[i] = pv->updates[i].stamp_ns;
    }
    return 0;
}

int bench_recording_read(const char *file, const char *pv, struct bench_posts *posts, struct diag *diag)
{
    struct trace trace;
    struct timeline timeline = {.npvs = 0};
    *posts = (struct bench_posts){.count = 0};
    if (trace_open(&trace, file, diag) < 0)
        return -1;
    int failed = timeline_init(&timeline, &trace, diag);
    uint32_t i = failed ? NAMES_NONE : timeline_find(&timeline, pv, strlen(pv));
    if (!failed && i == NAMES_NONE)
        failed = diag_fail(diag, DIAG_USAGE, "%s holds no PV %s to monitor", file, pv);
    if (!failed)
        failed = copy_posts(&timeline.pvs[i], posts, diag);
    timeline_fini(&timeline);
    trace_close(&trace);
    return failed;
}

void bench_recording_fini(struct bench_posts *posts)
{
    free(posts->serials);
    free(posts->stamps_ns);
    posts->serials = posts->stamps_ns = NULL;
}
