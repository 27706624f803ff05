/* The report's files: bench.json holds every run with all its samples, tables.txt what was printed. */
#include "base/whole.h"
#include "clients/bench/cells.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* JSON knows no NAN: what was not measured is null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *samples(const struct bench_samples *s)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < s->n; i++)
        json_array_append_new(array, number(s->at[i]));
    return array;
}

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

static json_t *configuration_json(const struct bench_options *o)
{
    return json_pack("{s:s, s:s, s:s?, s:f, s:i, s:o, s:o, s:i, s:o}", "profile", o->profile->name, "about", o->profile->about,
                     "pv", o->pv, "timeout_s", (double)o->timeout_ns / 1e9, "nofile", BENCH_NOFILE, "server_cores",
                     cores_json(o->server_cores), "client_cores", cores_json(o->client_cores), "repeater_port", o->repeater_port,
                     "repeater_udp_drops", count(o->repeater_drops));
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

/* ---- runs ---- */

static json_t *lateness_json(const struct bench_lateness *l)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "count", count(l->count), "p50_ns", count(l->p50_ns), "p99_ns", count(l->p99_ns),
                     "max_ns", count(l->max_ns));
}

static json_t *server_report_json(const struct bench_server_report *s)
{
    if (!s->known)
        return json_pack("{s:b, s:o}", "died", s->died, "udp_drops", count(s->udp_drops));
    json_t *lateness = json_pack("{s:o, s:o, s:o, s:o}", "self", lateness_json(&s->self), "order", lateness_json(&s->order),
                                 "peer", lateness_json(&s->peer), "contention", lateness_json(&s->contention));
    json_t *machine = json_pack("{s:o, s:o, s:o, s:o}", "steal_ns", count(s->steal_ns), "run_queue_ns", count(s->run_queue_ns),
                                "preempted", count(s->preempted), "mhz", count(s->mhz));
    return json_pack("{s:b, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "valid", s->valid, "why", s->why,
                     "died", s->died, "udp_drops", count(s->udp_drops), "posts", count(s->posts), "sent", count(s->sent),
                     "merged", count(s->merged), "events_off", count(s->events_off), "events_off_ns", count(s->events_off_ns),
                     "searches", count(s->searches), "repeated_searches", count(s->repeated_searches), "lateness", lateness,
                     "machine", machine);
}

static json_t *connect_json(const struct bench_run *run)
{
    return json_pack("{s:i, s:s, s:i, s:o, s:o, s:o, s:o}", "pvs", run->step->pvs, "order",
                     run->step->one_by_one ? "sequential" : "together", "get_pvs", bench_get_pvs(run->step), "connect_s",
                     number(run->connect), "get_1_s", number(run->get1), "get_2_s", number(run->get2), "put_s", number(run->put));
}

static json_t *frames_json(const struct bench_frames *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "delivered", count(f->delivered), "lost", count(f->lost), "merged",
                     count(f->merged), "doubled", count(f->doubled), "misordered", count(f->misordered), "unknown",
                     count(f->unknown), "wrong_sums", count(f->wrong_sums));
}

static json_t *monitor_json(const struct bench_run *run)
{
    const struct bench_step *s = run->step;
    return json_pack("{s:i, s:i, s:i, s:i, s:s?, s:b, s:o, s:o, s:o, s:o}", "width", s->size.width, "height", s->size.height,
                     "hertz", s->hertz, "seconds", s->seconds, "max_array_bytes", s->max_bytes ? BENCH_MAX_BYTES : NULL,
                     "at_once", s->at_once, "frames", frames_json(&run->frames), "cpu_percent", samples(&run->cpu), "rss_bytes",
                     samples(&run->rss), "rss_peak_bytes", number(run->rss_peak));
}

static json_t *run_json(const struct bench_result *r, const struct bench_run *run)
{
    json_t *json = json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:b, s:b, s:i, s:o, s:o}", "client",
                             r->clients[run->client].name, "server", r->servers[run->server].name, "round", run->round, "attempt",
                             run->attempt, "server_start", run->start, "outcome", bench_outcome_names[run->outcome], "why",
                             run->why, "died_at_exit", run->died_at_exit, "repeated", run->repeated, "exit_code", run->exit_code,
                             "udp_drops", run->udp_known ? count(run->udp_drops) : json_null(), "setup_s", number(run->setup));
    bool connect = run->step->kind == BENCH_CONNECT;
    json_object_set_new(json, connect ? "connect" : "monitor", connect ? connect_json(run) : monitor_json(run));
    json_object_set_new(json, "server_report", server_report_json(&run->report));
    return json;
}

static json_t *runs_json(const struct bench_result *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->nruns; i++)
        json_array_append_new(array, run_json(r, &r->runs[i]));
    return array;
}

/* ---- verdicts ---- */

static void add_verdict(const struct bench_result *r, unsigned server, unsigned first, unsigned second, json_t *array)
{
    struct bench_cost a, b;
    struct bench_verdict v;
    double error;
    if (!bench_cost(r, server, first, &a, &error) || !bench_cost(r, server, second, &b, &error))
        return;
    bench_judge(&a, &b, &v);
    json_array_append_new(array,
                          json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:s, s:o}", "server", r->servers[server].name, "first",
                                    r->clients[first].name, "second", r->clients[second].name, "connect_difference_s_per_pv",
                                    number(v.connect), "get_difference_s_per_pv", number(v.get), "decided", v.decided, "faster",
                                    r->clients[v.faster == BENCH_FIRST ? first : second].name, "worth_pvs", number(v.worth_pvs)));
}

static json_t *verdicts_json(const struct bench_result *r)
{
    json_t *array = json_array();
    for (unsigned s = 0; s < r->nservers; s++)
        for (unsigned a = 0; a < r->nclients; a++)
            for (unsigned b = a + 1; b < r->nclients; b++)
                add_verdict(r, s, a, b, array);
    return array;
}

/* ---- files ---- */

static void write_json(const struct bench_result *r, FILE *out)
{
    json_t *json = json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "caplay", CAPLAY_VERSION, "interrupted", r->interrupted,
                             "machine", machine_json(&r->machine), "configuration", configuration_json(&r->options), "servers",
                             servers_json(r), "clients", clients_json(r), "verdicts", verdicts_json(r), "runs", runs_json(r));
    json_dumpf(json, out, JSON_INDENT(1));
    json_decref(json);
}

static int write_whole(const struct bench_result *r, const char *name, void (*write)(const struct bench_result *, FILE *),
                       struct diag *diag)
{
    char path[512];
    struct whole file;
    snprintf(path, sizeof path, "%.450s/%s", r->options.output, name);
    if (whole_open(&file, path, diag) < 0)
        return -1;
    write(r, file.file);
    return whole_close(&file, diag);
}

int bench_write_report(const struct bench_result *r, struct diag *diag)
{
    return write_whole(r, "bench.json", write_json, diag) < 0 || write_whole(r, "tables.txt", bench_print_tables, diag) < 0 ? -1
                                                                                                                            : 0;
}
