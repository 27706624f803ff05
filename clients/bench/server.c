#include "clients/bench/server.h"

#include "base/child.h"
#include "clients/bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_PATIENCE_NS (120 * CLOCK_NS)
#define STOP_PATIENCE_NS  (60 * CLOCK_NS)

/* ---- what --server names ---- */

static const struct {
    const char *name;
    bool connects, monitors;
} scenarios[] = {{"", true, true}, {"ten-thousand", true, false}, {"area-detector", false, true}};

static int parse_scenario(struct bench_server *s, struct diag *diag)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(s->what, scenarios[i].name) == 0) {
            s->connects = scenarios[i].connects;
            s->monitors = scenarios[i].monitors;
            return 0;
        }
    return diag_fail(
        diag, DIAG_USAGE,
        "--server %s: unknown scenario '%s': there are sim:ten-thousand (connects), sim:area-detector (monitors), and "
        "sim for both",
        s->name, s->what);
}

static int parse_file(struct bench_server *s, struct diag *diag)
{
    if (*s->what == '\0')
        return diag_fail(diag, DIAG_USAGE, "--server %s: a file must follow the colon", s->name);
    if (access(s->what, R_OK) == 0)
        return 0;
    return diag_errno(diag, DIAG_USAGE, "--server %s: cannot read '%s'", s->name, s->what);
}

static int parse_host(struct bench_server *s, struct diag *diag)
{
    const char *colon = strrchr(s->name, ':');
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (colon == NULL || colon == s->name || *end != '\0' || port == 0 || port > 65535 ||
        (size_t)(colon - s->name) >= sizeof s->host)
        return diag_fail(diag, DIAG_USAGE,
                         "--server: unknown server '%s': there are ioc:FILE.db, replay:FILE, sim, sim:ten-thousand, "
                         "sim:area-detector and HOST:PORT",
                         s->name);
    memcpy(s->host, s->name, (size_t)(colon - s->name));
    s->port = (uint16_t)port;
    return 0;
}

int bench_parse_server(const char *name, struct bench_server *server, struct diag *diag)
{
    *server = (struct bench_server){.name = name, .kind = BENCH_HOST, .what = name, .connects = true, .monitors = true};
    if (strncmp(name, "ioc:", 4) == 0) {
        server->kind = BENCH_IOC;
        server->what = name + 4;
        return parse_file(server, diag);
    }
    if (strncmp(name, "replay:", 7) == 0) {
        server->kind = BENCH_REPLAY;
        server->what = name + 7;
        return parse_file(server, diag);
    }
    if (strcmp(name, "sim") == 0 || strncmp(name, "sim:", 4) == 0) {
        server->kind = BENCH_SIM;
        server->what = name[3] == ':' ? name + 4 : "";
        return parse_scenario(server, diag);
    }
    return parse_host(server, diag);
}

/* ---- start ---- */

void bench_name_image(const struct bench_server *server, const struct bench_image *image, char *name, size_t room)
{
    bool sim = server->kind == BENCH_SIM; /* its one image is of any size and rate */
    snprintf(name, room, "%s%s", image->pv != NULL ? image->pv : "area-detector:image",
             image->pv != NULL || sim   ? ""
             : image->hertz == 10       ? "-10hz"
             : image->size.width == 680 ? "-680"
                                        : "");
}

struct command_line {
    char text[8][160];
    char *argv[16];
    unsigned ntexts, n;
};

static void add(struct command_line *line, const char *word)
{
    line->argv[line->n++] = (char *)(uintptr_t)word; /* execvp() changes none */
}

static __attribute__((format(printf, 2, 3))) void add_text(struct command_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(line->text[line->ntexts], sizeof line->text[0], format, args);
    va_end(args);
    add(line, line->text[line->ntexts++]);
}

static void add_sim(struct command_line *line, const struct bench_image *image, const char *name)
{
    add(line, "sim");
    add(line, image == NULL ? "ten-thousand" : "area-detector");
    if (image == NULL)
        return;
    add(line, "--pv");
    add(line, name);
    add(line, "--rate");
    add_text(line, "%uHz", image->hertz);
    add(line, "--size");
    add_text(line, "%" PRIu32 "x%" PRIu32, image->size.width, image->size.height);
}

static void make_command(const struct bench_server *server, const struct bench_server_start *start, const struct bench_target *t,
                         struct command_line *line)
{
    const struct bench_image *image = start->image;
    add(line, "/proc/self/exe");
    if (server->kind == BENCH_SIM)
        add_sim(line, image, t->image);
    else {
        add(line, server->kind == BENCH_IOC ? "ioc" : "replay");
        add(line, server->what);
    }
    if (server->kind == BENCH_REPLAY && image != NULL) {
        add(line, "--loop");
        add(line, "0");
    }
    add(line, "--port");
    add(line, "0");
    if (server->kind != BENCH_IOC) {
        add(line, "--report");
        add(line, t->report);
        add(line, "--late-budget");
        add(line, start->budget);
    }
}

/* The last line of a log, for an error message. */
static void last_words(const char *log, char *words, size_t room)
{
    snprintf(words, room, "it said nothing");
    FILE *f = fopen(log, "re");
    char line[300];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0')
            snprintf(words, room, "%s", line);
    }
    if (f != NULL)
        fclose(f);
}

static int wait_ready(int out, struct bench_target *t)
{
    char line[256] = "";
    size_t n = 0;
    unsigned udp, tcp;
    uint64_t until_ns = clock_monotonic_ns() + READY_PATIENCE_NS;
    while (n + 1 < sizeof line && bench_wait_readable(out, until_ns)) {
        ssize_t got = read(out, line + n, sizeof line - 1 - n);
        if (got <= 0)
            return -1;
        n += (size_t)got;
        line[n] = '\0';
        if (strchr(line, '\n') == NULL)
            continue;
        if (sscanf(line, "ready udp=%u tcp=%u", &udp, &tcp) != 2 || udp > 65535)
            return -1;
        t->udp = (uint16_t)udp;
        return 0;
    }
    return -1;
}

/* What of our environment would make a server refuse images or clients, or be another one than elsewhere. */
static const char *const cleared[] = {"EPICS_CA_AUTO_ARRAY_BYTES", "EPICS_CA_MAX_ARRAY_BYTES",  "EPICS_CA_BEACON_PERIOD",
                                      "EPICS_CAS_BEACON_PERIOD",   "EPICS_CAS_BEACON_PORT",     "EPICS_CAS_INTF_ADDR_LIST",
                                      "EPICS_CAS_SERVER_PORT",     "EPICS_CAS_IGNORE_ADDR_LIST"};
enum { NCLEARED = sizeof cleared / sizeof *cleared };

static int spawn(const struct bench_server_start *start, struct command_line *line, struct bench_target *t, struct diag *diag)
{
    char repeater[64], *env[NCLEARED + 2] = {[NCLEARED] = repeater};
    snprintf(repeater, sizeof repeater, "EPICS_CA_REPEATER_PORT=%u", start->repeater_port);
    for (unsigned i = 0; i < NCLEARED; i++)
        env[i] = (char *)(uintptr_t)cleared[i]; /* unsetenv() changes none */
    int out[2], log = open(t->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666),
                nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || nothing < 0 || pipe2(out, O_CLOEXEC) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", t->log);
    t->pid = child_spawn(&(struct child_spec){.argv = line->argv,
                                              .own_group = true,
                                              .env = env,
                                              .cores = &start->cores,
                                              .realtime = start->realtime,
                                              .nofile = BENCH_NOFILE,
                                              .in = nothing,
                                              .out = out[1],
                                              .err = log},
                         diag);
    close(out[1]);
    close(log);
    close(nothing);
    if (t->pid < 0)
        close(out[0]);
    return t->pid < 0 ? -1 : out[0];
}

int bench_server_start(const struct bench_server *server, const struct bench_server_start *start, struct bench_target *t,
                       struct diag *diag)
{
    struct command_line line = {.n = 0};
    *t = (struct bench_target){.udp = server->port};
    snprintf(t->address, sizeof t->address, "%s", server->kind == BENCH_HOST ? server->host : "127.0.0.1");
    snprintf(t->report, sizeof t->report, "%s/server.json", start->folder);
    snprintf(t->log, sizeof t->log, "%s/server.log", start->folder);
    if (start->image != NULL)
        bench_name_image(server, start->image, t->image, sizeof t->image);
    if (server->kind == BENCH_HOST)
        return 0;
    unlink(t->report);
    t->reports = server->kind != BENCH_IOC;
    make_command(server, start, t, &line);
    int out = spawn(start, &line, t, diag);
    if (out < 0)
        return -1;
    bool ready = wait_ready(out, t) == 0;
    close(out);
    if (ready)
        return 0;
    kill(t->pid, SIGTERM);
    int code = child_exit_code(bench_reap(t->pid, STOP_PATIENCE_NS));
    char words[300];
    last_words(t->log, words, sizeof words);
    return diag_fail(diag, DIAG_ENVIRONMENT, "%s does not serve (exit code %d): %s", server->name, code, words);
}

/* ---- stop ---- */

static uint64_t number(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

uint64_t bench_lateness_bound(unsigned i)
{
    static const uint64_t fifths[] = {100, 158, 251, 398, 631};
    uint64_t bound = fifths[i % 5];
    for (unsigned decade = i / 5; decade > 0; decade--)
        bound *= 10;
    return bound;
}

/* Its buckets bear the largest value that belongs into each. */
static void read_spread(json_t *buckets, uint64_t *upto)
{
    const char *top;
    json_t *count;
    json_object_foreach(buckets, top, count) for (unsigned i = 0; i < BENCH_LATENESS_BOUNDS;
                                                  i++) if (strtoull(top, NULL, 10) <= bench_lateness_bound(i)) upto[i] +=
        (uint64_t)json_integer_value(count);
}

static void read_lateness(const json_t *report, const char *owner, struct bench_lateness *l)
{
    const json_t *of = json_object_get(json_object_get(report, "lateness"), owner);
    *l = (struct bench_lateness){.count = number(of, "count"),
                                 .p50_ns = number(of, "p50_ns"),
                                 .p99_ns = number(of, "p99_ns"),
                                 .max_ns = number(of, "max_ns")};
    read_spread(json_object_get(of, "buckets"), l->upto);
}

static void read_machine(const json_t *machine, struct bench_server_report *r)
{
    r->steal_ns = number(machine, "steal_ns");
    r->run_queue_ns = number(machine, "run_queue_ns");
    r->preempted = number(machine, "preempted");
    r->mhz = number(machine, "mhz_after");
}

static void read_report(const struct bench_target *t, struct bench_server_report *r)
{
    json_t *json = json_load_file(t->report, 0, NULL);
    if (json == NULL)
        return;
    const json_t *image = json_object_get(json_object_get(json, "pvs"), t->image);
    r->known = true;
    r->valid = json_is_true(json_object_get(json, "valid"));
    r->posts = number(image, "posts");
    r->sent = number(image, "sent");
    r->merged = number(image, "merged");
    r->events_known = true;
    r->events_off = number(json, "events_off");
    r->events_off_ns = number(json, "events_off_ns");
    r->searches = number(json, "searches");
    r->repeated_searches = number(json, "repeated_searches");
    read_lateness(json, "self", &r->self);
    read_lateness(json, "order", &r->order);
    read_lateness(json, "peer", &r->peer);
    read_lateness(json, "contention", &r->contention);
    observe_read(&r->seen, json, 0);
    read_machine(json_object_get(json, "machine"), r);
    const char *why = json_string_value(json_object_get(json, "why"));
    snprintf(r->why, sizeof r->why, "%s", why != NULL ? why : "");
    json_decref(json);
}

/* Of the process and of those that it started (`caplay ioc` has caplay-ioc). */
static uint64_t read_server_drops(pid_t pid)
{
    struct bench_drops drops = {.n = 0};
    char path[64];
    int child;
    bench_read_drops(pid, &drops);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fscanf(f, "%d", &child) == 1)
        bench_read_drops(child, &drops);
    if (f != NULL)
        fclose(f);
    return bench_total_drops(&drops);
}

/* What ends badly once it was asked to has served its runs: only the report that it owes may be missing. A machine under heavy
 * load has kept a server from ending for longer than anybody waits. */
static void judge_end(const struct bench_target *t, int code, struct bench_server_report *r)
{
    if (r->died)
        r->valid = false;
    else if (t->reports && !r->known) {
        r->valid = false;
        snprintf(r->why, sizeof r->why, "it ended without its report, with exit code %d", code);
    }
}

void bench_server_stop(struct bench_target *t, struct bench_server_report *r)
{
    *r = (struct bench_server_report){.valid = true};
    if (t->pid == 0)
        return;
    siginfo_t gone = {.si_pid = 0};
    waitid(P_PID, (id_t)t->pid, &gone, WEXITED | WNOHANG | WNOWAIT);
    r->udp_drops = read_server_drops(t->pid);
    kill(t->pid, SIGTERM);
    const int code = child_exit_code(bench_reap(t->pid, STOP_PATIENCE_NS));
    r->died = gone.si_pid != 0;
    t->pid = 0;
    read_report(t, r);
    judge_end(t, code, r);
}
