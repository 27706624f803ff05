#include "sim/latency.h"

#include "sim/budget.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* A recorded time this short is ours, not the recorded server's (design, "What a replay means"). */
static bool is_at_floor(const struct latency *l, enum sim_class class)
{
    const bool is_recorded = l->config.model[class].kind == LATENCY_RECORDED && l->has_recorded;
    return is_recorded && l->drawn[class].count > 0 && histogram_quantile(&l->drawn[class], 0.5) < 2 * l->floor_ns;
}

static void name_model(const struct latency_model *m, char *text, size_t room)
{
    snprintf(text, room, "%.*s", m->text != NULL ? (int)m->length : (int)room, m->text != NULL ? m->text : "recorded");
}

/* ---- for people ---- */

static void print_distribution(const struct histogram *h, const char *what, FILE *out)
{
    char text[3][BUDGET_TEXT];
    if (h->count == 0)
        return;
    fprintf(out, "; %s %" PRIu64 ": p50 %s, p99 %s, max %s", what, h->count, budget_show(histogram_quantile(h, 0.5), text[0]),
            budget_show(histogram_quantile(h, 0.99), text[1]), budget_show(h->max, text[2]));
}

static void print_class(const struct latency *l, enum sim_class class, FILE *out)
{
    char model[80];
    name_model(&l->config.model[class], model, sizeof model);
    fprintf(out, "caplay: latency %s %s", latency_class_names[class], model);
    print_distribution(&l->drawn[class], "drawn", out);
    print_distribution(&l->effective[class], "effective", out);
    fprintf(out, "%s\n", is_at_floor(l, class) ? " (at the floor)" : "");
}

void latency_print(const struct latency *l, FILE *out)
{
    for (unsigned i = 0; i < SIM_CLASSES; i++)
        if (l->is_counted[i] && l->drawn[i].count > 0 && (l->config.model[i].text != NULL || l->drawn[i].max > 0))
            print_class(l, i, out);
}

/* ---- for programs ---- */

static json_t *distribution(const struct histogram *h)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)h->count, "min_ns",
                     (json_int_t)(h->count > 0 ? h->min : 0), "p50_ns", (json_int_t)histogram_quantile(h, 0.5), "p99_ns",
                     (json_int_t)histogram_quantile(h, 0.99), "max_ns", (json_int_t)(h->count > 0 ? h->max : 0));
}

json_t *latency_json(const struct latency *l)
{
    json_t *object = json_object(), *classes = json_object();
    json_object_set_new(object, "seed", json_integer((json_int_t)l->config.seed));
    json_object_set_new(object, "floor_ns", json_integer((json_int_t)l->floor_ns));
    for (unsigned i = 0; i < SIM_CLASSES; i++) {
        if (!l->is_counted[i])
            continue;
        char model[80];
        name_model(&l->config.model[i], model, sizeof model);
        json_object_set_new(classes, latency_class_names[i],
                            json_pack("{s:s, s:o, s:o, s:b}", "model", model, "drawn", distribution(&l->drawn[i]), "effective",
                                      distribution(&l->effective[i]), "at_floor", is_at_floor(l, i)));
    }
    json_object_set_new(object, "classes", classes);
    return object;
}
