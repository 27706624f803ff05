/* One run's start: a job for a client, its environment, its process. */
#include "base/child.h"
#include "clients/bench/bench.h"

#include <jansson.h>
#include <string.h>

#define PUT_PV    BENCH_SCALARS "00004"
#define PUT_VALUE 4
#define TAIL_S    0.25 /* a monitor goes on so long after its last sample, which then holds no tear-down */

/* ---- the job ---- */

static json_t *connect_job(const struct bench_step *step, double timeout_s)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < step->pvs; i++)
        json_array_append_new(names, json_sprintf(BENCH_SCALARS "%05u", i));
    json_t *job = json_pack("{s:s, s:o, s:s, s:i, s:i, s:n, s:f}", "task", "connect", "names", names, "order",
                            step->one_by_one ? "sequential" : "together", "gets", 2, "get_names", bench_get_pvs(step), "put",
                            "timeout_s", timeout_s);
    if (step->pvs == 1)
        json_object_set_new(job, "put", json_pack("{s:s, s:i}", "name", PUT_PV, "value", PUT_VALUE));
    return job;
}

static json_t *monitor_job(const struct bench_step *step, const char *image, double timeout_s)
{
    return json_pack("{s:s, s:s, s:f, s:f, s:f}", "task", "monitor", "name", image, "seconds", step->seconds + TAIL_S, "warmup_s",
                     (double)BENCH_WARMUP_S, "timeout_s", timeout_s);
}

/* special: members that this client's jobs have besides, or NULL. */
static int write_job(const char *path, json_t *job, const char *special, struct diag *diag)
{
    json_t *members = special != NULL ? json_loads(special, 0, NULL) : NULL;
    int failed = (members != NULL && json_object_update(job, members) < 0) || json_dump_file(job, path, 0) < 0;
    json_decref(members);
    json_decref(job);
    return failed ? diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", path) : 0;
}

/* ---- the process ---- */

/* A client's environment is ours without what we set, and without what would make runs differ from one machine to the next. */
static const char *const cleared[] = {"EPICS_CA_NAME_SERVERS",      "EPICS_CA_CONN_TMO",         "EPICS_CA_BEACON_PERIOD",
                                      "EPICS_CA_MAX_SEARCH_PERIOD", "EPICS_CA_AUTO_ARRAY_BYTES", "EPICS_CA_MCAST_TTL"};
enum { NCLEARED = sizeof cleared / sizeof *cleared };

struct environment {
    struct child_env env;
    char max_bytes[64];
    char *entries[CHILD_ENV_LINES + NCLEARED + 3];
};

static char counting_entry[] = COUNTING_ENVIRONMENT;

static void make_environment(const struct bench_target *target, uint16_t repeater, const struct bench_run *run,
                             struct environment *e)
{
    const bool max_bytes = run->step->kind == BENCH_CONNECT || run->step->max_bytes;
    unsigned n = 0;
    child_client_env(&(struct child_ports){target->address, target->udp, repeater}, &e->env);
    for (char **entry = e->env.entries; *entry != NULL; entry++)
        e->entries[n++] = *entry;
    for (unsigned i = 0; i < NCLEARED; i++)
        e->entries[n++] = (char *)(uintptr_t)cleared[i]; /* unsetenv() changes none */
    snprintf(e->max_bytes, sizeof e->max_bytes, "EPICS_CA_MAX_ARRAY_BYTES%s", max_bytes ? "=" BENCH_MAX_BYTES : "");
    e->entries[n++] = e->max_bytes;
    if (run->tool != COUNTING_NONE)
        e->entries[n++] = counting_entry;
    e->entries[n] = NULL;
}

struct command_line {
    char shell[BENCH_NAME_BYTES + 40], job[BENCH_PATH_BYTES + 24], counted[COUNTING_PATH];
    struct counting_words tool; /* in front of it */
    const char *argv[COUNTING_WORDS + 6];
};

/* A shell runs it, and then becomes it: `exec "$@" COMMAND "$job"` with the tool's words as arguments, which need no quotes then.
 */
static unsigned add_custom(const struct bench_client *client, struct command_line *c, unsigned n)
{
    snprintf(c->shell, sizeof c->shell, "job=$1; shift; exec \"$@\" %s \"$job\"", client->name + strlen("cmd:"));
    const char *const words[] = {client->program, "-c", c->shell, "sh", c->job};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        c->argv[n++] = words[i];
    for (unsigned i = 0; i < c->tool.n; i++)
        c->argv[n++] = c->tool.at[i];
    return n;
}

static unsigned add_known(const struct bench_client *client, struct command_line *c, unsigned n)
{
    for (unsigned i = 0; i < c->tool.n; i++)
        c->argv[n++] = c->tool.at[i];
    c->argv[n++] = client->program;
    if (client->adapter[0] != '\0')
        c->argv[n++] = client->adapter;
    c->argv[n++] = c->job;
    return n;
}

static void make_command(const struct bench_client *client, enum counting_tool tool, struct command_line *c)
{
    counting_words(tool, c->counted, true, &c->tool);
    c->argv[client->custom ? add_custom(client, c, 0) : add_known(client, c, 0)] = NULL;
}

void bench_counted_path(const struct bench_options *options, unsigned client, char path[COUNTING_PATH])
{
    snprintf(path, COUNTING_PATH, "%s/counted-%u", options->folder, client);
}

static uint64_t life_ns(const struct bench_step *step, uint64_t timeout_ns)
{
    uint64_t wanted_s = step->kind == BENCH_MONITOR ? step->seconds + BENCH_WARMUP_S : 0;
    return wanted_s * CLOCK_NS + timeout_ns + timeout_ns / 2; /* a client has its time-out, and half of it to say so */
}

int bench_run_start(struct bench_process *p, const struct bench_result *r, const struct bench_run *run,
                    const struct bench_target *target, struct diag *diag)
{
    const struct bench_step *step = run->step;
    const uint64_t timeout_ns = r->options.timeout_ns * (run->tool != COUNTING_NONE ? COUNTING_SLOWER : 1);
    double timeout_s = (double)timeout_ns / (double)CLOCK_NS;
    struct command_line line;
    struct environment environment;
    snprintf(line.job, sizeof line.job, "%s/job-%u.json", r->options.folder, run->client);
    if (write_job(line.job,
                  step->kind == BENCH_CONNECT ? connect_job(step, timeout_s) : monitor_job(step, target->image, timeout_s),
                  r->clients[run->client].job, diag) < 0)
        return -1;
    bench_counted_path(&r->options, run->client, line.counted);
    make_command(&r->clients[run->client], run->tool, &line);
    make_environment(target, r->options.repeater_port, run, &environment);
    return bench_process_start(p,
                               &(struct bench_process_spec){
                                   .argv = (char *const *)(uintptr_t)line.argv, /* execvp() changes none */
                                   .env = environment.entries,
                                   .cores = r->options.client_cores,
                                   .timeout_ns = life_ns(step, timeout_ns),
                                   .warmup_ns = BENCH_WARMUP_S * CLOCK_NS,
                                   .samples = step->kind == BENCH_MONITOR ? step->seconds : 0,
                                   .unseen = r->options.unseen || run->tool != COUNTING_NONE,
                               },
                               diag);
}
