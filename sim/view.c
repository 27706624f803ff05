#include "sim/view.h"

#include <inttypes.h>
#include <jansson.h>

#define US UINT64_C(1000)
#define MS (1000 * US)

const uint64_t view_bounds_ns[VIEW_BOUNDS] = {10 * US, 20 * US, 50 * US, 100 * US, 200 * US, 500 * US, 1 * MS,   2 * MS,
                                              5 * MS,  10 * MS, 20 * MS, 50 * MS,  100 * MS, 200 * MS, 500 * MS, 1000 * MS};

void view_lateness(struct view_lateness *view, const struct histogram *of)
{
    view->count = of->count;
    view->sum_ns = histogram_spread(of, view_bounds_ns, VIEW_BOUNDS, view->upto);
    view->p50_ns = histogram_quantile(of, 0.5);
    view->p99_ns = histogram_quantile(of, 0.99);
    view->max_ns = of->count > 0 ? of->max : 0;
}

/* ---- Prometheus ---- */

struct row {
    const char *name, *type, *help;
    double value;
};

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void print_rows(const struct row *rows, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++)
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", rows[i].name, rows[i].help, rows[i].name, rows[i].type,
                rows[i].name, rows[i].value);
}

static void print_counts(const struct view *v, FILE *out)
{
    const struct sim_counts *c = &v->counts;
    const struct row rows[] = {
        {"caplay_serving_seconds", "gauge", "Since when it serves.", seconds(v->served_ns)},
        {"caplay_valid", "gauge", "1: a valid measurement; 0: searches were lost, or it was late itself.", v->is_valid},
        {"caplay_open_circuits", "gauge", "TCP connections of clients now.", v->circuits},
        {"caplay_open_channels", "gauge", "Channels now.", v->channels},
        {"caplay_posted_pvs", "gauge", "PVs that have posted.", (double)c->posted_pvs},
        {"caplay_circuits_total", "counter", "TCP connections that were accepted.", (double)c->circuits},
        {"caplay_channels_total", "counter", "Channels that were made.", (double)c->channels},
        {"caplay_subscriptions_total", "counter", "Subscriptions that were made.", (double)c->subscriptions},
        {"caplay_searches_total", "counter", "Searches for names that are served.", (double)c->searches},
        {"caplay_repeated_searches_total", "counter", "Of these, by the same client again.", (double)c->repeated_searches},
        {"caplay_lost_datagrams_total", "counter", "Datagrams and searches there was no room for.", (double)v->lost_searches},
        {"caplay_udp_buffer_bytes", "gauge", "The room that the kernel granted for datagrams.", (double)v->buffer_bytes},
        {"caplay_posts_total", "counter", "Changes that somebody subscribed to.", (double)c->posts},
        {"caplay_updates_total", "counter", "Updates that were sent.", (double)c->sent},
        {"caplay_merged_updates_total", "counter", "Updates that newer ones replaced before they left.", (double)c->merged},
        {"caplay_flow_control_total", "counter", "How often clients sent EVENTS_OFF.", (double)c->events_off},
        {"caplay_flow_control_seconds_total", "counter", "For how long, all clients together.", seconds(c->events_off_ns)},
    };
    print_rows(rows, sizeof rows / sizeof *rows, out);
}

/* From clients, and to them. */
static void print_ways(const char *name, const char *help, const uint64_t n[OBSERVED_WAYS], FILE *out)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s counter\n%s{way=\"in\"} %" PRIu64 "\n%s{way=\"out\"} %" PRIu64 "\n", name, help, name,
            name, n[OBSERVED_IN], name, n[OBSERVED_OUT]);
}

static void print_playing(const struct view *v, FILE *out)
{
    const struct sim_playing *p = &v->playing;
    const struct row rows[] = {
        {"caplay_paused", "gauge", "1: the replay stands.", p->is_paused},
        {"caplay_speed_ratio", "gauge", "Recorded seconds a second.", (double)p->speed.num / (double)p->speed.den},
    };
    if (v->can_pause)
        print_rows(rows, p->speed.num > 0 ? 2 : 1, out);
}

static void print_owner(const struct view_lateness *late, const char *owner, FILE *out)
{
    static const char name[] = "caplay_lateness_seconds";
    for (unsigned i = 0; i < VIEW_BOUNDS; i++)
        fprintf(out, "%s_bucket{owner=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, owner, seconds(view_bounds_ns[i]), late->upto[i]);
    fprintf(out, "%s_bucket{owner=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, owner, late->count);
    fprintf(out, "%s_sum{owner=\"%s\"} %.17g\n", name, owner, seconds(late->sum_ns));
    fprintf(out, "%s_count{owner=\"%s\"} %" PRIu64 "\n", name, owner, late->count);
}

void view_metrics(const struct view *v, FILE *out)
{
    fprintf(out,
            "# HELP caplay_info Which server this is.\n# TYPE caplay_info gauge\ncaplay_info{server=\"%s\",version=\"%s\"} 1\n",
            v->server, CAPLAY_VERSION);
    print_counts(v, out);
    print_ways("caplay_circuit_bytes_total", "Bytes on circuits.", v->bytes, out);
    print_ways("caplay_datagrams_total", "Datagrams of searches and their replies.", v->datagrams, out);
    print_ways("caplay_datagram_bytes_total", "Bytes in these.", v->datagram_bytes, out);
    print_playing(v, out);
    fprintf(out, "# HELP caplay_lateness_seconds From when a message was due to when the kernel had it, by who owns it.\n"
                 "# TYPE caplay_lateness_seconds histogram\n");
    for (unsigned i = 0; i < SIM_OWNERS; i++)
        print_owner(&v->late[i], lateness_owners[i], out);
}

/* ---- the page ---- */

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *late_json(const struct view *v)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < SIM_OWNERS; i++) {
        const struct view_lateness *late = &v->late[i];
        json_object_set_new(object, lateness_owners[i],
                            json_pack("{s:o, s:o, s:o, s:o}", "count", number(late->count), "p50", number(late->p50_ns), "p99",
                                      number(late->p99_ns), "max", number(late->max_ns)));
    }
    return object;
}

static json_t *counts_json(const struct view *v)
{
    const struct sim_counts *c = &v->counts;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "updates", number(c->sent), "merged", number(c->merged), "pvs",
                     number(c->posted_pvs), "circuits", number(v->circuits), "channels", number(v->channels), "searches",
                     number(c->searches), "lost_searches", number(v->lost_searches));
}

void view_json(const struct view *v, FILE *out)
{
    const struct sim_playing *p = &v->playing;
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:b, s:b, s:b, s:s}", "kind", "server", "title", v->server, "served_ns",
                               number(v->served_ns), "position", v->position, "can_pause", v->can_pause, "paused", p->is_paused,
                               "valid", v->is_valid, "why", v->why);
    json_object_set_new(object, "speed", p->speed.num > 0 ? json_real((double)p->speed.num / (double)p->speed.den) : json_null());
    json_object_set_new(object, "counts", counts_json(v));
    json_object_set_new(object, "late_ns", late_json(v));
    json_dumpf(object, out, JSON_COMPACT);
    json_decref(object);
}
