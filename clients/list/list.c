/* `caplay clients`: which clients `caplay bench` knows, and which of them run on this machine. Each is started once, with a job
 * that sets its library up and connects to nothing. */
#include "base/child.h"
#include "clients/bench/bench.h"
#include "clients/command.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_NS (30 * CLOCK_NS)
#define AT_A_TIME  2 /* each keeps a core busy for up to a second */

struct settings {
    bool json;
};

static const struct option options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct settings, json), NULL, NULL, 0, 0, "print one JSON object instead of a table"},
};

static const struct option_command command = {
    .name = "clients",
    .synopsis = "[--json]",
    .about =
        "Lists the Channel Access clients that `caplay bench --client` takes, with the version of each library, and whether\n"
        "it runs on this machine: each is started once, sets its library up, and ends. None connects to anything.\n"
        "\n"
        "Without --client, bench measures those that are marked `standard`; with `--client all`, all that run here.\n"
        "docs/clients.md says what each needs, and how to add one.",
    .examples = "caplay clients\n"
                "caplay clients --json\n"
                "caplay bench --client aioca,cothread,libca --only connect\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .max_operands = 0,
};

/* ---- asking ---- */

/* Its environment names this machine only: nothing leaves it, should a library search by itself. */
static bool start(struct bench_process *p, struct bench_client *client, const char *job)
{
    struct child_env env;
    struct diag diag;
    child_client_env(&(struct child_ports){"127.0.0.1", 5064, 0}, &env);
    const char *argv[4] = {client->program};
    unsigned n = 1;
    if (client->adapter[0] != '\0')
        argv[n++] = client->adapter;
    argv[n] = job;
    const struct bench_process_spec spec = {
        .argv = (char *const *)(uintptr_t)argv, .env = env.entries, .cores = UINT64_MAX, .timeout_ns = TIMEOUT_NS};
    if (bench_process_start(p, &spec, &diag) == 0)
        return true;
    snprintf(client->missing, sizeof client->missing, "%.150s", diag.text);
    return false;
}

/* Its version, and why it does not run: what it answers, or what it said last. */
static void take_answer(struct bench_client *client, const struct bench_process *p)
{
    static const char prefix[] = "not installed: ";
    json_t *answer = p->answer != NULL ? json_loads(p->answer, 0, NULL) : NULL;
    const char *version = json_string_value(json_object_get(answer, "version"));
    const char *error = json_string_value(json_object_get(answer, "error"));
    snprintf(client->version, sizeof client->version, "%.39s", version != NULL ? version : "");
    if (answer == NULL)
        snprintf(client->missing, sizeof client->missing, "%s: %.120s", p->timed_out ? "no answer" : "it fails", p->said);
    else if (error != NULL)
        snprintf(client->missing, sizeof client->missing, "%.150s",
                 strncmp(error, prefix, strlen(prefix)) == 0 ? error + strlen(prefix) : error);
    json_decref(answer);
}

static void ask(struct bench_client *clients, unsigned n, const char *job)
{
    for (unsigned next = 0; next < n;) {
        struct bench_process p[AT_A_TIME];
        struct bench_client *asked[AT_A_TIME];
        unsigned running = 0;
        for (; next < n && running < AT_A_TIME; next++)
            if (clients[next].missing[0] == '\0' && start(&p[running], &clients[next], job))
                asked[running++] = &clients[next];
        bench_process_wait(p, running, NULL);
        for (unsigned i = 0; i < running; i++) {
            take_answer(asked[i], &p[i]);
            bench_process_fini(&p[i]);
        }
    }
}

static int write_job(char *path, struct diag *diag)
{
    static const char job[] = "{\"task\": \"setup\", \"names\": [], \"timeout_s\": 20}\n";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, job, sizeof job - 1) != sizeof job - 1)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", path);
    close(fd);
    return 0;
}

/* ---- what is printed ---- */

static void print_table(const struct bench_client *clients, unsigned n)
{
    printf("%-16s %-12s %-9s %s\n", "client", "version", "standard", "what it is");
    for (unsigned i = 0; i < n; i++) {
        const struct bench_client *c = &clients[i];
        printf("%-16s %-12s %-9s %s\n", c->name, c->missing[0] == '\0' ? c->version : "-", c->standard ? "yes" : "no", c->about);
        if (c->missing[0] != '\0')
            printf("%-16s not installed: %s\n", "", c->missing);
    }
}

static void print_json(const struct bench_client *clients, unsigned n)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++) {
        const struct bench_client *c = &clients[i];
        bool runs = c->missing[0] == '\0';
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:b, s:b, s:s?}", "client", c->name, "version",
                                              c->version[0] != '\0' ? c->version : NULL, "about", c->about, "standard",
                                              c->standard, "runs", runs, "not_installed", runs ? NULL : c->missing));
    }
    json_t *object = json_pack("{s:o}", "clients", list);
    json_dumpf(object, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(object);
}

int clients_list(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {.json = false};
    struct option_result parsed;
    struct bench_client clients[BENCH_CLIENTS];
    char job[] = "/tmp/caplay-setup-XXXXXX";
    if (options_parse(&command, argc, argv, &settings, &parsed, diag) < 0)
        return -1;
    if (parsed.help)
        return DIAG_GOOD;
    int n = bench_parse_clients("all", clients, diag);
    if (n < 0 || write_job(job, diag) < 0)
        return -1;
    ask(clients, (unsigned)n, job);
    unlink(job);
    (settings.json ? print_json : print_table)(clients, (unsigned)n);
    return DIAG_GOOD;
}
