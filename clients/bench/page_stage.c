/* What a client's process did in each stage of a connect run: by its own getrusage(), and by the tools that count. */
#include "clients/bench/hardware.h"
#include "clients/bench/page.h"

#include <math.h>
#include <stdlib.h>

/* Rows of a client beside its stages: before the first, and of the whole process. */
enum row { ROW_START = BENCH_STAGES, ROW_WHOLE };

/* A cell of the table: a client's row, and the values of its runs. */
struct column {
    const struct bench_cell *cell;
    unsigned row;
    struct bench_values v;
};

static bool is_good(const struct bench_run *run, const struct bench_cell *cell)
{
    return run->outcome == BENCH_GOOD && !run->warmup && run->step == cell->step && run->server == cell->server &&
           run->client == cell->client;
}

static void add(struct column *c, double value)
{
    if (!isnan(value))
        c->v.at[c->v.n++] = value;
}

/* The whole process's are of the run itself. */
static double used_of(const struct bench_run *run, unsigned row, enum bench_used used)
{
    static const int counted[BENCH_USED] = {[BENCH_USED_WAITING] = BENCH_SWITCHES_WAITING,
                                            [BENCH_USED_FORCED] = BENCH_SWITCHES_FORCED,
                                            [BENCH_USED_MINOR] = BENCH_FAULTS_MINOR,
                                            [BENCH_USED_MAJOR] = BENCH_FAULTS_MAJOR};
    if (row < BENCH_STAGES)
        return run->stages.used[row][used];
    return row == ROW_START ? NAN : used == BENCH_USED_CPU ? run->cpu_s : run->counts.at[counted[used]];
}

static double median_used(const struct page *p, struct column *c, enum bench_used used)
{
    struct bench_summary s;
    c->v.n = 0;
    for (size_t i = 0; i < p->r->nruns; i++)
        if (is_good(&p->r->runs[i], c->cell))
            add(c, used_of(&p->r->runs[i], c->row, used));
    bench_summarize(c->v.at, c->v.n, &s);
    return s.n > 0 ? s.median : NAN;
}

static double counted_of(const struct bench_counting *c, unsigned row)
{
    return row < BENCH_STAGES ? c->stage[row] : row == ROW_START ? c->start : c->total;
}

static double median_counted(const struct page *p, struct column *c, enum counting_tool tool)
{
    struct bench_summary s;
    c->v.n = 0;
    for (size_t i = 0; i < p->r->ncounting; i++)
        if (p->r->counting[i].tool == tool && is_good(&p->r->counting[i].run, c->cell))
            add(c, counted_of(&p->r->counting[i], c->row));
    bench_summarize(c->v.at, c->v.n, &s);
    return s.n > 0 ? s.median : NAN;
}

static void cell_count(struct page *p, double count)
{
    char text[TEXT_NUMBER];
    text_cell(&p->table, "%s", isnan(count) ? "-" : text_count(count, text));
}

static void print_row(struct page *p, struct column *c)
{
    text_cell(&p->table, "%s", c->row == ROW_START ? p->r->clients[c->cell->client].name : "");
    text_cell(&p->table, "%s", c->row == ROW_START ? "before" : c->row == ROW_WHOLE ? "whole" : bench_stage_names[c->row]);
    page_seconds(p, median_used(p, c, BENCH_USED_CPU));
    for (unsigned used = BENCH_USED_CPU + 1; used < BENCH_USED; used++)
        cell_count(p, median_used(p, c, (enum bench_used)used));
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        cell_count(p, median_counted(p, c, (enum counting_tool)tool));
    text_row(&p->table);
}

/* A stage that this client does not tell, or has not, has no row. */
static void print_client(struct page *p, const struct bench_cell *cell)
{
    static const char *const heads[] = {"client",      "stage",     "CPU",          "waits",       "preempted",
                                        "page faults", "from disk", "instructions", "system calls"};
    struct column c = {.cell = cell, .v = {malloc((p->r->nruns + p->r->ncounting + 1) * sizeof *c.v.at), 0}};
    if (c.v.at == NULL)
        return;
    text_begin(&p->table);
    text_heads(&p->table, heads, sizeof heads / sizeof *heads);
    for (unsigned i = 0; i <= ROW_WHOLE; i++) {
        c.row = i == 0 ? ROW_START : i == ROW_WHOLE ? ROW_WHOLE : i - 1;
        if (c.row >= BENCH_STAGES || !isnan(median_used(p, &c, BENCH_USED_CPU)))
            print_row(p, &c);
    }
    text_print(&p->table, p->out);
    free(c.v.at);
}

static unsigned count_bad(const struct page *p, const char **why)
{
    unsigned bad = 0;
    for (size_t i = p->r->ncounting; i > 0; i--)
        if (p->r->counting[i - 1].run.server == p->server && p->r->counting[i - 1].run.outcome != BENCH_GOOD) {
            *why = p->r->counting[i - 1].run.why;
            bad++;
        }
    return bad;
}

void page_stages(struct page *p, const struct bench_step *step)
{
    char name[80];
    const char *why = "", *lack = hardware_lack();
    const unsigned bad = count_bad(p, &why);
    bench_name_step(step, name, sizeof name);
    fprintf(p->out,
            "Counts by stage, %s: medians; before: until set-up begins; instructions by callgrind, system calls by strace: in "
            "runs\nof their own (--count), which are no time samples\n",
            name);
    if (lack != NULL && p->r->options.counting[COUNTING_CALLGRIND] == 0)
        fprintf(p->out, "Instructions are not counted: %s; --count callgrind counts them\n", lack);
    if (bad > 0)
        fprintf(p->out, "%u runs that were to count failed, and are no counts: %s\n", bad, why);
    for (unsigned c = 0; c < p->r->nclients; c++)
        print_client(p, &(struct bench_cell){p->server, c, step});
}
