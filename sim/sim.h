/* The fake CA server as a whole: sockets, loop, schedule, one source. `caplay sim` and `caplay replay` fill a config and run it.
 */
#ifndef CAPLAY_SIM_SIM_H
#define CAPLAY_SIM_SIM_H

#include "base/isolation.h"
#include "base/options.h"
#include "sim/http.h"
#include "sim/latency.h"
#include "sim/source.h"

enum sim_spin { SIM_SPIN_AUTO, SIM_SPIN_NEVER, SIM_SPIN_ALWAYS };

struct sim_config {
    const char *name;      /* of the server in reports: "caplay sim" */
    const char *interface; /* addresses to serve, blanks between; default EPICS_CAS_INTF_ADDR_LIST, or 127.0.0.1 */
    uint64_t port;   /* 0: any free pair outside the ephemeral range; default EPICS_CAS_SERVER_PORT, EPICS_CA_SERVER_PORT, 5064 */
    bool share_port; /* SO_REUSEPORT on UDP */
    const char *env_file;   /* written whole once the server is ready, or NULL */
    const char *report;     /* JSON about posts, merges and lateness, written at the end, or NULL */
    unsigned spin;          /* enum sim_spin */
    const char *start_when; /* when time 0 is: "ready", "search", "subscriptions=N" (default N = 1), "signal" (SIGUSR1) */
    bool quiet;             /* no summary on stderr */
    const char *lockstep;   /* a recording whose clients speak, without sockets and clock (lockstep.h), or NULL */
    const char *tap;        /* a recording of what it receives and sends, or NULL */
    struct isolation_wish isolation; /* --cpu, --realtime */
    struct latency_options models;   /* --latency, --seed, as given */
    const char *link;                /* --link: bandwidth and propagation; or NULL */
    struct latency_config latency;   /* the same, by latency_parse() */
    struct iovec pageable;           /* a mapped recording, which --realtime does not lock; or empty */
    const char *late_budget;         /* "p99=1ms,max=20ms": over it the run is invalid; or NULL */
    const char *http;                /* --http: where the live view is; or NULL */
    bool status;                     /* a line a second on stderr */
    uint64_t reply_pace_ns;          /* between the datagrams of search replies; 0: none */
    uint64_t clock_origin_ns;        /* what time stamps show at time 0, since 1970; 0: the clock */
};

/* The options that every server shares; put SIM_OPTIONS(struct my, config) into the command's table. */
/* clang-format off */
#define SIM_OPTIONS(type, member) \
    {"interface", .kind = OPTION_STRING, .offset = offsetof(type, member.interface), .metavar = "ADDRESS", \
     .help = "addresses to serve, blanks between (default $EPICS_CAS_INTF_ADDR_LIST or 127.0.0.1)"}, \
    {"port", .kind = OPTION_COUNT, .offset = offsetof(type, member.port), .metavar = "PORT", .max = 65535, \
     .help = "UDP and TCP port; 0 picks free ones (default $EPICS_CA_SERVER_PORT or 5064)"}, \
    {"share-port", .kind = OPTION_FLAG, .offset = offsetof(type, member.share_port), \
     .help = "share the UDP port with other servers (SO_REUSEPORT)"}, \
    {"env-file", .kind = OPTION_STRING, .offset = offsetof(type, member.env_file), .metavar = "FILE", \
     .help = "write the environment that a client needs, once ready"}, \
    {"report", .kind = OPTION_STRING, .offset = offsetof(type, member.report), .metavar = "FILE", \
     .help = "write counts and lateness as JSON at the end"}, \
    {"late-budget", .kind = OPTION_STRING, .offset = offsetof(type, member.late_budget), .metavar = "BUDGET", \
     .help = "p99=1ms,max=20ms (also p50, p90, p999): a run that is itself later is invalid, exit code 3"}, \
    {"status", .kind = OPTION_FLAG, .offset = offsetof(type, member.status), \
     .help = "a line a second on stderr: position, rate, PVs, circuits, lateness (SIGUSR1: all owners of it)"}, \
    HTTP_OPTION(type, member.http), \
    {"start-when", .kind = OPTION_STRING, .offset = offsetof(type, member.start_when), .metavar = "WHEN", \
     .help = "time 0: ready, search, subscriptions=N or signal (SIGUSR1) (default subscriptions=1)"}, \
    {"clock-origin", .kind = OPTION_TIME, .offset = offsetof(type, member.clock_origin_ns), .metavar = "TIME", \
     .help = "what time stamps show at time 0, so that runs are equal: 2026-01-01T12:00:00Z (default the clock)"}, \
    {"reply-pace", .kind = OPTION_DURATION, .offset = offsetof(type, member.reply_pace_ns), .metavar = "DURATION", \
     .help = "at least so long between datagrams of search replies, for clients with small buffers: 100us (default 0)"}, \
    {"spin", .kind = OPTION_CHOICE, .offset = offsetof(type, member.spin), .metavar = "MODE", .choices = sim_spin_choices, \
     .help = "auto, never or always: spin before a deadline (default auto: only where pinned to one core of several)"}, \
    {"lockstep", .kind = OPTION_STRING, .offset = offsetof(type, member.lockstep), .metavar = "FILE", \
     .help = "no sockets, no clock: a recording's clients at their times; what is said goes to --tap"}, \
    {"tap", .kind = OPTION_STRING, .offset = offsetof(type, member.tap), .metavar = "FILE", \
     .help = "record what the server receives and sends as a trace (no libpcap needed)"}, \
    ISOLATION_OPTIONS(type, member.isolation), \
    LATENCY_OPTIONS(type, member.models), \
    {"link", .kind = OPTION_STRING, .offset = offsetof(type, member.link), .metavar = "BANDWIDTH[,TIME]", \
     .help = "a network link that all circuits share, to the clients: 1Gb/s,50us of propagation (default none)"}
/* clang-format on */

extern const char *const sim_spin_choices[];

/* Defaults from the environment. */
void sim_config_init(struct sim_config *config);

/* What stamps that are made before time 0 take for now: CLOCK_REALTIME or --clock-origin, beside CLOCK_MONOTONIC; with --lockstep
 * both are fixed. */
struct clock_pair sim_config_clock(const struct sim_config *config);

/* --lockstep: the clocks' first instant, of one that begins anew in each run. */
#define SIM_LOCKSTEP_NS        CLOCK_NS
#define SIM_LOCKSTEP_ORIGIN_NS (UINT64_C(1767225600) * CLOCK_NS) /* 2026-01-01T00:00:00Z, unless --clock-origin is given */

/* Serve until SIGINT, SIGTERM, or the end of `command` (argv, or NULL), which is run with the environment that a client needs.
 * Prints "ready udp=P tcp=P" to stdout. Returns the exit code of the process: 3 where a budget is given
 * and the run is invalid, else the command's, or 0; or -1 with diag set. */
int sim_run(const struct sim_config *config, const struct sim_source *source, char **command, struct diag *diag);

#endif
