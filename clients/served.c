#include "clients/served.h"

#include "base/child.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_PATIENCE_MS 60000
#define STOP_PATIENCE_MS  10000

static const char *const kinds[] = {"ioc", "sim", "replay"};

/* "ioc:FILE" -> the command's name and what follows the colon. */
static const char *split(const char *name, const char **what)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(name, kinds[i], n) == 0 && name[n] == ':') {
            *what = name + n + 1;
            return kinds[i];
        }
    }
    return NULL;
}

const char *served_database(const char *name)
{
    const char *what, *kind = split(name, &what);
    size_t n = kind != NULL ? strlen(what) : 0;
    return n > 3 && strcmp(what + n - 3, ".db") == 0 && strcmp(kind, "replay") != 0 ? what : NULL;
}

static int parse_host(const char *name, struct served *s, struct diag *diag)
{
    char host[256];
    const char *colon = strrchr(name, ':');
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (colon == NULL || colon == name || *end != '\0' || port == 0 || port > 65535 || (size_t)(colon - name) >= sizeof host)
        return diag_fail(diag, DIAG_USAGE,
                         "'%s' is no server: HOST:PORT, ioc:FILE.db, sim:FILE.db, sim:ten-thousand or replay:FILE expected",
                         name);
    memcpy(host, name, (size_t)(colon - name));
    host[colon - name] = '\0';
    struct addrinfo hints = {.ai_family = AF_INET}, *found;
    int failed = getaddrinfo(host, NULL, &hints, &found);
    if (failed != 0)
        return diag_fail(diag, DIAG_USAGE, "%s: %s", host, gai_strerror(failed));
    s->address = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
    s->udp_port = s->tcp_port = (uint16_t)port;
    freeaddrinfo(found);
    return 0;
}

/* ---- ours ---- */

/* The last line of what it wrote to stderr. */
static void last_words(int log, char *words, size_t room)
{
    char text[4096];
    off_t size = lseek(log, 0, SEEK_END);
    off_t from = size > (off_t)sizeof text - 1 ? size - (off_t)sizeof text + 1 : 0;
    ssize_t n = pread(log, text, sizeof text - 1, from);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n > 0 ? n : 0] = '\0';
    const char *line = strrchr(text, '\n');
    line = line != NULL ? line + 1 : text;
    snprintf(words, room, "%.280s", *line != '\0' ? line : "it said nothing");
}

static bool wait_ready(struct served *s)
{
    char line[256] = "";
    size_t n = 0;
    while (n + 1 < sizeof line && strchr(line, '\n') == NULL) {
        struct pollfd fd = {.fd = s->out, .events = POLLIN};
        int ready = poll(&fd, 1, READY_PATIENCE_MS);
        ssize_t got = ready > 0 ? read(s->out, line + n, sizeof line - 1 - n) : ready;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        n += (size_t)got;
        line[n] = '\0';
    }
    return sscanf(line, "ready udp=%hu tcp=%hu", &s->udp_port, &s->tcp_port) == 2;
}

/* Nobody signals: what a recording has after its time 0 stays out of a comparison, which knows no time. */
static int spawn(const char *kind, const char *what, int log, struct served *s, struct diag *diag)
{
    const bool is_replay = strcmp(kind, "replay") == 0;
    /* Dialogues are judged by what a recording holds, and may have been recorded with messages that are wrong on purpose. */
    const char *argv[] = {"/proc/self/exe", kind,     what, "--port", "0", is_replay ? "--allow-incomplete" : NULL,
                          "--start-when",   "signal", NULL};
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "pipe");
    struct child_spec spec = {.argv = (char *const *)argv, .in = -1, .out = out[1], .err = log};
    s->pid = child_spawn(&spec, diag);
    close(out[1]);
    s->out = out[0];
    if (s->pid > 0)
        return 0;
    close(out[0]);
    s->pid = 0;
    return -1;
}

static int start_ours(const char *kind, const char *what, struct served *s, struct diag *diag)
{
    if (strcmp(kind, "sim") != 0 && access(what, R_OK) != 0)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", what);
    s->address.s_addr = htonl(INADDR_LOOPBACK);
    s->log = memfd_create("server", MFD_CLOEXEC);
    if (s->log < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "memfd_create");
    if (spawn(kind, what, s->log, s, diag) == 0)
        return 0;
    close(s->log);
    return -1;
}

int served_start(const char *name, struct served *s, struct diag *diag)
{
    const char *what, *kind = split(name, &what);
    *s = (struct served){.name = name, .out = -1, .log = -1};
    return kind != NULL ? start_ours(kind, what, s, diag) : parse_host(name, s, diag);
}

int served_wait(struct served *s, struct diag *diag)
{
    char words[300];
    if (s->pid <= 0 || wait_ready(s))
        return 0;
    last_words(s->log, words, sizeof words);
    served_stop(s);
    return diag_fail(diag, DIAG_ENVIRONMENT, "%s does not serve: %s", s->name, words);
}

bool served_is_gone(const struct served *s)
{
    siginfo_t gone = {.si_pid = 0};
    return s->pid > 0 && waitid(P_PID, (id_t)s->pid, &gone, WEXITED | WNOHANG | WNOWAIT) == 0 && gone.si_pid != 0;
}

void served_ask_to_stop(const struct served *s)
{
    if (s->pid > 0)
        kill(s->pid, SIGTERM);
}

/* Its stdout closes with it: that is waited for, and then it is killed. */
void served_stop(struct served *s)
{
    char dropped[256];
    if (s->pid <= 0)
        return;
    served_ask_to_stop(s);
    struct pollfd fd = {.fd = s->out, .events = POLLIN};
    while (poll(&fd, 1, STOP_PATIENCE_MS) > 0 && read(s->out, dropped, sizeof dropped) > 0)
        ;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    close(s->out);
    close(s->log);
    s->pid = 0;
}
