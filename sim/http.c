#include "sim/http.h"

#include "base/realtime.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define HEADER_BYTES 8192  /* of one request */
#define BODY_BYTES   65536 /* what is read of a body to answer that it is too large */
#define SILENCE_S    10    /* of a connection, until it is closed */
#define EVENTS_MOST  200   /* some 100 connections: descriptors are for CA's clients */
#define PAUSE_US     100000
#define BACKLOG      16

struct http {
    struct event_base *base;
    struct evhttp *server;
    struct evconnlistener *listener;
    struct event *end, *again;
    struct route_table table;
    struct sockaddr_in at;
    char token[ROUTE_TOKEN_BYTES];
    int fd, stop; /* until the listener has it; an eventfd */
    pthread_t thread;
    bool runs;
};

int http_page(void *arg, const char *body, FILE *out)
{
    (void)arg;
    (void)body;
    fputs(live_page, out);
    return 200;
}

/* ---- a request ---- */

static enum route_method method_of(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
    case EVHTTP_REQ_HEAD:
        return ROUTE_GET;
    case EVHTTP_REQ_POST:
        return ROUTE_POST;
    default:
        return ROUTE_OTHER;
    }
}

static void set_headers(struct evhttp_request *request, const struct route_answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Content-Type", answer->type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                      "img-src data:; frame-ancestors 'none'");
    if (answer->allow != NULL)
        evhttp_add_header(headers, "Allow", answer->allow);
}

static struct route_answer answer(const struct http *http, struct evhttp_request *request, FILE *out)
{
    char body[ROUTE_BODY_MOST + 1] = "";
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    const size_t n = evbuffer_get_length(input);
    evbuffer_copyout(input, body, n < ROUTE_BODY_MOST ? n : ROUTE_BODY_MOST);
    return route_answer(
        &http->table,
        &(struct route_request){.method = method_of(request),
                                .path = path != NULL ? path : "",
                                .authorization = evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization"),
                                .body = body,
                                .n = n},
        out);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (out == NULL) {
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
        return;
    }
    const struct route_answer what = answer(arg, request, out);
    fclose(out);
    evbuffer_add(evhttp_request_get_output_buffer(request), text, n);
    free(text);
    set_headers(request, &what);
    evhttp_send_reply(request, what.status, NULL, NULL);
}

/* ---- connections ---- */

/* Where there are many, no more are accepted for a while: silent ones end. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct http *http = arg;
    if (event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > EVENTS_MOST) {
        evconnlistener_disable(http->listener);
        evtimer_add(http->again, &(struct timeval){.tv_usec = PAUSE_US});
    }
    return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct http *http = arg;
    if (event_base_get_num_events(http->base, EVENT_BASE_COUNT_ADDED) > EVENTS_MOST)
        evtimer_add(http->again, &(struct timeval){.tv_usec = PAUSE_US});
    else
        evconnlistener_enable(http->listener);
}

/* No descriptor is left: who waits stays in the backlog. The thread is nobody else's. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    (void)arg;
    usleep(PAUSE_US);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

static void *serve(void *arg)
{
    struct http *http = arg;
    realtime_leave();
    event_base_dispatch(http->base);
    return NULL;
}

/* ---- life ---- */

int http_parse(const char *text, struct sockaddr_in *at, struct diag *diag)
{
    const char *colon = strrchr(text, ':'), *port_text = colon != NULL ? colon + 1 : text;
    char address[INET_ADDRSTRLEN] = "127.0.0.1";
    uint64_t port = 0;
    const size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    *at = (struct sockaddr_in){.sin_family = AF_INET};
    if (colon != NULL && n < sizeof address) {
        memcpy(address, text, n);
        address[n] = '\0';
    }
    if (n >= sizeof address || options_count(port_text, &port) < 0 || port > UINT16_MAX ||
        inet_pton(AF_INET, address, &at->sin_addr) != 1)
        return diag_fail(diag, DIAG_USAGE, "--http: '%s' is not [ADDRESS:]PORT (examples: 8080, 0.0.0.0:8080, 0 for a free port)",
                         text);
    at->sin_port = htons((uint16_t)port);
    return 0;
}

static int listen_at(struct http *http, struct diag *diag)
{
    char address[INET_ADDRSTRLEN];
    socklen_t n = sizeof http->at;
    http->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    inet_ntop(AF_INET, &http->at.sin_addr, address, sizeof address);
    if (http->fd < 0 || evutil_make_listen_socket_reuseable(http->fd) < 0 ||
        bind(http->fd, (const struct sockaddr *)&http->at, sizeof http->at) < 0 || listen(http->fd, BACKLOG) < 0 ||
        getsockname(http->fd, (struct sockaddr *)&http->at, &n) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "--http: cannot listen on %s:%u (0 picks a free port)", address,
                          ntohs(http->at.sin_port));
    return 0;
}

static int make_token(char token[ROUTE_TOKEN_BYTES], struct diag *diag)
{
    unsigned char bytes[(ROUTE_TOKEN_BYTES - 1) / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return diag_errno(diag, DIAG_ENVIRONMENT, "--http: no random numbers for a token");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static bool make_events(struct http *http)
{
    http->base = event_base_new();
    http->server = http->base != NULL ? evhttp_new(http->base) : NULL;
    http->stop = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (http->server == NULL || http->stop < 0)
        return false;
    http->end = event_new(http->base, http->stop, EV_READ, on_end, http->base);
    http->again = evtimer_new(http->base, on_again, http);
    return http->end != NULL && event_add(http->end, NULL) == 0 && http->again != NULL;
}

/* All methods are taken, so that it is we who say which there are. */
static bool configure(struct http *http)
{
    evhttp_set_allowed_methods(http->server, UINT16_MAX);
    evhttp_set_max_headers_size(http->server, HEADER_BYTES);
    evhttp_set_max_body_size(http->server, BODY_BYTES);
    evhttp_set_timeout(http->server, SILENCE_S);
    evhttp_set_bevcb(http->server, on_connection, http);
    evhttp_set_gencb(http->server, on_request, http);
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(http->server, http->fd);
    if (bound == NULL)
        return false;
    http->fd = -1;
    http->listener = evhttp_bound_socket_get_listener(bound);
    evconnlistener_set_error_cb(http->listener, on_accept_error);
    return true;
}

/* Signals are other threads'. */
static bool start_thread(struct http *http, const struct isolation *isolation)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (isolation != NULL)
        isolation_step_out(isolation);
    http->runs = pthread_create(&http->thread, NULL, serve, http) == 0;
    if (isolation != NULL)
        isolation_step_in(isolation);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return http->runs;
}

/* Behind the # it is no part of what a browser sends or tells others. */
static void tell(const struct http *http)
{
    char address[INET_ADDRSTRLEN];
    const bool is_any = http->at.sin_addr.s_addr == htonl(INADDR_ANY);
    inet_ntop(AF_INET, &http->at.sin_addr, address, sizeof address);
    fprintf(stderr, "caplay: live view: http://%s:%u/#token=%s\n", is_any ? "127.0.0.1" : address, ntohs(http->at.sin_port),
            http->token);
}

struct http *http_open(const struct http_config *config, struct diag *diag)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "--http: no memory");
        return NULL;
    }
    http->at = config->at;
    http->fd = http->stop = -1;
    http->table = (struct route_table){.routes = config->routes, .n = config->nroutes, .arg = config->arg, .token = http->token};
    bool is_good = listen_at(http, diag) == 0 && make_token(http->token, diag) == 0;
    if (is_good && !(make_events(http) && configure(http) && start_thread(http, config->isolation))) {
        diag_fail(diag, DIAG_ENVIRONMENT, "--http: no memory, or no thread, for the live view");
        is_good = false;
    }
    if (!is_good) {
        http_close(http);
        return NULL;
    }
    tell(http);
    return http;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    if (http->runs) {
        (void)!write(http->stop, &(uint64_t){1}, sizeof(uint64_t));
        pthread_join(http->thread, NULL);
    }
    if (http->end != NULL)
        event_free(http->end);
    if (http->again != NULL)
        event_free(http->again);
    if (http->server != NULL)
        evhttp_free(http->server);
    if (http->base != NULL)
        event_base_free(http->base);
    if (http->fd >= 0)
        close(http->fd);
    if (http->stop >= 0)
        close(http->stop);
    free(http);
}
