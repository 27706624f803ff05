#include "sim/latency.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>

#define TRIES 64u /* of a normal draw; each is good with a chance of at least one half */

const char *const latency_class_names[SIM_CLASSES] = {
    [SIM_SEARCH] = "search",
    [SIM_CREATE] = "create",
    [SIM_READ] = "read",
    [SIM_WRITE] = "write",
    [SIM_PUT_CALLBACK] = "put-callback",
    [SIM_FIRST_UPDATE] = "first-update",
    [SIM_UPDATE] = "update",
    [SIM_ECHO] = "echo",
};

/* ---- transforms ---- */

static uint64_t whole_ns(double ns)
{
    return ns >= (double)LATENCY_MOST_NS ? LATENCY_MOST_NS : (uint64_t)llround(ns);
}

/* A standard normal number, by Box and Muller; the k-th of these bits. */
static double normal(uint64_t bits, unsigned k)
{
    const double pi = 3.14159265358979323846;
    const double u = random_unit(random_bits(bits, k, 0)), v = random_unit(random_bits(bits, k, 1));
    return sqrt(-2 * log(u)) * cos(2 * pi * v);
}

static uint64_t truncated_normal(const struct latency_model *m, uint64_t bits)
{
    for (unsigned k = 0; k < TRIES; k++) {
        const double ns = (double)m->first_ns + (double)m->second_ns * normal(bits, k);
        if (ns >= 0)
            return whole_ns(ns);
    }
    return 0;
}

uint64_t latency_of_bits(const struct latency_model *m, uint64_t bits)
{
    switch (m->kind) {
    case LATENCY_FIXED:
        return m->first_ns;
    case LATENCY_UNIFORM:
        return m->first_ns + (uint64_t)((unsigned __int128)bits * (m->second_ns - m->first_ns + 1) >> 64);
    case LATENCY_NORMAL:
        return truncated_normal(m, bits);
    case LATENCY_LOGNORMAL:
        return whole_ns((double)m->first_ns * exp(m->factor * normal(bits, 0)));
    case LATENCY_PARETO:
        return whole_ns((double)m->first_ns * pow(random_unit(bits), -1 / m->factor));
    case LATENCY_RECORDED:
    case LATENCY_SCALED:
    case LATENCY_EMPIRICAL:
        break;
    }
    return 0;
}

/* ---- draws ---- */

static bool is_recorded(const struct latency_model *m)
{
    return m->kind == LATENCY_RECORDED || m->kind == LATENCY_SCALED;
}

/* A recording has no delays of puts that nobody answers; those of updates are in their times already. */
static bool can_be_recorded(enum sim_class class)
{
    return class != SIM_WRITE && class != SIM_UPDATE;
}

static void count_drawn(struct latency *l, enum sim_class class, uint64_t ns)
{
    if (l->is_counted[class])
        histogram_add(&l->drawn[class], ns);
}

/* Below the floor waiting for a timer would take longer than what it stands for. */
static uint64_t recorded(struct latency *l, const struct sim_source *source, const struct latency_request *r)
{
    if (source->calls->delay_ns == NULL || !can_be_recorded(r->class))
        return 0;
    const struct latency_model *m = &l->config.model[r->class];
    uint64_t ns = source->calls->delay_ns(source->self, r->pv, r->class);
    if (m->kind == LATENCY_SCALED)
        ns = whole_ns((double)ns * m->factor);
    count_drawn(l, r->class, ns);
    const uint64_t send_ns = ns > SIM_REST_NS ? source->rested_send_ns : source->send_ns;
    return ns >= source->floor_ns && ns > send_ns ? ns - send_ns : 0;
}

uint64_t latency_next(struct latency *l, const struct sim_source *source, const struct latency_request *r)
{
    const struct latency_model *m = &l->config.model[r->class];
    if (is_recorded(m))
        return recorded(l, source, r);
    const uint64_t bits = random_bits(random_bits(l->config.seed, r->class, 0), r->circuit, r->number);
    uint64_t ns;
    if (m->kind != LATENCY_EMPIRICAL)
        ns = latency_of_bits(m, bits);
    else if (latency_trace_has(l->traces[r->class], r->class))
        ns = latency_trace_draw(l->traces[r->class], r->class, r->pv != NULL ? r->pv->name : NULL, bits);
    else
        ns = 0;
    count_drawn(l, r->class, ns);
    return ns;
}

/* ---- set-up ---- */

bool latency_needs_recorded(const struct latency_config *config)
{
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        if (is_recorded(&config->model[i]) && can_be_recorded(i))
            return true;
    return false;
}

static bool is_same_file(const struct latency_model *a, const struct latency_model *b)
{
    return a->text == b->text && a->kind == b->kind;
}

/* All classes of one option share their trace. */
static struct latency_trace *shared_trace(const struct latency *l, enum sim_class class)
{
    for (unsigned i = 0; i < (unsigned)class; i++)
        if (l->traces[i] != NULL && is_same_file(&l->config.model[i], &l->config.model[class]))
            return l->traces[i];
    return NULL;
}

static struct latency_trace *open_trace(const struct latency_model *m, struct diag *diag)
{
    char path[4096];
    struct diag cause = {0};
    snprintf(path, sizeof path, "%.*s", (int)(m->text + m->length - m->file), m->file);
    struct latency_trace *trace = latency_trace_new(path, &cause);
    if (trace == NULL)
        diag_fail(diag, cause.code, "--latency %.*s: %s", (int)m->length, m->text, cause.text);
    return trace;
}

static int load_trace(struct latency *l, enum sim_class class, struct diag *diag)
{
    const struct latency_model *m = &l->config.model[class];
    if (m->kind != LATENCY_EMPIRICAL)
        return 0;
    struct latency_trace *trace = shared_trace(l, class);
    l->traces[class] = trace != NULL ? trace : open_trace(m, diag);
    if (l->traces[class] == NULL)
        return -1;
    if (m->is_own && !latency_trace_has(l->traces[class], class))
        return diag_fail(diag, DIAG_USAGE, "--latency %s=%.*s: this recording has no service times of that class",
                         latency_class_names[class], (int)m->length, m->text);
    return 0;
}

/* Said once a kind, for what was asked for; the default needs no word. */
static void tell_unrecorded(const struct latency *l)
{
    for (unsigned i = 0; i < SIM_CLASSES; i++) {
        const struct latency_model *m = &l->config.model[i];
        if (m->text == NULL || !is_recorded(m) || l->has_recorded)
            continue;
        fprintf(stderr, "caplay: --latency %.*s: nothing was recorded here, so it is 0\n", (int)m->length, m->text);
        return;
    }
}

static void count_what_has_a_model(struct latency *l)
{
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        l->is_counted[i] = l->config.model[i].text != NULL || (l->has_recorded && can_be_recorded(i));
}

int latency_open(struct latency *l, const struct latency_config *config, const struct sim_source *source, struct diag *diag)
{
    l->config = *config;
    l->floor_ns = source->floor_ns;
    l->has_recorded = source->calls->delay_ns != NULL;
    l->drawn = calloc(SIM_CLASSES, sizeof *l->drawn);
    l->effective = calloc(SIM_CLASSES, sizeof *l->effective);
    if (l->drawn == NULL || l->effective == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for histograms of delays");
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        if (load_trace(l, i, diag) < 0)
            return -1;
    tell_unrecorded(l);
    count_what_has_a_model(l);
    return 0;
}

void latency_close(struct latency *l)
{
    for (unsigned i = SIM_CLASSES; i-- > 0;)
        if (l->traces[i] != NULL && shared_trace(l, i) == NULL)
            latency_trace_free(l->traces[i]);
    free(l->drawn);
    free(l->effective);
    *l = (struct latency){0};
}
