#include "sim/synth.h"

#include "sim/synth_parts.h"

#include <string.h>

static const struct {
    const char *name;
    int (*make)(struct synth *synth, const struct synth_config *config, struct diag *diag);
} scenarios[] = {
    {"ten-thousand", scalars_make},
    {"area-detector", images_make},
};

#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

static const char *name_of(const void *owner, uint32_t number)
{
    return ((const struct synth *)owner)->pvs[number].name;
}

int synth_reserve(struct synth *synth, uint32_t n, struct diag *diag)
{
    synth->pvs = calloc(n, sizeof *synth->pvs);
    return synth->pvs != NULL ? 0 : diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u PVs", n);
}

struct synth_pv *synth_add(struct synth *synth, const char *name, struct diag *diag)
{
    struct synth_pv *made = &synth->pvs[synth->npvs];
    size_t length = strlen(name);
    bool is_there = lookup_find(&synth->names, name, length) != LOOKUP_NONE;
    if (length == 0 || length >= sizeof made->name || is_there) {
        diag_fail(diag, DIAG_USAGE, "--pv: '%s' is %s", name, is_there ? "given twice" : "no name of 1 to 63 characters");
        return NULL;
    }
    if (lookup_add(&synth->names, name, length, synth->npvs) < 0) {
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a name");
        return NULL;
    }
    memcpy(made->name, name, length + 1);
    made->pv.name = made->name;
    made->pv.index = synth->npvs++;
    made->pv.meta = &synth->meta;
    return made;
}

struct sim_pv *synth_find(void *self, const char *name, size_t length)
{
    struct synth *synth = self;
    uint32_t found = lookup_find(&synth->names, name, length);
    return found != LOOKUP_NONE ? &synth->pvs[found].pv : NULL;
}

struct wire_stamp synth_stamp(uint64_t realtime_ns)
{
    uint64_t since = realtime_ns - CLOCK_EPICS_EPOCH * CLOCK_NS;
    return (struct wire_stamp){(uint32_t)(since / CLOCK_NS), (uint32_t)(since % CLOCK_NS)};
}

static int unknown_scenario(const char *name, struct diag *diag)
{
    char all[128] = "";
    for (size_t i = 0; i < SCENARIOS; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? ", " : "", scenarios[i].name);
    return diag_fail(diag, DIAG_USAGE, "no scenario '%s'; there are: %s", name, all);
}

static int make(struct synth *synth, const char *name, const struct synth_config *config, struct diag *diag)
{
    if (config->file != NULL)
        return scalars_make(synth, config, diag);
    for (size_t i = 0; i < SCENARIOS; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return scenarios[i].make(synth, config, diag);
    return unknown_scenario(name, diag);
}

struct synth *synth_new(const char *scenario, const struct synth_config *config, struct diag *diag)
{
    struct synth *synth = calloc(1, sizeof *synth);
    if (synth == NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a scenario");
        return NULL;
    }
    synth->source.self = synth;
    lookup_init(&synth->names, name_of, synth);
    const struct clock_pair now = config->now.realtime_ns != 0 ? config->now : clock_pair();
    synth->now_ns = now.realtime_ns;
    synth->realtime_ns = now.realtime_ns - now.monotonic_ns;
    wire_meta_init(&synth->meta);
    if (make(synth, scenario, config, diag) == 0)
        return synth;
    synth_free(synth);
    return NULL;
}

void synth_free(struct synth *synth)
{
    lookup_fini(&synth->names);
    free(synth->pvs);
    if (synth->images != NULL)
        images_free(synth->images);
    if (synth->scalars != NULL)
        scalars_free(synth->scalars);
    free(synth);
}

const struct sim_source *synth_source(const struct synth *synth)
{
    return &synth->source;
}
