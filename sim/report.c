#include "sim/server.h"

#include "base/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static const char *const owners[SIM_OWNERS] = {[SIM_LATE_SELF] = "self", [SIM_LATE_ORDER] = "order", [SIM_LATE_PEER] = "peer"};

struct totals {
    uint64_t posts, sent, merged;
};

static struct totals total(const struct sim *sim)
{
    struct totals t = {0};
    for (const struct sim_pv *pv = sim->posted; pv != NULL; pv = pv->next_posted) {
        t.posts += pv->posts;
        t.sent += pv->sent;
        t.merged += pv->merged;
    }
    return t;
}

static json_t *lateness(const struct histogram *h)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)h->count, "p50_ns", (json_int_t)histogram_quantile(h, 0.5),
                     "p99_ns", (json_int_t)histogram_quantile(h, 0.99), "max_ns", (json_int_t)(h->count > 0 ? h->max : 0));
}

static json_t *all_lateness(const struct sim *sim)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < SIM_OWNERS; i++)
        json_object_set_new(object, owners[i], lateness(&sim->late[i]));
    return object;
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

static json_t *report(const struct server *s, const char *name)
{
    const struct sim *sim = &s->sim;
    const struct totals t = total(sim);
    json_t *object = json_object();
    json_object_set_new(object, "server", json_string(name));
    set_count(object, "start_realtime_ns", sim->start.begun ? sim->start.t0_ns + sim->realtime_ns : 0);
    set_count(object, "posts", t.posts);
    set_count(object, "sent", t.sent);
    set_count(object, "merged", t.merged);
    set_count(object, "events_off", sim->counts.events_off);
    set_count(object, "events_off_ns", sim->counts.events_off_ns);
    set_count(object, "searches", sim->counts.searches);
    set_count(object, "repeated_searches", sim->counts.repeated_searches);
    set_count(object, "circuits", sim->counts.circuits);
    set_count(object, "channels", sim->counts.channels);
    set_count(object, "subscriptions", sim->counts.subscriptions);
    set_count(object, "udp_drops", udp_drops(s) + sim->counts.dropped_searches);
    json_object_set_new(object, "isolation", isolation(s));
    if (s->tap != NULL)
        json_object_set_new(object, "tap", tap(s->tap));
    json_object_set_new(object, "arrival", arrival(&s->arrivals));
    json_object_set_new(object, "lateness", all_lateness(sim));
    json_object_set_new(object, "pvs", posted_pvs(sim));
    json_object_set_new(object, "valid", json_boolean(udp_drops(s) + sim->counts.dropped_searches == 0));
    return object;
}

void report_write(const struct server *s, const char *name, FILE *out)
{
    json_t *object = report(s, name);
    json_dumpf(object, out, JSON_INDENT(2));
    json_decref(object);
}

void report_print(const struct server *s)
{
    const struct sim *sim = &s->sim;
    const struct totals t = total(sim);
    fprintf(stderr,
            "caplay: served %" PRIu64 " circuits, %" PRIu64 " channels, %" PRIu64 " searches (%" PRIu64 " repeated, %" PRIu64
            " lost by the kernel)\n",
            sim->counts.circuits, sim->counts.channels, sim->counts.searches, sim->counts.repeated_searches, udp_drops(s));
    if (t.posts == 0)
        return;
    const struct histogram *self = &sim->late[SIM_LATE_SELF];
    fprintf(stderr,
            "caplay: posted %" PRIu64 " times, %" PRIu64 " updates sent, %" PRIu64
            " merged; own lateness p50 %.1f us, p99 %.1f us, max "
            "%.1f us\n",
            t.posts, t.sent, t.merged, (double)histogram_quantile(self, 0.5) / 1e3, (double)histogram_quantile(self, 0.99) / 1e3,
            (double)(self->count > 0 ? self->max : 0) / 1e3);
}
