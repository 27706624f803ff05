/* Which rows two results give. */
#include "clients/compare/compare.h"

#include "clients/bench/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LATENESS_MOST_S 0.1 /* the largest budget of a run of the benchmark */

static const struct figure {
    const char *name, *pvs; /* pvs: the member of the step that says how many PVs it is for; NULL: one */
    enum figure_kind kind;
} figures[] = {
    {"connect_s", "pvs", FIGURE_CONNECT}, {"get_1_s", "get_pvs", FIGURE_READ},
    {"get_2_s", "get_pvs", FIGURE_READ},  {"put_s", NULL, FIGURE_READ},
    {"cpu_s", "pvs", FIGURE_CPU},         {"cpu_percent", NULL, FIGURE_LOAD},
    {"instructions", NULL, FIGURE_COUNT}, {"connect_instructions", NULL, FIGURE_COUNT},
};

/* Counted in runs of their own, and judged as what repeats exactly or nearly. */
static const char *const counted[] = {"system_calls", "connect_system_calls"};

/* What a pair of cells is called in either file. */
struct pair {
    const char *step, *server[2], *client[2];
    const json_t *cell[2];
};

/* ---- samples ---- */

static struct infer_samples read_samples(const json_t *array)
{
    double *at = malloc((json_array_size(array) + 1) * sizeof *at);
    size_t n = 0;
    if (at == NULL)
        abort();
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_is_number(json_array_get(array, i)))
            at[n++] = json_number_value(json_array_get(array, i));
    return (struct infer_samples){at, n};
}

static struct infer_samples read_figure(const json_t *cell, const char *name)
{
    return read_samples(json_object_get(json_object_get(json_object_get(cell, "figures"), name), "samples"));
}

static bool is_sample(const json_t *run, const struct pair *p, int file)
{
    const char *of[4] = {"good", p->step, p->server[file], p->client[file]};
    static const char *const keys[4] = {"outcome", "step", "server", "client"};
    for (int i = 0; i < 4; i++)
        if (strcmp(json_string_value(json_object_get(run, keys[i])), of[i]) != 0)
            return false;
    return !json_is_true(json_object_get(run, "warmup"));
}

static struct infer_samples read_count(const struct result *r, const struct pair *p, int file, const char *name)
{
    const json_t *runs = json_object_get(r->root, "runs");
    json_t *values = json_array();
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (is_sample(run, p, file))
            json_array_append(values, json_object_get(json_object_get(run, "counts"), name));
    }
    struct infer_samples s = read_samples(values);
    json_decref(values);
    return s;
}

/* The worst of our servers' own lateness at this step. */
static double find_lateness(const struct result *r, const char *step, const char *server)
{
    const json_t *runs = json_object_get(r->root, "runs");
    double most = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i), *p99 = json_object_get(run, "server_report");
        p99 = json_object_get(json_object_get(json_object_get(p99, "lateness"), "self"), "p99_ns");
        if (strcmp(json_string_value(json_object_get(run, "step")), step) == 0 &&
            strcmp(json_string_value(json_object_get(run, "server")), server) == 0 &&
            !json_is_true(json_object_get(run, "warmup")) && json_is_string(json_object_get(run, "outcome")) &&
            strcmp(json_string_value(json_object_get(run, "outcome")), "good") == 0)
            most = fmax(most, json_number_value(p99) / 1e9);
    }
    return fmin(most, LATENESS_MOST_S);
}

/* ---- rows ---- */

static struct compare_row *add_row(struct compare *c, const struct pair *p, const char *figure, enum gate_kind gate)
{
    if (c->nrows == c->room) {
        c->room = c->room == 0 ? 64 : 2 * c->room;
        c->rows = realloc(c->rows, c->room * sizeof *c->rows);
        if (c->rows == NULL)
            abort();
    }
    struct compare_row *row = &c->rows[c->nrows++];
    *row = (struct compare_row){.step = p->step, .server = p->server[1], .client = p->client[1], .figure = figure, .gate = gate};
    return row;
}

static bool applies(enum gate_kind gate, enum figure_kind kind)
{
    if (gate == GATE_COUNTS)
        return false;
    if (gate == GATE_INTERVAL)
        return true;
    if (gate == GATE_RATIO)
        return kind != FIGURE_CPU && kind != FIGURE_COUNT;
    return kind == FIGURE_CONNECT || kind == FIGURE_READ;
}

static void add_figure(struct compare *c, const struct pair *p, const struct figure *f)
{
    const json_t *pvs = f->pvs != NULL ? json_object_get(json_object_get(p->cell[1], "step"), f->pvs) : NULL;
    const double late = fmax(find_lateness(c->base, p->step, p->server[0]), find_lateness(c->fresh, p->step, p->server[1]));
    for (unsigned gate = 0; gate < GATE_KINDS; gate++) {
        if (!c->gates.on[gate] || !applies((enum gate_kind)gate, f->kind))
            continue;
        struct gate_input in = {.kind = f->kind,
                                .base = read_figure(p->cell[0], f->name),
                                .fresh = read_figure(p->cell[1], f->name),
                                .pvs = pvs != NULL ? json_number_value(pvs) : 1,
                                .floor_s = late};
        struct compare_row *row = add_row(c, p, f->name, (enum gate_kind)gate);
        row->in = in;
        gate_measure(&in, 1, &row->v);
    }
}

/* Of any run: all have the same ones. */
static const json_t *find_counts(const struct result *r, const struct pair *p, int file)
{
    const json_t *runs = json_object_get(r->root, "runs");
    for (size_t i = 0; i < json_array_size(runs); i++)
        if (is_sample(json_array_get(runs, i), p, file))
            return json_object_get(json_array_get(runs, i), "counts");
    return NULL;
}

static void add_counts(struct compare *c, const struct pair *p)
{
    json_t *counts = (json_t *)(uintptr_t)find_counts(c->fresh, p, 1), *value;
    const char *name;
    json_object_foreach(counts, name, value)
    {
        struct gate_input in = {.base = read_count(c->base, p, 0, name), .fresh = read_count(c->fresh, p, 1, name)};
        struct compare_row *row = add_row(c, p, name, GATE_COUNTS);
        row->in = in;
        gate_measure(&in, 1, &row->v);
        row->v.word = gate_judge_count(in.base, in.fresh, &row->repeat);
    }
}

static bool has_figure(const struct pair *p, int file, const char *name)
{
    return json_object_get(json_object_get(p->cell[file], "figures"), name) != NULL;
}

static void add_counted(struct compare *c, const struct pair *p, const char *name)
{
    struct gate_input in = {.kind = FIGURE_COUNT, .base = read_figure(p->cell[0], name), .fresh = read_figure(p->cell[1], name)};
    struct compare_row *row = add_row(c, p, name, GATE_COUNTS);
    row->in = in;
    gate_measure(&in, 1, &row->v);
    row->v.word = gate_judge_count(in.base, in.fresh, &row->repeat);
}

/* What counted a file's instructions, or NULL. */
static const char *instructions_by(const struct pair *p, int file)
{
    return json_string_value(json_object_get(p->cell[file], "instructions_by"));
}

/* One processor's counter and valgrind do not count alike. */
static bool is_counted_alike(const struct pair *p)
{
    const char *a = instructions_by(p, 0), *b = instructions_by(p, 1);
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Enough runs for an interval. */
static bool is_counted_often(const struct pair *p, int file)
{
    const json_t *figure = json_object_get(json_object_get(p->cell[file], "figures"), "instructions");
    return json_array_size(json_object_get(figure, "samples")) >= INFER_SAMPLES_MIN;
}

/* CPU time stands for instructions where they were not counted alike, or too seldom. */
static bool is_wanted(const struct pair *p, const struct figure *f)
{
    if (f->kind == FIGURE_COUNT)
        return is_counted_alike(p) && has_figure(p, 0, f->name) && has_figure(p, 1, f->name);
    if (f->kind == FIGURE_CPU && is_counted_alike(p) && is_counted_often(p, 0) && is_counted_often(p, 1))
        return false;
    return has_figure(p, 0, f->name) || has_figure(p, 1, f->name);
}

static void add_cell(struct compare *c, const struct pair *p)
{
    for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
        if (is_wanted(p, &figures[f]))
            add_figure(c, p, &figures[f]);
    if (!c->gates.on[GATE_COUNTS])
        return;
    add_counts(c, p);
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        if (has_figure(p, 0, counted[i]) && has_figure(p, 1, counted[i]))
            add_counted(c, p, counted[i]);
}

/* ---- words ---- */

static void judge_row(const struct compare *c, struct compare_row *row)
{
    if (row->gate == GATE_INTERVAL)
        gate_judge_interval(&row->in, c->gates.tolerance, &row->v);
    else if (row->gate == GATE_RATIO)
        gate_judge_ratio(c->gates.ratio, &row->v);
    else if (row->gate == GATE_FIELD)
        gate_judge_field(&row->in, &row->v);
}

static void judge_rows(struct compare *c)
{
    struct gate_verdict **verdicts = malloc((c->nrows + 1) * sizeof *verdicts);
    size_t n = 0;
    if (verdicts == NULL)
        abort();
    for (size_t i = 0; i < c->nrows; i++)
        if (c->rows[i].gate == GATE_INTERVAL)
            verdicts[n++] = &c->rows[i].v;
    gates_correct(verdicts, n);
    free(verdicts);
    for (size_t i = 0; i < c->nrows; i++)
        judge_row(c, &c->rows[i]);
}

/* ---- problems ---- */

static void add_problem(struct compare *c, enum diag_exit code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add_problem(struct compare *c, enum diag_exit code, const char *format, ...)
{
    va_list args;
    if (c->nproblems == COMPARE_PROBLEMS)
        return;
    char *text = c->problems[c->nproblems].text;
    c->problems[c->nproblems].code = code;
    va_start(args, format);
    const int length = vsnprintf(text, sizeof c->problems->text, format, args);
    va_end(args);
    if (length >= (int)sizeof c->problems->text)
        text_mend_cut(text);
    c->nproblems++;
}

/* ---- which belong together ---- */

static bool has_step(const struct result *r, const char *name)
{
    for (size_t i = 0; i < result_count(r, "steps"); i++)
        if (strcmp(result_step(r, i), name) == 0)
            return true;
    return false;
}

static int check_steps(const struct result *a, const struct result *b, struct diag *diag)
{
    for (size_t i = 0; i < result_count(a, "steps"); i++)
        if (!has_step(b, result_step(a, i)))
            return diag_fail(diag, DIAG_USAGE, "%s measured '%s', %s did not: results of different scenarios cannot be compared",
                             a->path, result_step(a, i), b->path);
    return 0;
}

static int check_names(const struct compare *c, const char *what, const char *(*name)(const struct result *, size_t), bool force,
                       struct diag *diag)
{
    const size_t n = result_count(c->base, what), m = result_count(c->fresh, what);
    if (n != m)
        return diag_fail(diag, DIAG_USAGE, "%s has %zu %s, %s has %zu: measure the same ones", c->base->path, n, what,
                         c->fresh->path, m);
    for (size_t i = 0; i < n && !force; i++)
        if (strcmp(name(c->base, i), name(c->fresh, i)) != 0)
            return diag_fail(diag, DIAG_USAGE,
                             "%s has '%s' where %s has '%s': --force compares different %s, the first with the first and so on",
                             c->base->path, name(c->base, i), c->fresh->path, name(c->fresh, i), what);
    return 0;
}

static void pair_cells(struct compare *c)
{
    for (size_t step = 0; step < result_count(c->fresh, "steps"); step++)
        for (size_t s = 0; s < result_count(c->fresh, "servers"); s++)
            for (size_t k = 0; k < result_count(c->fresh, "clients"); k++) {
                struct pair p = {.step = result_step(c->fresh, step),
                                 .server = {result_server(c->base, s), result_server(c->fresh, s)},
                                 .client = {result_client(c->base, k), result_client(c->fresh, k)}};
                p.cell[0] = result_cell(c->base, p.step, p.server[0], p.client[0]);
                p.cell[1] = result_cell(c->fresh, p.step, p.server[1], p.client[1]);
                if (p.cell[0] != NULL && p.cell[1] != NULL)
                    add_cell(c, &p);
                else
                    add_problem(c, DIAG_INVALID, "%s: nothing of %s on %s, %s",
                                p.cell[0] == NULL ? c->base->path : c->fresh->path, p.client[1], p.server[1], p.step);
            }
}

/* ---- what went wrong ---- */

static void add_bad_run(struct compare *c, const struct result *r, bool invalid)
{
    const json_t *run = result_bad_run(r, invalid);
    const char *step, *client, *server, *outcome, *why;
    if (run != NULL && json_unpack((json_t *)(uintptr_t)run, "{s:s, s:s, s:s, s:s, s:s}", "step", &step, "client", &client,
                                   "server", &server, "outcome", &outcome, "why", &why) == 0)
        add_problem(c, invalid ? DIAG_INVALID : DIAG_CLIENT, "%s: %s on %s, %s: %s: %s", r->path, client, server, step, outcome,
                    why);
}

static void add_problems(struct compare *c, const struct result *r)
{
    for (size_t i = 0; i < result_count(r, "clients"); i++)
        if (result_missing(r, i) != NULL)
            add_problem(c, DIAG_ENVIRONMENT, "%s: %s is not installed: %s", r->path, result_client(r, i), result_missing(r, i));
    if (json_is_true(json_object_get(r->root, "interrupted")))
        add_problem(c, DIAG_INVALID, "%s: interrupted: not all runs were made (caplay bench --resume goes on)", r->path);
    add_bad_run(c, r, true);
    add_bad_run(c, r, false);
}

/* ---- all ---- */

int compare_make(struct compare *c, bool force, struct diag *diag)
{
    if (check_steps(c->base, c->fresh, diag) < 0 || check_steps(c->fresh, c->base, diag) < 0 ||
        check_names(c, "servers", result_server, force, diag) < 0 || check_names(c, "clients", result_client, force, diag) < 0)
        return -1;
    add_problems(c, c->base);
    add_problems(c, c->fresh);
    pair_cells(c);
    judge_rows(c);
    return 0;
}

void compare_free(struct compare *c)
{
    for (size_t i = 0; i < c->nrows; i++) {
        free((double *)(uintptr_t)c->rows[i].in.base.at);
        free((double *)(uintptr_t)c->rows[i].in.fresh.at);
    }
    free(c->rows);
}
