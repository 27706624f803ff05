#include "clients/bench/live.h"

#include <inttypes.h>
#include <jansson.h>

static double elapsed_s(const struct bench_view *view, uint64_t now_ns)
{
    return (double)(now_ns - view->begun_ns) / 1e9;
}

static unsigned runs(const struct bench_view *view)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BENCH_OUTCOMES; i++)
        n += view->outcomes[i];
    return n;
}

static int add_outcomes(const struct bench_view *view, char *text, size_t room)
{
    int n = 0;
    for (unsigned i = 0; i < BENCH_OUTCOMES; i++)
        if (i != BENCH_GOOD && view->outcomes[i] > 0)
            n += snprintf(text + n, room - (size_t)n, " | %u %s", view->outcomes[i], bench_outcome_names[i]);
    return n;
}

void bench_view_line(const struct bench_view *view, uint64_t now_ns, char line[BENCH_LIVE_LINE])
{
    const double seconds = elapsed_s(view, now_ns);
    int n = snprintf(line, BENCH_LIVE_LINE, "%.0f s | step %u/%u %.60s | run %u/%u %.60s | %.1f runs/min", seconds, view->step,
                     view->steps, view->group, view->done, view->of, view->what, seconds > 0 ? 60 * runs(view) / seconds : 0);
    add_outcomes(view, line + n, BENCH_LIVE_LINE - (size_t)n);
}

void bench_view_json(const struct bench_view *view, uint64_t now_ns, FILE *out)
{
    json_t *outcomes = json_object();
    for (unsigned i = 0; i < BENCH_OUTCOMES; i++)
        json_object_set_new(outcomes, bench_outcome_names[i], json_integer(view->outcomes[i]));
    json_t *object = json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:i, s:i, s:o}", "kind", "bench", "title", "caplay bench",
                               "elapsed_ns", (json_int_t)(now_ns - view->begun_ns), "step", view->step, "steps", view->steps,
                               "done", view->done, "of", view->of, "runs", runs(view), "outcomes", outcomes);
    json_object_set_new(object, "position", json_sprintf("%s%s%s", view->group, view->what[0] != '\0' ? ": " : "", view->what));
    json_dumpf(object, out, JSON_COMPACT);
    json_decref(object);
}

static void print_gauge(const char *name, const char *help, double value, FILE *out)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.17g\n", name, help, name, name, value);
}

void bench_view_metrics(const struct bench_view *view, uint64_t now_ns, FILE *out)
{
    fprintf(out,
            "# HELP caplay_info Which server this is.\n# TYPE caplay_info gauge\n"
            "caplay_info{server=\"caplay bench\",version=\"%s\"} 1\n",
            CAPLAY_VERSION);
    print_gauge("caplay_bench_elapsed_seconds", "Since its begin.", elapsed_s(view, now_ns), out);
    print_gauge("caplay_bench_step", "Steps that have begun.", view->step, out);
    print_gauge("caplay_bench_steps", "Of so many.", view->steps, out);
    print_gauge("caplay_bench_step_runs_begun", "Runs of this step that have begun.", view->done, out);
    print_gauge("caplay_bench_step_runs", "Of so many, unless some are invalid.", view->of, out);
    fprintf(out,
            "# HELP caplay_bench_runs_total Runs that are over, by how they ended.\n# TYPE caplay_bench_runs_total counter\n");
    for (unsigned i = 0; i < BENCH_OUTCOMES; i++)
        fprintf(out, "caplay_bench_runs_total{outcome=\"%s\"} %u\n", bench_outcome_names[i], view->outcomes[i]);
}
