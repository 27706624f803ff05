#include "clients/stats/plot.h"

#include "base/child.h"
#include "base/clock.h"
#include "traces/show.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A bin holds some ten updates of the PV with the most: fewer would show single updates, not a rate. */
#define BINS_MIN    10u
#define BINS_MAX    200u
#define BIN_UPDATES 10u

bool plot_is_picture(const char *path)
{
    const char *suffix = strrchr(path, '.');
    return suffix != NULL && (strcmp(suffix, ".svg") == 0 || strcmp(suffix, ".png") == 0);
}

/* ---- updates a second ---- */

static bool is_later_update(const struct trace_event *e)
{
    return (e->flags & (TRACE_UPDATE | TRACE_FIRST | TRACE_ASIDE)) == TRACE_UPDATE && e->peer != TRACE_NONE;
}

/* The EVENT_ADD of the PV that had the most updates: several subscribers see each update once each. TRACE_NONE: none had any. */
static uint32_t busiest(const struct trace *t, const uint32_t *updates, uint32_t pv)
{
    uint32_t best = TRACE_NONE;
    for (uint32_t i = 0; i < t->nevents; i++)
        if (t->events[i].pv == pv && updates[i] > (best == TRACE_NONE ? 0 : updates[best]))
            best = i;
    return best;
}

static uint64_t bin_of(const struct plot *p)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < p->npvs; i++) {
        const struct survey_pv *pv = &p->survey->pvs[p->pvs[i]];
        const uint64_t updates = pv->updates / (pv->subscriptions > 0 ? pv->subscriptions : 1);
        most = updates > most ? updates : most;
    }
    const uint64_t wanted = most / BIN_UPDATES;
    return p->trace->end_ns / (wanted < BINS_MIN ? BINS_MIN : wanted > BINS_MAX ? BINS_MAX : wanted) + 1;
}

static json_t *rates_of(const struct trace *t, uint32_t subscription, uint64_t bin_ns)
{
    double rates[BINS_MAX] = {0};
    for (uint32_t i = 0; i < t->nevents; i++)
        if (is_later_update(&t->events[i]) && t->events[i].peer == subscription && t->events[i].t_ns / bin_ns < BINS_MAX)
            rates[t->events[i].t_ns / bin_ns] += (double)CLOCK_NS / (double)bin_ns;
    json_t *list = json_array();
    for (uint64_t i = 0; i <= t->end_ns / bin_ns && i < BINS_MAX; i++)
        json_array_append_new(list, json_real(rates[i]));
    return list;
}

static json_t *pvs_of(const struct plot *p, const uint32_t *updates, uint64_t bin_ns)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < p->npvs; i++) {
        char name[256];
        const uint32_t subscription = busiest(p->trace, updates, p->pvs[i]);
        show_name_into(trace_pv_name(p->trace, p->pvs[i]), name, sizeof name);
        if (subscription != TRACE_NONE)
            json_array_append_new(list, json_pack("{s:s, s:o}", "name", name, "rates", rates_of(p->trace, subscription, bin_ns)));
    }
    return list;
}

/* ---- service times ---- */

/* Pairs: a time, and the share of requests that took at most so long. */
static json_t *shares_of(const struct histogram *h)
{
    json_t *list = json_array();
    uint64_t upto = 0;
    for (unsigned i = histogram_next(h, 0); i < HISTOGRAM_BUCKETS; i = histogram_next(h, i + 1)) {
        upto += h->bucket[i];
        json_array_append_new(list,
                              json_pack("[f, f]", (double)histogram_top(i) / (double)CLOCK_NS, (double)upto / (double)h->count));
    }
    return list;
}

static json_t *services_of(const struct survey *s)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < SURVEY_CLASSES; i++)
        if (s->service[i].count > 0)
            json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "name", survey_class_names[i], "count",
                                                  (json_int_t)s->service[i].count, "shares", shares_of(&s->service[i])));
    return list;
}

/* ---- all ---- */

static json_t *picture_of(const struct plot *p)
{
    uint32_t *updates = calloc((size_t)p->trace->nevents + 1, sizeof *updates);
    if (updates == NULL)
        return NULL;
    for (uint32_t i = 0; i < p->trace->nevents; i++)
        if (is_later_update(&p->trace->events[i]))
            updates[p->trace->events[i].peer]++;
    const uint64_t bin_ns = bin_of(p);
    json_t *json = json_pack("{s:f, s:o, s:o}", "bin_s", (double)bin_ns / (double)CLOCK_NS, "pvs", pvs_of(p, updates, bin_ns),
                             "services", services_of(p->survey));
    free(updates);
    return json;
}

static int run(const char *path, FILE *input, struct diag *diag)
{
    char program[PATH_MAX];
    const char *python = getenv("CAPLAY_PYTHON");
    if (child_libexec("stats_plot.py", program, sizeof program, diag) < 0)
        return -1;
    rewind(input);
    return child_run((const char *const[]){python != NULL ? python : CAPLAY_PYTHON, program, path, NULL}, fileno(input), diag);
}

int plot_draw(const char *path, const struct plot *p, struct diag *diag)
{
    json_t *json = picture_of(p);
    FILE *input = tmpfile();
    int code = -1;
    if (json == NULL)
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a picture of %u messages", p->trace->nevents);
    else if (input == NULL || json_dumpf(json, input, JSON_COMPACT) != 0 || fflush(input) != 0)
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot write a temporary file for the picture");
    else
        code = run(path, input, diag);
    if (input != NULL)
        fclose(input);
    json_decref(json);
    return code;
}
