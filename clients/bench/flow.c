#include "clients/bench/flow.h"

#include "base/child.h"
#include "clients/bench/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS (5 * CLOCK_NS)

/* Its first line on stderr says that it captures, or why it cannot. */
static bool is_capturing(int err)
{
    char line[64] = "";
    size_t n = 0;
    const uint64_t until_ns = clock_monotonic_ns() + PATIENCE_NS;
    while (n + 1 < sizeof line && strchr(line, '\n') == NULL && bench_wait_readable(err, until_ns)) {
        ssize_t got = read(err, line + n, sizeof line - 1 - n);
        if (got <= 0)
            return false;
        n += (size_t)got;
        line[n] = '\0';
    }
    return strncmp(line, "capturing on", 12) == 0;
}

static void end(struct bench_flow *flow)
{
    kill(flow->pid, SIGINT);
    bench_reap(flow->pid, PATIENCE_NS);
    close(flow->err);
    flow->pid = 0;
}

void bench_flow_start(struct bench_flow *flow, const char *folder, uint16_t port, uint64_t cores)
{
    struct diag diag;
    char filter[40], *argv[] = {(char[]){"/proc/self/exe"},
                                (char[]){"capture"},
                                (char[]){"-i"},
                                (char[]){"lo"},
                                (char[]){"-w"},
                                flow->trace,
                                filter,
                                NULL};
    int err[2], nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    *flow = (struct bench_flow){.pid = 0};
    snprintf(flow->trace, sizeof flow->trace, "%s/flow.catrace", folder);
    snprintf(filter, sizeof filter, "tcp dst port %u", port);
    if (nothing >= 0 && pipe2(err, O_CLOEXEC) == 0) {
        const struct child_spec spec = {
            .argv = argv, .cores = &cores, .own_group = true, .in = nothing, .out = nothing, .err = err[1]};
        pid_t pid = child_spawn(&spec, &diag);
        close(err[1]);
        flow->pid = pid > 0 ? pid : 0;
        flow->err = err[0];
        if (pid < 0)
            close(err[0]);
        else if (!is_capturing(err[0]))
            end(flow);
    }
    close(nothing);
}

/* What never ended lasts as long as its circuit, as in a server's own report. */
static void add_up(const struct trace *trace, uint64_t *off_ns, struct bench_server_report *report)
{
    for (uint32_t i = 0; i < trace->nevents; i++) {
        const struct trace_event *e = &trace->events[i];
        if (e->circuit == TRACE_NONE)
            continue;
        uint64_t *since_ns = &off_ns[e->circuit];
        if (e->command == WIRE_EVENTS_OFF && *since_ns == CLOCK_NEVER) {
            *since_ns = e->t_ns;
            report->events_off++;
        } else if (e->command == WIRE_EVENTS_ON && *since_ns != CLOCK_NEVER) {
            report->events_off_ns += e->t_ns - *since_ns;
            *since_ns = CLOCK_NEVER;
        }
    }
    for (uint32_t i = 0; i < trace->ncircuits; i++)
        if (off_ns[i] != CLOCK_NEVER && trace->circuits[i].end_ns > off_ns[i])
            report->events_off_ns += trace->circuits[i].end_ns - off_ns[i];
}

bool bench_flow_count(const struct trace *trace, struct bench_server_report *report)
{
    uint64_t *off_ns = malloc(((size_t)trace->ncircuits + 1) * sizeof *off_ns);
    if (off_ns == NULL)
        return false;
    memset(off_ns, 0xff, trace->ncircuits * sizeof *off_ns); /* CLOCK_NEVER: not off */
    add_up(trace, off_ns, report);
    free(off_ns);
    return true;
}

bool bench_flow_stop(struct bench_flow *flow, struct bench_server_report *report)
{
    struct trace trace;
    struct diag diag;
    if (flow->pid == 0)
        return false;
    end(flow);
    if (trace_open(&trace, flow->trace, &diag) < 0)
        return false;
    bool counted = bench_flow_count(&trace, report);
    trace_close(&trace);
    unlink(flow->trace);
    return counted;
}
