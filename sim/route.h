/* Which request of HTTP gets which answer: paths, methods, the token, sizes. Pure: no socket, no thread. GET changes nothing;
 * what changes something is a POST with the token, which no other site's page can send (it is a header of its own), and which
 * only who sees our stderr knows. */
#ifndef CAPLAY_SIM_ROUTE_H
#define CAPLAY_SIM_ROUTE_H

#include <stddef.h>
#include <stdio.h>

#define ROUTE_BODY_MOST   256u /* bytes of a request's body */
#define ROUTE_TOKEN_BYTES 33u  /* 32 hexadecimal digits */

enum route_method { ROUTE_GET, ROUTE_POST, ROUTE_OTHER };

/* Content types. */
#define ROUTE_TEXT    "text/plain; charset=utf-8"
#define ROUTE_HTML    "text/html; charset=utf-8"
#define ROUTE_JSON    "application/json"
#define ROUTE_METRICS "text/plain; version=0.0.4; charset=utf-8"

struct route {
    const char *path;
    enum route_method method;
    const char *type; /* of what it answers with status 200 */
    /* Writes the answer to out and returns its status: 200, 202; or 400, 409, 503 with a line that says why. body:
     * NUL-terminated, empty with GET. */
    int (*answer)(void *arg, const char *body, FILE *out);
};

struct route_table {
    const struct route *routes;
    size_t n;
    void *arg; /* for answer() */
    const char *token;
};

struct route_request {
    enum route_method method; /* HEAD is a GET */
    const char *path;
    const char *authorization; /* the header "Bearer TOKEN", or NULL */
    const char *body;
    size_t n;
};

struct route_answer {
    int status;
    const char *type, *allow; /* allow: the methods that there are, with 405; else NULL */
};

/* Write the body of the answer to out. 404: no such path; 405: not with this method; 403: no token, or a wrong one; 413: a body
 * of more than ROUTE_BODY_MOST bytes; 400: a NUL in it; else what the route says. */
struct route_answer route_answer(const struct route_table *table, const struct route_request *request, FILE *out);

#endif
