#include "sim/route.h"

#include <stdbool.h>
#include <string.h>

static const char *const method_names[] = {[ROUTE_GET] = "GET, HEAD", [ROUTE_POST] = "POST"};

static struct route_answer refuse(int status, const char *why, FILE *out)
{
    fprintf(out, "%s\n", why);
    return (struct route_answer){.status = status, .type = ROUTE_TEXT};
}

static const struct route *find(const struct route_table *table, const char *path)
{
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->routes[i].path, path) == 0)
            return &table->routes[i];
    return NULL;
}

/* In a time that does not tell how much of it was right. */
static bool has_token(const struct route_table *table, const char *authorization)
{
    static const char bearer[] = "Bearer ";
    const size_t n = strlen(table->token);
    unsigned char differs = 0;
    if (authorization == NULL || strncmp(authorization, bearer, strlen(bearer)) != 0 ||
        strlen(authorization) != strlen(bearer) + n)
        return false;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(authorization[strlen(bearer) + i] ^ table->token[i]);
    return differs == 0;
}

struct route_answer route_answer(const struct route_table *table, const struct route_request *request, FILE *out)
{
    const struct route *route = find(table, request->path);
    if (route == NULL)
        return refuse(404, "there is nothing here; / is the live view, /metrics is for Prometheus", out);
    if (request->method != route->method) {
        struct route_answer answer = refuse(405, "not with this method", out);
        answer.allow = method_names[route->method];
        return answer;
    }
    if (route->method == ROUTE_POST && !has_token(table, request->authorization))
        return refuse(403, "the header `Authorization: Bearer TOKEN` is needed, with the token that was printed at start", out);
    if (request->n > ROUTE_BODY_MOST)
        return refuse(413, "a body of at most 256 bytes is expected", out);
    if (strlen(request->body) != request->n)
        return refuse(400, "a body is a text", out);
    const int status = route->answer(table->arg, request->body, out);
    return (struct route_answer){.status = status, .type = status == 200 ? route->type : ROUTE_TEXT};
}
