#include "sim/lockstep.h"

#include "sim/lockstep_parts.h"

#include <inttypes.h>
#include <signal.h>

#define CHANGES_A_PASS 1000u
#define AT_ONCE_NS     10000u /* between changes of a source that has no times */

/* ---- searches ---- */

static void settle_search(struct lockstep *l)
{
    schedule_set(&l->schedule, &l->late, search_deadline(&l->search));
}

static void search(struct lockstep *l, struct line *line)
{
    const struct trace_circuit *r = line->recorded;
    const struct search_peer peer = {.address = r->client_address, .port = r->client_port};
    const struct dialogue_endpoints ends = {r->client_address, r->server_address, r->client_port, r->server_port};
    recorder_datagram(l->recorder, &ends, &(struct recorder_piece){.t_ns = l->now_ns, .bytes = line->inbox, .n = line->end});
    search_datagram(&l->search, &peer, line->inbox, line->end, l->now_ns);
    search_flush(&l->search);
    line->begin = line->end;
    settle_search(l);
}

/* Answers leave for whoever asked; to which server they belong is as in the recording. */
static uint64_t send_answer(void *arg, const struct search_peer *to, const uint8_t *bytes, size_t n)
{
    struct lockstep *l = arg;
    const struct trace_circuit *any = l->asks->recorded;
    const struct dialogue_endpoints ends = {to->address, any->server_address, to->port, any->server_port};
    recorder_datagram(l->recorder, &ends,
                      &(struct recorder_piece){.from_server = true, .t_ns = l->now_ns, .bytes = bytes, .n = n});
    return l->now_ns;
}

/* ---- the clients ---- */

static uint64_t time_of(const struct lockstep *l, uint32_t event)
{
    return SIM_LOCKSTEP_NS + l->trace.events[event].t_ns;
}

static bool is_input(const struct lockstep *l, const struct trace_event *e)
{
    return e->circuit != TRACE_NONE && !(e->flags & TRACE_FROM_SERVER) && !(l->lines[e->circuit].recorded->flags & TRACE_MIDWAY);
}

/* What came together is taken together: one client's messages of one instant. */
static void take_input(struct lockstep *l)
{
    const struct trace_event *first = &l->trace.events[l->at], *e = first;
    struct line *line = &l->lines[first->circuit];
    for (; l->at < l->trace.nevents && is_input(l, e) && e->circuit == first->circuit && e->t_ns == first->t_ns; e++, l->at++)
        line_add(line, e);
    if (line->recorded->flags & TRACE_TCP) {
        line_turn(line);
        return;
    }
    l->asks = line;
    search(l, line);
}

/* To the next message of a client. */
static void skip_to_input(struct lockstep *l)
{
    for (; l->at < l->trace.nevents; l->at++) {
        const struct trace_event *e = &l->trace.events[l->at];
        if (is_input(l, e))
            return;
        if (e->circuit != TRACE_NONE && e->command == WIRE_CREATE_CHAN && e->flags & TRACE_FROM_SERVER)
            line_learn(&l->lines[e->circuit], e);
    }
}

/* ---- what the source says ---- */

static uint64_t next_change_ns(struct lockstep *l)
{
    const uint64_t next_ns = sim_next_ns(&l->sim);
    if (next_ns > 0)
        return next_ns > l->now_ns ? next_ns : l->now_ns;
    return (l->sim.pressed_ns > l->now_ns ? l->sim.pressed_ns : l->now_ns) + AT_ONCE_NS;
}

static void serve(struct lockstep *l)
{
    struct sim_circuit *c;
    while ((c = sim_next_dirty(&l->sim)) != NULL)
        line_turn(c->owner);
}

static void on_changes(void *owner, uint64_t now_ns)
{
    struct lockstep *l = owner;
    for (unsigned i = 0; i < CHANGES_A_PASS && next_change_ns(l) <= now_ns; i++) {
        sim_change(&l->sim, now_ns);
        if (l->sim.is_pressed)
            serve(l);
        l->sim.is_pressed = false;
    }
}

static void on_late(void *owner, uint64_t now_ns)
{
    struct lockstep *l = owner;
    search_due(&l->search, now_ns);
    settle_search(l);
}

/* ---- the run ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void hear_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Until the last client has left and is answered. */
static void run(struct lockstep *l)
{
    if (l->sim.start.kind == SIM_START_READY)
        sim_begin(&l->sim, l->now_ns);
    for (;;) {
        skip_to_input(l);
        schedule_set(&l->schedule, &l->changes, l->sim.ncircuits > 0 ? next_change_ns(l) : CLOCK_NEVER);
        const uint64_t input_ns = l->at < l->trace.nevents ? time_of(l, l->at) : CLOCK_NEVER;
        const uint64_t due_ns = schedule_earliest(&l->schedule), next_ns = due_ns <= input_ns ? due_ns : input_ns;
        if (next_ns == CLOCK_NEVER || interrupted || l->has_failed || recorder_failed(l->recorder))
            return;
        l->now_ns = next_ns > l->now_ns ? next_ns : l->now_ns;
        if (due_ns <= input_ns)
            schedule_fire(&l->schedule, l->now_ns);
        else
            take_input(l);
        serve(l);
    }
}

static int set_up(struct lockstep *l, const struct sim_config *config, const struct sim_source *source, struct diag *diag)
{
    sim_init(&l->sim, source);
    sim_set_limits(&l->sim);
    l->now_ns = SIM_LOCKSTEP_NS;
    l->sim.clock_origin_ns = sim_config_clock(config).realtime_ns;
    l->sim.realtime_ns = l->sim.clock_origin_ns - SIM_LOCKSTEP_NS;
    l->search = (struct search){.sim = &l->sim, .send = send_answer, .arg = l};
    l->changes = (struct schedule_entry){.fire = on_changes, .owner = l};
    l->late = (struct schedule_entry){.fire = on_late, .owner = l};
    l->lines = calloc((size_t)l->trace.ncircuits + 1, sizeof *l->lines);
    if (latency_open(&l->sim.latency, &config->latency, source, diag) < 0)
        return -1;
    bool is_good = l->lines != NULL && search_init(&l->search) == 0 && schedule_add(&l->schedule, &l->changes) == 0 &&
                   schedule_add(&l->schedule, &l->late) == 0;
    for (uint32_t i = 0; is_good && i < l->trace.ncircuits; i++)
        is_good = line_init(l, i) == 0;
    return is_good ? 0 : diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %" PRIu32 " circuits", l->trace.ncircuits);
}

static void tear_down(struct lockstep *l)
{
    for (uint32_t i = 0; l->lines != NULL && i < l->trace.ncircuits; i++)
        line_fini(&l->lines[i]);
    free(l->lines);
    latency_close(&l->sim.latency);
    search_fini(&l->search);
    schedule_fini(&l->schedule);
}

static int finish(struct lockstep *l, const struct sim_config *config, struct diag *diag)
{
    struct trace_counts counts;
    if (l->has_failed) {
        recorder_abandon(l->recorder);
        return diag_fail(diag, DIAG_ENVIRONMENT, "--lockstep: no memory");
    }
    if (recorder_finish(l->recorder, 0, &counts, diag) < 0)
        return -1;
    if (interrupted)
        fprintf(stderr, "caplay: lockstep: ended by a signal before its end\n");
    if (l->midway > 0)
        fprintf(stderr, "caplay: left out %" PRIu32 " circuits whose beginning was not recorded\n", l->midway);
    fprintf(stderr,
            "caplay: lockstep: %" PRIu32 " messages of %" PRIu32 " circuits and UDP sockets in %.6f s of their time, to %s\n",
            counts.events, counts.circuits, (double)(l->now_ns - SIM_LOCKSTEP_NS) / 1e9, config->tap);
    return DIAG_GOOD;
}

static int check(const struct sim_config *config, struct sim_start *start, char **command, struct diag *diag)
{
    if (config->tap == NULL)
        return diag_fail(diag, DIAG_USAGE, "--lockstep needs --tap FILE: what is said goes there");
    if (command != NULL || config->report != NULL || config->env_file != NULL || config->link != NULL || config->http != NULL)
        return diag_fail(diag, DIAG_USAGE,
                         "--lockstep opens no socket: it takes no COMMAND, --report, --env-file, --link or --http");
    if (sim_start_parse(start, config->start_when, diag) < 0)
        return -1;
    if (start->kind == SIM_START_SIGNAL)
        return diag_fail(diag, DIAG_USAGE, "--lockstep hears no signal: --start-when ready, search or subscriptions=N");
    return 0;
}

int lockstep_run(const struct sim_config *config, const struct sim_source *source, char **command, struct diag *diag)
{
    struct sim_start start;
    if (check(config, &start, command, diag) < 0)
        return -1;
    struct lockstep *l = calloc(1, sizeof *l);
    if (l == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "--lockstep: no memory");
    schedule_init(&l->schedule);
    int code = trace_open(&l->trace, config->lockstep, diag);
    if (code == 0 && (code = set_up(l, config, source, diag)) == 0) {
        l->sim.start = start;
        l->recorder = recorder_open(config->tap, "lockstep", l->sim.realtime_ns, diag);
        code = l->recorder != NULL ? 0 : -1;
    }
    if (code == 0) {
        hear_signals();
        run(l);
        code = finish(l, config, diag);
    }
    tear_down(l);
    trace_close(&l->trace);
    free(l);
    return code;
}
