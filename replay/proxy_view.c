#include "replay/proxy_view.h"

#include "base/clock.h"
#include "base/latest.h"
#include "sim/http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 200 };

struct seen { /* what the thread of HTTP gets */
    struct proxy_counts counts;
    uint64_t served_ns, bytes_a_second;
};

struct proxy_view {
    const struct proxy_config *config;
    struct latest seen; /* of struct seen */
    struct http *http;
    uint64_t begun_ns, shown_ns, shown_bytes;
    bool is_terminal, is_line_open;
};

/* ---- the thread of HTTP ---- */

static int on_state(void *arg, const char *body, FILE *out)
{
    struct proxy_view *view = arg;
    const struct seen *seen = latest_read(&view->seen);
    const struct proxy_counts *c = &seen->counts;
    (void)body;
    fprintf(out,
            "{\"kind\": \"proxy\", \"title\": \"caplay proxy\", \"position\": \"\", \"served_ns\": %" PRIu64
            ", \"bytes_a_second\": %" PRIu64 ", \"counts\": {\"circuits\": %" PRIu64 ", \"circuits so far\": %" PRIu64
            ", \"circuits that the IOC did not take\": %" PRIu64 ", \"searches\": %" PRIu64 ", \"answers\": %" PRIu64
            ", \"bytes from clients\": %" PRIu64 ", \"bytes from the IOC\": %" PRIu64 "}}",
            seen->served_ns, seen->bytes_a_second, c->open, c->circuits, c->refused, c->searches, c->answers, c->bytes[0],
            c->bytes[1]);
    return 200;
}

static void print_metric(FILE *out, const char *name, const char *kind, const char *help, uint64_t value)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, kind, name, value);
}

static int on_metrics(void *arg, const char *body, FILE *out)
{
    struct proxy_view *view = arg;
    const struct proxy_counts *c = &((const struct seen *)latest_read(&view->seen))->counts;
    (void)body;
    print_metric(out, "caplay_proxy_circuits", "gauge", "Circuits now.", c->open);
    print_metric(out, "caplay_proxy_circuits_total", "counter", "Circuits so far.", c->circuits);
    print_metric(out, "caplay_proxy_refused_total", "counter", "Circuits that the IOC did not take.", c->refused);
    print_metric(out, "caplay_proxy_searches_total", "counter", "Names that clients asked for.", c->searches);
    print_metric(out, "caplay_proxy_answers_total", "counter", "Names that the IOC has.", c->answers);
    print_metric(out, "caplay_proxy_client_bytes_total", "counter", "Bytes from clients on circuits.", c->bytes[0]);
    print_metric(out, "caplay_proxy_ioc_bytes_total", "counter", "Bytes from the IOC on circuits.", c->bytes[1]);
    return 200;
}

static const struct route routes[] = {HTTP_LIVE_ROUTES(on_state, on_metrics)};

/* ---- the proxy's ---- */

static int open_http(struct proxy_view *view, struct diag *diag)
{
    struct http_config http = {.routes = routes, .nroutes = sizeof routes / sizeof *routes, .arg = view};
    if (view->config->http == NULL)
        return 0;
    if (http_parse(view->config->http, &http.at, diag) < 0)
        return -1;
    view->http = http_open(&http, diag);
    return view->http != NULL ? 0 : -1;
}

struct proxy_view *proxy_view_open(const struct proxy_config *config, uint64_t now_ns, struct diag *diag)
{
    struct proxy_view *view = calloc(1, sizeof *view);
    if (view == NULL || latest_init(&view->seen, sizeof(struct seen)) < 0) {
        diag_errno(diag, DIAG_ENVIRONMENT, "proxy");
        free(view);
        return NULL;
    }
    view->config = config;
    view->begun_ns = view->shown_ns = now_ns;
    view->is_terminal = isatty(STDERR_FILENO) == 1;
    if (open_http(view, diag) == 0)
        return view;
    proxy_view_close(view);
    return NULL;
}

void proxy_view_close(struct proxy_view *view)
{
    if (view == NULL)
        return;
    if (view->is_line_open)
        fputc('\n', stderr);
    http_close(view->http);
    latest_fini(&view->seen);
    free(view);
}

static void show(struct proxy_view *view, const struct seen *seen)
{
    const struct proxy_counts *c = &seen->counts;
    fprintf(stderr, "%s%.0f s | %" PRIu64 " circuit%s | %.1f MB/s | %" PRIu64 " searches, %" PRIu64 " answers%s",
            view->is_terminal ? "\r" : "", (double)seen->served_ns / 1e9, c->open, c->open == 1 ? "" : "s",
            (double)seen->bytes_a_second / 1e6, c->searches, c->answers, view->is_terminal ? "\x1b[K" : "\n");
    view->is_line_open = view->is_terminal;
}

void proxy_view_tick(struct proxy_view *view, const struct proxy_counts *counts, uint64_t now_ns)
{
    const uint64_t bytes = counts->bytes[0] + counts->bytes[1];
    const double seconds = (double)(now_ns - view->shown_ns) / 1e9;
    struct seen seen = {.counts = *counts, .served_ns = now_ns - view->begun_ns};
    seen.bytes_a_second = seconds > 0 ? (uint64_t)((double)(bytes - view->shown_bytes) / seconds) : 0;
    view->shown_ns = now_ns;
    view->shown_bytes = bytes;
    *(struct seen *)latest_writes(&view->seen) = seen;
    latest_publish(&view->seen);
    if (view->config->status)
        show(view, &seen);
}
