/* What a monitored image costs, and what became of its frames. */
#include "clients/bench/page.h"

#include <inttypes.h>
#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef void row(struct page *p, const struct bench_cell *cell, const struct bench_monitor_cell *m);

/* One row a client and step; the clients of a step stay together. */
static void print_rows(struct page *p, const char *const *heads, size_t n, row *print)
{
    struct bench_monitor_cell m;
    text_begin(&p->table);
    text_heads(&p->table, heads, n);
    for (size_t i = 0; i < p->r->nsteps; i++)
        for (unsigned c = 0; p->r->steps[i].kind == BENCH_MONITOR && c < p->r->nclients; c++) {
            const struct bench_cell cell = {p->server, c, &p->r->steps[i]};
            bench_monitor_cell(p->r, &cell, &m);
            print(p, &cell, &m);
        }
    text_print(&p->table, p->out);
}

static void cells_step(struct page *p, const struct bench_cell *cell)
{
    const struct bench_step *step = cell->step;
    text_cell(&p->table, "%s", p->r->clients[cell->client].name);
    text_cell(&p->table, "%" PRIu32 "x%" PRIu32, step->size.width, step->size.height);
    text_cell(&p->table, "%u%s", step->hertz, step->at_once ? "*" : "");
    text_cell(&p->table, "%s", step->max_bytes ? BENCH_MAX_BYTES : "unset");
}

/* ---- CPU and memory ---- */

static void cell_percent(struct page *p, double percent)
{
    if (isnan(percent))
        text_cell(&p->table, "-");
    else
        text_cell(&p->table, "%.2f", percent);
}

static void row_load(struct page *p, const struct bench_cell *cell, const struct bench_monitor_cell *m)
{
    double published = p->r->clients[cell->client].published.cpu;
    bool any = m->cpu.n > 0;
    cells_step(p, cell);
    cell_percent(p, any ? m->cpu.mean : NAN);
    cell_percent(p, any ? m->cpu.median : NAN);
    cell_percent(p, any ? m->cpu.max : NAN);
    cell_percent(p, any ? m->cpu.min : NAN);
    cell_percent(p, published > 0 && cell->step->hertz == 120 ? published : NAN);
    page_bytes(p, m->rss_start);
    page_bytes(p, m->rss_end);
    page_bytes(p, m->rss_peak > 0 ? m->rss_peak : NAN);
    page_bytes(p, m->rss_slope);
    text_row(&p->table);
}

/* ---- frames ---- */

static void row_frames(struct page *p, const struct bench_cell *cell, const struct bench_monitor_cell *m)
{
    struct text_table *t = &p->table;
    const struct bench_frames *f = &m->frames;
    const uint64_t counts[] = {f->delivered, f->lost, f->merged, f->doubled + f->misordered};
    cells_step(p, cell);
    for (size_t i = 0; i < COUNT(counts); i++)
        if (f->delivered > 0) /* by a good run */
            text_cell(t, "%" PRIu64, counts[i]);
        else
            text_cell(t, "-");
    if (m->events_known)
        text_cell(t, "%" PRIu64, m->events_off);
    else
        text_cell(t, "-");
    page_seconds(p, m->events_known ? (double)m->events_off_ns / 1e9 : NAN);
    text_row(t);
}

/* The spans of all clients, where they shared a server. */
static void print_shared_events(const struct page *p, const struct bench_step *step)
{
    char spans[TEXT_NUMBER];
    for (size_t i = 0; i < p->r->nruns; i++) {
        const struct bench_run *run = &p->r->runs[i];
        if (run->server != p->server || run->step != step || run->repeated || !run->report.events_known)
            continue;
        fprintf(p->out, "* all clients at once, EVENTS_OFF of all, arrays %s: %" PRIu64 " times, %s\n",
                step->max_bytes ? BENCH_MAX_BYTES : "unset", run->report.events_off,
                text_seconds((double)run->report.events_off_ns / 1e9, spans));
        return;
    }
}

void page_monitors(struct page *p)
{
    static const char *const load[] = {"client", "image",     "Hz",        "max array", "CPU % mean", "median", "max",
                                       "min",    "published", "RSS start", "end",       "peak",       "slope/s"};
    static const char *const frames[] = {"client", "image",  "Hz",      "max array",  "frames",
                                         "lost",   "merged", "doubled", "EVENTS_OFF", "for"};
    bool any = false, shared = false;
    for (size_t i = 0; i < p->r->nsteps; i++) {
        any |= p->r->steps[i].kind == BENCH_MONITOR;
        shared |= p->r->steps[i].at_once;
    }
    if (!any)
        return;
    fprintf(p->out, "Monitor an image: CPU of the process, each second; max array: EPICS_CA_MAX_ARRAY_BYTES%s\n",
            shared ? "; *: all clients at once" : "");
    print_rows(p, load, COUNT(load), row_load);
    fprintf(p->out, "Frames: all sums right; lost: sent and never seen by the callback; merged: in the server's queue;\n"
                    "EVENTS_OFF: by the server's report, an IOC's by what is heard on lo\n");
    print_rows(p, frames, COUNT(frames), row_frames);
    for (size_t i = 0; i < p->r->nsteps; i++)
        if (p->r->steps[i].at_once)
            print_shared_events(p, &p->r->steps[i]);
    if (shared)
        fputc('\n', p->out);
}
