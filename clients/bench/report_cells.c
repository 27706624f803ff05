/* What a result file says beside the runs: each cell's figures with their intervals, and the verdicts of pairs. */
#include "clients/bench/field.h"
#include "clients/bench/infer.h"
#include "clients/bench/report.h"
#include "clients/compare/gate.h"

#include <math.h>
#include <stdlib.h>

/* ---- cells ---- */

json_t *report_step(const struct bench_step *s)
{
    char name[80];
    bench_name_step(s, name, sizeof name);
    if (s->kind == BENCH_CONNECT)
        return json_pack("{s:s, s:s, s:i, s:s, s:i, s:i}", "name", name, "kind", "connect", "pvs", s->pvs, "order",
                         s->one_by_one ? "sequential" : "together", "get_pvs", bench_get_pvs(s), "runs", s->rounds);
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:s?, s:b, s:i}", "name", name, "kind", "monitor", "width", s->size.width,
                     "height", s->size.height, "hertz", s->hertz, "seconds", s->seconds, "max_array_bytes",
                     s->max_bytes ? BENCH_MAX_BYTES : NULL, "at_once", s->at_once, "runs", s->rounds);
}

/* NULL: nothing was measured. */
static json_t *figure_json(const struct bench_result *r, const struct bench_cell *cell, enum bench_figure figure)
{
    struct bench_values v = bench_values(r, cell, figure);
    struct bench_summary s;
    json_t *samples = json_array();
    for (size_t i = 0; i < v.n; i++)
        json_array_append_new(samples, report_number(v.at[i]));
    const struct infer_interval i = infer_median((struct infer_samples){v.at, v.n}, INFER_LEVEL, r->options.seed);
    bench_summarize(v.at, v.n, &s);
    free(v.at);
    if (s.n == 0) {
        json_decref(samples);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "n", report_count(s.n), "median", report_number(s.median),
                     "q1", report_number(s.q1), "q3", report_number(s.q3), "min", report_number(s.min), "max",
                     report_number(s.max), "low", report_number(i.low), "high", report_number(i.high), "samples", samples);
}

static json_t *figures_json(const struct bench_result *r, const struct bench_cell *cell)
{
    json_t *figures = json_object();
    for (unsigned f = 0; f < BENCH_FIGURES; f++) {
        json_t *figure = figure_json(r, cell, (enum bench_figure)f);
        if (figure != NULL)
            json_object_set_new(figures, bench_figure_names[f], figure);
    }
    return figures;
}

/* null: too few runs to tell. */
static json_t *repeat_json(const struct bench_result *r, const struct bench_cell *cell)
{
    json_t *repeat = json_object();
    for (unsigned i = 0; i < BENCH_COUNTED; i++) {
        struct bench_values v = bench_counted_values(r, cell, (enum bench_counted)i);
        const struct infer_samples samples = {v.at, v.n};
        json_object_set_new(repeat, bench_counted_names[i],
                            v.n < INFER_SAMPLES_MIN ? json_null() : json_string(gate_repeat_names[gate_repeat(samples)]));
        free(v.at);
    }
    return repeat;
}

static unsigned count_warmups(const struct bench_result *r, const struct bench_cell *cell)
{
    unsigned n = 0;
    for (size_t i = 0; i < r->nruns; i++)
        n += r->runs[i].warmup && r->runs[i].server == cell->server && r->runs[i].client == cell->client &&
             r->runs[i].step == cell->step;
    return n;
}

static json_t *cell_json(const struct bench_result *r, const struct bench_cell *cell)
{
    struct bench_tally t;
    bench_tally(r, cell, &t);
    json_t *runs = json_pack("{s:i, s:i, s:i, s:i, s:i}", "good", t.good, "failed", t.failed, "invalid", t.invalid,
                             "died_at_exit", t.died_at_exit, "warmup", count_warmups(r, cell));
    return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:s?}", "step", report_step(cell->step), "server",
                     r->servers[cell->server].name, "client", r->clients[cell->client].name, "runs", runs, "figures",
                     figures_json(r, cell), "repeat", repeat_json(r, cell), "instructions_by", bench_counted_by(r, cell));
}

json_t *report_cells(const struct bench_result *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->nsteps; i++)
        for (unsigned s = 0; s < r->nservers; s++)
            for (unsigned c = 0; c < r->nclients; c++)
                json_array_append_new(array, cell_json(r, &(struct bench_cell){s, c, &r->steps[i]}));
    return array;
}

/* ---- slopes ---- */

/* NULL: too few runs, or PVs of one number alone. */
static json_t *slope_json(const struct bench_result *r, unsigned server, unsigned client, bool one_by_one)
{
    struct infer_estimate slope;
    struct bench_line line;
    if (!bench_slope_estimate(r, server, client, one_by_one, &slope) || !bench_slope(r, server, client, one_by_one, &line))
        return NULL;
    const struct infer_interval i = infer_student(&slope, INFER_LEVEL);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "server", r->servers[server].name, "client",
                     r->clients[client].name, "order", one_by_one ? "sequential" : "together", "start_s",
                     report_number(line.start), "s_per_pv", report_number(i.value), "low", report_number(i.low), "high",
                     report_number(i.high), "freedom", report_number(slope.freedom));
}

json_t *report_slopes(const struct bench_result *r)
{
    json_t *array = json_array();
    for (unsigned s = 0; s < r->nservers; s++)
        for (unsigned c = 0; c < r->nclients; c++)
            for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
                json_t *slope = slope_json(r, s, c, one_by_one != 0);
                if (slope != NULL)
                    json_array_append_new(array, slope);
            }
    return array;
}

/* ---- verdicts ---- */

static json_t *word_json(const struct field_word *w)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:b, s:o}", "difference_s_per_pv", report_number(w->difference.value), "low",
                     report_number(w->difference.low), "high", report_number(w->difference.high), "verdict",
                     infer_verdict_names[w->word], "near_the_limit", w->near, "needs_more_runs",
                     w->word == INFER_UNDECIDED && !w->near ? json_integer(w->more) : json_null());
}

static json_t *pair_json(const struct bench_result *r, unsigned server, const struct field_pair *p)
{
    struct bench_verdict v;
    const enum field_choice choice = field_choose(p);
    bench_judge(&p->cost[0], &p->cost[1], &v);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:b, s:s, s:o}", "server", r->servers[server].name, "first", r->clients[p->first].name,
        "second", r->clients[p->second].name, "connect_difference_s_per_pv", report_number(v.connect), "get_difference_s_per_pv",
        report_number(v.get), "decided", choice == FIELD_FIRST || choice == FIELD_SECOND, "faster",
        r->clients[v.faster == BENCH_FIRST ? p->first : p->second].name, "worth_pvs", report_number(v.worth_pvs));
    for (unsigned f = 0; f < FIELD_FIGURES; f++)
        json_object_set_new(json, field_figure_names[f], word_json(&p->figure[f]));
    return json;
}

json_t *report_verdicts(const struct bench_result *r)
{
    struct field_pair *pairs = calloc(FIELD_PAIRS_MAX, sizeof *pairs);
    json_t *array = json_array();
    for (unsigned s = 0; s < r->nservers && pairs != NULL; s++) {
        const unsigned n = field_judge(r, s, pairs);
        for (unsigned i = 0; i < n; i++)
            json_array_append_new(array, pair_json(r, s, &pairs[i]));
    }
    free(pairs);
    return array;
}
