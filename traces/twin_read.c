#include "traces/twin.h"

#include "traces/twin_event.h"
#include "traces/twin_table.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct number { /* of a message or a circuit in the twin, and in the trace */
    UT_hash_handle hh;
    uint64_t number;
    uint32_t index, flags; /* flags: of a circuit */
};

struct reading {
    struct trace_writer *w;
    struct number *ids, *circuits;
    struct twin_body *bodies;
    struct twin_bytes payload;
    struct trace_meta meta;
    char source[96], sha256[65];
    struct trace_pv *given; /* what PV lines say; by PV */
    uint32_t ngiven;
    bool has_start;
};

/* ---- numbers ---- */

static struct number *find(struct number *numbers, uint64_t number)
{
    struct number *found;
    HASH_FIND(hh, numbers, &number, sizeof number, found);
    return found;
}

/* NULL: it was there already, or no memory. */
static struct number *add(struct number **numbers, uint64_t number, uint32_t index)
{
    struct number *n = find(*numbers, number) == NULL ? calloc(1, sizeof *n) : NULL;
    if (n == NULL)
        return NULL;
    n->number = number;
    n->index = index;
    HASH_ADD(hh, *numbers, number, sizeof n->number, n);
    if (n->hh.tbl != NULL)
        return n;
    free(n);
    return NULL;
}

static void free_numbers(struct number **numbers)
{
    struct number *n, *next;
    HASH_ITER(hh, *numbers, n, next)
    {
        HASH_DEL(*numbers, n);
        free(n);
    }
}

static void fail_number(struct twin_line *l, const char *member, const char *expected, uint64_t number)
{
    json_t *found = json_integer((json_int_t)number);
    twin_fail(l, member, expected, found);
    json_decref(found);
}

/* ---- the first line ---- */

static void take_missing(struct twin_line *l, struct trace_missing *missing)
{
    json_t *object = twin_take(l, "missing");
    struct twin_line in = *l;
    in.members = object;
    if (object != NULL && !json_is_object(object))
        twin_fail(&in, "missing", "an object of numbers", object);
    for (size_t i = 0; i < TWIN_MISSING && object != NULL; i++)
        *(uint64_t *)((char *)missing + twin_missing[i].offset) = twin_take_number(&in, twin_missing[i].name, INT64_MAX, 0);
    if (object != NULL)
        twin_end(&in);
    l->failed = in.failed;
    json_decref(object);
}

static void take_start(struct reading *r, struct twin_line *l)
{
    const uint64_t version = twin_take_number(l, "catrace", INT64_MAX, 0);
    if (version != TWIN_VERSION)
        fail_number(l, "catrace", "version 1, the only one that is known here", version);
    r->meta.start_realtime_ns = twin_take_number(l, "start_ns", INT64_MAX, 0);
    r->meta.end_ns = twin_take_number(l, "end_ns", INT64_MAX, 0);
    twin_take_text(l, "source", r->source, sizeof r->source);
    twin_take_text(l, "sha256", r->sha256, sizeof r->sha256);
    take_missing(l, &r->meta.missing);
    r->meta.source = r->source;
    r->meta.sha256 = r->sha256;
    r->has_start = true;
    trace_writer_about(r->w, &r->meta);
}

/* ---- PVs and circuits ---- */

enum { GIVEN_TYPE = 1, GIVEN_COUNT = 2, GIVEN_RIGHTS = 4 }; /* in `reserved` of what PV lines say */

static struct trace_pv *given_of(struct reading *r, uint32_t pv)
{
    if (pv >= r->ngiven) {
        struct trace_pv *more = realloc(r->given, ((size_t)pv * 2 + 64) * sizeof *more);
        if (more == NULL)
            return NULL;
        memset(more + r->ngiven, 0, ((size_t)pv * 2 + 64 - r->ngiven) * sizeof *more);
        r->given = more;
        r->ngiven = pv * 2 + 64;
    }
    return &r->given[pv];
}

static uint32_t take_pv(struct reading *r, struct twin_line *l)
{
    size_t n;
    char *name = twin_take_name(l, "pv", &n);
    const uint32_t pv = name != NULL && !l->failed ? trace_writer_pv(r->w, name, n) : TRACE_NONE;
    free(name);
    return pv;
}

/* A type's name, or null: none is known. */
static uint16_t take_native(struct twin_line *l)
{
    json_t *type = twin_take(l, "type");
    uint16_t native = 0;
    while (json_is_string(type) && native < WIRE_BASES && strcmp(json_string_value(type), wire_types[native].name) != 0)
        native++;
    if (!json_is_null(type) && (!json_is_string(type) || native == WIRE_BASES))
        twin_fail(l, "type", "STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE or null", type);
    native = json_is_null(type) ? 0xffff : native;
    json_decref(type);
    return native;
}

static uint16_t take_rights(struct twin_line *l)
{
    if (!json_is_null(json_object_get(l->members, "rights")))
        return (uint16_t)twin_take_number(l, "rights", UINT16_MAX, 0xffff);
    json_object_del(l->members, "rights");
    return 0xffff;
}

static void read_pv(struct reading *r, struct twin_line *l)
{
    const uint32_t pv = take_pv(r, l);
    struct trace_pv *given = pv != TRACE_NONE ? given_of(r, pv) : NULL;
    if (given == NULL)
        return;
    if (json_object_get(l->members, "type") != NULL) {
        given->native = take_native(l);
        given->reserved |= GIVEN_TYPE;
    }
    if (json_object_get(l->members, "count") != NULL) {
        given->count = (uint32_t)twin_take_number(l, "count", UINT32_MAX, 0);
        given->reserved |= GIVEN_COUNT;
    }
    if (json_object_get(l->members, "rights") != NULL) {
        given->rights = take_rights(l);
        given->reserved |= GIVEN_RIGHTS;
    }
}

/* What PV lines say stands above what events say. */
static void apply_given(struct reading *r)
{
    const uint32_t npvs = trace_writer_counts(r->w).pvs;
    for (uint32_t i = 0; i < npvs && i < r->ngiven; i++) {
        const struct trace_pv *given = &r->given[i];
        struct trace_pv *pv = given->reserved != 0 ? trace_writer_pv_at(r->w, i) : NULL;
        if (pv == NULL)
            continue;
        pv->native = given->reserved & GIVEN_TYPE ? given->native : pv->native;
        pv->count = given->reserved & GIVEN_COUNT ? given->count : pv->count;
        pv->rights = given->reserved & GIVEN_RIGHTS ? given->rights : pv->rights;
    }
}

static uint32_t take_address(struct twin_line *l, const char *member)
{
    json_t *text = twin_take(l, member);
    struct in_addr address = {0};
    if (text != NULL && (!json_is_string(text) || inet_pton(AF_INET, json_string_value(text), &address) != 1))
        twin_fail(l, member, "an IPv4 address, as 10.0.0.1", text);
    json_decref(text);
    return ntohl(address.s_addr);
}

static uint32_t take_flags(struct twin_line *l)
{
    uint32_t flags = (uint32_t)twin_take_number(l, "flags", UINT32_MAX, 0);
    for (size_t i = 0; i < TWIN_FLAGS; i++) {
        json_t *flag = twin_take(l, twin_flags[i].name);
        if (flag != NULL && !json_is_boolean(flag))
            twin_fail(l, twin_flags[i].name, "true or false", flag);
        flags |= json_is_true(flag) ? twin_flags[i].flag : 0;
        json_decref(flag);
    }
    return flags;
}

static uint32_t take_string(struct reading *r, struct twin_line *l, const char *member)
{
    size_t n;
    char *text = twin_take_name(l, member, &n);
    const uint32_t string = text != NULL && !l->failed ? trace_writer_string(r->w, text, n) : TRACE_NONE;
    free(text);
    return string;
}

static void read_circuit(struct reading *r, struct twin_line *l)
{
    const uint64_t number = twin_take_number(l, "circuit", INT64_MAX, 0);
    struct trace_circuit c = {.flags = take_flags(l),
                              .client_address = take_address(l, "client"),
                              .server_address = take_address(l, "server"),
                              .client_port = (uint16_t)twin_take_number(l, "client_port", UINT16_MAX, 0),
                              .server_port = (uint16_t)twin_take_number(l, "server_port", UINT16_MAX, 0),
                              .begin_ns = twin_take_number(l, "begin_ns", INT64_MAX, 0),
                              .end_ns = twin_take_number(l, "end_ns", INT64_MAX, 0),
                              .minor = (uint16_t)twin_take_number(l, "minor", UINT16_MAX, 0),
                              .priority = (uint16_t)twin_take_number(l, "priority", UINT16_MAX, 0)};
    c.user = take_string(r, l, "user");
    c.host = take_string(r, l, "host");
    const uint32_t index = !l->failed ? trace_writer_circuit(r->w) : TRACE_NONE;
    struct number *known = index != TRACE_NONE ? add(&r->circuits, number, index) : NULL;
    if (known == NULL) {
        fail_number(l, "circuit", "a number that no line before has", number);
        return;
    }
    known->flags = c.flags;
    *trace_writer_circuit_at(r->w, index) = c;
}

/* ---- messages ---- */

static uint32_t take_index(struct twin_line *l, const char *member, struct number *numbers, const char *expected,
                           struct number **found)
{
    const uint64_t number = twin_take_number(l, member, INT64_MAX, UINT64_MAX);
    *found = number != UINT64_MAX ? find(numbers, number) : NULL;
    if (number != UINT64_MAX && *found == NULL)
        fail_number(l, member, expected, number);
    return *found != NULL ? (*found)->index : TRACE_NONE;
}

static void read_event(struct reading *r, struct twin_line *l)
{
    struct number *circuit, *peer;
    struct trace_event e = {.t_ns = twin_take_number(l, "t_ns", INT64_MAX, UINT64_MAX),
                            .span_ns = (uint32_t)twin_take_number(l, "span_ns", UINT32_MAX, 0)};
    if (e.t_ns == UINT64_MAX)
        twin_fail(l, "t_ns", "a whole number of nanoseconds since the first packet", NULL);
    e.circuit = take_index(l, "circuit", r->circuits, "the number of a circuit that a line before has", &circuit);
    e.peer = take_index(l, "peer", r->ids, "the id of a message", &peer);
    json_object_del(l->members, "id");
    twin_event_make(l, circuit != NULL && !(circuit->flags & TRACE_TCP), &r->bodies, &e, &r->payload);
    e.pv = take_pv(r, l);
    if (!twin_end(l) || r->payload.failed)
        return;
    trace_writer_event(r->w, &e, r->payload.at);
    if (e.pv != TRACE_NONE)
        twin_learn(trace_writer_pv_at(r->w, e.pv), &e);
}

static uint16_t take_kind(struct twin_line *l)
{
    json_t *name = twin_take(l, "loss");
    uint16_t kind = 0;
    while (json_is_string(name) && kind < TRACE_LOSS_KINDS && strcmp(json_string_value(name), losses_kind(kind)) != 0)
        kind++;
    if (!json_is_string(name) || kind == TRACE_LOSS_KINDS)
        twin_fail(l, "loss", "dropped, cut, gap, beginning, skipped, midway or malformed", name);
    json_decref(name);
    return kind;
}

static uint16_t take_sender(struct twin_line *l)
{
    json_t *from = twin_take(l, "from");
    const bool is_server = json_is_string(from) && strcmp(json_string_value(from), "server") == 0;
    if (from != NULL && !is_server)
        twin_fail(l, "from", "\"server\", or nothing", from);
    json_decref(from);
    return is_server ? TRACE_FROM_SERVER : 0;
}

static void read_loss(struct reading *r, struct twin_line *l)
{
    struct number *circuit;
    struct trace_loss loss = {.kind = take_kind(l),
                              .t_ns = twin_take_number(l, "t_ns", INT64_MAX, 0),
                              .until_ns = twin_take_number(l, "until_ns", INT64_MAX, 0),
                              .count = twin_take_number(l, "count", INT64_MAX, 0),
                              .bytes = twin_take_number(l, "bytes", INT64_MAX, 0),
                              .flags = (uint16_t)twin_take_number(l, "flags", UINT16_MAX, 0)};
    loss.flags |= take_sender(l);
    loss.circuit = take_index(l, "circuit", r->circuits, "the number of a circuit that a line before has", &circuit);
    if (!l->failed && loss.until_ns < loss.t_ns)
        fail_number(l, "until_ns", "a time that is not before t_ns", loss.until_ns);
    if (!l->failed)
        trace_writer_loss(r->w, &loss);
}

static void read_line(struct reading *r, struct twin_line *l)
{
    if (!r->has_start && json_object_get(l->members, "catrace") == NULL)
        twin_fail(l, "catrace", "a first line that has it, as `caplay dump --format twin` writes", NULL);
    else if (json_object_get(l->members, "catrace") != NULL)
        take_start(r, l);
    else if (json_object_get(l->members, "command") != NULL)
        read_event(r, l);
    else if (json_object_get(l->members, "loss") != NULL)
        read_loss(r, l);
    else if (json_object_get(l->members, "circuit") != NULL)
        read_circuit(r, l);
    else if (json_object_get(l->members, "pv") != NULL)
        read_pv(r, l);
    else if (json_object_get(l->members, "string") != NULL)
        take_string(r, l, "string");
    if (!l->failed)
        twin_end(l);
}

/* First, so that a peer may come later (where a clock stepped): which message has which id. */
static void read_id(struct reading *r, struct twin_line *l, uint32_t *nevents)
{
    if (json_object_get(l->members, "command") == NULL)
        return;
    const uint64_t id = twin_take_number(l, "id", INT64_MAX, UINT64_MAX);
    if (id != UINT64_MAX && add(&r->ids, id, *nevents) == NULL)
        fail_number(l, "id", "a number that no other message has", id);
    (*nevents)++;
}

/* ---- lines ---- */

static int load_line(struct twin_line *l, const char *text, size_t n)
{
    json_error_t error;
    l->number++;
    l->members = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (l->members == NULL)
        return diag_fail(l->diag, DIAG_USAGE,
                         "%.150s, line %" PRIu64 ", column %d: expected one JSON object a line, found: %.150s", l->file,
                         l->number, error.position, error.text);
    if (!json_is_object(l->members))
        twin_fail(l, "{", "a JSON object", l->members);
    return l->failed ? -1 : 0;
}

/* Each line of the file, by one of the two passes. */
static int read_lines(struct reading *r, FILE *in, const char *name, bool is_first_pass, struct diag *diag)
{
    struct twin_line l = {.file = name, .diag = diag};
    char *text = NULL;
    size_t room = 0;
    ssize_t n = 0;
    uint32_t nevents = 0;
    int status = 0;
    rewind(in);
    while (status == 0 && !r->payload.failed && !trace_writer_failed(r->w) && (n = getline(&text, &room, in)) >= 0) {
        status = load_line(&l, text, (size_t)n);
        if (status == 0 && is_first_pass)
            read_id(r, &l, &nevents);
        else if (status == 0)
            read_line(r, &l);
        status = l.failed ? -1 : status;
        json_decref(l.members);
    }
    free(text);
    if (status == 0 && n < 0 && ferror(in))
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", name);
    if (status == 0 && l.number == 0)
        return diag_fail(diag, DIAG_USAGE, "%s is empty: neither a capture nor the text of a trace", name);
    return r->payload.failed ? diag_fail(diag, DIAG_ENVIRONMENT, "no memory for line %" PRIu64 " of %s", l.number, name) : status;
}

static void free_all(struct reading *r)
{
    free_numbers(&r->ids);
    free_numbers(&r->circuits);
    twin_bodies_free(&r->bodies);
    free(r->payload.at);
    free(r->given);
}

int twin_read(FILE *in, const char *name, const char *output, struct trace_counts *counts, struct diag *diag)
{
    struct reading r = {.w = trace_writer_open(output, diag)};
    if (r.w == NULL)
        return -1;
    int status = read_lines(&r, in, name, true, diag);
    if (status == 0)
        status = read_lines(&r, in, name, false, diag);
    if (status == 0) {
        apply_given(&r);
        *counts = trace_writer_counts(r.w);
        status = trace_writer_finish(r.w, &r.meta, diag);
    } else
        trace_writer_abandon(r.w);
    free_all(&r);
    return status;
}
