#include "sim/server.h"

#include "base/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* Each bucket under the largest value that belongs into it: reports add up by these. */
static json_t *buckets(const struct histogram *h)
{
    json_t *object = json_object();
    char top[24];
    for (unsigned i = histogram_next(h, 0); i < HISTOGRAM_BUCKETS; i = histogram_next(h, i + 1)) {
        snprintf(top, sizeof top, "%" PRIu64, histogram_top(i));
        json_object_set_new(object, top, json_integer((json_int_t)h->bucket[i]));
    }
    return object;
}

static json_t *lateness(const struct histogram *h)
{
    static const struct {
        const char *name;
        double fraction;
    } quantiles[] = {{"p50_ns", 0.5}, {"p90_ns", 0.9}, {"p99_ns", 0.99}, {"p999_ns", 0.999}, {"max_ns", 1}};
    json_t *object = json_pack("{s:I}", "count", (json_int_t)h->count);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        json_object_set_new(object, quantiles[i].name, json_integer((json_int_t)histogram_quantile(h, quantiles[i].fraction)));
    json_object_set_new(object, "overflow", json_integer((json_int_t)h->overflow));
    json_object_set_new(object, "buckets", buckets(h));
    return object;
}

static json_t *all_lateness(const struct lateness *late)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < SIM_OWNERS; i++)
        json_object_set_new(object, lateness_owners[i], lateness(&late->of[i]));
    return object;
}

/* What the machine did to the serving thread meanwhile. */
static json_t *machine(const struct machine_times *before)
{
    struct machine_times now;
    machine_read(&now);
    return json_pack("{s:I, s:I, s:I, s:i, s:i, s:i}", "steal_ns", (json_int_t)(now.steal_ns - before->steal_ns), "run_queue_ns",
                     (json_int_t)(now.run_queue_ns - before->run_queue_ns), "preempted",
                     (json_int_t)(now.preempted - before->preempted), "core", (int)now.core, "mhz_before", (int)before->mhz,
                     "mhz_after", (int)now.mhz);
}

/* Whose word on arrivals the delays rest on. */
static json_t *arrival(const struct arrivals *a)
{
    const char *by = a->read == 0 ? "kernel" : a->kernel == 0 ? "read" : "both";
    return json_pack("{s:s, s:I, s:I, s:I}", "by", by, "kernel", (json_int_t)a->kernel, "read", (json_int_t)a->read,
                     "clock_steps", (json_int_t)a->steps);
}

static json_t *tap(const struct tap *t)
{
    const struct tap_loss loss = tap_loss(t);
    return json_pack("{s:I, s:I}", "lost_pieces", (json_int_t)loss.pieces, "lost_bytes", (json_int_t)loss.bytes);
}

/* What of --cpu and --realtime was granted. */
static json_t *isolation(const struct server *s)
{
    const struct isolation *i = &s->isolation;
    json_t *object = json_object();
    for (enum isolation_part part = 0; part < ISOLATION_PARTS; part++) {
        if (!i->asked[part])
            continue;
        json_t *answer = json_pack("{s:b}", "granted", i->error[part] == 0);
        if (part == ISOLATION_CPU)
            json_object_set_new(answer, "number", json_integer((json_int_t)i->wish.cpu));
        if (i->error[part] != 0)
            json_object_set_new(answer, "error", json_string(strerror(i->error[part])));
        json_object_set_new(object, isolation_names[part], answer);
    }
    json_object_set_new(object, "spins", json_boolean(s->loop.spins));
    return object;
}

static json_t *posted_pvs(const struct sim *sim)
{
    json_t *object = json_object();
    for (const struct sim_pv *pv = sim->posted; pv != NULL; pv = pv->next_posted)
        json_object_set_new(object, pv->name,
                            json_pack("{s:I, s:I, s:I}", "posts", (json_int_t)pv->posts, "sent", (json_int_t)pv->sent, "merged",
                                      (json_int_t)pv->merged));
    return object;
}

static void set_count(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* [from clients, to them] */
static json_t *both_ways(const uint64_t n[OBSERVED_WAYS])
{
    return json_pack("[I, I]", (json_int_t)n[OBSERVED_IN], (json_int_t)n[OBSERVED_OUT]);
}

static json_t *messages(const struct observed *o)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < WIRE_COMMANDS; i++) {
        const uint64_t n[OBSERVED_WAYS] = {o->messages[OBSERVED_IN][i], o->messages[OBSERVED_OUT][i]};
        if (n[OBSERVED_IN] + n[OBSERVED_OUT] > 0)
            json_object_set_new(object, wire_command_name(i), both_ways(n));
    }
    return object;
}

static json_t *observed(const struct observed *o)
{
    json_t *object = json_object();
    set_count(object, "first_search_ns", o->first_search_ns);
    set_count(object, "first_circuit_ns", o->first_circuit_ns);
    set_count(object, "first_created_ns", o->first_created_ns);
    set_count(object, "last_created_ns", o->last_created_ns);
    set_count(object, "first_value_ns", o->first_value_ns);
    set_count(object, "last_value_ns", o->last_value_ns);
    json_object_set_new(object, "search_to_created", lateness(&o->connects));
    json_object_set_new(object, "datagrams", both_ways(o->datagrams));
    json_object_set_new(object, "datagram_bytes", both_ways(o->datagram_bytes));
    json_object_set_new(object, "bytes", both_ways(o->bytes));
    json_object_set_new(object, "segments", both_ways(o->segments));
    set_count(object, "round_trips", o->round_trips);
    json_object_set_new(object, "messages", messages(o));
    set_count(object, "closed", o->closed);
    set_count(object, "reset", o->reset);
    set_count(object, "open", o->open);
    return object;
}

static void set_verdict(json_t *object, const struct server *s)
{
    char why[VERDICT_TEXT];
    const bool is_valid = verdict(s, why);
    json_object_set_new(object, "valid", json_boolean(is_valid));
    if (!is_valid)
        json_object_set_new(object, "why", json_string(why));
    if (s->budget.is_given)
        json_object_set_new(object, "late_budget", json_string(s->budget.text));
}

static json_t *link_state(const struct link *link)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "bits_per_s", (json_int_t)link->bits_per_s, "propagation_ns",
                     (json_int_t)link->propagation_ns, "bytes", (json_int_t)link->bytes, "longest_ns",
                     (json_int_t)link->longest_ns);
}

static json_t *report(const struct server *s, const char *name)
{
    const struct sim *sim = &s->sim;
    json_t *object = json_object();
    json_object_set_new(object, "server", json_string(name));
    set_count(object, "start_monotonic_ns", sim->start.begun ? sim->start.t0_ns : 0);
    set_count(object, "start_realtime_ns", sim->start.begun ? sim->start.t0_ns + sim->realtime_ns : 0);
    set_count(object, "posts", sim->counts.posts);
    set_count(object, "sent", sim->counts.sent);
    set_count(object, "merged", sim->counts.merged);
    set_count(object, "events_off", sim->counts.events_off);
    set_count(object, "events_off_ns", sim->counts.events_off_ns);
    set_count(object, "searches", sim->counts.searches);
    set_count(object, "repeated_searches", sim->counts.repeated_searches);
    set_count(object, "circuits", sim->counts.circuits);
    set_count(object, "channels", sim->counts.channels);
    set_count(object, "subscriptions", sim->counts.subscriptions);
    set_count(object, "udp_drops", udp_drops(s) + sim->counts.dropped_searches);
    json_object_set_new(object, "observed", observed(&sim->observed));
    json_object_set_new(object, "isolation", isolation(s));
    if (s->tap != NULL)
        json_object_set_new(object, "tap", tap(s->tap));
    json_object_set_new(object, "arrival", arrival(&s->arrivals));
    json_object_set_new(object, "lateness", all_lateness(&sim->late));
    json_object_set_new(object, "latency", latency_json(&sim->latency));
    if (link_is_on(&sim->link))
        json_object_set_new(object, "link", link_state(&sim->link));
    json_object_set_new(object, "pvs", posted_pvs(sim));
    set_count(object, "udp_buffer_bytes", udp_buffer_bytes(s));
    json_object_set_new(object, "machine", machine(&s->machine));
    set_verdict(object, s);
    return object;
}

void report_write(const struct server *s, const char *name, FILE *out)
{
    json_t *object = report(s, name);
    json_dumpf(object, out, JSON_INDENT(2));
    json_decref(object);
}
