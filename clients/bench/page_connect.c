/* What it costs to connect and to read. */
#include "clients/bench/page.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static double median_of(const struct bench_summary *s)
{
    return s->n > 0 ? s->median : NAN;
}

/* ---- connect and get, one PV ---- */

/* "28.1 [27.9, 30.2] ms" */
static void cell_stage(struct page *p, const struct bench_cell *cell, size_t offset)
{
    struct bench_summary s;
    char text[TEXT_SPREAD];
    bench_stage(p->r, cell, offset, &s);
    text_cell(&p->table, "%s", s.n > 0 ? text_spread(s.q1, s.median, s.q3, text) : "-");
}

static void row_one(struct page *p, const struct bench_cell *cell)
{
    const struct bench_published *published = &p->r->clients[cell->client].published;
    text_cell(&p->table, "%s", p->r->clients[cell->client].name);
    cell_stage(p, cell, offsetof(struct bench_run, connect));
    cell_stage(p, cell, offsetof(struct bench_run, get1));
    cell_stage(p, cell, offsetof(struct bench_run, get2));
    cell_stage(p, cell, offsetof(struct bench_run, put));
    page_seconds(p, published->connect > 0 ? published->connect : NAN);
    page_seconds(p, published->get1 > 0 ? published->get1 : NAN);
    page_seconds(p, published->get2 > 0 ? published->get2 : NAN);
    text_row(&p->table);
}

static void print_one(struct page *p, const struct bench_step *step)
{
    static const char *const heads[] = {"client", "connect", "get 1", "get 2", "put", "published: connect", "get 1", "get 2"};
    fprintf(p->out, "Connect and get, one PV: median [quartiles] of %u runs; published: for real hardware\n", step->rounds);
    text_begin(&p->table);
    text_heads(&p->table, heads, COUNT(heads));
    for (unsigned c = 0; c < p->r->nclients; c++)
        row_one(p, &(struct bench_cell){p->server, c, step});
    text_print(&p->table, p->out);
}

/* ---- many PVs ---- */

static void cell_slope(struct page *p, unsigned client, bool one_by_one)
{
    struct infer_estimate slope;
    char text[3][TEXT_NUMBER];
    if (!bench_slope_estimate(p->r, p->server, client, one_by_one, &slope)) {
        text_cell(&p->table, "-");
        return;
    }
    const struct infer_interval i = infer_student(&slope, INFER_LEVEL);
    if (isfinite(i.low))
        text_cell(&p->table, "%s [%s, %s]", text_seconds(i.value, text[0]), text_seconds(i.low, text[1]),
                  text_seconds(i.high, text[2]));
    else
        text_cell(&p->table, "%s", text_seconds(i.value, text[0]));
}

static bool is_scaling(const struct bench_step *step, bool one_by_one)
{
    return step->kind == BENCH_CONNECT && step->one_by_one == one_by_one;
}

static void row_scaling(struct page *p, unsigned client, bool one_by_one)
{
    struct bench_summary s;
    text_cell(&p->table, "%s%s", p->r->clients[client].name, one_by_one ? ", one by one" : "");
    for (size_t i = 0; i < p->r->nsteps; i++) {
        const struct bench_step *step = &p->r->steps[i];
        const struct bench_cell cell = {p->server, client, step};
        if (!is_scaling(step, one_by_one))
            continue;
        bench_stage(p->r, &cell, offsetof(struct bench_run, connect), &s);
        page_seconds(p, median_of(&s));
    }
    while (p->table.column + 1 < p->table.columns)
        text_cell(&p->table, " ");
    cell_slope(p, client, one_by_one);
    text_row(&p->table);
}

static void print_scaling(struct page *p)
{
    bool together = false, one_by_one = false;
    text_begin(&p->table);
    text_cell(&p->table, "connect, N =");
    for (size_t i = 0; i < p->r->nsteps; i++) {
        const struct bench_step *step = &p->r->steps[i];
        together |= is_scaling(step, false);
        one_by_one |= is_scaling(step, true);
        if (is_scaling(step, false))
            text_cell(&p->table, "%u", step->pvs);
    }
    text_cell(&p->table, "slope a PV [95%%]");
    text_row(&p->table);
    for (unsigned c = 0; c < p->r->nclients && together; c++) {
        row_scaling(p, c, false);
        if (one_by_one)
            row_scaling(p, c, true);
    }
    fprintf(p->out,
            "Connect N PVs, all created before any is waited for, or one by one: medians; slope: least squares over all runs\n");
    text_print(&p->table, p->out);
}

/* ---- gets of what an application reads ---- */

static void print_reads(struct page *p)
{
    static const char *const heads[] = {"client", "of N PVs", "read", "get 1", "get 2"};
    struct bench_summary get1, get2;
    text_begin(&p->table);
    text_heads(&p->table, heads, COUNT(heads));
    for (unsigned c = 0; c < p->r->nclients; c++)
        for (size_t i = 0; i < p->r->nsteps; i++) {
            const struct bench_step *step = &p->r->steps[i];
            const struct bench_cell cell = {p->server, c, step};
            if (!is_scaling(step, false) || bench_get_pvs(step) == 1)
                continue;
            bench_stage(p->r, &cell, offsetof(struct bench_run, get1), &get1);
            bench_stage(p->r, &cell, offsetof(struct bench_run, get2), &get2);
            text_cell(&p->table, "%s", p->r->clients[c].name);
            text_cell(&p->table, "%u", step->pvs);
            text_cell(&p->table, "%u", bench_get_pvs(step));
            page_seconds(p, median_of(&get1));
            page_seconds(p, median_of(&get2));
            text_row(&p->table);
        }
    if (p->table.rows == 1)
        return;
    fprintf(p->out, "Get 1%% of N PVs, one after the other: medians\n");
    text_print(&p->table, p->out);
}

/* ---- all ---- */

void page_connects(struct page *p)
{
    bool any = false;
    for (size_t i = 0; i < p->r->nsteps; i++)
        if (is_scaling(&p->r->steps[i], false)) {
            if (p->r->steps[i].pvs == 1)
                print_one(p, &p->r->steps[i]);
            any = true;
        }
    if (!any)
        return;
    print_scaling(p);
    print_reads(p);
    page_verdicts(p);
}
