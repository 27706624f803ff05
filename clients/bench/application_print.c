/* What was observed of a command: a table, and JSON. */
#include "clients/bench/application.h"
#include "clients/bench/report.h"
#include "clients/bench/text.h"
#include "clients/compare/gate.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_FORMAT  "caplay-observed"
#define APPLICATION_VERSION 1

/* ---- the table ---- */

typedef const char *show_function(double value, char into[TEXT_NUMBER]);

/* "exact" needs as many runs as an interval does. */
static const char *repeat_of(const double *at, size_t n)
{
    return n < INFER_SAMPLES_MIN ? "too few runs" : gate_repeat_names[gate_repeat((struct infer_samples){at, n})];
}

static void row(struct text_table *t, const char *head, show_function *show, double *at, size_t n)
{
    struct bench_summary s;
    char text[TEXT_NUMBER];
    const char *repeat = repeat_of(at, n);
    bench_summarize(at, n, &s);
    text_cell(t, "%s", head);
    if (s.n > 0) {
        text_cell(t, "%s", show(s.median, text));
        text_cell(t, "%s", show(s.min, text));
        text_cell(t, "%s", show(s.max, text));
    } else
        for (int i = 0; i < 3; i++)
            text_cell(t, "-");
    text_cell(t, "%s", s.n > 0 ? repeat : "-");
    text_row(t);
}

static void print_table(const struct application *a, double *at, FILE *out)
{
    static const char *const heads[] = {"of a run", "median", "least", "most", "repeats"};
    struct text_table *t = malloc(sizeof *t);
    if (t == NULL)
        return;
    text_begin(t);
    text_heads(t, heads, sizeof heads / sizeof *heads);
    for (unsigned f = 0; f < OBSERVE_FIGURES; f++)
        row(t, observe_heads[f], f < OBSERVE_TIMES ? text_seconds : text_count, at,
            application_values(a, (enum observe_figure)f, at));
    for (unsigned c = 0; c < BENCH_COUNTED; c++)
        row(t, bench_counted_heads[c], c == BENCH_PEAK_BYTES ? text_bytes : text_count, at,
            application_counts(a, (enum bench_counted)c, at));
    text_print(t, out);
    free(t);
}

/* All that are alike in one line, at the first of them. */
static void print_outcome(const struct application *a, enum application_outcome outcome, FILE *out)
{
    const struct application_run *first = NULL;
    unsigned n = 0;
    for (unsigned i = 0; i < a->nruns; i++)
        if (a->runs[i].outcome == outcome) {
            first = n++ == 0 ? &a->runs[i] : first;
        }
    if (first != NULL && outcome != APPLICATION_GOOD)
        fprintf(out, "%u of %u runs: %s; first: %s\n", n, a->nruns, application_outcome_names[outcome], first->why);
}

void application_print(const struct application *a, FILE *out)
{
    double *at = calloc(a->nruns + 1, sizeof *at);
    if (at == NULL)
        return;
    const size_t n = application_counts(a, BENCH_FAULTS_MINOR, at);
    fprintf(out, "What the server saw of %s: %zu runs are samples\n\n", a->command[0], n);
    if (n > 0)
        print_table(a, at, out);
    for (unsigned o = 0; o < APPLICATION_OUTCOMES; o++)
        print_outcome(a, (enum application_outcome)o, out);
    free(at);
}

/* ---- JSON ---- */

static json_t *run_json(const struct application_run *run)
{
    return json_pack("{s:s, s:s, s:b, s:b, s:i, s:o, s:o, s:o, s:o}", "outcome", application_outcome_names[run->outcome], "why",
                     run->why, "warmup", run->warmup, "repeated", run->repeated, "exit_code", run->exit_code, "life_s",
                     report_number(run->life_s), "cpu_s", report_number(run->cpu_s), "observed", observe_write(&run->seen),
                     "process", bench_counts_write(&run->counts));
}

static void set_repeat(json_t *object, const char *name, const double *at, size_t n)
{
    json_object_set_new(object, name, n < INFER_SAMPLES_MIN ? json_null() : json_string(repeat_of(at, n)));
}

static json_t *repeat_json(const struct application *a)
{
    json_t *object = json_object();
    double *at = calloc(a->nruns + 1, sizeof *at);
    for (unsigned f = 0; at != NULL && f < OBSERVE_FIGURES; f++)
        set_repeat(object, observe_names[f], at, application_values(a, (enum observe_figure)f, at));
    for (unsigned c = 0; at != NULL && c < BENCH_COUNTED; c++)
        set_repeat(object, bench_counted_names[c], at, application_counts(a, (enum bench_counted)c, at));
    free(at);
    return object;
}

json_t *application_json(const struct application *a, const char *scenario)
{
    json_t *command = json_array(), *runs = json_array();
    for (char *const *word = a->command; *word != NULL; word++)
        json_array_append_new(command, json_string(*word));
    for (unsigned i = 0; i < a->nruns; i++)
        json_array_append_new(runs, run_json(&a->runs[i]));
    return json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o}", "format", APPLICATION_FORMAT, "version", APPLICATION_VERSION,
                     "caplay", CAPLAY_VERSION, "scenario", scenario, "client", command, "repeat", repeat_json(a), "runs", runs);
}
