/* The fake server with its sockets: the core, the loop, UDP, TCP, beacons, a command that it runs. libevent's side of the room.
 */
#ifndef CAPLAY_SIM_SERVER_H
#define CAPLAY_SIM_SERVER_H

#include "base/machine.h"
#include "sim/addresses.h"
#include "sim/arrival.h"
#include "sim/beacon.h"
#include "sim/budget.h"
#include "sim/contention.h"
#include "sim/core.h"
#include "sim/loop.h"
#include "sim/notices.h"
#include "sim/search.h"
#include "sim/sim.h"
#include "sim/tap.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define SERVER_INTERFACES 16u
#define SERVER_SIGNALS    4

struct udp;
struct connection;
struct server_repeater;
struct server_live;

struct beacons {
    struct schedule_entry entry;
    struct beacon beacon;
    int fd;
    struct addresses to;
};

struct status { /* --status, and the snapshots of --http */
    struct schedule_entry tick;
    bool is_shown, is_terminal, is_line_open;
    uint64_t begun_ns, ticks;
    uint64_t due_ns;         /* since when there is something to tell; CLOCK_NEVER: there is nothing */
    uint64_t shown_ns, sent; /* with the last one */
};

/* An address that is served: a TCP socket, and a UDP socket or two, on the same ports everywhere. */
struct server_interface {
    struct server *server;
    struct in_addr address;
    int listen_fd; /* -1: none */
    struct event *acceptable;
    struct udp *udp;
};

struct server {
    struct sim sim;
    struct loop loop;
    struct isolation isolation;
    struct tap *tap; /* --tap; or NULL */
    struct server_interface interface[SERVER_INTERFACES];
    unsigned ninterfaces;
    struct addresses groups, ignored; /* multicast groups that are joined for searches; whose datagrams are dropped */
    uint16_t udp_port, tcp_port;

    /* server_accept.c */
    struct schedule_entry accept_again; /* no descriptor was left: accepting pauses until then */

    /* server_tcp.c */
    struct connection *unfinished, *dead;
    uint64_t turn_ns; /* when the turn of the circuit that works is over */

    struct notices notices;
    struct arrivals arrivals;
    struct budget budget;
    struct machine_times machine; /* before serving */
    struct contention contention;
    struct status status;

    struct beacons beacons;
    struct server_repeater *repeater;
    struct server_live *live; /* --http; or NULL */

    struct schedule_entry changes; /* the source's next change */
    uint64_t held_ns;              /* since when changes that may come at once wait for clients; 0: they do not */

    /* server_signals.c */
    struct event *signals[SERVER_SIGNALS];
    pid_t child; /* 0: none */
    int exit_code;
    bool is_ending;

    struct event *controls, *lines; /* server_keys.c */
};

/* server_bind.c: the sockets of all interfaces, on one port. -1: DIAG_ENVIRONMENT that names the port, DIAG_USAGE for an address
 * that is none. */
int server_bind(struct server *s, const struct sim_config *config, struct diag *diag);

/* server_accept.c */
int accept_open(struct server_interface *at, uint16_t port, struct diag *diag); /* 1: the port is taken; nothing is open */
int accept_listen(struct server *s, struct diag *diag);
void accept_close(struct server *s);
/* A descriptor is free again. */
void accept_go_on(struct server *s);

/* server_notice.c: few lines (notices.h). */
void server_notice(struct server *s, const char *text);
/* Does stderr take a line now? Whoever does not read it does not stop the server. */
bool server_can_print(void);
/* Tell of what clients do wrong from now on. */
void server_hear_faults(struct server *s);

/* server_stamp.c: ask for receive stamps, on UDP sockets and on a listening one, whose clients' sockets inherit it. Where the
 * kernel gives none, the time of the read stands for it. */
void stamp_enable(int fd);

#define STAMP_CONTROL_BYTES 256u /* a receive stamp, and what else may come beside a datagram */

union stamp_room {
    struct cmsghdr aligned;
    uint8_t bytes[STAMP_CONTROL_BYTES];
};

/* Before each recvmsg(): where the stamp may go. */
void stamp_expect(struct msghdr *message, union stamp_room *room);

/* When what was received by `now` reached this machine, CLOCK_MONOTONIC. */
uint64_t stamp_arrival(struct server *s, struct msghdr *message, const struct clock_pair *now);

/* server_tcp.c: a new client's socket becomes a circuit. False without memory: it is still the caller's. */
bool tcp_welcome(struct server *s, int fd);
/* Before the report: what the kernel counted for the circuits that are open. Once. */
void tcp_observe_open(struct server *s);
/* The end of all circuits. */
void tcp_end(struct server *s, uint64_t now_ns);
/* Let the circuits that have something new work and send; close those that are over. Returns whether some have more to do at
 * once. */
bool tcp_serve(struct server *s, uint64_t now_ns);

/* server_udp.c */
int udp_open(struct server_interface *at, uint16_t port, bool share, struct diag *diag); /* 1: taken; nothing is open */
int udp_listen(struct server *s, struct diag *diag);
void udp_close(struct server *s);
uint64_t udp_drops(const struct server *s);        /* datagrams that the kernel had no room for */
uint64_t udp_buffer_bytes(const struct server *s); /* that it granted for datagrams; its own overhead counts too */

/* server_repeater.c: be the CA repeater of this host, unless and until there is another. -1 with DIAG_ENVIRONMENT. */
int repeater_open(struct server *s, struct diag *diag);
void repeater_close(struct server *s);

/* server_beacon.c: start, now. -1 with DIAG_ENVIRONMENT. */
int beacons_open(struct server *s, uint64_t now_ns, struct diag *diag);
void beacons_close(struct server *s);

/* server_signals.c: SIGINT and SIGTERM end the server (or first its command), SIGUSR1 starts time 0 or prints the
 * report, SIGCHLD brings the exit
 * code. */
int signals_open(struct server *s, struct diag *diag);
void signals_close(struct server *s);
int server_spawn(struct server *s, char **command, char *const *env, struct diag *diag);

/* server_tap.c: into the tap, where there is one. A new circuit; what it received or sent, in pieces; a datagram from or to a
 * peer, in one piece. */
int server_tap_open(struct server *s, const struct sim_config *config, struct diag *diag);
void server_tap_circuit(struct server *s, int fd, const struct tap_circuit *circuit, uint64_t now_ns);
void server_tap_datagram(struct server *s, const struct sockaddr_in *peer, const struct tap_bytes *bytes);

/* server_live.c: --http, where it was asked for. -1 with DIAG_ENVIRONMENT. Publish what it shows: at most some 300 us of work. */
int live_open(struct server *s, const struct sim_config *config, uint64_t now_ns, struct diag *diag);
void live_close(struct server *s);
void live_publish(struct server *s, uint64_t now_ns);

/* status.c */
int status_open(struct server *s, bool is_shown, uint64_t now_ns, struct diag *diag);
void status_close(struct server *s);
/* Nothing is due until until_ns: show the line if its time has come, and tell what late messages were late by. */
void status_idle(struct server *s, uint64_t until_ns);
/* The same, in a server that is never idle. */
void status_insist(struct server *s, uint64_t now_ns);
/* Something is new: tell it soon, not with the next second. */
void status_want(struct server *s, uint64_t now_ns);

#define VERDICT_TEXT 200u

/* verdict.c: is this a valid measurement? Else `why` says what is wrong. */
bool verdict(const struct server *s, char why[VERDICT_TEXT]);
uint64_t server_lost_searches(const struct server *s);
/* Says on stderr what is invalid. Where a budget is given that makes the exit code 3, whatever the command's was. */
int verdict_exit_code(const struct server *s);
void report_print(const struct server *s); /* on stderr */

/* server_keys.c: what the user tells a source that can be paused. -1 with DIAG_ENVIRONMENT. */
int keys_open(struct server *s, bool has_command, struct diag *diag);
void keys_close(struct server *s);

/* report.c */
void report_write(const struct server *s, const char *name, FILE *out); /* JSON; `out` keeps its error */

#endif
