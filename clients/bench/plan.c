/* The procedure: groups of steps, in rounds, each a balanced block of all servers and clients in an order drawn by the
 * seed, so that whatever changes on the machine meanwhile meets all alike. What an invalid server served is done again. */
#include "clients/bench/bench.h"
#include "clients/bench/counting_run.h"
#include "clients/bench/flow.h"
#include "clients/bench/infer.h"
#include "clients/bench/journal.h"
#include "clients/bench/precision.h"
#include "clients/bench/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_BUDGET_NS UINT64_C(10000000)

/* What one start of a server serves. */
struct block {
    struct bench_result *r;
    struct bench_progress *progress;
    const struct bench_step *steps; /* all connect, or one monitor */
    size_t nsteps;
    bool warmup;
    enum counting_tool tool; /* these runs count under it, and are no samples */
    unsigned server, round, attempt;
    unsigned clients[BENCH_CLIENTS], nclients;
};

struct bench_run *bench_add_run(struct bench_result *r)
{
    if (r->nruns == r->room) {
        size_t room = r->room == 0 ? 256 : 2 * r->room;
        struct bench_run *more = realloc(r->runs, room * sizeof *more);
        if (more == NULL)
            abort(); /* some megabytes: nothing could be reported either */
        r->runs = more;
        r->room = room;
    }
    struct bench_run *run = &r->runs[r->nruns++];
    memset(run, 0, sizeof *run);
    return run;
}

/* ---- runs on a server that serves ---- */

static int start_run(struct block *b, const struct bench_step *step, unsigned client, const struct bench_target *target,
                     struct bench_process *p, struct diag *diag)
{
    struct bench_run *run = bench_add_run(b->r);
    run->step = step;
    run->server = b->server;
    run->client = client;
    run->round = b->round;
    run->attempt = b->attempt;
    run->warmup = b->warmup;
    run->tool = b->tool;
    run->start = b->r->nstarts;
    char what[2 * BENCH_NAME_BYTES];
    snprintf(what, sizeof what, "%s on %s", b->r->clients[client].name, b->r->servers[b->server].name);
    bench_progress_step(b->progress, what);
    if (bench_run_start(p, b->r, run, target, diag) == 0)
        return 0;
    b->r->nruns--;
    return -1;
}

static bool has_run(const struct bench_result *r, size_t nruns, unsigned client)
{
    for (size_t i = 0; i < nruns; i++)
        if (r->runs[i].client == client)
            return true;
    return false;
}

/* Judge the n newest runs. A client that is not installed has no runs, nor has an interrupted one. */
static void judge_runs(struct block *b, struct bench_process *p, unsigned n)
{
    size_t first = b->r->nruns - n, kept = first;
    const bool counts = b->tool != COUNTING_NONE;
    for (unsigned i = 0; i < n; i++) {
        struct bench_run *run = &b->r->runs[first + i];
        struct bench_client *client = &b->r->clients[run->client];
        if (!bench_interrupted())
            bench_run_judge(run, &p[i], client, &b->r->posts[b->server][run->step - b->r->steps]);
        if (has_run(b->r, kept, run->client))
            client->missing[0] = '\0'; /* what was there before, and fails now, is broken */
        if (!bench_interrupted() && client->missing[0] == '\0' && counts)
            bench_counting_take(b->r, run, p[i].pid);
        else if (!bench_interrupted() && client->missing[0] == '\0')
            b->r->runs[kept++] = *run;
        bench_process_fini(&p[i]);
    }
    b->r->nruns = kept;
    bench_live_judged(b->r->live);
}

/* n clients beside each other. */
static int run_together(struct block *b, const struct bench_step *step, const unsigned *clients, unsigned n,
                        const struct bench_target *target, struct diag *diag)
{
    struct bench_process p[BENCH_AT_ONCE];
    unsigned started = 0;
    while (started < n && start_run(b, step, clients[started], target, &p[started], diag) == 0)
        started++;
    bench_process_wait(p, started, b->tool == COUNTING_NONE ? &b->r->own : NULL);
    judge_runs(b, p, started);
    return started == n ? 0 : -1;
}

/* Under a tool it had its time-out already, COUNTING_SLOWER times that of others: no further run of as many PVs is waited for. */
static bool has_hung(const struct block *b, const struct bench_step *step, unsigned client)
{
    for (size_t i = 0; i < b->r->ncounting; i++) {
        const struct bench_counting *c = &b->r->counting[i];
        if (c->tool == b->tool && c->run.client == client && c->run.outcome == BENCH_TIMEOUT && c->run.step->pvs <= step->pvs)
            return true;
    }
    return false;
}

/* Installed, and not measured yet. */
static bool is_due(const struct block *b, const struct bench_step *step, unsigned client)
{
    const struct bench_run run = {
        .step = step, .server = b->server, .client = client, .round = b->round, .warmup = b->warmup, .tool = b->tool};
    return (b->warmup || b->tool != COUNTING_NONE || step->rounds > b->round) && b->r->clients[client].missing[0] == '\0' &&
           !has_hung(b, step, client) && !bench_journal_has(b->r, &run);
}

static bool is_any_due(const struct block *b)
{
    for (size_t s = 0; s < b->nsteps; s++)
        for (unsigned c = 0; c < b->nclients; c++)
            if (is_due(b, &b->steps[s], b->clients[c]))
                return true;
    return false;
}

static int run_steps(struct block *b, const struct bench_target *target, struct diag *diag)
{
    for (size_t s = 0; s < b->nsteps; s++) {
        const struct bench_step *step = &b->steps[s];
        unsigned at_a_time = step->at_once ? b->nclients : 1;
        for (unsigned c = 0; c < b->nclients && !bench_interrupted(); c += at_a_time)
            if (is_due(b, step, b->clients[c]) && run_together(b, step, b->clients + c, at_a_time, target, diag) < 0)
                return -1;
    }
    return 0;
}

/* ---- a server for them ---- */

/* Rule: 99% of the frames leave the server within a period of their due time, 99% of other replies within 10 ms. A later server
 * makes any client look bad. */
static void make_budget(const struct bench_step *step, char *budget, size_t room)
{
    const uint64_t most_ns = step->kind == BENCH_MONITOR ? CLOCK_NS / step->hertz : REPLY_BUDGET_NS;
    snprintf(budget, room, "p99=%" PRIu64 "ns", most_ns);
}

static int serve(struct block *b, struct bench_server_report *report, struct diag *diag)
{
    struct bench_target target;
    const struct bench_options *o = &b->r->options;
    const struct bench_image image = {o->pv, b->steps->size, b->steps->hertz};
    char budget[40];
    make_budget(b->steps, budget, sizeof budget);
    const struct bench_server_start start = {.image = b->steps->kind == BENCH_MONITOR ? &image : NULL,
                                             .folder = o->folder,
                                             .cores = o->server_cores,
                                             .realtime = o->realtime,
                                             .repeater_port = o->repeater_port,
                                             .budget = budget};
    if (bench_server_start(&b->r->servers[b->server], &start, &target, diag) < 0)
        return -1;
    b->r->nstarts++;
    struct bench_flow flow = {.pid = 0};
    if (b->r->servers[b->server].kind == BENCH_IOC && b->steps->kind == BENCH_MONITOR)
        bench_flow_start(&flow, o->folder, target.udp, o->server_cores);
    int failed = run_steps(b, &target, diag);
    bench_server_stop(&target, report);
    report->valid = report->valid || (b->tool != COUNTING_NONE && !report->died); /* how late it was changes no count */
    if (flow.pid != 0)
        report->events_known = bench_flow_stop(&flow, report);
    return failed;
}

/* A failure stays one whatever the server did, unless it died. */
static void attach_report(struct bench_run *run, const struct bench_server_report *report, bool last)
{
    run->report = *report;
    if (report->valid || (run->outcome != BENCH_GOOD && !report->died))
        return;
    run->outcome = BENCH_INVALID;
    run->repeated = !last;
    if (report->died)
        snprintf(run->why, sizeof run->why, "the server died");
    else
        snprintf(run->why, sizeof run->why, "the server: %s", report->why);
}

static int run_block(struct block *b, struct diag *diag)
{
    if (!is_any_due(b))
        return 0;
    for (b->attempt = 0; b->attempt <= BENCH_RETRIES && !bench_interrupted(); b->attempt++) {
        struct bench_server_report report = {.valid = true};
        size_t first = b->r->nruns, counting = b->r->ncounting;
        if (serve(b, &report, diag) < 0)
            return bench_interrupted() ? 0 : -1; /* a server that was interrupted before it served is no failure */
        for (size_t i = first; i < b->r->nruns; i++)
            attach_report(&b->r->runs[i], &report, b->attempt == BENCH_RETRIES);
        if (b->r->nruns == first + 1)
            b->r->runs[first].alone = true;
        bench_counting_attach(b->r, counting, &report);
        if (report.died && b->attempt < BENCH_RETRIES)
            b->r->ncounting = counting; /* they are counted again */
        bench_journal_add(b->r, first, counting);
        if (report.valid)
            break;
    }
    return 0;
}

/* ---- groups ---- */

/* Drawn by the seed, and another for each group of steps. */
static unsigned long order_seed(const struct block *b, unsigned long which)
{
    return b->r->options.seed ^ (b->steps->group + 1ul) << 8 ^ which;
}

/* The order of this block's clients: each comes once, and in so many blocks as there are clients once in each place. */
static void order_clients(struct block *b)
{
    b->nclients = 0;
    for (unsigned client = 0; client < b->r->nclients; client++)
        if (b->r->clients[client].missing[0] == '\0')
            b->clients[b->nclients++] = client;
    infer_block(b->clients, b->nclients, b->round, order_seed(b, b->server + 1ul));
}

/* A monitor has a server of its own, whose report is then this run's, unless all clients run at once. */
static int run_round(struct block *b, struct diag *diag)
{
    order_clients(b);
    if (b->steps->kind == BENCH_CONNECT || b->steps->at_once)
        return b->nclients > 0 ? run_block(b, diag) : 0;
    struct block one = *b;
    one.nclients = 1;
    for (unsigned c = 0; c < b->nclients; c++) {
        one.clients[0] = b->clients[c];
        if (run_block(&one, diag) < 0)
            return -1;
    }
    return 0;
}

static bool can_serve(const struct bench_server *server, const struct bench_step *step)
{
    return step->kind == BENCH_CONNECT ? server->connects : server->monitors;
}

static void name_group(const struct bench_step *steps, size_t n, char *name, size_t room)
{
    if (n == 1)
        bench_name_step(steps, name, room);
    else
        snprintf(name, room, "connect %u to %u PVs%s", steps->pvs, steps[n - 1].pvs, steps->one_by_one ? " one by one" : "");
}

/* A warm-up's rounds come before those of its step, and are none of them. Those under a tool come last. */
static unsigned count_rounds(const struct block *b)
{
    if (b->tool != COUNTING_NONE)
        return b->r->options.counting[b->tool];
    return b->warmup ? b->r->options.warmup : b->steps->rounds;
}

static unsigned count_runs(const struct block *b)
{
    const bool samples = !b->warmup && b->tool == COUNTING_NONE;
    unsigned runs = 0;
    for (unsigned s = 0; s < b->r->nservers; s++)
        for (size_t i = 0; i < b->nsteps; i++)
            runs += can_serve(&b->r->servers[s], &b->steps[i]) ? (samples ? b->steps[i].rounds : count_rounds(b)) * b->r->nclients
                                                               : 0;
    return runs;
}

/* All servers once, in an order of their own. */
static int run_servers(struct block *b, struct diag *diag)
{
    unsigned servers[BENCH_SERVERS];
    for (unsigned s = 0; s < b->r->nservers; s++)
        servers[s] = s;
    infer_block(servers, b->r->nservers, b->round, order_seed(b, 0));
    for (unsigned s = 0; s < b->r->nservers && !bench_interrupted(); s++) {
        b->server = servers[s];
        if (can_serve(&b->r->servers[b->server], b->steps) && run_round(b, diag) < 0)
            return -1;
    }
    return 0;
}

static bool wants_more(const struct block *b)
{
    if (b->round < count_rounds(b))
        return true;
    return !b->warmup && b->tool == COUNTING_NONE && bench_want_more(b->r, b->steps, b->nsteps, b->round);
}

/* b: what is done, and at which steps. */
static int run_group(struct block b, struct diag *diag)
{
    struct bench_progress progress = {.live = b.r->live};
    const bool samples = !b.warmup && b.tool == COUNTING_NONE;
    char name[80];
    int failed = 0;
    b.progress = &progress;
    name_group(b.steps, b.nsteps, name, sizeof name);
    bench_progress_begin(&progress, name, samples ? (unsigned)b.nsteps : 0, count_runs(&b));
    for (; wants_more(&b) && failed == 0 && !bench_interrupted(); b.round++)
        failed = run_servers(&b, diag);
    bench_progress_end(&progress);
    return failed;
}

static int warm_up(struct bench_result *r, struct diag *diag)
{
    for (size_t i = 0; i < r->nsteps && r->options.warmup > 0; i++)
        if (r->steps[i].kind == BENCH_CONNECT)
            return run_group((struct block){.r = r, .steps = &r->steps[i], .nsteps = 1, .warmup = true}, diag);
    return 0;
}

/* Each connect step under each tool that was asked for. A monitor takes as long as it is told to: slower by a tool it would only
 * get less. */
static int count(struct bench_result *r, struct diag *diag)
{
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        for (size_t i = 0; i < r->nsteps && r->options.counting[tool] > 0 && !bench_interrupted(); i++) {
            const struct block b = {.r = r, .steps = &r->steps[i], .nsteps = 1, .tool = (enum counting_tool)tool};
            if (r->steps[i].kind == BENCH_CONNECT && run_group(b, diag) < 0)
                return -1;
        }
    return 0;
}

int bench_procedure(struct bench_result *r, struct diag *diag)
{
    if (warm_up(r, diag) < 0)
        return -1;
    for (size_t i = 0, n; i < r->nsteps && !bench_interrupted(); i += n) {
        for (n = 1; i + n < r->nsteps && r->steps[i + n].group == r->steps[i].group; n++)
            ;
        if (run_group((struct block){.r = r, .steps = &r->steps[i], .nsteps = n}, diag) < 0)
            return -1;
    }
    if (count(r, diag) < 0)
        return -1;
    r->interrupted = bench_interrupted();
    return 0;
}
