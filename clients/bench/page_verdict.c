/* Which client of a pair to take. */
#include "clients/bench/page.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void cell_difference(struct text_table *t, double s, const char *second)
{
    char text[TEXT_NUMBER];
    text_cell(t, "%s %s%s", second, s >= 0 ? "+" : "", text_seconds(s, text));
}

static void row_verdict(struct page *p, unsigned first, unsigned second)
{
    const struct bench_client *a = &p->r->clients[first], *b = &p->r->clients[second];
    struct bench_cost cost[2];
    struct bench_verdict v;
    double error[2];
    char text[TEXT_NUMBER];
    if (!bench_cost(p->r, p->server, first, &cost[0], &error[0]) || !bench_cost(p->r, p->server, second, &cost[1], &error[1]))
        return;
    bench_judge(&cost[0], &cost[1], &v);
    const struct bench_client *faster = v.faster == BENCH_FIRST ? a : b, *simpler = a->simpler > b->simpler ? a : b;
    text_cell(&p->table, "%s, %s", a->name, b->name);
    cell_difference(&p->table, v.connect, b->name);
    text_cell(&p->table, "+- %s", text_seconds(hypot(error[0], error[1]), text));
    cell_difference(&p->table, v.get, b->name);
    text_cell(&p->table, "%s", v.decided ? faster->name : simpler->name);
    text_cell(&p->table, "%s", v.decided ? "faster" : "simpler");
    text_cell(&p->table, "%s", faster->name);
    text_cell(&p->table, "%s", text_count(ceil(v.worth_pvs), text));
    text_row(&p->table);
}

void page_verdicts(struct page *p)
{
    static const char *const heads[] = {"pair", "connect, a PV", "",       "get 1, a PV",
                                        "take", "because",       "faster", "worth it from PVs"};
    text_begin(&p->table);
    text_heads(&p->table, heads, COUNT(heads));
    for (unsigned a = 0; a < p->r->nclients; a++)
        for (unsigned b = a + 1; b < p->r->nclients; b++)
            row_verdict(p, a, b);
    if (p->table.rows == 1)
        return;
    fprintf(
        p->out,
        "Verdicts: an application holds 10,000 PVs and reads 1%% of them; 1 s more is not acceptable. So over 100 us a PV to\n"
        "connect, or 10 ms a PV to get, the faster must be taken; else the simpler (more Python)\n");
    text_print(&p->table, p->out);
}
