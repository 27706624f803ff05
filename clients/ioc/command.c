/* `caplay ioc`: runs caplay-ioc, a program of its own, with ports that are free; passes its `ready` line on, and may run a
 * command beside it. Knows nothing of EPICS Base but its environment variables. */
#include "clients/command.h"
#include "base/child.h"
#include "base/isolation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct settings {
    const char *macros, *access_security, *interface, *env_file;
    uint64_t port;
    struct isolation_wish isolation;
};

static const struct option options[] = {
    {"macros", 'm', OPTION_STRING, offsetof(struct settings, macros), "A=B,C=D", NULL, 0, 0, "macros for the files"},
    {"access-security", 0, OPTION_STRING, offsetof(struct settings, access_security), "FILE", NULL, 0, 0,
     "EPICS access security: the groups of the records' ASG fields (default: everybody may do everything)"},
    {"port", 0, OPTION_COUNT, offsetof(struct settings, port), "N", NULL, 0, 65535,
     "UDP and TCP port; 0 picks a free one (default 5064)"},
    {"interface", 0, OPTION_STRING, offsetof(struct settings, interface), "ADDRESS", NULL, 0, 0,
     "address to listen on (default 127.0.0.1); 0.0.0.0: all"},
    {"env-file", 0, OPTION_STRING, offsetof(struct settings, env_file), "FILE", NULL, 0, 0,
     "write the environment that a client needs, for a shell to source"},
    ISOLATION_OPTIONS(struct settings, isolation),
};

static const struct option_command command = {
    .name = "ioc",
    .synopsis = "FILE.db... [options] [-- COMMAND]",
    .about =
        "Runs a real EPICS Base IOC in the foreground, until SIGINT or SIGTERM, and prints `ready udp=P tcp=P` once it serves.\n"
        "With a COMMAND: runs it with the environment that a client needs, ends the IOC, and returns the command's exit code.\n"
        "Records with info(caplay:frames, \"120Hz\") (waveform) or info(caplay:count, \"10Hz\") (ai) move at that rate.\n"
        "What EPICS Base has to say goes to stderr. A .db that it cannot load: exit code 2; a port in use: 5.",
    .examples = "caplay ioc build/bench.db\n"
                "caplay ioc motors.db --macros P=TEST: --port 0 -- caget TEST:m1",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = OPTION_LIST_MAX - 4,
};

/* The processes, 0 where there is none, and what they tell us by. */
struct run {
    pid_t server, command;
    int server_status, command_status; /* of waitpid(), once the process is gone */
    bool stopping;                     /* the server was asked to end */
    int out;                           /* read end of the server's stdout */
    int signals;                       /* signalfd: SIGINT, SIGTERM, SIGCHLD */
};

#define STOP_PATIENCE_MS 20000

/* ---- before the start ---- */

static int check_files(const struct option_list *files, struct diag *diag)
{
    for (unsigned i = 0; i < files->count; i++) {
        struct stat status;
        if (stat(files->at[i], &status) != 0 || access(files->at[i], R_OK) != 0)
            return diag_errno(diag, DIAG_USAGE, "cannot read %s", files->at[i]);
        if (S_ISDIR(status.st_mode)) /* EPICS Base takes it for an empty file */
            return diag_fail(diag, DIAG_USAGE, "cannot read %s: it is a directory", files->at[i]);
    }
    return 0;
}

static int check_free(int type, const char *address, uint16_t port, struct diag *diag)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        return diag_fail(diag, DIAG_USAGE, "--interface: '%s' is no IPv4 address (example: 127.0.0.1)", address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    int on = 1;
    if (type == SOCK_STREAM) /* as rsrv: connections of an earlier server that linger are no hindrance */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int result = 0;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        result = diag_errno(diag, DIAG_ENVIRONMENT, "cannot use %s port %u at %s (--port 0 picks a free one)",
                            type == SOCK_STREAM ? "TCP" : "UDP", port, address);
    if (fd >= 0)
        close(fd);
    return result;
}

/* rsrv would take another TCP port without a word, and share the UDP port. */
static int choose_port(const struct settings *settings, uint16_t *port, struct diag *diag)
{
    if (settings->port == 0)
        return child_pick_port(settings->interface, port, diag);
    *port = (uint16_t)settings->port;
    if (*port <= 5000)
        return diag_fail(diag, DIAG_USAGE, "--port: EPICS Base refuses %u, it must be over 5000, or 0", *port);
    if (check_free(SOCK_DGRAM, settings->interface, *port, diag) < 0)
        return -1;
    return check_free(SOCK_STREAM, settings->interface, *port, diag);
}

/* ---- starting ---- */

/* The IOC inherits our core, and SCHED_FIFO where we were started with it; its command and we go elsewhere. Its memory it locks
 * itself, where it may run as SCHED_FIFO. We only wait, and a SCHED_FIFO parent on the core of a child that ends has been seen to
 * keep the kernel from ending it for minutes. */
static pid_t spawn_isolated(const struct isolation_wish *wish, struct child_spec *spec, struct diag *diag)
{
    struct isolation isolation;
    char text[ISOLATION_TEXT];
    isolation_apply(&isolation, wish);
    isolation_show(&isolation, text);
    if (*text != '\0')
        fprintf(stderr, "caplay: isolation: %s\n", text);
    spec->realtime = isolation_granted(&isolation, ISOLATION_FIFO);
    pid_t pid = child_spawn(spec, diag);
    isolation_undo(&isolation);
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){.sched_priority = 0});
    isolation_step_out(&isolation);
    return pid;
}

static int watch_signals(struct diag *diag)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd < 0 ? diag_errno(diag, DIAG_ENVIRONMENT, "signalfd") : fd;
}

static int spawn_server(struct run *run, const struct settings *settings, const struct option_list *files, uint16_t port,
                        struct diag *diag)
{
    char program[PATH_MAX], interface[64], cas_port[64], ca_port[64];
    if (child_libexec("caplay-ioc", program, sizeof program, diag) < 0)
        return -1;
    snprintf(interface, sizeof interface, "EPICS_CAS_INTF_ADDR_LIST=%s", settings->interface);
    snprintf(cas_port, sizeof cas_port, "EPICS_CAS_SERVER_PORT=%u", port);
    snprintf(ca_port, sizeof ca_port, "EPICS_CA_SERVER_PORT=%u", port);
    char *env[] = {interface, cas_port, ca_port, "EPICS_CAS_BEACON_ADDR_LIST=127.0.0.1", "EPICS_CAS_AUTO_BEACON_ADDR_LIST=NO",
                   NULL};
    const char *argv[OPTION_LIST_MAX + 6] = {program};
    unsigned n = 1;
    if (settings->macros != NULL) {
        argv[n++] = "--macros";
        argv[n++] = settings->macros;
    }
    if (settings->access_security != NULL) {
        argv[n++] = "--access-security";
        argv[n++] = settings->access_security;
    }
    for (unsigned i = 0; i < files->count; i++)
        argv[n++] = files->at[i];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "pipe");
    struct child_spec spec = {.argv = (char *const *)argv, .env = env, .in = -1, .out = ends[1], .err = -1};
    run->out = ends[0];
    run->server = spawn_isolated(&settings->isolation, &spec, diag);
    close(ends[1]);
    return run->server < 0 ? -1 : 0;
}

/* ---- while it runs ---- */

static void reap(struct run *run)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == run->server) {
            run->server = 0;
            run->server_status = status;
        } else if (pid == run->command) {
            run->command = 0;
            run->command_status = status;
        }
}

static void stop_server(struct run *run)
{
    if (run->server > 0 && !run->stopping)
        kill(run->server, SIGTERM);
    run->stopping = true;
}

static void take_signal(struct run *run)
{
    struct signalfd_siginfo info;
    if (read(run->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGCHLD) {
        reap(run);
    } else if (run->command > 0) {
        kill(run->command, (int)info.ssi_signo); /* the server is for the command until that ends */
    } else {
        stop_server(run);
    }
}

/* Wait until the server printed a whole line, which is its `ready`; 0, or -1 if it ended before, or was asked to. */
static int wait_ready(struct run *run, char *line, size_t room)
{
    size_t used = 0;
    while (used + 1 < room) {
        struct pollfd fds[] = {{.fd = run->out, .events = POLLIN}, {.fd = run->signals, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (fds[1].revents != 0)
            take_signal(run);
        if (fds[0].revents == 0)
            continue;
        ssize_t n = read(run->out, line + used, room - 1 - used);
        if (n <= 0)
            return -1;
        used += (size_t)n;
        line[used] = '\0';
        if (line[used - 1] == '\n')
            return 0;
    }
    return -1;
}

/* Wait for the end of one that was asked to end; kill it if it does not listen. */
static void wait_gone(struct run *run, const pid_t *pid)
{
    while (*pid > 0) {
        struct pollfd fd = {.fd = run->signals, .events = POLLIN};
        int n = poll(&fd, 1, STOP_PATIENCE_MS);
        if (n > 0)
            take_signal(run);
        else if (n == 0)
            kill(*pid, SIGKILL);
    }
}

static bool has_failed(const struct run *run)
{
    return run->server == 0 && child_exit_code(run->server_status) != DIAG_GOOD;
}

/* Until the command ends, or, without one, the server. A Ctrl-C at a terminal reaches both: then the server is gone first, which
 * is no failure. */
static void run_until_end(struct run *run, bool with_command)
{
    while (with_command ? run->command > 0 && !has_failed(run) : run->server > 0)
        take_signal(run);
    if (run->command > 0)
        kill(run->command, SIGTERM);
    wait_gone(run, &run->command);
    stop_server(run);
    wait_gone(run, &run->server);
}

/* The server is up: tell whoever waits, run the command, and wait. Exit code, or -1. */
static int serve(struct run *run, const char *ready, const struct child_env *env, const char *env_file, char **argv,
                 struct diag *diag)
{
    if (env_file != NULL && child_env_file(env_file, env, diag) < 0)
        return -1;
    fputs(ready, stdout);
    fflush(stdout);
    if (argv != NULL) {
        struct child_spec spec = {.argv = argv, .env = env->entries, .in = -1, .out = -1, .err = -1};
        run->command = child_spawn(&spec, diag);
        if (run->command < 0)
            return -1;
    }
    run_until_end(run, argv != NULL);
    if (has_failed(run))
        return diag_fail(diag, DIAG_ENVIRONMENT, "the IOC failed (exit code %d)", child_exit_code(run->server_status));
    return argv != NULL ? child_exit_code(run->command_status) : DIAG_GOOD;
}

/* It ended before it was ready. Where the exit code is one of ours, caplay-ioc has said why. EPICS Base 7.0.10 crashes on a file
 * that ends within a record. */
static int explain(const struct run *run, bool asked, struct diag *diag)
{
    int status = run->server_status, code = child_exit_code(status);
    if (asked || code == DIAG_USAGE || code == DIAG_ENVIRONMENT)
        return asked ? DIAG_GOOD : code;
    if (WIFSIGNALED(status))
        return diag_fail(diag, DIAG_USAGE,
                         "EPICS Base crashed (signal %d) while it loaded the files: does one end within a record?",
                         WTERMSIG(status));
    return diag_fail(diag, DIAG_ENVIRONMENT, "the IOC did not start (exit code %d)", code);
}

static int run_ioc(const struct settings *settings, const struct option_result *parsed, struct diag *diag)
{
    struct run run = {.out = -1, .signals = -1};
    uint16_t port;
    char ready[128];
    if (isolation_check(&settings->isolation, diag) < 0 || check_files(&parsed->operands, diag) < 0 ||
        choose_port(settings, &port, diag) < 0 || (run.signals = watch_signals(diag)) < 0 ||
        spawn_server(&run, settings, &parsed->operands, port, diag) < 0)
        return -1;
    const char *address = strcmp(settings->interface, "0.0.0.0") == 0 ? "127.0.0.1" : settings->interface;
    struct child_env env;
    child_client_env(&(struct child_ports){.address = address, .port = port}, &env);
    bool up = wait_ready(&run, ready, sizeof ready) == 0;
    int code = up ? serve(&run, ready, &env, settings->env_file, parsed->command, diag) : 0;
    bool asked = run.stopping;
    stop_server(&run);
    wait_gone(&run, &run.server);
    return up ? code : explain(&run, asked, diag);
}

int clients_ioc(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {.interface = "127.0.0.1", .port = 5064, .isolation.cpu = ISOLATION_NO_CPU};
    struct option_result parsed;
    if (options_parse(&command, argc, argv, &settings, &parsed, diag) < 0)
        return -1;
    return parsed.help ? DIAG_GOOD : run_ioc(&settings, &parsed, diag);
}
