#include "base/child.h"

#include "base/isolation.h"
#include "base/whole.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void apply_env(char *const *env)
{
    for (; env != NULL && *env != NULL; env++)
        if (strchr(*env, '=') != NULL)
            putenv(*env);
        else
            unsetenv(*env);
}

static void apply_limits(const struct child_spec *spec)
{
    if (spec->cores != NULL) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (size_t i = 0; i < 64; i++)
            if (*spec->cores >> i & 1)
                CPU_SET(i, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    if (spec->realtime)
        sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = ISOLATION_PRIORITY});
    if (spec->nofile != 0) {
        struct rlimit limit = {spec->nofile, spec->nofile};
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void apply_descriptors(const struct child_spec *spec)
{
    const int from[3] = {spec->in, spec->out, spec->err};
    for (int i = 0; i < 3; i++)
        if (from[i] >= 0)
            dup2(from[i], i);
}

/* In the child: the parent has closed its end, or written to it. */
static void await(int gate)
{
    char byte;
    while (read(gate, &byte, 1) < 0 && errno == EINTR)
        ;
}

/* In the child: never returns. What exec says goes to the parent through `report`, which closes by itself on success. */
static void become(const struct child_spec *spec, pid_t parent, int report, int gate)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    if (spec->own_group)
        setpgid(0, 0);
    apply_descriptors(spec);
    apply_limits(spec);
    apply_env(spec->env);
    if (spec->on_born != NULL)
        await(gate);
    execvp(spec->argv[0], spec->argv);
    int sys = errno;
    if (write(report, &sys, sizeof sys) < 0)
        _exit(126);
    _exit(127);
}

pid_t child_spawn(const struct child_spec *spec, struct diag *diag)
{
    int pipe_ends[2], gate[2];
    if (pipe2(pipe_ends, O_CLOEXEC) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot start %s: pipe", spec->argv[0]);
    if (pipe2(gate, O_CLOEXEC) < 0) {
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot start %s: pipe", spec->argv[0]);
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        close(gate[1]);
        become(spec, parent, pipe_ends[1], gate[0]);
    }
    if (pid > 0 && spec->on_born != NULL)
        spec->on_born(pid, spec->arg);
    close(gate[0]);
    close(gate[1]);
    close(pipe_ends[1]);
    int sys = 0;
    ssize_t got = pid < 0 ? 0 : read(pipe_ends[0], &sys, sizeof sys);
    close(pipe_ends[0]);
    if (pid < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot start %s: fork", spec->argv[0]);
    if (got == (ssize_t)sizeof sys) {
        waitpid(pid, NULL, 0);
        errno = sys;
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot start %s", spec->argv[0]);
    }
    return pid;
}

bool child_realtime_granted(void)
{
    struct sched_param before;
    int policy = sched_getscheduler(0);
    if (policy < 0 || sched_getparam(0, &before) < 0)
        return false;
    if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = ISOLATION_PRIORITY}) < 0)
        return false;
    sched_setscheduler(0, policy, &before);
    return true;
}

int child_run(const char *const *argv, int in, struct diag *diag)
{
    int status;
    pid_t pid = child_spawn(&(struct child_spec){.argv = (char *const *)(uintptr_t)argv, .in = in, .out = -1, .err = -1}, diag);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return diag_errno(diag, DIAG_ENVIRONMENT, "cannot wait for %s", argv[0]);
    return child_exit_code(status);
}

int child_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool is_there(const char *dir, const char *middle, const char *name, char *path, size_t room)
{
    int n = snprintf(path, room, "%s%s%s", dir, middle, name);
    return n > 0 && (size_t)n < room && access(path, R_OK) == 0;
}

int child_libexec(const char *name, char *path, size_t room, struct diag *diag)
{
    const char *named = getenv("CAPLAY_LIBEXEC");
    if (named != NULL) {
        if (is_there(named, "/", name, path, room))
            return 0;
        return diag_fail(diag, DIAG_ENVIRONMENT, "no %s in %s: CAPLAY_LIBEXEC must name its folder, or be unset", name, named);
    }
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot read /proc/self/exe");
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    if (is_there(self, "/libexec/", name, path, room) || is_there(self, "/../libexec/caplay/", name, path, room))
        return 0;
    return diag_fail(diag, DIAG_ENVIRONMENT, "no %s in %s/libexec: run `make`, or set CAPLAY_LIBEXEC to its folder", name, self);
}

uint16_t child_epics_port(const char *name, uint16_t otherwise)
{
    const char *text = getenv(name);
    long port = text != NULL ? strtol(text, NULL, 10) : 0;
    return port > 5000 && port <= 65535 ? (uint16_t)port : otherwise;
}

void child_client_env(const struct child_ports *ports, struct child_env *env)
{
    memset(env, 0, sizeof *env);
    const char *max_array = getenv("EPICS_CA_MAX_ARRAY_BYTES");
    unsigned n = 0;
    snprintf(env->line[n++], sizeof env->line[0], "EPICS_CA_ADDR_LIST=%s:%u", ports->address, ports->port);
    snprintf(env->line[n++], sizeof env->line[0], "EPICS_CA_AUTO_ADDR_LIST=NO");
    snprintf(env->line[n++], sizeof env->line[0], "EPICS_CA_NAME_SERVERS="); /* else it finds real PVs of these names, and puts */
    snprintf(env->line[n++], sizeof env->line[0], "EPICS_CA_SERVER_PORT=%u", ports->port);
    snprintf(env->line[n++], sizeof env->line[0], "EPICS_CA_REPEATER_PORT=%u",
             ports->repeater != 0 ? ports->repeater : child_epics_port("EPICS_CA_REPEATER_PORT", 5065));
    if (max_array != NULL && *max_array != '\0')
        snprintf(env->line[n++], sizeof env->line[0], "EPICS_CA_MAX_ARRAY_BYTES=%.40s", max_array);
    for (unsigned i = 0; i < n; i++)
        env->entries[i] = env->line[i];
}

int child_env_file(const char *path, const struct child_env *env, struct diag *diag)
{
    struct whole file;
    if (whole_open(&file, path, diag) < 0)
        return -1;
    for (char *const *line = env->entries; *line != NULL; line++)
        fprintf(file.file, "export %s\n", *line);
    return whole_close(&file, diag);
}

/* errno is of the failure. */
static bool can_bind(int type, struct in_addr address, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    int sys = errno;
    if (fd >= 0)
        close(fd);
    errno = sys;
    return good;
}

int child_pick_port(const char *address, uint16_t *port, struct diag *diag)
{
    struct in_addr at;
    if (inet_pton(AF_INET, address, &at) != 1)
        return diag_fail(diag, DIAG_USAGE, "'%s' is no IPv4 address (example: 127.0.0.1)", address);
    const unsigned first = 10000, span = 20000; /* below 32768, where Linux's ephemeral ports begin by default */
    unsigned start = (unsigned)getpid() * 7u % span;
    for (unsigned i = 0; i < span; i++) {
        uint16_t candidate = (uint16_t)(first + (start + i) % span);
        if (can_bind(SOCK_DGRAM, at, candidate) && can_bind(SOCK_STREAM, at, candidate)) {
            *port = candidate;
            return 0;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return diag_errno(diag, DIAG_ENVIRONMENT, "no free port at %s", address);
        if (errno == EADDRNOTAVAIL)
            return diag_errno(diag, DIAG_ENVIRONMENT, "cannot serve at %s, no address of this machine (`ip address` lists them)",
                              address);
    }
    return diag_fail(diag, DIAG_ENVIRONMENT, "no free port from %u to %u at %s", first, first + span - 1, address);
}
