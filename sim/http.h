/* --http: HTTP in a thread of its own, which the serving thread never waits for; evhttp's door. What is answered is
 * sim/route.h's. Loopback unless told otherwise. Source: design, rules 5 and 9. */
#ifndef CAPLAY_SIM_HTTP_H
#define CAPLAY_SIM_HTTP_H

#include "base/diag.h"
#include "base/isolation.h"
#include "sim/route.h"

#include <netinet/in.h>

/* For a command's table of options. */
/* clang-format off */
#define HTTP_OPTION(type, member) \
    {"http", .kind = OPTION_STRING, .offset = offsetof(type, member), .metavar = "[ADDRESS:]PORT", \
     .help = "a live page at / and Prometheus' text at /metrics; 0 picks a free port (default address 127.0.0.1)"}
/* clang-format on */

struct http;

struct http_config {
    struct sockaddr_in at;
    const struct route *routes; /* their answers are asked for in the thread */
    size_t nroutes;
    void *arg;
    const struct isolation *isolation; /* the thread has no place on that core; NULL: it may have any */
};

/* "8080" or "0.0.0.0:8080". -1 with DIAG_USAGE. */
int http_parse(const char *text, struct sockaddr_in *at, struct diag *diag);

/* page.html, which shows what is at /state. */
extern const char live_page[];

/* The rows of a live page in a table of routes: the page, its state as JSON, Prometheus' text. */
int http_page(void *arg, const char *body, FILE *out);
/* clang-format off */
#define HTTP_LIVE_ROUTES(on_state, on_metrics) \
    {"/", ROUTE_GET, ROUTE_HTML, http_page}, \
    {"/state", ROUTE_GET, ROUTE_JSON, on_state}, \
    {"/metrics", ROUTE_GET, ROUTE_METRICS, on_metrics}
/* clang-format on */

/* Listen, make a token, start the thread, and say on stderr where it is. NULL with DIAG_ENVIRONMENT: the port is taken. */
struct http *http_open(const struct http_config *config, struct diag *diag);
void http_close(struct http *http); /* NULL: nothing */

#endif
