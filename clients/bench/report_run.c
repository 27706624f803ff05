/* A run as JSON, for the result file and for runs.jsonl. */
#include "clients/bench/report.h"

#include <math.h>

json_t *report_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *report_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *samples(const struct bench_samples *s)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < s->n; i++)
        json_array_append_new(array, report_number(s->at[i]));
    return array;
}

static json_t *lateness_json(const struct bench_lateness *l)
{
    json_t *json = json_pack("{s:o, s:o, s:o, s:o}", "count", report_count(l->count), "p50_ns", report_count(l->p50_ns), "p99_ns",
                             report_count(l->p99_ns), "max_ns", report_count(l->max_ns));
    if (l->count == 0)
        return json;
    json_t *bounds = json_array(), *upto = json_array();
    for (unsigned i = 0; i < BENCH_LATENESS_BOUNDS; i++) {
        json_array_append_new(bounds, report_count(bench_lateness_bound(i)));
        json_array_append_new(upto, report_count(l->upto[i]));
    }
    json_object_set_new(json, "bounds_ns", bounds);
    json_object_set_new(json, "upto", upto);
    return json;
}

static json_t *server_report_json(const struct bench_server_report *s)
{
    if (!s->known)
        return json_pack("{s:b, s:o}", "died", s->died, "udp_drops", report_count(s->udp_drops));
    json_t *lateness = json_pack("{s:o, s:o, s:o, s:o}", "self", lateness_json(&s->self), "order", lateness_json(&s->order),
                                 "peer", lateness_json(&s->peer), "contention", lateness_json(&s->contention));
    json_t *machine =
        json_pack("{s:o, s:o, s:o, s:o}", "steal_ns", report_count(s->steal_ns), "run_queue_ns", report_count(s->run_queue_ns),
                  "preempted", report_count(s->preempted), "mhz", report_count(s->mhz));
    return json_pack("{s:b, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "valid", s->valid, "why", s->why,
                     "died", s->died, "udp_drops", report_count(s->udp_drops), "posts", report_count(s->posts), "sent",
                     report_count(s->sent), "merged", report_count(s->merged), "events_off", report_count(s->events_off),
                     "events_off_ns", report_count(s->events_off_ns), "searches", report_count(s->searches), "repeated_searches",
                     report_count(s->repeated_searches), "lateness", lateness, "machine", machine);
}

static json_t *connect_json(const struct bench_run *run)
{
    return json_pack("{s:i, s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "pvs", run->step->pvs, "order",
                     run->step->one_by_one ? "sequential" : "together", "get_pvs", bench_get_pvs(run->step), "rehearse_s",
                     report_number(run->rehearse), "connect_s", report_number(run->connect), "get_1_s", report_number(run->get1),
                     "get_2_s", report_number(run->get2), "put_s", report_number(run->put));
}

static json_t *frames_json(const struct bench_frames *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "delivered", report_count(f->delivered), "lost",
                     report_count(f->lost), "merged", report_count(f->merged), "doubled", report_count(f->doubled), "misordered",
                     report_count(f->misordered), "unknown", report_count(f->unknown), "wrong_sums", report_count(f->wrong_sums));
}

static json_t *monitor_json(const struct bench_run *run)
{
    const struct bench_step *s = run->step;
    return json_pack("{s:i, s:i, s:i, s:i, s:s?, s:b, s:o, s:o, s:o, s:o}", "width", s->size.width, "height", s->size.height,
                     "hertz", s->hertz, "seconds", s->seconds, "max_array_bytes", s->max_bytes ? BENCH_MAX_BYTES : NULL,
                     "at_once", s->at_once, "frames", frames_json(&run->frames), "cpu_percent", samples(&run->cpu), "rss_bytes",
                     samples(&run->rss), "rss_peak_bytes", report_number(run->rss_peak));
}

json_t *report_run(const struct bench_result *r, const struct bench_run *run)
{
    char step[80];
    if (run->kept != NULL)
        return json_incref(run->kept);
    bench_name_step(run->step, step, sizeof step);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:s, s:s, s:b, s:b, s:i, s:o, s:o, s:o}", "step", step, "client",
                  r->clients[run->client].name, "server", r->servers[run->server].name, "round", run->round, "attempt",
                  run->attempt, "server_start", run->start, "warmup", run->warmup, "outcome", bench_outcome_names[run->outcome],
                  "why", run->why, "died_at_exit", run->died_at_exit, "repeated", run->repeated, "exit_code", run->exit_code,
                  "udp_drops", run->udp_known ? report_count(run->udp_drops) : json_null(), "setup_s", report_number(run->setup),
                  "cpu_s", report_number(run->cpu_s));
    bool connect = run->step->kind == BENCH_CONNECT;
    json_object_set_new(json, connect ? "connect" : "monitor", connect ? connect_json(run) : monitor_json(run));
    json_object_set_new(json, "server_report", server_report_json(&run->report));
    if (run->alone && run->report.known) {
        json_object_set_new(json, "observed", observe_write(&run->report.seen));
        json_object_set_new(json, "counts", observe_counts(&run->report.seen));
    }
    json_object_set_new(json, "process", bench_counts_write(&run->counts));
    json_t *stages = bench_stages_write(&run->stages);
    if (stages != NULL)
        json_object_set_new(json, "stages", stages);
    return json;
}
