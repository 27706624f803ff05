/* `caplay stats`: updates a second by PV, service times by class, messages by command. */
#include "clients/command.h"

#include "base/options.h"
#include "clients/stats/plot.h"
#include "traces/show.h"
#include "traces/standard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *plot;
    uint64_t pvs;
};

static const struct option options[] = {
    {"plot", 0, OPTION_STRING, offsetof(struct settings, plot), "FILE", NULL, 0, 0,
     "draw updates a second and service times, too: FILE.svg or FILE.png"},
    {"pvs", 0, OPTION_COUNT, offsetof(struct settings, pvs), "N", NULL, 0, UINT32_MAX, "the N fastest PVs (default 20; 0: all)"},
};

static const struct option_command command = {
    .name = "stats",
    .synopsis = "FILE [--plot FILE.svg] [--pvs N]",
    .about =
        "Tells the updates a second of the fastest PVs (as one subscription saw them), the distribution of service times by "
        "class\n"
        "of request (from the capture of a request's last byte to that of its reply's first), messages and bytes by command.\n\n"
        "--plot draws the updates a second over time of the 8 fastest PVs, and the service times. It needs matplotlib.\n"
        "FILE - is standard input. Lines begin with a word, as those of `caplay info`; lines that begin with # name the columns.",
    .examples = "caplay stats run.catrace\n"
                "caplay stats run.catrace --plot run.svg",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = 1,
};

/* ---- PVs, the fastest first ---- */

struct speed {
    double hz;
    const char *name;
    uint32_t pv;
};

static int by_speed(const void *a, const void *b)
{
    const struct speed *x = a, *y = b;
    return x->hz != y->hz ? (x->hz > y->hz ? -1 : 1) : strcmp(x->name, y->name);
}

/* PVs with a rate; *n of them, to be freed. NULL: no memory. */
static struct speed *speeds_of(const struct trace *t, const struct survey *s, uint32_t *n)
{
    struct speed *speeds = calloc((size_t)t->npvs + 1, sizeof *speeds);
    *n = 0;
    for (uint32_t i = 0; speeds != NULL && i < t->npvs; i++)
        if (s->pvs[i].intervals_ns > 0)
            speeds[(*n)++] = (struct speed){
                .hz = (double)s->pvs[i].intervals / ((double)s->pvs[i].intervals_ns / 1e9), .name = trace_pv_name(t, i), .pv = i};
    if (speeds != NULL)
        qsort(speeds, *n, sizeof *speeds, by_speed);
    return speeds;
}

static void print_speeds(const struct survey *s, const struct speed *speeds, uint32_t n, uint64_t most)
{
    const uint32_t shown = most == 0 || most > n ? n : (uint32_t)most;
    printf("pvs            %" PRIu32 " with at least two changes\n", n);
    if (shown > 0)
        printf("# pv  name, updates a second, updates, subscriptions\n");
    for (uint32_t i = 0; i < shown && !show_is_closed(); i++) {
        char name[256];
        const struct survey_pv *pv = &s->pvs[speeds[i].pv];
        show_name_into(speeds[i].name, name, sizeof name);
        printf("pv %-32s %10.3fHz %9" PRIu64 " %5" PRIu32 "\n", name, speeds[i].hz, pv->updates, pv->subscriptions);
    }
    if (shown < n)
        printf("... and %" PRIu32 " more (--pvs 0 lists all)\n", n - shown);
}

/* ---- service times ---- */

static void print_service(const struct survey *s)
{
    char text[4][SHOW_BYTES];
    printf("\n# service  class          count       p50       p90       p99       max\n");
    for (unsigned i = 0; i < SURVEY_CLASSES; i++) {
        const struct histogram *h = &s->service[i];
        if (h->count > 0)
            printf("service    %-10s %9" PRIu64 " %9s %9s %9s %9s\n", survey_class_names[i], h->count,
                   show_duration(histogram_quantile(h, 0.5), text[0]), show_duration(histogram_quantile(h, 0.9), text[1]),
                   show_duration(histogram_quantile(h, 0.99), text[2]), show_duration(h->max, text[3]));
    }
}

/* ---- all ---- */

static int tell(const struct settings *settings, const struct trace *t, const struct survey *s, struct diag *diag)
{
    uint32_t n;
    struct speed *speeds = speeds_of(t, s, &n);
    if (speeds == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory to sort %" PRIu32 " PVs", t->npvs);
    show_begin();
    print_speeds(s, speeds, n, settings->pvs);
    print_service(s);
    survey_print_messages(s, t->nevents);
    int code = show_end(diag);
    uint32_t pvs[PLOT_PVS], drawn = 0;
    for (; drawn < n && drawn < PLOT_PVS; drawn++)
        pvs[drawn] = speeds[drawn].pv;
    if (code == DIAG_GOOD && settings->plot != NULL)
        code = plot_draw(settings->plot, &(struct plot){.trace = t, .survey = s, .pvs = pvs, .npvs = drawn}, diag);
    free(speeds);
    return code;
}

int clients_stats(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {.pvs = 20};
    struct option_result result;
    struct trace t;
    if (options_parse(&command, argc, argv, &settings, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (settings.plot != NULL && !plot_is_picture(settings.plot))
        return diag_fail(diag, DIAG_USAGE, "--plot: '%s' ends in neither .svg nor .png (example: --plot run.svg)", settings.plot);
    const char *path = standard_input(result.operands.at[0], diag);
    if (path == NULL || trace_open(&t, path, diag) < 0)
        return -1;
    struct survey *s = survey_new(&t);
    int code = s != NULL ? tell(&settings, &t, s, diag)
                         : diag_fail(diag, DIAG_ENVIRONMENT, "no memory to count %" PRIu32 " messages", t.nevents);
    survey_free(s);
    trace_close(&t);
    return code;
}
