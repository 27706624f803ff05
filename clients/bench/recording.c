#include "clients/bench/recording.h"

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

static int check_scalars(const struct bench_server *server, const struct timeline *timeline, unsigned n, struct diag *diag)
{
    for (unsigned i = 0; i < n; i++) {
        char name[40];
        int length = snprintf(name, sizeof name, BENCH_SCALARS "%05u", i);
        if (timeline_find(timeline, name, (size_t)length) == NAMES_NONE)
            return diag_fail(diag, DIAG_USAGE, "%s holds no PV %s to connect to (without them: --only monitor)", server->name,
                             name);
    }
    return 0;
}

static int read_image(const struct bench_server *server, const struct timeline *timeline, const struct bench_image *image,
                      struct bench_posts *posts, struct diag *diag)
{
    char name[128];
    bench_name_image(server, image, name, sizeof name);
    uint32_t pv = timeline_find(timeline, name, strlen(name));
    if (pv == NAMES_NONE)
        return diag_fail(diag, DIAG_USAGE, "%s holds no PV %s to monitor (without one: --only connect)", server->name, name);
    return copy_posts(&timeline->pvs[pv], posts, diag);
}

static int read_steps(struct bench_result *r, unsigned server, const struct timeline *timeline, struct diag *diag)
{
    for (size_t i = 0; i < r->nsteps; i++) {
        const struct bench_step *step = &r->steps[i];
        const struct bench_image image = {r->options.pv, step->size, step->hertz};
        int failed = step->kind == BENCH_CONNECT ? check_scalars(&r->servers[server], timeline, step->pvs, diag)
                                                 : read_image(&r->servers[server], timeline, &image, &r->posts[server][i], diag);
        if (failed)
            return -1;
    }
    return 0;
}

static int read_recording(struct bench_result *r, unsigned server, struct diag *diag)
{
    struct trace trace;
    struct timeline timeline = {.npvs = 0};
    if (trace_open(&trace, r->servers[server].what, diag) < 0)
        return -1;
    int failed =
        trace_is_complete(&trace.missing)
            ? timeline_init(&timeline, &trace, diag)
            : diag_fail(diag, DIAG_USAGE, "%s is incomplete (`caplay info` tells): clients would be judged by what it lacks",
                        r->servers[server].what);
    if (!failed)
        failed = timeline_check(&timeline, &trace, r->servers[server].what, diag);
    if (!failed)
        failed = read_steps(r, server, &timeline, diag);
    timeline_fini(&timeline);
    trace_close(&trace);
    return failed;
}

int bench_prepare_posts(struct bench_result *r, struct diag *diag)
{
    for (unsigned s = 0; s < r->nservers; s++) {
        for (size_t i = 0; i < r->nsteps; i++) {
            const struct bench_step *step = &r->steps[i];
            struct bench_posts *posts = &r->posts[s][i];
            posts->rate = (struct clock_rate){step->hertz, 1};
            posts->elements = r->options.pv == NULL ? (size_t)step->size.width * step->size.height : 0;
        }
        if (r->servers[s].kind == BENCH_REPLAY && read_recording(r, s, diag) < 0)
            return -1;
    }
    return 0;
}

void bench_free_posts(struct bench_result *r)
{
    for (unsigned s = 0; s < r->nservers; s++)
        for (size_t i = 0; i < r->nsteps; i++) {
            free(r->posts[s][i].serials);
            free(r->posts[s][i].stamps_ns);
        }
}
