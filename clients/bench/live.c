#include "clients/bench/live.h"

#include "base/latest.h"
#include "sim/http.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACE_NS CLOCK_NS /* between two lines that are not written over each other */

struct bench_live {
    const struct bench_result *result;
    struct bench_view now;
    struct latest views; /* of struct bench_view */
    struct http *http;
    unsigned pending; /* the result's last runs, which are under way */
    bool shows, is_terminal, is_line_open;
    uint64_t shown_ns;
};

/* ---- the thread of HTTP ---- */

static int on_state(void *arg, const char *body, FILE *out)
{
    struct bench_live *live = arg;
    (void)body;
    bench_view_json(latest_read(&live->views), clock_monotonic_ns(), out);
    return 200;
}

static int on_metrics(void *arg, const char *body, FILE *out)
{
    struct bench_live *live = arg;
    (void)body;
    bench_view_metrics(latest_read(&live->views), clock_monotonic_ns(), out);
    return 200;
}

static const struct route routes[] = {HTTP_LIVE_ROUTES(on_state, on_metrics)};

/* ---- the benchmark's ---- */

static void show(struct bench_live *live, uint64_t now_ns)
{
    char line[BENCH_LIVE_LINE];
    if (!live->shows || (!live->is_terminal && now_ns - live->shown_ns < PACE_NS))
        return;
    live->shown_ns = now_ns;
    live->is_line_open = live->is_terminal;
    bench_view_line(&live->now, now_ns, line);
    fprintf(stderr, live->is_terminal ? "\r%s\x1b[K" : "%s\n", line);
}

static void publish(struct bench_live *live)
{
    const struct bench_result *r = live->result;
    memset(live->now.outcomes, 0, sizeof live->now.outcomes);
    for (size_t i = 0; i + live->pending < r->nruns; i++)
        live->now.outcomes[r->runs[i].outcome]++;
    if (live->http != NULL) {
        *(struct bench_view *)latest_writes(&live->views) = live->now;
        latest_publish(&live->views);
    }
    show(live, clock_monotonic_ns());
}

bool bench_live_shows(const struct bench_live *live)
{
    return live != NULL && live->shows;
}

void bench_live_group(struct bench_live *live, const char *name, unsigned steps, unsigned runs)
{
    if (live == NULL)
        return;
    live->now.step += steps;
    live->now.done = 0;
    live->now.of = runs;
    snprintf(live->now.group, sizeof live->now.group, "%s", name);
    live->now.what[0] = '\0';
}

void bench_live_run(struct bench_live *live, const char *what)
{
    if (live == NULL)
        return;
    if (++live->now.done > live->now.of) /* more were wanted, or some were invalid */
        live->now.of = live->now.done;
    live->pending++;
    snprintf(live->now.what, sizeof live->now.what, "%s", what);
    publish(live);
}

void bench_live_judged(struct bench_live *live)
{
    if (live == NULL)
        return;
    live->pending = 0;
    publish(live);
}

/* ---- life ---- */

static int open_http(struct bench_live *live, const char *where, struct diag *diag)
{
    struct http_config config = {.routes = routes, .nroutes = sizeof routes / sizeof *routes, .arg = live};
    if (http_parse(where, &config.at, diag) < 0)
        return -1;
    if (latest_init(&live->views, sizeof(struct bench_view)) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "--http: no memory");
    *(struct bench_view *)latest_writes(&live->views) = live->now;
    latest_publish(&live->views);
    live->http = http_open(&config, diag);
    return live->http != NULL ? 0 : -1;
}

struct bench_live *bench_live_open(const struct bench_result *result, unsigned steps, const struct bench_live_wish *wish,
                                   struct diag *diag)
{
    struct bench_live *live = calloc(1, sizeof *live);
    if (live == NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory");
        return NULL;
    }
    *live = (struct bench_live){.result = result, .shows = wish->status, .is_terminal = isatty(STDERR_FILENO) == 1};
    live->now.begun_ns = clock_monotonic_ns();
    live->now.steps = steps;
    if (wish->http == NULL || open_http(live, wish->http, diag) == 0)
        return live;
    bench_live_close(live);
    return NULL;
}

void bench_live_close(struct bench_live *live)
{
    if (live == NULL)
        return;
    if (live->is_line_open)
        fputc('\n', stderr);
    http_close(live->http);
    latest_fini(&live->views);
    free(live);
}
