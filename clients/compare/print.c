/* The comparison as text, as Markdown for a pull request, and as JUnit's XML. */
#include "clients/bench/text.h"
#include "clients/compare/compare.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE 700

static double median(struct infer_samples s)
{
    return infer_median(s, INFER_LEVEL, 1).value;
}

/* "33.6 ms", "12.3 %", "1,024". */
static const char *value_text(const struct compare_row *row, struct infer_samples s, char into[TEXT_NUMBER])
{
    if (row->gate == GATE_COUNTS || row->in.kind == FIGURE_COUNT)
        return text_count(median(s), into);
    if (row->in.kind != FIGURE_LOAD)
        return text_seconds(median(s), into);
    snprintf(into, TEXT_NUMBER, "%.2f %%", median(s));
    return into;
}

static bool is_same_cell(const struct compare_row *a, const struct compare_row *b)
{
    return strcmp(a->step, b->step) == 0 && strcmp(a->server, b->server) == 0;
}

/* ---- text ---- */

static void text_rows(struct text_table *t, const struct compare_row *row)
{
    char change[COMPARE_TEXT], remark[COMPARE_TEXT], before[TEXT_NUMBER], after[TEXT_NUMBER];
    const char *cells[] = {row->client,
                           row->figure,
                           value_text(row, row->in.base, before),
                           value_text(row, row->in.fresh, after),
                           compare_change(row, change),
                           gate_names[row->gate],
                           infer_verdict_names[row->v.word],
                           compare_remark(row, remark)};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        text_cell(t, "%s", cells[i]);
    text_row(t);
}

void compare_print(const struct compare *c, FILE *out)
{
    static const char *const heads[] = {"client", "figure", "before", "after", "ratio [95%]", "gate", "verdict", ""};
    struct text_table *t = malloc(sizeof *t);
    char line[LINE];
    compare_line(c, line, sizeof line);
    fprintf(out, "%s\n\n%s -> %s\n", line, c->base->path, c->fresh->path);
    for (unsigned i = 0; i < c->nproblems; i++)
        fprintf(out, "! %s\n", c->problems[i].text);
    for (size_t i = 0, n; i < c->nrows && t != NULL; i += n) {
        text_begin(t);
        text_heads(t, heads, sizeof heads / sizeof *heads);
        for (n = 0; i + n < c->nrows && n + 1 < TEXT_ROWS && is_same_cell(&c->rows[i], &c->rows[i + n]); n++)
            text_rows(t, &c->rows[i + n]);
        fprintf(out, "\n%s on %s\n", c->rows[i].step, c->rows[i].server);
        text_print(t, out);
    }
    free(t);
}

/* ---- Markdown ---- */

/* A file's text has no markup of its own in a comment: no cell ends, no link, no HTML, and nobody is called by "@". */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '@')
            fputs("@&#8203;", out);
        else if ((unsigned char)*text < ' ')
            fputc(' ', out);
        else
            fprintf(out, strchr("\\`*_[]|#~>", *text) != NULL ? "\\%c" : "%c", *text);
}

static void markdown_row(const struct compare_row *row, FILE *out)
{
    char change[COMPARE_TEXT], remark[COMPARE_TEXT], before[TEXT_NUMBER], after[TEXT_NUMBER];
    const char *cells[] = {row->step,
                           row->server,
                           row->client,
                           row->figure,
                           value_text(row, row->in.base, before),
                           value_text(row, row->in.fresh, after),
                           compare_change(row, change),
                           gate_names[row->gate],
                           infer_verdict_names[row->v.word],
                           compare_remark(row, remark)};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        fputs(i == 0 ? "| " : " | ", out);
        print_cell(out, cells[i]);
    }
    fputs(" |\n", out);
}

void compare_markdown(const struct compare *c, FILE *out)
{
    char line[LINE];
    compare_line(c, line, sizeof line);
    fputs("**", out);
    print_cell(out, line);
    fputs("**\n\n", out);
    for (unsigned i = 0; i < c->nproblems; i++) {
        fputs("- ", out);
        print_cell(out, c->problems[i].text);
        fputc('\n', out);
    }
    fputs("\n| step | server | client | figure | before | after | ratio [95%] | gate | verdict | |\n", out);
    fputs("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n", out);
    for (size_t i = 0; i < c->nrows; i++)
        markdown_row(&c->rows[i], out);
}

/* ---- JUnit ---- */

static void print_xml(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
}

static void open_case(FILE *out, const char *class, const char *name)
{
    fputs("  <testcase classname=\"", out);
    print_xml(out, class);
    fputs("\" name=\"", out);
    print_xml(out, name);
    fputs("\"", out);
}

static void close_case(FILE *out, const char *element, const char *message)
{
    fprintf(out, "><%s message=\"", element);
    print_xml(out, message);
    fputs("\"/></testcase>\n", out);
}

static void junit_row(const struct compare_row *row, FILE *out)
{
    char class[LINE], name[LINE], change[COMPARE_TEXT], remark[COMPARE_TEXT], message[LINE];
    snprintf(class, sizeof class, "%s on %s", row->client, row->server);
    snprintf(name, sizeof name, "%s: %s (%s)", row->step, row->figure, gate_names[row->gate]);
    snprintf(message, sizeof message, "%s %s %s", infer_verdict_names[row->v.word], compare_change(row, change),
             compare_remark(row, remark));
    open_case(out, class, name);
    if (row->v.word == INFER_SLOWER || row->v.word == INFER_UNDECIDED)
        close_case(out, row->v.word == INFER_SLOWER ? "failure" : "error", message);
    else
        fputs("/>\n", out);
}

void compare_junit(const struct compare *c, FILE *out)
{
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"caplay compare\" tests=\"%zu\" failures=\"%u\" "
            "errors=\"%u\">\n",
            c->nrows + c->nproblems, compare_count(c, INFER_SLOWER), compare_count(c, INFER_UNDECIDED) + c->nproblems);
    for (size_t i = 0; i < c->nrows; i++)
        junit_row(&c->rows[i], out);
    for (unsigned i = 0; i < c->nproblems; i++) {
        char name[40];
        snprintf(name, sizeof name, "problem %u", i + 1);
        open_case(out, "measurement", name);
        close_case(out, "error", c->problems[i].text);
    }
    fputs("</testsuite>\n", out);
}
