#include "sim/latency.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_MOST 2u
#define VALUE_BYTES 64u

/* A model's name, and what stands behind the colon: d a duration, x a number, f a file. */
static const struct kind {
    const char *name, *values, *separator, *what, *example;
    enum latency_kind kind;
} kinds[] = {
    {"recorded", "", ",", "no values", "recorded", LATENCY_RECORDED},
    {"fixed", "d", ",", "1 value (delay)", "fixed:1ms", LATENCY_FIXED},
    {"uniform", "dd", "..", "2 values (least..most)", "uniform:100us..1ms", LATENCY_UNIFORM},
    {"normal", "dd", ",", "2 values (mean, standard deviation)", "normal:1ms,0.1ms", LATENCY_NORMAL},
    {"lognormal", "dx", ",", "2 values (median, sigma)", "lognormal:1ms,0.4", LATENCY_LOGNORMAL},
    {"pareto", "dx", ",", "2 values (scale, shape)", "pareto:100us,1.5", LATENCY_PARETO},
    {"empirical", "f", "", "a recording", "empirical:beamline.catrace", LATENCY_EMPIRICAL},
    {"scaled", "x", ",", "1 value (factor)", "scaled:2", LATENCY_SCALED},
};

#define KINDS (sizeof kinds / sizeof *kinds)

/* One [CLASS=]MODEL of an option. */
struct item {
    const char *text; /* of the model */
    size_t length;
    enum sim_class class; /* SIM_CLASSES: all */
    struct diag *diag;
};

static int fail(const struct item *item, const char *what, const char *example)
{
    const bool has_class = item->class != SIM_CLASSES;
    return diag_fail(item->diag, DIAG_USAGE, "--latency: '%s%s%.*s': %s (example: --latency %s)",
                     has_class ? latency_class_names[item->class] : "", has_class ? "=" : "", (int)item->length, item->text, what,
                     example);
}

/* ---- the values behind a model's name ---- */

struct values {
    const struct item *item;
    const struct kind *kind;
    char text[VALUES_MOST][VALUE_BYTES];
    unsigned count; /* that were given; no more than VALUES_MOST are kept */
};

static void add_value(struct values *v, const char *text, size_t length)
{
    if (v->count < VALUES_MOST)
        snprintf(v->text[v->count], VALUE_BYTES, "%.*s", (int)length, text);
    v->count++;
}

/* At the next separator before the end, or the end. */
static const char *value_end(const char *at, const char *end, const char *separator)
{
    const size_t n = strlen(separator);
    for (; (size_t)(end - at) >= n; at++)
        if (memcmp(at, separator, n) == 0)
            return at;
    return end;
}

static int split_values(struct values *v, const char *at, const char *end)
{
    char what[128];
    for (const char *stop; at < end; at = stop < end ? stop + strlen(v->kind->separator) : end) {
        stop = value_end(at, end, v->kind->separator);
        add_value(v, at, (size_t)(stop - at));
    }
    if (v->count == strlen(v->kind->values))
        return 0;
    snprintf(what, sizeof what, "%s needs %s, and %u %s given", v->kind->name, v->kind->what, v->count,
             v->count == 1 ? "was" : "were");
    return fail(v->item, what, v->kind->example);
}

static int bad_value(const struct values *v, unsigned i, const char *expected)
{
    char what[160];
    snprintf(what, sizeof what, "'%s' is not %s", v->text[i], expected);
    return fail(v->item, what, v->kind->example);
}

static int take_values(const struct values *v, struct latency_model *model)
{
    uint64_t *durations[] = {&model->first_ns, &model->second_ns};
    for (unsigned i = 0; i < v->count; i++) {
        if (v->kind->values[i] == 'd' && options_duration(v->text[i], durations[i]) < 0)
            return bad_value(v, i, "0 or a duration with its unit");
        if (v->kind->values[i] == 'x' && options_number(v->text[i], &model->factor) < 0)
            return bad_value(v, i, "a number of at least 0");
    }
    return 0;
}

static int check(const struct values *v, const struct latency_model *model)
{
    if (model->kind == LATENCY_UNIFORM && model->second_ns < model->first_ns)
        return fail(v->item, "the most is less than the least", v->kind->example);
    if (model->kind == LATENCY_PARETO && !(model->factor > 0))
        return fail(v->item, "the shape must be above 0", v->kind->example);
    return 0;
}

/* ---- one model ---- */

static int parse_values(const struct item *item, const struct kind *kind, const char *at, struct latency_model *model)
{
    const char *end = item->text + item->length;
    struct values v = {.item = item, .kind = kind};
    model->kind = kind->kind;
    if (kind->kind == LATENCY_EMPIRICAL) {
        model->file = at;
        return at < end ? 0 : fail(item, "the recording's file is missing", kind->example);
    }
    return split_values(&v, at, end) < 0 || take_values(&v, model) < 0 ? -1 : check(&v, model);
}

static int unknown_model(const struct item *item)
{
    char all[256] = "no duration with its unit and no model; there are";
    for (size_t i = 0; i < KINDS; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s %s", i > 0 ? "," : "", kinds[i].name);
    return fail(item, all, "100us, or lognormal:1ms,0.4");
}

static int parse_model(const struct item *item, struct latency_model *model)
{
    char text[VALUE_BYTES];
    const char *end = item->text + item->length, *colon = value_end(item->text, end, ":");
    *model = (struct latency_model){.text = item->text, .length = item->length, .is_own = item->class != SIM_CLASSES};
    for (size_t i = 0; i < KINDS; i++)
        if (strlen(kinds[i].name) == (size_t)(colon - item->text) &&
            memcmp(kinds[i].name, item->text, strlen(kinds[i].name)) == 0)
            return parse_values(item, &kinds[i], colon < end ? colon + 1 : end, model);
    model->kind = LATENCY_FIXED;
    snprintf(text, sizeof text, "%.*s", (int)item->length, item->text);
    return item->length < sizeof text && options_duration(text, &model->first_ns) == 0 ? 0 : unknown_model(item);
}

/* ---- items of an option ---- */

/* Length of "word=" at the beginning, without the '='; 0 if there is none. */
static size_t class_length(const char *text)
{
    const size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
    return text[n] == '=' ? n : 0;
}

/* The next item ends at a comma that a class's name follows: the values of a model have no '='. */
static size_t item_length(const char *text)
{
    size_t n = strcspn(text, ",");
    while (text[n] == ',' && class_length(text + n + 1) == 0)
        n += 1 + strcspn(text + n + 1, ",");
    return n;
}

static int unknown_class(const char *text, size_t n, struct diag *diag)
{
    char all[160] = "";
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? ", " : "", latency_class_names[i]);
    return diag_fail(diag, DIAG_USAGE, "--latency: '%s': no class '%.*s'; there are %s (example: --latency read=1ms)", text,
                     (int)n, text, all);
}

/* *class is SIM_CLASSES where none is named. */
static int take_class(const char **text, enum sim_class *class, struct diag *diag)
{
    const size_t n = class_length(*text);
    unsigned i = n > 0 ? 0 : SIM_CLASSES;
    while (i < SIM_CLASSES && (strlen(latency_class_names[i]) != n || memcmp(latency_class_names[i], *text, n) != 0))
        i++;
    if (n > 0 && i == SIM_CLASSES)
        return unknown_class(*text, n, diag);
    *text += n > 0 ? n + 1 : 0;
    *class = (enum sim_class)i;
    return 0;
}

/* Updates must be named: they answer no request, and delayed ones are merged. */
static void apply(struct latency_config *config, enum sim_class class, const struct latency_model *model)
{
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        if (class == i || (class == SIM_CLASSES && !config->model[i].is_own && i != SIM_UPDATE))
            config->model[i] = *model;
}

static int parse_option(struct latency_config *config, const char *text, struct diag *diag)
{
    do {
        struct item item = {.diag = diag};
        struct latency_model model;
        if (take_class(&text, &item.class, diag) < 0)
            return -1;
        item.text = text;
        item.length = item_length(text);
        if (parse_model(&item, &model) < 0)
            return -1;
        apply(config, item.class, &model);
        text += item.length;
    } while (*text++ == ',');
    return 0;
}

int latency_parse(struct latency_config *config, const struct latency_options *options, struct diag *diag)
{
    *config = (struct latency_config){.seed = options->seed};
    for (unsigned i = 0; i < options->models.count; i++)
        if (parse_option(config, options->models.at[i], diag) < 0)
            return -1;
    return 0;
}

int latency_check_budget(const struct latency_config *config, struct diag *diag)
{
    for (unsigned i = 0; i < SIM_CLASSES; i++) {
        const struct latency_model *m = &config->model[i];
        if (m->kind == LATENCY_PARETO && m->factor <= 1)
            return diag_fail(
                diag, DIAG_USAGE,
                "--latency %.*s: with a shape of 1 or less its mean is infinite, and no --late-budget can judge that "
                "(example: --latency pareto:100us,1.5)",
                (int)m->length, m->text);
    }
    return 0;
}
