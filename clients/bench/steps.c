/* Which steps a benchmark has: the profile's, as the scenario and the options change them. */
#include "clients/bench/steps.h"

#include <string.h>

static bool is_wanted(const struct bench_step *step, const struct bench_wish *wish)
{
    if (wish->kinds == BENCH_KINDS_ALL)
        return true;
    return (wish->kinds == BENCH_KINDS_CONNECT) == (step->kind == BENCH_CONNECT);
}

static void add_step(struct bench_result *r, const struct bench_step *step, const struct bench_wish *wish)
{
    struct bench_step *added = &r->steps[r->nsteps++];
    *added = *step;
    if (wish->runs > 0)
        added->rounds = wish->runs;
    if (wish->pvs > 0 && added->kind == BENCH_CONNECT)
        added->pvs = wish->pvs;
}

void bench_set_steps(struct bench_result *r, const struct bench_wish *wish)
{
    const struct bench_profile *profile = r->options.profile;
    bool connects = false;
    for (size_t i = 0; i < profile->nsteps; i++) {
        const struct bench_step *step = &profile->steps[i];
        if (!is_wanted(step, wish) || (wish->pvs > 0 && connects && step->kind == BENCH_CONNECT))
            continue;
        connects |= step->kind == BENCH_CONNECT;
        add_step(r, step, wish);
    }
}

int bench_set_scenario(const char *scenario, struct bench_wish *wish, struct diag *diag)
{
    static const struct {
        const char *name;
        enum bench_kinds kinds;
    } scenarios[] = {{"ten-thousand", BENCH_KINDS_CONNECT}, {"area-detector", BENCH_KINDS_MONITOR}};
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(scenario, scenarios[i].name) == 0) {
            if (wish->kinds != BENCH_KINDS_ALL && wish->kinds != scenarios[i].kinds)
                return diag_fail(diag, DIAG_USAGE, "--only: %s has nothing of that kind; leave --only out", scenario);
            wish->kinds = scenarios[i].kinds;
            return 0;
        }
    return diag_fail(diag, DIAG_USAGE,
                     "unknown scenario '%s': there are ten-thousand (connects) and area-detector (monitors), as in `caplay bench "
                     "ten-thousand --client libca`",
                     scenario);
}
