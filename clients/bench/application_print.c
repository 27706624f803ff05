/* What was observed of a command: a table, and JSON. */
#include "clients/bench/application.h"
#include "clients/bench/report.h"
#include "clients/bench/text.h"
#include "clients/compare/gate.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_FORMAT  "caplay-observed"
#define APPLICATION_VERSION 1

/* What tools count in runs of their own, of the whole process and what it started. */
static const char *const counted_heads[COUNTING_TOOLS] = {"", "instructions, by callgrind", "system calls, by strace"};
static const char *const counted_names[COUNTING_TOOLS] = {"", "instructions_by_callgrind", "system_calls_by_strace"};

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

/* Only those that there are. */
static void rows_of_kinds(struct text_table *t, const struct application *a, double *at)
{
    char head[OBSERVE_KIND_BYTES];
    for (unsigned i = 0; i < OBSERVE_WAYS * WIRE_COMMANDS; i++) {
        const unsigned way = i / WIRE_COMMANDS, command = i % WIRE_COMMANDS;
        const size_t n = application_kinds(a, way, command, at);
        snprintf(head, sizeof head, "%s %s it", wire_command_name(command), way == OBSERVE_FROM_IT ? "from" : "to");
        if (n > 0)
            row(t, head, text_count, at, n);
    }
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
    rows_of_kinds(t, a, at);
    for (unsigned c = 0; c < BENCH_COUNTED; c++)
        row(t, bench_counted_heads[c], c == BENCH_PEAK_BYTES ? text_bytes : text_count, at,
            application_counts(a, (enum bench_counted)c, at));
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        if (a->r->options.counting[tool] > 0)
            row(t, counted_heads[tool], text_count, at, application_counted(a, (enum counting_tool)tool, at));
    text_print(t, out);
    free(t);
}

static bool counts(const struct application_run *run)
{
    return run->tool != COUNTING_NONE;
}

/* All that are alike in one line, at the first of them; those under a tool apart. */
static void print_outcome(const struct application *a, enum application_outcome outcome, bool under_tool, FILE *out)
{
    const struct application_run *first = NULL;
    unsigned n = 0, of = 0;
    for (unsigned i = 0; i < a->nruns; i++) {
        const bool is_one = counts(&a->runs[i]) == under_tool && a->runs[i].outcome == outcome;
        of += counts(&a->runs[i]) == under_tool;
        first = is_one && n++ == 0 ? &a->runs[i] : first;
    }
    if (first != NULL && outcome != APPLICATION_GOOD)
        fprintf(out, "%u of %u runs%s: %s; first: %s\n", n, of, under_tool ? " that were to count" : "",
                application_outcome_names[outcome], first->why);
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
    else if (bench_application_steps(&a->r->options) > 1)
        fprintf(out, "Nothing was counted: no run is a sample\n");
    for (unsigned o = 0; o < 2 * APPLICATION_OUTCOMES; o++)
        print_outcome(a, (enum application_outcome)(o / 2), o % 2 == 1, out);
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

static json_t *counting_json(const struct application_run *run)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:i, s:o}", "count", counting_figures[run->tool], "by", counting_by[run->tool],
                     "outcome", application_outcome_names[run->outcome], "why", run->why, "repeated", run->repeated, "exit_code",
                     run->exit_code, "total", report_number(run->counted));
}

/* Those under a tool, or those that are samples. */
static json_t *runs_json(const struct application *a, bool under_tool)
{
    json_t *runs = json_array();
    for (unsigned i = 0; i < a->nruns; i++)
        if (counts(&a->runs[i]) == under_tool)
            json_array_append_new(runs, under_tool ? counting_json(&a->runs[i]) : run_json(&a->runs[i]));
    return runs;
}

static void set_repeat(json_t *object, const char *name, const double *at, size_t n)
{
    json_object_set_new(object, name, n < INFER_SAMPLES_MIN ? json_null() : json_string(repeat_of(at, n)));
}

static void set_repeats_of_kinds(json_t *object, const struct application *a, double *at)
{
    char name[OBSERVE_KIND_BYTES];
    for (unsigned i = 0; i < OBSERVE_WAYS * WIRE_COMMANDS; i++) {
        const unsigned way = i / WIRE_COMMANDS, command = i % WIRE_COMMANDS;
        const size_t n = application_kinds(a, way, command, at);
        observe_name_kind(way, command, name);
        if (n > 0)
            set_repeat(object, name, at, n);
    }
}

static json_t *repeat_json(const struct application *a)
{
    json_t *object = json_object();
    double *at = calloc(a->nruns + 1, sizeof *at);
    for (unsigned f = 0; at != NULL && f < OBSERVE_FIGURES; f++)
        set_repeat(object, observe_names[f], at, application_values(a, (enum observe_figure)f, at));
    for (unsigned c = 0; at != NULL && c < BENCH_COUNTED; c++)
        set_repeat(object, bench_counted_names[c], at, application_counts(a, (enum bench_counted)c, at));
    if (at != NULL)
        set_repeats_of_kinds(object, a, at);
    for (unsigned tool = COUNTING_NONE + 1; at != NULL && tool < COUNTING_TOOLS; tool++)
        if (a->r->options.counting[tool] > 0)
            set_repeat(object, counted_names[tool], at, application_counted(a, (enum counting_tool)tool, at));
    free(at);
    return object;
}

json_t *application_json(const struct application *a)
{
    json_t *command = json_array();
    for (char *const *word = a->command; *word != NULL; word++)
        json_array_append_new(command, json_string(*word));
    return json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "format", APPLICATION_FORMAT, "version", APPLICATION_VERSION,
                     "caplay", CAPLAY_VERSION, "scenario", a->r->options.scenario, "client", command, "repeat", repeat_json(a),
                     "runs", runs_json(a, false), "counting", runs_json(a, true));
}
