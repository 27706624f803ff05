#include "traces/twin.h"

#include "traces/show.h"
#include "traces/twin_event.h"
#include "traces/twin_order.h"
#include "traces/twin_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct body { /* values in the pool that several messages have */
    UT_hash_handle hh;
    uint64_t offset;
    uint32_t uses, number; /* TRACE_NONE: not told yet */
};

struct writing {
    const struct trace *t;
    FILE *out;
    uint32_t *order;         /* event indices as they were appended */
    uint32_t *place;         /* and back */
    bool *is_peer;           /* is some event's request */
    bool *is_known;          /* strings, by offset: what compiling the lines so far interns */
    struct trace_pv *learnt; /* what events tell of PVs */
    uint32_t next_string, npvs, ncircuits, nbodies;
    struct body *bodies;
    bool failed;
};

/* ---- lines ---- */

/* With the fewest digits that read back as the same numbers. */
static char *text_of(const json_t *line)
{
    for (size_t digits = 15; digits < 17; digits++) {
        char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(digits));
        json_t *again = text != NULL ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
        const bool is_same = json_equal(again, line);
        json_decref(again);
        if (is_same)
            return text;
        free(text);
    }
    return json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17));
}

static void put_line(struct writing *w, json_t *line)
{
    char *text = line != NULL ? text_of(line) : NULL;
    w->failed |= text == NULL;
    if (text != NULL)
        fprintf(w->out, "%s\n", text);
    free(text);
    json_decref(line);
}

static json_t *string_of(const struct trace *t, uint32_t string)
{
    const char *text = trace_string(t, string);
    return twin_text(text, strlen(text));
}

static void put_start(struct writing *w)
{
    const struct trace *t = w->t;
    json_t *missing = json_object();
    for (size_t i = 0; i < TWIN_MISSING; i++) {
        const uint64_t n = *(const uint64_t *)((const char *)&t->missing + twin_missing[i].offset);
        if (n != 0)
            json_object_set_new(missing, twin_missing[i].name, json_integer((json_int_t)n));
    }
    json_t *line = json_pack("{s:i,s:I,s:I,s:o}", "catrace", TWIN_VERSION, "start_ns", (json_int_t)t->start_realtime_ns, "end_ns",
                             (json_int_t)t->end_ns, "source", twin_text(t->source, strlen(t->source)));
    if (t->sha256[0] != '\0')
        json_object_set_new(line, "sha256", twin_text(t->sha256, strlen(t->sha256)));
    json_object_set_new(line, "missing", missing);
    put_line(w, line);
}

/* What events do not give, or give otherwise. */
static bool add_pv(json_t *line, const struct trace_pv *pv, const struct trace_pv *learnt)
{
    const bool type = pv->native != learnt->native, count = pv->count != learnt->count, rights = pv->rights != learnt->rights;
    if (type)
        json_object_set_new(line, "type", pv->native < WIRE_BASES ? json_string(wire_types[pv->native].name) : json_null());
    if (count)
        json_object_set_new(line, "count", json_integer(pv->count));
    if (rights)
        json_object_set_new(line, "rights", pv->rights != 0xffff ? json_integer(pv->rights) : json_null());
    return type || count || rights;
}

/* The next PV, whose name is known. */
static void put_pv(struct writing *w, bool is_needed)
{
    json_t *line = json_object();
    const struct trace_pv *pv = &w->t->pvs[w->npvs];
    json_object_set_new(line, "pv", string_of(w->t, pv->name));
    if (add_pv(line, pv, &w->learnt[w->npvs]) || is_needed)
        put_line(w, line);
    else
        json_decref(line);
    w->npvs++;
}

/* ---- what comes before a message ---- */

static uint32_t next_string(struct writing *w)
{
    while (w->next_string < w->t->nstrings && w->is_known[w->next_string])
        w->next_string += (uint32_t)strlen(w->t->strings + w->next_string) + 1;
    return w->next_string;
}

/* The line that is about to come interns this text: lines for those that were interned before it. */
static void know_string(struct writing *w, uint32_t string)
{
    while (string < w->t->nstrings && !w->is_known[string]) {
        const uint32_t next = next_string(w);
        if (next == string || next >= w->t->nstrings) {
            w->is_known[string] = true;
            return;
        }
        w->is_known[next] = true;
        if (w->npvs < w->t->npvs && w->t->pvs[w->npvs].name == next)
            put_pv(w, true);
        else
            put_line(w, json_pack("{s:o}", "string", string_of(w->t, next)));
    }
}

/* PVs up to this one, which the next line names if is_named. */
static void know_pv(struct writing *w, uint32_t pv, bool is_named)
{
    while (w->npvs <= pv) {
        const uint32_t next = w->npvs;
        know_string(w, w->t->pvs[next].name);
        if (w->npvs == next)
            put_pv(w, next != pv || !is_named);
    }
}

static void put_circuit(struct writing *w)
{
    char client[SHOW_BYTES], server[SHOW_BYTES];
    const struct trace_circuit *c = &w->t->circuits[w->ncircuits];
    json_t *line = json_pack("{s:I}", "circuit", (json_int_t)w->ncircuits);
    for (size_t i = 0; i < TWIN_FLAGS; i++)
        if (c->flags & twin_flags[i].flag)
            json_object_set_new(line, twin_flags[i].name, json_true());
    if (c->flags & ~TWIN_FLAGS_KNOWN)
        json_object_set_new(line, "flags", json_integer(c->flags & ~TWIN_FLAGS_KNOWN));
    json_object_update_new(line, json_pack("{s:s,s:i,s:s,s:i,s:I,s:I,s:i,s:i}", "client", show_address(c->client_address, client),
                                           "client_port", c->client_port, "server", show_address(c->server_address, server),
                                           "server_port", c->server_port, "begin_ns", (json_int_t)c->begin_ns, "end_ns",
                                           (json_int_t)c->end_ns, "minor", c->minor, "priority", c->priority));
    if (c->user != TRACE_NONE)
        json_object_set_new(line, "user", string_of(w->t, c->user));
    if (c->host != TRACE_NONE)
        json_object_set_new(line, "host", string_of(w->t, c->host));
    know_string(w, c->user);
    know_string(w, c->host);
    w->ncircuits++;
    put_line(w, line);
}

static void put_loss(struct writing *w, const struct trace_loss *loss)
{
    json_t *line = json_pack("{s:s,s:I,s:I,s:I,s:I}", "loss", losses_kind(loss->kind), "t_ns", (json_int_t)loss->t_ns, "until_ns",
                             (json_int_t)loss->until_ns, "count", (json_int_t)loss->count, "bytes", (json_int_t)loss->bytes);
    if (loss->circuit != TRACE_NONE)
        json_object_set_new(line, "circuit", json_integer(loss->circuit));
    if (loss->flags & TRACE_FROM_SERVER)
        json_object_set_new(line, "from", json_string("server"));
    if (loss->flags & ~TRACE_FROM_SERVER)
        json_object_set_new(line, "flags", json_integer(loss->flags & ~TRACE_FROM_SERVER));
    put_line(w, line);
}

/* ---- messages ---- */

static struct twin_shared shared_of(const struct writing *w, const struct trace_event *e, struct body **body)
{
    *body = NULL;
    if (trace_has_values(e) && wire_types[e->type].base != WIRE_STRING && e->body_bytes % wire_types[e->type].size == 0)
        HASH_FIND(hh, w->bodies, &e->body, sizeof e->body, *body);
    if (*body == NULL || (*body)->uses < 2 || e->body_bytes < TRACE_SHARED_BYTES)
        return (struct twin_shared){TRACE_NONE, false};
    return (struct twin_shared){(*body)->number != TRACE_NONE ? (*body)->number : w->nbodies, (*body)->number != TRACE_NONE};
}

static json_t *event_line(const struct writing *w, uint32_t place)
{
    const uint32_t index = w->order[place];
    const struct trace_event *e = &w->t->events[index];
    json_t *line = json_pack("{s:I}", "t_ns", (json_int_t)e->t_ns);
    if (e->span_ns != 0)
        json_object_set_new(line, "span_ns", json_integer(e->span_ns));
    if (e->circuit != TRACE_NONE)
        json_object_set_new(line, "circuit", json_integer(e->circuit));
    if (w->is_peer[index])
        json_object_set_new(line, "id", json_integer(place));
    if (e->peer != TRACE_NONE)
        json_object_set_new(line, "peer", json_integer(w->place[e->peer]));
    if (e->pv != TRACE_NONE)
        json_object_set_new(line, "pv", string_of(w->t, w->t->pvs[e->pv].name));
    return line;
}

static void put_event(struct writing *w, uint32_t place)
{
    struct body *body;
    const struct trace_event *e = &w->t->events[w->order[place]];
    struct twin_body *none = NULL;
    const struct twin_shared shared = shared_of(w, e, &body);
    json_t *line = event_line(w, place);
    w->failed |= !twin_event_show(line, w->t, w->order[place], shared, &none);
    twin_bodies_free(&none);
    if (body != NULL && body->number == TRACE_NONE && json_object_get(line, "body") != NULL) {
        body->number = shared.number;
        w->nbodies++;
    }
    while (e->circuit != TRACE_NONE && w->ncircuits <= e->circuit)
        put_circuit(w);
    if (e->pv != TRACE_NONE)
        know_pv(w, e->pv, true);
    put_line(w, line);
}

/* ---- all of it ---- */

static void look_at_events(struct writing *w)
{
    for (uint32_t k = 0; k < w->t->nevents; k++) {
        const struct trace_event *e = &w->t->events[w->order[k]];
        struct body *body = NULL;
        if (e->peer != TRACE_NONE)
            w->is_peer[e->peer] = true;
        if (e->pv != TRACE_NONE)
            twin_learn(&w->learnt[e->pv], e);
        if (e->body_bytes < TRACE_SHARED_BYTES || !trace_has_values(e))
            continue;
        HASH_FIND(hh, w->bodies, &e->body, sizeof e->body, body);
        if (body == NULL && (body = calloc(1, sizeof *body)) != NULL) {
            *body = (struct body){.offset = e->body, .number = TRACE_NONE};
            HASH_ADD(hh, w->bodies, offset, sizeof body->offset, body);
            if (body->hh.tbl == NULL) {
                free(body);
                body = NULL;
            }
        }
        if (body != NULL)
            body->uses++;
    }
}

static void put_all(struct writing *w)
{
    put_start(w);
    for (uint32_t k = 0; k < w->t->nevents && !w->failed && !ferror(w->out); k++)
        put_event(w, k);
    while (w->ncircuits < w->t->ncircuits)
        put_circuit(w);
    if (w->t->npvs > 0)
        know_pv(w, w->t->npvs - 1, false);
    for (uint32_t next = next_string(w); next < w->t->nstrings; next = next_string(w)) {
        w->is_known[next] = true;
        put_line(w, json_pack("{s:o}", "string", string_of(w->t, next)));
    }
    for (uint32_t i = 0; i < w->t->nlosses; i++)
        put_loss(w, &w->t->losses[i]);
}

static bool have_place(const struct trace_loss *losses, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (losses[i].until_ns > INT64_MAX || losses[i].bytes > INT64_MAX || losses[i].count > INT64_MAX)
            return false;
    return true;
}

static int check_times(const struct trace *t, struct diag *diag)
{
    const uint64_t last = t->nevents > 0 ? t->events[t->nevents - 1].t_ns : 0;
    if (last <= INT64_MAX && t->end_ns <= INT64_MAX && t->start_realtime_ns <= INT64_MAX && have_place(t->losses, t->nlosses))
        return 0;
    return diag_fail(diag, DIAG_USAGE, "the trace has times of 2^63 ns and more: as text there is no place for them");
}

static void free_all(struct writing *w)
{
    struct body *body, *next;
    HASH_ITER(hh, w->bodies, body, next)
    {
        HASH_DEL(w->bodies, body);
        free(body);
    }
    free(w->order);
    free(w->place);
    free(w->is_peer);
    free(w->is_known);
    free(w->learnt);
}

int twin_write(const struct trace *t, FILE *out, struct diag *diag)
{
    const size_t n = (size_t)t->nevents + 1;
    if (check_times(t, diag) < 0)
        return -1;
    struct writing w = {.t = t,
                        .out = out,
                        .order = malloc(n * sizeof *w.order),
                        .place = malloc(n * sizeof *w.place),
                        .is_peer = calloc(n, sizeof *w.is_peer),
                        .is_known = calloc((size_t)t->nstrings + 1, sizeof *w.is_known),
                        .learnt = malloc(((size_t)t->npvs + 1) * sizeof *w.learnt)};
    w.failed = w.order == NULL || w.place == NULL || w.is_peer == NULL || w.is_known == NULL || w.learnt == NULL ||
               !twin_order(t, w.order, w.place);
    if (!w.failed) {
        for (uint32_t i = 0; i < t->npvs; i++)
            w.learnt[i] = (struct trace_pv){.native = 0xffff, .rights = 0xffff};
        look_at_events(&w);
        put_all(&w);
    }
    free_all(&w);
    return w.failed ? diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the text of %" PRIu32 " messages", t->nevents) : 0;
}
