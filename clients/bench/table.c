/* The tables: head, a page for each server, what failed. */
#include "clients/bench/head.h"
#include "clients/bench/page.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void page_seconds(struct page *p, double s)
{
    char text[TEXT_NUMBER];
    text_cell(&p->table, "%s", text_seconds(s, text));
}

void page_bytes(struct page *p, double bytes)
{
    char text[TEXT_NUMBER];
    text_cell(&p->table, "%s", text_bytes(bytes, text));
}

/* ---- what became of the runs ---- */

static void add_tally(struct bench_tally *sum, const struct bench_tally *t)
{
    sum->good += t->good;
    sum->failed += t->failed;
    sum->invalid += t->invalid;
    sum->died_at_exit += t->died_at_exit;
    sum->udp_drops += t->udp_drops;
    sum->udp_unknown += t->udp_unknown;
}

static void row_tally(struct page *p, unsigned client)
{
    struct bench_tally sum = {.good = 0}, t;
    for (size_t i = 0; i < p->r->nsteps; i++) {
        bench_tally(p->r, &(struct bench_cell){p->server, client, &p->r->steps[i]}, &t);
        add_tally(&sum, &t);
    }
    text_cell(&p->table, "%s", p->r->clients[client].name);
    text_cell(&p->table, "%u", sum.good);
    text_cell(&p->table, "%u", sum.failed);
    text_cell(&p->table, "%u", sum.invalid);
    text_cell(&p->table, "%u", sum.died_at_exit);
    text_cell(&p->table, "%" PRIu64, sum.udp_drops);
    text_cell(&p->table, "%u", sum.udp_unknown);
    text_row(&p->table);
}

static void print_tallies(struct page *p)
{
    static const char *const heads[] = {"client", "good", "failed", "invalid", "died at exit", "UDP drops", "not looked at"};
    fprintf(p->out,
            "Runs: failed and invalid ones are no samples; died at exit: after the answer; UDP drops: of the client's sockets\n");
    text_begin(&p->table);
    text_heads(&p->table, heads, sizeof heads / sizeof *heads);
    for (unsigned c = 0; c < p->r->nclients; c++)
        row_tally(p, c);
    text_print(&p->table, p->out);
}

static bool is_noted(const struct bench_run *run)
{
    return run->outcome != BENCH_GOOD || run->died_at_exit;
}

static bool is_alike(const struct bench_run *a, const struct bench_run *b)
{
    return is_noted(a) && is_noted(b) && a->client == b->client && a->outcome == b->outcome && strcmp(a->why, b->why) == 0;
}

/* All that are alike in one line, at the first of them. */
static void print_failure(const struct bench_result *r, size_t first, FILE *out)
{
    const struct bench_run *run = &r->runs[first];
    char step[80];
    unsigned n = 0;
    for (size_t i = 0; i < r->nruns; i++) {
        bool alike = is_alike(&r->runs[i], run);
        if (alike && i < first)
            return;
        n += alike;
    }
    bench_name_step(run->step, step, sizeof step);
    fprintf(out, "  %s, %u run%s, %s%s: %s; first: %s, %s, round %u\n", r->clients[run->client].name, n, n > 1 ? "s" : "",
            run->outcome == BENCH_GOOD ? "died at exit" : bench_outcome_names[run->outcome], run->repeated ? " (repeated)" : "",
            run->why, r->servers[run->server].name, step, run->round + 1);
}

static void print_failures(const struct bench_result *r, FILE *out)
{
    unsigned n = 0;
    for (size_t i = 0; i < r->nruns; i++)
        if (is_noted(&r->runs[i])) {
            if (n++ == 0)
                fprintf(out, "Runs that failed, were invalid or died at exit (each one: bench.json)\n");
            print_failure(r, i, out);
        }
    if (n == 0)
        fprintf(out, "No run failed, was invalid or died at exit.\n");
}

void bench_print_tables(const struct bench_result *r, FILE *out)
{
    struct page *page = calloc(1, sizeof *page);
    assert(page != NULL);
    page->r = r;
    page->out = out;
    bench_print_head(r, out);
    for (page->server = 0; page->server < r->nservers; page->server++) {
        fprintf(out, "==== %s ====\n\n", r->servers[page->server].name);
        if (r->servers[page->server].connects)
            page_connects(page);
        page_counts(page);
        if (r->servers[page->server].monitors)
            page_monitors(page);
        print_tallies(page);
    }
    print_failures(r, out);
    for (page->server = 0; page->server < r->nservers; page->server++) {
        fputc('\n', out);
        page_matrix(page);
    }
    free(page);
}
