#include "replay/differ.h"

#include "traces/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64u

const char *const differ_kind_names[DIFFER_KINDS] = {"complete", "circuits", "client", "pv",    "type",     "rights",
                                                     "metadata", "updates",  "rate",   "value", "messages", "service"};

struct differ_row *differ_add(struct differ *d, enum differ_kind kind, const char *name)
{
    static struct differ_row nowhere; /* what is written there is lost, and the failure told */
    if (d->nrows == d->room) {
        const size_t room = d->room == 0 ? FIRST_ROOM : 2 * d->room;
        struct differ_row *rows = realloc(d->rows, room * sizeof *rows);
        if (rows == NULL) {
            d->failed = true;
            return &nowhere;
        }
        d->rows = rows;
        d->room = room;
    }
    struct differ_row *row = &d->rows[d->nrows++];
    *row = (struct differ_row){.kind = kind};
    show_name_into(name, row->name, sizeof row->name);
    return row;
}

static void add_counts(struct differ *d, enum differ_kind kind, const char *name, uint64_t a, uint64_t b)
{
    if (a == b)
        return;
    struct differ_row *row = differ_add(d, kind, name);
    snprintf(row->text[0], sizeof row->text[0], "%" PRIu64, a);
    snprintf(row->text[1], sizeof row->text[1], "%" PRIu64, b);
}

/* ---- completeness, circuits, clients ---- */

static void compare_missing(struct differ *d, const struct trace_missing *a, const struct trace_missing *b)
{
    add_counts(d, DIFFER_COMPLETE, "dropped-packets", a->kernel_drops, b->kernel_drops);
    add_counts(d, DIFFER_COMPLETE, "cut-packets", a->cut_packets, b->cut_packets);
    add_counts(d, DIFFER_COMPLETE, "gaps", a->gaps, b->gaps);
    add_counts(d, DIFFER_COMPLETE, "bytes-in-gaps", a->gap_bytes, b->gap_bytes);
    add_counts(d, DIFFER_COMPLETE, "circuits-midway", a->midway, b->midway);
    add_counts(d, DIFFER_COMPLETE, "malformed", a->malformed, b->malformed);
}

static uint64_t count_circuits(const struct trace *t)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->ncircuits; i++)
        n += (t->circuits[i].flags & TRACE_TCP) != 0;
    return n;
}

struct client {
    const char *user, *host;
};

static int by_client(const void *a, const void *b)
{
    const struct client *x = a, *y = b;
    const int order = strcmp(x->user, y->user);
    return order != 0 ? order : strcmp(x->host, y->host);
}

/* Sorted, each once; to be freed. NULL: no memory. */
static struct client *clients_of(const struct trace *t, size_t *n)
{
    struct client *clients = calloc((size_t)t->ncircuits + 1, sizeof *clients);
    size_t all = 0;
    *n = 0;
    for (uint32_t i = 0; clients != NULL && i < t->ncircuits; i++)
        if (t->circuits[i].flags & TRACE_TCP)
            clients[all++] = (struct client){trace_string(t, t->circuits[i].user), trace_string(t, t->circuits[i].host)};
    if (clients == NULL)
        return NULL;
    qsort(clients, all, sizeof *clients, by_client);
    for (size_t i = 0; i < all; i++)
        if (*n == 0 || by_client(&clients[*n - 1], &clients[i]) != 0)
            clients[(*n)++] = clients[i];
    return clients;
}

static void add_client(struct differ *d, const struct client *c, bool is_in_b)
{
    char name[DIFFER_NAME_BYTES];
    snprintf(name, sizeof name, "%s@%s", c->user, c->host);
    struct differ_row *row = differ_add(d, DIFFER_CLIENT, name);
    snprintf(row->text[is_in_b], sizeof row->text[0], "there");
}

static void compare_clients(struct differ *d, const struct trace *a, const struct trace *b)
{
    size_t na, nb, i = 0, j = 0;
    struct client *in_a = clients_of(a, &na), *in_b = clients_of(b, &nb);
    d->failed |= in_a == NULL || in_b == NULL;
    while (!d->failed && (i < na || j < nb)) {
        const int order = i == na ? 1 : j == nb ? -1 : by_client(&in_a[i], &in_b[j]);
        if (order != 0)
            add_client(d, order < 0 ? &in_a[i] : &in_b[j], order > 0);
        i += order <= 0;
        j += order >= 0;
    }
    free(in_a);
    free(in_b);
}

/* ---- messages and service times ---- */

static void compare_messages(struct differ *d, const struct survey *a, const struct survey *b)
{
    for (unsigned i = 0; i <= WIRE_COMMANDS; i++)
        for (unsigned side = 0; side < 2; side++) {
            char name[DIFFER_NAME_BYTES];
            snprintf(name, sizeof name, "%s-from-%s", wire_command_name(i), side == 0 ? "clients" : "servers");
            add_counts(d, DIFFER_MESSAGES, name, a->kinds[i].messages[side], b->kinds[i].messages[side]);
        }
}

static void write_service(const struct histogram *h, char *text, size_t room)
{
    char low[SHOW_BYTES], mid[SHOW_BYTES], high[SHOW_BYTES];
    if (h->count == 0)
        return;
    snprintf(text, room, "%s (%s to %s, n=%" PRIu64 ")", show_duration(histogram_quantile(h, 0.5), mid),
             show_duration(histogram_quantile(h, 0.25), low), show_duration(histogram_quantile(h, 0.75), high), h->count);
}

static bool is_other_distribution(const struct histogram *a, const struct histogram *b, double *distance)
{
    *distance = 1;
    if (a->count == 0 || b->count == 0)
        return a->count != b->count;
    const double n = (double)a->count, m = (double)b->count;
    *distance = histogram_distance(a, b);
    return *distance > DIFFER_DISTANCE && *distance > DIFFER_KS * sqrt((n + m) / (n * m));
}

static void compare_service(struct differ *d, const struct survey *a, const struct survey *b)
{
    for (unsigned i = 0; i < SURVEY_CLASSES; i++) {
        double distance;
        if (!is_other_distribution(&a->service[i], &b->service[i], &distance))
            continue;
        struct differ_row *row = differ_add(d, DIFFER_SERVICE, survey_class_names[i]);
        write_service(&a->service[i], row->text[0], sizeof row->text[0]);
        write_service(&b->service[i], row->text[1], sizeof row->text[1]);
        const size_t used = strlen(row->text[1]);
        if (used > 0)
            snprintf(row->text[1] + used, sizeof row->text[1] - used, ", distance %.2f", distance);
    }
}

/* ---- all ---- */

static int by_kind_and_name(const void *a, const void *b)
{
    const struct differ_row *x = a, *y = b;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->name, y->name);
}

void differ_init(struct differ *d, const struct differ_side sides[2])
{
    *d = (struct differ){0};
    compare_missing(d, &sides[0].trace->missing, &sides[1].trace->missing);
    add_counts(d, DIFFER_CIRCUITS, "tcp", count_circuits(sides[0].trace), count_circuits(sides[1].trace));
    compare_clients(d, sides[0].trace, sides[1].trace);
    differ_pvs(d, sides);
    compare_messages(d, sides[0].survey, sides[1].survey);
    compare_service(d, sides[0].survey, sides[1].survey);
    if (d->nrows > 0)
        qsort(d->rows, d->nrows, sizeof *d->rows, by_kind_and_name);
}

void differ_fini(struct differ *d)
{
    free(d->rows);
    *d = (struct differ){0};
}
