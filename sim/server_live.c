/* --http of a server: the serving thread publishes a snapshot where nothing is due (status.c), the thread of HTTP makes pages of
 * it; what a user orders there goes back through a pipe, as a signal would come. */
#include "sim/server.h"

#include "base/clock.h"
#include "base/latest.h"
#include "sim/http.h"
#include "sim/view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct order {
    enum { ORDER_CONTROL, ORDER_SPEED } kind;
    enum sim_control control;
    struct clock_rate speed;
};

struct server_live {
    struct latest views; /* of struct view */
    int orders[2];       /* a pipe, whose reader is the serving thread */
    struct event *ordered;
    struct http *http;
    uint64_t begun_ns;
    const char *server;
};

/* ---- the thread of HTTP ---- */

static int on_metrics(void *arg, const char *body, FILE *out)
{
    struct server_live *live = arg;
    (void)body;
    view_metrics(latest_read(&live->views), out);
    return 200;
}

static int on_state(void *arg, const char *body, FILE *out)
{
    struct server_live *live = arg;
    (void)body;
    view_json(latest_read(&live->views), out);
    return 200;
}

static int send_order(struct server_live *live, const struct order *order, FILE *out)
{
    const struct view *view = latest_read(&live->views);
    if (!view->can_pause) {
        fprintf(out, "%s does not play anything that could be paused\n", view->server);
        return 409;
    }
    if (write(live->orders[1], order, sizeof *order) != (ssize_t)sizeof *order) {
        fprintf(out, "the server has not yet done what was ordered before\n");
        return 503;
    }
    fprintf(out, "ordered\n");
    return 202;
}

static int on_pause(void *arg, const char *body, FILE *out)
{
    (void)body;
    return send_order(arg, &(struct order){.kind = ORDER_CONTROL, .control = SIM_CONTROL_HOLD}, out);
}

static int on_go_on(void *arg, const char *body, FILE *out)
{
    (void)body;
    return send_order(arg, &(struct order){.kind = ORDER_CONTROL, .control = SIM_CONTROL_GO_ON}, out);
}

static int on_step(void *arg, const char *body, FILE *out)
{
    (void)body;
    return send_order(arg, &(struct order){.kind = ORDER_CONTROL, .control = SIM_CONTROL_STEP}, out);
}

static int on_speed(void *arg, const char *body, FILE *out)
{
    struct server_live *live = arg;
    struct order order = {.kind = ORDER_SPEED};
    const struct view *view = latest_read(&live->views);
    if (options_ratio(body, &order.speed) < 0 || !sim_is_speed(order.speed)) {
        fprintf(out, "a speed is a number from 0.01 to 1000 (example: 2)\n");
        return 400;
    }
    if (view->can_pause && view->playing.speed.num == 0) {
        fprintf(out, "with --asap or --rate there is no speed\n");
        return 409;
    }
    return send_order(live, &order, out);
}

static const struct route routes[] = {
    HTTP_LIVE_ROUTES(on_state, on_metrics),       {"/pause", ROUTE_POST, ROUTE_TEXT, on_pause},
    {"/go-on", ROUTE_POST, ROUTE_TEXT, on_go_on}, {"/step", ROUTE_POST, ROUTE_TEXT, on_step},
    {"/speed", ROUTE_POST, ROUTE_TEXT, on_speed},
};

/* ---- the serving thread ---- */

void live_publish(struct server *s, uint64_t now_ns)
{
    struct server_live *live = s->live;
    if (live == NULL)
        return;
    struct view *view = latest_writes(&live->views);
    const struct sim_source *source = s->sim.source;
    *view = (struct view){.server = live->server,
                          .served_ns = now_ns - live->begun_ns,
                          .can_pause = source->calls->playing != NULL,
                          .playing.speed.den = 1,
                          .counts = s->sim.counts,
                          .circuits = s->sim.ncircuits,
                          .channels = HASH_COUNT(s->sim.channels),
                          .lost_searches = server_lost_searches(s),
                          .buffer_bytes = udp_buffer_bytes(s)};
    memcpy(view->bytes, s->sim.observed.bytes, sizeof view->bytes);
    memcpy(view->datagrams, s->sim.observed.datagrams, sizeof view->datagrams);
    memcpy(view->datagram_bytes, s->sim.observed.datagram_bytes, sizeof view->datagram_bytes);
    if (view->can_pause)
        view->playing = source->calls->playing(source->self);
    if (source->calls->position != NULL)
        source->calls->position(source->self, now_ns, view->position, sizeof view->position);
    for (unsigned i = 0; i < SIM_OWNERS; i++)
        view_lateness(&view->late[i], &s->sim.late.of[i]);
    view->is_valid = verdict(s, view->why);
    if (view->is_valid)
        view->why[0] = '\0';
    latest_publish(&live->views);
}

static void on_order(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    const struct sim_source_calls *calls = s->sim.source->calls;
    const uint64_t now_ns = clock_monotonic_ns();
    struct order order;
    (void)what;
    if (read(fd, &order, sizeof order) != (ssize_t)sizeof order)
        return;
    if (order.kind == ORDER_SPEED)
        calls->set_speed(s->sim.source->self, order.speed, now_ns);
    else
        calls->control(s->sim.source->self, order.control, now_ns);
    status_want(s, now_ns);
}

/* ---- life ---- */

static int watch_orders(struct server *s, struct diag *diag)
{
    struct server_live *live = s->live;
    if (pipe2(live->orders, O_NONBLOCK | O_CLOEXEC) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "--http: cannot make a pipe");
    live->ordered = event_new(s->loop.base, live->orders[0], EV_READ | EV_PERSIST, on_order, s);
    if (live->ordered == NULL || event_add(live->ordered, NULL) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "--http: cannot watch a pipe");
    return 0;
}

int live_open(struct server *s, const struct sim_config *config, uint64_t now_ns, struct diag *diag)
{
    struct http_config http = {.routes = routes, .nroutes = sizeof routes / sizeof *routes, .isolation = &s->isolation};
    if (config->http == NULL)
        return 0;
    if (http_parse(config->http, &http.at, diag) < 0)
        return -1;
    struct server_live *live = s->live = calloc(1, sizeof *live);
    if (live == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "--http: no memory");
    *live = (struct server_live){.orders = {-1, -1}, .begun_ns = now_ns, .server = config->name};
    if (latest_init(&live->views, sizeof(struct view)) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "--http: no memory");
    if (watch_orders(s, diag) < 0)
        return -1;
    live_publish(s, now_ns);
    http.arg = live;
    live->http = http_open(&http, diag);
    return live->http != NULL ? 0 : -1;
}

void live_close(struct server *s)
{
    struct server_live *live = s->live;
    if (live == NULL)
        return;
    http_close(live->http);
    if (live->ordered != NULL)
        event_free(live->ordered);
    for (unsigned i = 0; i < 2; i++)
        if (live->orders[i] >= 0)
            close(live->orders[i]);
    latest_fini(&live->views);
    free(live);
    s->live = NULL;
}
