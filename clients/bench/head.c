/* The head of the tables: what one must know to read them. */
#include "clients/bench/head.h"

#include "clients/bench/text.h"

#include <inttypes.h>
#include <string.h>

static void print_cores(uint64_t cores, char *into, size_t room)
{
    size_t n = 0;
    into[0] = '\0';
    for (unsigned i = 0; i < 64 && n < room; i++)
        if (cores >> i & 1)
            n += (size_t)snprintf(into + n, room - n, "%s%u", n > 0 ? "," : "", i);
}

static void print_pinning(const struct bench_options *o, FILE *out)
{
    char servers[200], clients[200];
    print_cores(o->server_cores, servers, sizeof servers);
    print_cores(o->client_cores, clients, sizeof clients);
    fprintf(out, "pinning    servers: core %s, %s; clients: core %s%s\n", servers, o->realtime ? "SCHED_FIFO" : "no SCHED_FIFO",
            clients, o->server_cores == o->client_cores ? " (one core only: they disturb each other)" : "");
    fprintf(out, "limits     nofile %u; one CA repeater of our own for all (port %u, %" PRIu64 " UDP drops)\n", BENCH_NOFILE,
            o->repeater_port, o->repeater_drops);
}

static void print_clients(const struct bench_result *r, FILE *out)
{
    fprintf(out, "clients   ");
    for (unsigned i = 0; i < r->nclients; i++) {
        const struct bench_client *c = &r->clients[i];
        if (c->missing[0] != '\0')
            fprintf(out, "%s %s (not installed: %s)", i > 0 ? "," : "", c->name, c->missing);
        else
            fprintf(out, "%s %s %s", i > 0 ? "," : "", c->name, c->version);
    }
    fputc('\n', out);
}

static const char *kind_of(const struct bench_step *step)
{
    return step->kind == BENCH_MONITOR ? "monitor" : step->one_by_one ? "PVs one by one" : "PVs";
}

/* "PVs: 1 x 10, 10 x 3; monitor: 120 Hz 10 s x 1" */
static void print_steps(const struct bench_result *r, FILE *out)
{
    const char *before = "";
    fprintf(out, "runs       of each client on each server; ");
    for (size_t i = 0; i < r->nsteps; i++) {
        const struct bench_step *s = &r->steps[i];
        if (strcmp(kind_of(s), before) != 0)
            fprintf(out, "%s%s: ", i > 0 ? "; " : "", kind_of(s));
        else
            fprintf(out, ", ");
        before = kind_of(s);
        if (s->kind == BENCH_CONNECT)
            fprintf(out, "%u x %u", s->pvs, s->rounds);
        else
            fprintf(out, "%u Hz %u s x %u", s->hertz, s->seconds, s->rounds);
    }
    fputc('\n', out);
}

struct lateness {
    unsigned reports, invalid, repeated;
    uint64_t p99_ns, max_ns;          /* the worst of the reports */
    uint64_t udp_drops, run_queue_ns; /* their sums */
    uint64_t steal_ns;
};

/* Runs of one server start follow each other, and bear one report: each start counts once. */
static struct lateness lateness_of(const struct bench_result *r, unsigned server)
{
    struct lateness l = {.reports = 0};
    const struct bench_run *before = NULL;
    for (size_t i = 0; i < r->nruns; i++) {
        const struct bench_run *run = &r->runs[i];
        bool same = before != NULL && run->start == before->start;
        before = run;
        if (run->server != server)
            continue;
        l.invalid += run->outcome == BENCH_INVALID;
        l.repeated += run->repeated;
        if (same)
            continue;
        l.udp_drops += run->report.udp_drops;
        l.reports += run->report.known;
        l.run_queue_ns += run->report.run_queue_ns;
        l.steal_ns += run->report.steal_ns;
        l.p99_ns = run->report.self.p99_ns > l.p99_ns ? run->report.self.p99_ns : l.p99_ns;
        l.max_ns = run->report.self.max_ns > l.max_ns ? run->report.self.max_ns : l.max_ns;
    }
    return l;
}

static void print_server(const struct bench_result *r, unsigned server, FILE *out)
{
    char p99[TEXT_NUMBER], most[TEXT_NUMBER], waited[TEXT_NUMBER], stolen[TEXT_NUMBER];
    struct lateness l = lateness_of(r, server);
    fprintf(out, "server     %s: ", r->servers[server].name);
    if (l.reports > 0)
        fprintf(out, "own lateness p99 %s, most %s (worst of %u starts; it waited %s for its core, %s were stolen); ",
                text_seconds((double)l.p99_ns / 1e9, p99), text_seconds((double)l.max_ns / 1e9, most), l.reports,
                text_seconds((double)l.run_queue_ns / 1e9, waited), text_seconds((double)l.steal_ns / 1e9, stolen));
    else
        fprintf(out, "tells no lateness; ");
    fprintf(out, "%" PRIu64 " UDP drops; %u runs invalid, %u of them repeated\n", l.udp_drops, l.invalid, l.repeated);
}

/* Only while clients ran: what is computed afterwards disturbs nobody. */
static void print_own(const struct bench_result *r, FILE *out)
{
    const double cpu_s = (double)r->own.cpu_ns / 1e9, wall_s = (double)r->own.wall_ns / 1e9;
    char cpu[TEXT_NUMBER], wall[TEXT_NUMBER];
    if (r->own.wall_ns > 0)
        fprintf(out, "own cost   %.2f%% of a core while clients ran (%s of %s)%s\n", 100 * cpu_s / wall_s,
                text_seconds(cpu_s, cpu), text_seconds(wall_s, wall),
                r->options.unseen ? "; their processes were not looked at" : "");
}

void bench_print_head(const struct bench_result *r, FILE *out)
{
    const struct bench_machine *m = &r->machine;
    fprintf(out, "caplay %s bench%s\n\n", CAPLAY_VERSION, r->interrupted ? " (interrupted: not all runs were made)" : "");
    fprintf(out, "machine    %s, %s, %u cores, %s, %s, %s; load average %s before\n", m->host, m->processor, m->cores, m->memory,
            m->system, m->kernel, m->load);
    print_pinning(&r->options, out);
    fprintf(out, "profile    %s: %s\n", r->options.profile->name, r->options.profile->about);
    print_steps(r, out);
    fprintf(out,
            "method     every run a fresh process; import and set-up left out; clients and servers alternate in rounds;\n"
            "           CPU by the process's clock each second, %u s after the first frame; frames by serial, stamp and sum\n",
            BENCH_WARMUP_S);
    print_own(r, out);
    print_clients(r, out);
    for (unsigned s = 0; s < r->nservers; s++)
        print_server(r, s, out);
    fputc('\n', out);
}
