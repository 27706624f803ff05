#include "sim/sim.h"

#include "sim/http.h"
#include "sim/lockstep.h"
#include "sim/server.h"

#include "base/child.h"
#include "base/whole.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define CHANGES_A_PASS 1000u
#define HOLD_MOST_NS   CLOCK_NS /* what may come at once waits so long for a client that takes nothing */

const char *const sim_spin_choices[] = {"auto", "never", "always", NULL};

void sim_config_init(struct sim_config *config)
{
    const char *interface = environment_text("EPICS_CAS_INTF_ADDR_LIST");
    const uint16_t port = child_epics_port("EPICS_CAS_SERVER_PORT", child_epics_port("EPICS_CA_SERVER_PORT", WIRE_PORT));
    *config = (struct sim_config){.name = "caplay", .interface = interface != NULL ? interface : "127.0.0.1", .port = port};
    config->isolation.cpu = ISOLATION_NO_CPU;
}

struct clock_pair sim_config_clock(const struct sim_config *config)
{
    struct clock_pair now = clock_pair();
    if (config->lockstep != NULL)
        now = (struct clock_pair){.monotonic_ns = SIM_LOCKSTEP_NS, .realtime_ns = SIM_LOCKSTEP_ORIGIN_NS};
    if (config->clock_origin_ns != 0)
        now.realtime_ns = config->clock_origin_ns;
    return now;
}

/* A message with the largest array that EPICS_CA_MAX_ARRAY_BYTES allows. */
static uint64_t array_limit(void)
{
    const char *most = environment_text("EPICS_CA_MAX_ARRAY_BYTES");
    uint64_t limit = (most != NULL ? strtoull(most, NULL, 10) : SIM_ARRAY_BYTES) + WIRE_EXTENDED_BYTES;
    return limit < SIM_ARRAY_BYTES ? SIM_ARRAY_BYTES : limit < SIM_MESSAGE_LIMIT ? limit : SIM_MESSAGE_LIMIT;
}

/* It limits messages only where AUTO_ARRAY_BYTES is NO (ca-protocol 1.1); a real server tells it as the limit all the same. */
void sim_set_limits(struct sim *sim)
{
    sim->told_limit = array_limit();
    sim->message_limit = environment_flag("EPICS_CA_AUTO_ARRAY_BYTES", true) ? SIM_MESSAGE_LIMIT : sim->told_limit;
}

/* ---- the loop's callbacks ---- */

/* What may come at once comes after a look at the sockets, when queues have room: as fast as the slowest client takes it, for
 * there it would be merged. Who makes no room for a second is not waited for. */
static uint64_t untimed_change_ns(struct server *s, uint64_t now_ns)
{
    if (s->sim.npressed == 0) {
        s->held_ns = 0;
        return (s->sim.pressed_ns > now_ns ? s->sim.pressed_ns : now_ns) + 1;
    }
    if (s->held_ns == 0)
        s->held_ns = now_ns;
    return s->held_ns + HOLD_MOST_NS;
}

/* What is overdue comes after a look at the sockets, too: a rate beyond the machine would else never let a signal through. */
static uint64_t next_change_ns(struct server *s, uint64_t now_ns)
{
    const uint64_t next_ns = sim_next_ns(&s->sim);
    if (next_ns > 0)
        return next_ns > now_ns ? next_ns : now_ns + 1;
    return untimed_change_ns(s, now_ns);
}

static bool serve(void *arg, uint64_t now_ns)
{
    struct server *s = arg;
    bool has_more = tcp_serve(s, now_ns);
    status_insist(s, now_ns);
    schedule_set(&s->loop.schedule, &s->changes, next_change_ns(s, now_ns));
    return has_more;
}

static bool use_idle_time(void *arg, uint64_t until_ns)
{
    struct server *s = arg;
    const struct sim_source *source = s->sim.source;
    if (source->calls->prepare != NULL && source->calls->prepare(source->self, until_ns))
        return true;
    status_idle(s, until_ns);
    return false;
}

/* Changes that are due together leave together, but none takes another's place in a queue only because we made both first. */
static void on_changes(void *owner, uint64_t now_ns)
{
    struct server *s = owner;
    if (s->held_ns != 0 && s->held_ns + HOLD_MOST_NS <= now_ns)
        sim_give_up(&s->sim);
    for (unsigned i = 0; i < CHANGES_A_PASS && next_change_ns(s, now_ns - 1) <= now_ns; i++) {
        sim_change(&s->sim, now_ns);
        if (s->sim.is_pressed)
            tcp_serve(s, now_ns);
        s->sim.is_pressed = false;
    }
    serve(s, now_ns);
}

/* ---- set-up ---- */

/* Before anything is allocated, and before it is asked where the process may run. */
static int isolate(struct server *s, const struct sim_config *config, struct diag *diag)
{
    if (isolation_check(&config->isolation, diag) < 0)
        return -1;
    isolation_apply(&s->isolation, &config->isolation);
    return 0;
}

/* Once all files are mapped: what comes from now on, of circuits, is to be there before it is needed. */
static void lock_memory(struct server *s, const struct sim_config *config)
{
    char text[ISOLATION_TEXT];
    isolation_lock_memory(&s->isolation, config->pageable.iov_base != NULL ? &config->pageable : NULL);
    isolation_show(&s->isolation, text);
    if (*text != '\0')
        fprintf(stderr, "caplay: isolation: %s\n", text);
}

/* Before anything is opened. */
static int check_http(const struct sim_config *config, struct diag *diag)
{
    struct sockaddr_in at;
    return config->http != NULL ? http_parse(config->http, &at, diag) : 0;
}

static int open_server(struct server *s, const struct sim_config *config, struct diag *diag)
{
    s->sim.reply_pace_ns = config->reply_pace_ns;
    if (sim_start_parse(&s->sim.start, config->start_when, diag) < 0 || budget_parse(&s->budget, config->late_budget, diag) < 0 ||
        (config->late_budget != NULL && latency_check_budget(&config->latency, diag) < 0) || check_http(config, diag) < 0 ||
        isolate(s, config, diag) < 0 || link_parse(&s->sim.link, config->link, diag) < 0 ||
        latency_open(&s->sim.latency, &config->latency, s->sim.source, diag) < 0 || loop_init(&s->loop, diag) < 0 ||
        server_bind(s, config, diag) < 0 || udp_listen(s, diag) < 0 || accept_listen(s, diag) < 0 || signals_open(s, diag) < 0)
        return -1;
    s->sim.tcp_port = s->tcp_port;
    sim_set_limits(&s->sim);
    s->sim.realtime_ns = clock_realtime_ns() - clock_monotonic_ns();
    s->sim.clock_origin_ns = config->clock_origin_ns;
    s->loop.after = serve;
    s->loop.idle = use_idle_time;
    s->loop.arg = s;
    s->loop.spins = config->spin == SIM_SPIN_ALWAYS || (config->spin == SIM_SPIN_AUTO && loop_may_spin());
    server_hear_faults(s);
    s->changes = (struct schedule_entry){.fire = on_changes, .owner = s};
    if (schedule_add(&s->loop.schedule, &s->changes) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the schedule");
    isolation_step_out(&s->isolation); /* the repeater's thread has no place on our core */
    int has_repeater = repeater_open(s, diag);
    isolation_step_in(&s->isolation);
    lock_memory(s, config);
    if (has_repeater < 0) /* before the first beacon */
        return -1;
    return beacons_open(s, clock_monotonic_ns(), diag);
}

static void close_server(struct server *s)
{
    live_close(s);
    signals_close(s);
    keys_close(s);
    tcp_end(s, clock_monotonic_ns());
    accept_close(s);
    udp_close(s);
    beacons_close(s);
    repeater_close(s);
    loop_fini(&s->loop);
    latency_close(&s->sim.latency);
}

static void client_environment(const struct server *s, struct child_env *env)
{
    char address[INET_ADDRSTRLEN];
    struct in_addr at = s->interface[0].address;
    if (at.s_addr == htonl(INADDR_ANY))
        at.s_addr = htonl(INADDR_LOOPBACK);
    inet_ntop(AF_INET, &at, address, sizeof address);
    child_client_env(&(struct child_ports){.address = address, .port = s->udp_port}, env);
}

static int announce(struct server *s, const struct sim_config *config, char **command, struct diag *diag)
{
    struct child_env env;
    client_environment(s, &env);
    if (config->env_file != NULL && child_env_file(config->env_file, &env, diag) < 0)
        return -1;
    printf("ready udp=%u tcp=%u\n", s->udp_port, s->tcp_port);
    fflush(stdout);
    return command != NULL ? server_spawn(s, command, env.entries, diag) : 0;
}

/* Report and tap are opened before anything is served: a path that cannot be written is no news for the end of a day. */
static int serve_until_the_end(struct server *s, const struct sim_config *config, char **command, struct whole *report,
                               struct diag *diag)
{
    if (config->report != NULL && whole_open(report, config->report, diag) < 0)
        return -1;
    if (server_tap_open(s, config, diag) < 0)
        return -1;
    if (s->sim.start.kind == SIM_START_READY)
        sim_begin(&s->sim, clock_monotonic_ns());
    s->sim.late.is_shared = command != NULL;
    if (live_open(s, config, clock_monotonic_ns(), diag) < 0 || status_open(s, config->status, clock_monotonic_ns(), diag) < 0 ||
        keys_open(s, command != NULL, diag) < 0 || announce(s, config, command, diag) < 0)
        return -1;
    contention_begin(&s->contention, s->child);
    machine_read(&s->machine);
    loop_run(&s->loop);
    status_close(s);
    if (!config->quiet)
        report_print(s);
    s->exit_code = verdict_exit_code(s);
    if (config->report == NULL)
        return s->exit_code;
    tcp_observe_open(s);
    report_write(s, config->name, report->file);
    return whole_close(report, diag) < 0 ? -1 : s->exit_code;
}

int sim_run(const struct sim_config *config, const struct sim_source *source, char **command, struct diag *diag)
{
    if (config->lockstep != NULL)
        return lockstep_run(config, source, command, diag);
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a server");
    s->beacons.fd = s->loop.timer_fd = -1;
    prctl(PR_SET_TIMERSLACK, 1);
    sim_init(&s->sim, source);
    struct whole report = {.file = NULL};
    int code = open_server(s, config, diag);
    if (code == 0)
        code = serve_until_the_end(s, config, command, &report, diag);
    whole_abandon(&report);
    close_server(s);
    if (code < 0)
        tap_abandon(s->tap);
    else if (s->tap != NULL && tap_finish(s->tap, diag) < 0)
        code = -1;
    free(s);
    return code;
}
