/* What the clients' processes did beside taking time, and how well that repeats from run to run. */
#include "clients/bench/page.h"
#include "clients/compare/gate.h"

#include <stdlib.h>

/* The connect step with the most PVs; NULL: none. */
static const struct bench_step *find_step(const struct bench_result *r)
{
    const struct bench_step *most = NULL;
    for (size_t i = 0; i < r->nsteps; i++)
        if (r->steps[i].kind == BENCH_CONNECT && (most == NULL || r->steps[i].pvs > most->pvs))
            most = &r->steps[i];
    return most;
}

/* "1,234 exact"; how it repeats is not known from few runs. */
static void cell_count(struct page *p, const struct bench_cell *cell, enum bench_counted which)
{
    struct bench_values v = bench_counted_values(p->r, cell, which);
    struct bench_summary s;
    char text[TEXT_NUMBER];
    const enum gate_repeat repeat = gate_repeat((struct infer_samples){v.at, v.n});
    bench_summarize(v.at, v.n, &s);
    free(v.at);
    if (s.n == 0)
        text_cell(&p->table, "-");
    else
        text_cell(&p->table, "%s%s%s", which == BENCH_PEAK_BYTES ? text_bytes(s.median, text) : text_count(s.median, text),
                  s.n < INFER_SAMPLES_MIN ? "" : " ", s.n < INFER_SAMPLES_MIN ? "" : gate_repeat_names[repeat]);
}

void page_counts(struct page *p)
{
    const struct bench_step *step = find_step(p->r);
    char name[80];
    if (step == NULL)
        return;
    text_begin(&p->table);
    text_cell(&p->table, "client");
    for (unsigned i = 0; i < BENCH_COUNTED; i++)
        text_cell(&p->table, "%s", bench_counted_heads[i]);
    text_row(&p->table);
    for (unsigned c = 0; c < p->r->nclients; c++) {
        text_cell(&p->table, "%s", p->r->clients[c].name);
        for (unsigned i = 0; i < BENCH_COUNTED; i++)
            cell_count(p, &(struct bench_cell){p->server, c, step}, (enum bench_counted)i);
        text_row(&p->table);
    }
    bench_name_step(step, name, sizeof name);
    fprintf(p->out, "Counts of a run, %s: medians, and how they repeat from run to run (from %u runs on)\n", name,
            INFER_SAMPLES_MIN);
    text_print(&p->table, p->out);
    page_stages(p, step);
}
