/* What follows from all rows and problems, in words. */
#include "clients/bench/text.h"
#include "clients/compare/compare.h"

#include <math.h>
#include <string.h>

unsigned compare_count(const struct compare *c, enum infer_verdict word)
{
    unsigned n = 0;
    for (size_t i = 0; i < c->nrows; i++)
        n += c->rows[i].v.word == word;
    return n;
}

static bool has_problem(const struct compare *c, enum diag_exit code)
{
    for (unsigned i = 0; i < c->nproblems; i++)
        if (c->problems[i].code == code)
            return true;
    return false;
}

enum diag_exit compare_exit(const struct compare *c)
{
    if (has_problem(c, DIAG_ENVIRONMENT))
        return DIAG_ENVIRONMENT;
    if (has_problem(c, DIAG_INVALID) || compare_count(c, INFER_UNDECIDED) > 0 || (c->nrows == 0 && !has_problem(c, DIAG_CLIENT)))
        return DIAG_INVALID;
    if (has_problem(c, DIAG_CLIENT))
        return DIAG_CLIENT;
    return compare_count(c, INFER_SLOWER) > 0 ? DIAG_DIFFERENCE : DIAG_GOOD;
}

/* ---- a row ---- */

const char *compare_change(const struct compare_row *row, char into[COMPARE_TEXT])
{
    const struct infer_interval *i = &row->v.ratio;
    if (row->gate == GATE_COUNTS && !isnan(i->value) && isnan(i->low))
        snprintf(into, COMPARE_TEXT, "x%.4g", i->value);
    else if (isnan(i->value))
        snprintf(into, COMPARE_TEXT, "-");
    else if (isinf(i->low))
        snprintf(into, COMPARE_TEXT, "x%.3f", i->value);
    else
        snprintf(into, COMPARE_TEXT, "x%.3f [%.3f, %.3f]", i->value, i->low, i->high);
    return into;
}

const char *compare_remark(const struct compare_row *row, char into[COMPARE_TEXT])
{
    char floor[TEXT_NUMBER];
    into[0] = '\0';
    if (row->gate == GATE_COUNTS)
        snprintf(into, COMPARE_TEXT, "%s", gate_repeat_names[row->repeat]);
    else if (row->v.word == INFER_UNDECIDED && row->v.reason == REASON_BUSY)
        snprintf(into, COMPARE_TEXT, "a busy machine, or some runs: first deciles x%.3f [%.3f, %.3f]", row->v.quick.value,
                 row->v.quick.low, row->v.quick.high);
    else if (row->v.word == INFER_UNDECIDED)
        snprintf(into, COMPARE_TEXT, "needs about %u more run%s", row->v.more, row->v.more == 1 ? "" : "s");
    else if (row->v.reason == REASON_QUICK)
        snprintf(into, COMPARE_TEXT, "first deciles x%.3f [%.3f, %.3f]", row->v.quick.value, row->v.quick.low, row->v.quick.high);
    else if (row->v.reason == REASON_FIELD)
        snprintf(into, COMPARE_TEXT, "within the field's rule");
    else if (row->v.reason == REASON_FLOOR)
        snprintf(into, COMPARE_TEXT, "below %s: a slice of the scheduler, our lateness",
                 text_seconds(fmax(GATE_FLOOR_S, row->in.floor_s), floor));
    return into;
}

/* ---- the line ---- */

static const struct compare_row *find_row(const struct compare *c, enum infer_verdict word)
{
    for (size_t i = 0; i < c->nrows; i++)
        if (c->rows[i].v.word == word)
            return &c->rows[i];
    return NULL;
}

static const char *find_problem(const struct compare *c, enum diag_exit code)
{
    for (unsigned i = 0; i < c->nproblems; i++)
        if (c->problems[i].code == code)
            return c->problems[i].text;
    return NULL;
}

static void say_row(const struct compare *c, enum infer_verdict word, char *line, size_t room)
{
    const struct compare_row *row = find_row(c, word);
    char change[COMPARE_TEXT], remark[COMPARE_TEXT];
    if (row == NULL) {
        snprintf(line, room, "%s: nothing was measured that both results have", infer_verdict_names[word]);
        return;
    }
    compare_remark(row, remark);
    snprintf(line, room, "%s%s%s%s: %s on %s, %s: %s %s; in all %u of %zu rows", infer_verdict_names[word],
             word == INFER_UNDECIDED ? " (" : "", word == INFER_UNDECIDED ? remark : "", word == INFER_UNDECIDED ? ")" : "",
             row->client, row->server, row->step, row->figure, compare_change(row, change), compare_count(c, word), c->nrows);
}

void compare_line(const struct compare *c, char *line, size_t room)
{
    const enum diag_exit code = compare_exit(c);
    const char *problem = find_problem(c, code);
    static const char *const words[] = {[DIAG_ENVIRONMENT] = "missing", [DIAG_INVALID] = "invalid", [DIAG_CLIENT] = "broken"};
    if (problem != NULL)
        snprintf(line, room, "%s: %s", words[code], problem);
    else if (code != DIAG_GOOD)
        say_row(c, code == DIAG_INVALID ? INFER_UNDECIDED : INFER_SLOWER, line, room);
    else if (compare_count(c, INFER_FASTER) > 0)
        say_row(c, INFER_FASTER, line, room);
    else
        snprintf(line, room, "equivalent: all %zu rows", c->nrows);
}
