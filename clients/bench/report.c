/* The report's files: bench.json holds every run with all its samples, tables.txt what was printed. */
#include "clients/bench/report.h"

#include "base/whole.h"
#include "clients/bench/counting_run.h"

#include <inttypes.h>
#include <unistd.h>

/* ---- what was measured with ---- */

static json_t *machine_json(const struct bench_machine *m)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "host", m->host, "processor", m->processor, "memory", m->memory,
                     "system", m->system, "kernel", m->kernel, "cores", m->cores, "load_before", m->load);
}

static json_t *cores_json(uint64_t cores)
{
    json_t *array = json_array();
    for (int i = 0; i < 64; i++)
        if (cores >> i & 1)
            json_array_append_new(array, json_integer(i));
    return array;
}

static json_t *steps_json(const struct bench_result *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->nsteps; i++)
        json_array_append_new(array, report_step(&r->steps[i]));
    return array;
}

static json_t *command_json(const struct bench_options *o)
{
    json_t *array = json_array();
    json_array_append_new(array, json_string("caplay"));
    for (char *const *arg = o->argv; *arg != NULL; arg++)
        json_array_append_new(array, json_string(*arg));
    return array;
}

/* "callgrind:6" for each tool */
static json_t *counting_json(const struct bench_options *o)
{
    json_t *array = json_array();
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        if (o->counting[tool] > 0)
            json_array_append_new(array, json_sprintf("%s:%u", counting_names[tool], o->counting[tool]));
    return array;
}

json_t *report_configuration(const struct bench_result *r)
{
    const struct bench_options *o = &r->options;
    return json_pack("{s:s, s:s, s:s?, s:s?, s:o, s:i, s:o, s:i, s:o, s:f, s:i, s:o, s:o, s:o, s:b}", "profile", o->profile->name,
                     "about", o->profile->about, "scenario", o->scenario, "pv", o->pv, "seed", report_count(o->seed),
                     "warmup_runs", o->warmup, "precision", o->precision > 0 ? json_real(o->precision) : json_null(), "max_runs",
                     o->max_runs, "time_limit_s", o->time_limit_ns > 0 ? json_real((double)o->time_limit_ns / 1e9) : json_null(),
                     "timeout_s", (double)o->timeout_ns / 1e9, "nofile", BENCH_NOFILE, "server_cores",
                     cores_json(o->server_cores), "client_cores", cores_json(o->client_cores), "count", counting_json(o), "looks",
                     !o->unseen);
}

static json_t *repeater_json(const struct bench_options *o)
{
    return json_pack("{s:i, s:o}", "port", o->repeater_port, "udp_drops", report_count(o->repeater_drops));
}

static json_t *clients_json(const struct bench_result *r)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < r->nclients; i++) {
        const struct bench_client *c = &r->clients[i];
        const char *missing = c->missing[0] != '\0' ? c->missing : NULL;
        json_array_append_new(array, json_pack("{s:s, s:s, s:s?, s:b}", "client", c->name, "version", c->version, "not_installed",
                                               missing, "asked_for", c->asked));
    }
    return array;
}

static json_t *servers_json(const struct bench_result *r)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < r->nservers; i++)
        json_array_append_new(array, json_string(r->servers[i].name));
    return array;
}

/* While clients ran that were measured; and from the begin until now, with what is computed of their answers. */
json_t *report_own(const struct bench_result *r)
{
    const uint64_t wall_ns = r->earlier.wall_ns + clock_monotonic_ns() - r->options.begun_ns;
    uint64_t cpu_ns = 0;
    clock_process_cpu_ns(getpid(), &cpu_ns);
    cpu_ns += r->earlier.cpu_ns;
    return json_pack("{s:f, s:f, s:f, s:f}", "cpu_s", (double)r->own.cpu_ns / 1e9, "wall_s", (double)r->own.wall_ns / 1e9,
                     "all_cpu_s", (double)cpu_ns / 1e9, "all_wall_s", (double)wall_ns / 1e9);
}

static json_t *all_counting_json(const struct bench_result *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->ncounting; i++)
        json_array_append_new(array, bench_counting_write(r, &r->counting[i]));
    return array;
}

static json_t *runs_json(const struct bench_result *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->nruns; i++)
        json_array_append_new(array, report_run(r, &r->runs[i]));
    return array;
}

/* ---- files ---- */

static void write_json(const struct bench_result *r, FILE *out)
{
    json_t *json =
        json_pack("{s:s, s:i, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "format",
                  BENCH_FORMAT, "version", BENCH_FORMAT_VERSION, "caplay", CAPLAY_VERSION, "begun", r->begun, "interrupted",
                  r->interrupted, "command", command_json(&r->options), "machine", machine_json(&r->machine), "configuration",
                  report_configuration(r), "repeater", repeater_json(&r->options), "steps", steps_json(r), "servers",
                  servers_json(r), "clients", clients_json(r), "cells", report_cells(r), "slopes", report_slopes(r), "verdicts",
                  report_verdicts(r), "runs", runs_json(r), "counting", all_counting_json(r), "orchestrator", report_own(r));
    json_dumpf(json, out, JSON_INDENT(1));
    json_decref(json);
}

static int write_whole(const struct bench_result *r, const char *path, void (*write)(const struct bench_result *, FILE *),
                       struct diag *diag)
{
    struct whole file;
    if (whole_open(&file, path, diag) < 0)
        return -1;
    write(r, file.file);
    return whole_close(&file, diag);
}

static int write_output(const struct bench_result *r, const char *name, void (*write)(const struct bench_result *, FILE *),
                        struct diag *diag)
{
    char path[512];
    snprintf(path, sizeof path, "%.450s/%s", r->options.output, name);
    return write_whole(r, path, write, diag);
}

int bench_write_report(const struct bench_result *r, struct diag *diag)
{
    struct diag later;
    int failed = write_output(r, "bench.json", write_json, diag);
    if (write_output(r, "tables.txt", bench_print_tables, failed ? &later : diag) < 0)
        failed = -1;
    if (r->options.save != NULL && write_whole(r, r->options.save, write_json, failed ? &later : diag) < 0)
        failed = -1;
    return failed;
}
