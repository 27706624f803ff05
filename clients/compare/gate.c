#include "clients/compare/gate.h"

#include "clients/bench/stats.h"

#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const gate_names[GATE_KINDS] = {"counts", "ratio", "interval", "field-rule"};
const char *const gate_repeat_names[3] = {"exact", "within 1%", "noisy"};

/* ---- which ---- */

/* "ratio:1.10": the number behind the colon into *limit. */
static int parse_limit(const char *text, double *limit)
{
    return options_number(text, limit) == 0 && *limit > 1 && *limit <= 100 ? 0 : -1;
}

static int parse_gate(const char *text, struct gates *g)
{
    const size_t length = strcspn(text, ":");
    for (unsigned k = 0; k < GATE_KINDS; k++) {
        if (strlen(gate_names[k]) != length || memcmp(gate_names[k], text, length) != 0)
            continue;
        g->on[k] = true;
        if (k == GATE_RATIO || (k == GATE_INTERVAL && text[length] == ':'))
            return text[length] == ':' ? parse_limit(text + length + 1, k == GATE_RATIO ? &g->ratio : &g->tolerance) : -1;
        return text[length] == '\0' ? 0 : -1;
    }
    return -1;
}

int gates_parse(const struct option_list *list, struct gates *g, struct diag *diag)
{
    *g = (struct gates){.tolerance = GATE_TOLERANCE};
    for (unsigned i = 0; i < list->count; i++)
        if (parse_gate(list->at[i], g) < 0)
            return diag_fail(
                diag, DIAG_USAGE,
                "--gate: '%s' is none of counts, ratio:R, interval, interval:R, field-rule, with R above 1 and at most "
                "100, as in --gate ratio:1.10",
                list->at[i]);
    if (list->count == 0)
        g->on[GATE_COUNTS] = g->on[GATE_INTERVAL] = true;
    return 0;
}

/* ---- rows ---- */

/* The field's rule for what this row is of. */
static struct infer_band field_band(const struct gate_input *in)
{
    const double a_pv = in->kind == FIGURE_READ ? BENCH_GET_LIMIT : BENCH_CONNECT_LIMIT, most = a_pv * in->pvs;
    return (struct infer_band){-most, most};
}

static struct infer_band ratio_band(double tolerance)
{
    return (struct infer_band){1 / tolerance, tolerance};
}

static bool is_inside(const struct infer_interval *i, struct infer_band band)
{
    return infer_judge(i, &band) == INFER_EQUIVALENT;
}

void gate_measure(const struct gate_input *in, unsigned long seed, struct gate_verdict *v)
{
    const double up = infer_rank(in->base, in->fresh, 1), down = infer_rank(in->fresh, in->base, 1);
    const double p = fmin(1, 2 * fmin(up, down));
    *v = (struct gate_verdict){.ratio = infer_ratio(in->base, in->fresh, INFER_LEVEL, seed),
                               .quick = infer_quick_ratio(in->base, in->fresh, GATE_QUICK_LEVEL, seed),
                               .difference = infer_difference(in->base, in->fresh, INFER_LEVEL, seed),
                               .p = p,
                               .p_alone = p,
                               .looks = 1};
}

void gates_correct(struct gate_verdict *const *rows, size_t n)
{
    double *p = malloc((n + 1) * sizeof *p);
    if (p == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        p[i] = rows[i]->p;
    infer_holm(p, n);
    for (size_t i = 0; i < n; i++) {
        rows[i]->p = p[i];
        rows[i]->looks = n;
    }
    free(p);
}

/* What cannot be told from nothing, or does not matter to an application, is no difference. */
static void excuse(const struct gate_input *in, struct gate_verdict *v)
{
    const double least = fmax(GATE_FLOOR_S, in->floor_s);
    if (in->kind == FIGURE_LOAD || in->kind == FIGURE_COUNT || v->word == INFER_EQUIVALENT)
        return;
    if (is_inside(&v->difference, (struct infer_band){-least, least}))
        v->reason = REASON_FLOOR;
    else if (v->word == INFER_UNDECIDED && v->reason != REASON_BUSY && is_inside(&v->difference, field_band(in)))
        v->reason = REASON_FIELD;
    if (v->reason == REASON_FLOOR || v->reason == REASON_FIELD)
        v->word = INFER_EQUIVALENT;
}

static size_t fewer(const struct gate_input *in)
{
    return in->base.n < in->fresh.n ? in->base.n : in->fresh.n;
}

/* Other processes only ever add time: what slows a client slows its least disturbed runs, too, and what does not was the machine.
 */
static bool is_confirmed(const struct gate_input *in, const struct infer_band *band, const struct gate_verdict *v)
{
    const enum infer_verdict quick = infer_judge(&v->quick, band);
    return fewer(in) < GATE_QUICK_MIN ? quick != INFER_EQUIVALENT : quick == v->word;
}

/* From medians, their ranks and the first deciles. */
static void judge_ratios(const struct gate_input *in, const struct infer_band *band, struct gate_verdict *v)
{
    const enum infer_verdict quick = fewer(in) < GATE_QUICK_MIN ? INFER_UNDECIDED : infer_judge(&v->quick, band);
    v->word = infer_judge(&v->ratio, band);
    v->reason = REASON_NONE;
    if (v->word == INFER_UNDECIDED && (quick == INFER_SLOWER || quick == INFER_FASTER)) {
        v->word = quick;
        v->reason = REASON_QUICK;
    } else if (v->word == INFER_SLOWER || v->word == INFER_FASTER) {
        v->reason = v->p > 1 - INFER_LEVEL ? REASON_HOLM : is_confirmed(in, band, v) ? REASON_NONE : REASON_BUSY;
        v->word = v->reason == REASON_NONE ? v->word : INFER_UNDECIDED;
    }
}

void gate_judge_interval(const struct gate_input *in, double tolerance, struct gate_verdict *v)
{
    const struct infer_band band = ratio_band(tolerance);
    judge_ratios(in, &band, v);
    excuse(in, v);
    v->more = v->reason == REASON_HOLM ? infer_more_sure(v->p_alone, (1 - INFER_LEVEL) / (double)v->looks, fewer(in))
                                       : infer_more(&v->ratio, &band, fewer(in));
}

void gate_judge_ratio(double limit, struct gate_verdict *v)
{
    v->reason = REASON_NONE;
    v->word = isnan(v->ratio.value)        ? INFER_UNDECIDED
              : v->ratio.value > limit     ? INFER_SLOWER
              : v->ratio.value < 1 / limit ? INFER_FASTER
                                           : INFER_EQUIVALENT;
    v->more = 1;
}

void gate_judge_field(const struct gate_input *in, struct gate_verdict *v)
{
    const struct infer_band band = field_band(in);
    v->word = infer_judge(&v->difference, &band);
    v->reason = REASON_NONE;
    v->more = infer_more(&v->difference, &band, fewer(in));
}

/* ---- counts ---- */

enum gate_repeat gate_repeat(struct infer_samples s)
{
    double least, most;
    if (s.n < INFER_SAMPLES_MIN)
        return REPEAT_NOISY;
    gsl_stats_minmax(&least, &most, s.at, 1, s.n);
    if (!(most > least))
        return REPEAT_EXACT;
    return most - least <= 0.01 * fabs(most) ? REPEAT_1_PERCENT : REPEAT_NOISY;
}

/* It did repeat, and does not any more: all of it has to be away. */
static enum infer_verdict judge_unsteady(struct infer_samples base, struct infer_samples fresh)
{
    double least, most;
    if (fresh.n < INFER_SAMPLES_MIN)
        return INFER_EQUIVALENT;
    gsl_stats_minmax(&least, &most, fresh.at, 1, fresh.n);
    const double before = gsl_stats_mean(base.at, 1, base.n), margin = 0.01 * fabs(before);
    return least > before + margin ? INFER_SLOWER : most < before - margin ? INFER_FASTER : INFER_EQUIVALENT;
}

enum infer_verdict gate_judge_count(struct infer_samples base, struct infer_samples fresh, enum gate_repeat *repeat)
{
    const enum gate_repeat a = gate_repeat(base), b = gate_repeat(fresh);
    *repeat = a > b ? a : b;
    if (a != REPEAT_NOISY && b == REPEAT_NOISY)
        return judge_unsteady(base, fresh);
    if (*repeat == REPEAT_NOISY)
        return INFER_EQUIVALENT;
    const double before = gsl_stats_mean(base.at, 1, base.n), after = gsl_stats_mean(fresh.at, 1, fresh.n);
    const double margin = *repeat == REPEAT_EXACT ? 0 : 0.01 * fabs(before);
    return after > before + margin ? INFER_SLOWER : after < before - margin ? INFER_FASTER : INFER_EQUIVALENT;
}
