#include "traces/describe.h"

#include <string.h>

/* What type, count, p1 and p2 mean, by command and sender: [0] a client, [1] a server. */
typedef const char *labels[DESCRIBE_FIELDS];

static const labels by_command[WIRE_COMMANDS][2] = {
    [WIRE_VERSION] = {{"priority", "minor"}, {NULL, "minor"}},
    [WIRE_EVENT_ADD] = {{"type", "count", "sid", "subid"}, {"type", "count", "status", "subid"}},
    [WIRE_EVENT_CANCEL] = {{"type", "count", "sid", "subid"}},
    [WIRE_READ] = {{"type", "count", "sid", "ioid"}, {"type", "count", "cid", "ioid"}},
    [WIRE_WRITE] = {{"type", "count", "sid", "cid"}},
    [WIRE_SEARCH] = {{NULL, "minor", NULL, "cid"}, {"port", NULL, "address", "cid"}},
    [WIRE_ERROR] = {{NULL}, {NULL, NULL, "cid", "status"}},
    [WIRE_CLEAR_CHANNEL] = {{NULL, NULL, "sid", "cid"}, {NULL, NULL, "sid", "cid"}},
    [WIRE_RSRV_IS_UP] = {{NULL}, {"minor", "port", "beacon", "address"}},
    [WIRE_NOT_FOUND] = {{NULL}, {NULL, "minor", NULL, "cid"}},
    [WIRE_READ_NOTIFY] = {{"type", "count", "sid", "ioid"}, {"type", "count", "status", "ioid"}},
    [WIRE_REPEATER_CONFIRM] = {{NULL}, {NULL, NULL, NULL, "address"}},
    [WIRE_CREATE_CHAN] = {{NULL, NULL, "cid", "minor"}, {"type", "count", "cid", "sid"}},
    [WIRE_WRITE_NOTIFY] = {{"type", "count", "sid", "ioid"}, {"type", "count", "status", "ioid"}},
    [WIRE_ACCESS_RIGHTS] = {{NULL}, {NULL, NULL, "cid", "rights"}},
    [WIRE_REPEATER_REGISTER] = {{NULL, NULL, NULL, "address"}},
    [WIRE_CREATE_CH_FAIL] = {{NULL}, {NULL, NULL, "cid"}},
    [WIRE_SERVER_DISCONN] = {{NULL}, {NULL, NULL, "cid"}},
};
static const labels of_udp_version = {NULL, "minor", "sequence"};
static const labels of_unknown = {"type", "count", "p1", "p2"};

static const struct {
    const char *label;
    enum describe_kind kind;
} kinds[] = {{"type", DESCRIBE_TYPE}, {"status", DESCRIBE_STATUS}, {"address", DESCRIBE_ADDRESS}, {"rights", DESCRIBE_RIGHTS}};

enum describe_kind describe_kind(const char *label)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].label, label) == 0)
            return kinds[i].kind;
    return DESCRIBE_NUMBER;
}

static bool is_from_server(const struct trace_event *e)
{
    return e->flags & TRACE_FROM_SERVER;
}

static bool is_cancelled(const struct trace_event *e)
{
    return e->command == WIRE_EVENT_ADD && is_from_server(e) && !(e->flags & TRACE_UPDATE);
}

static bool is_udp(const struct trace *t, const struct trace_event *e)
{
    return e->circuit != TRACE_NONE && !(t->circuits[e->circuit].flags & TRACE_TCP);
}

const char *const *describe_labels(const struct trace_event *e, bool is_on_udp)
{
    if (e->command >= WIRE_COMMANDS)
        return of_unknown;
    if (e->command == WIRE_VERSION && is_on_udp)
        return of_udp_version;
    return by_command[e->command][is_from_server(e) && !is_cancelled(e)]; /* the confirmation is like the request */
}

static void describe_fields(const struct trace *t, struct description *d)
{
    const struct trace_event *e = d->e;
    const uint32_t values[DESCRIBE_FIELDS] = {e->type, e->count, e->p1, e->p2};
    const char *const *names = describe_labels(e, is_udp(t, e));
    for (unsigned i = 0; i < DESCRIBE_FIELDS; i++) {
        const char *label = names[i];
        if (label != NULL)
            d->fields[i] = (struct describe_field){label, describe_kind(label), values[i]};
    }
}

static bool is_label(const char *label, const char *name)
{
    return label != NULL && strcmp(label, name) == 0;
}

/* Does it bear a number of a channel, or of what was asked of one? An ERROR may be about anything. */
static bool is_of_channel(const struct trace *t, const struct trace_event *e)
{
    static const char *const numbers[] = {"sid", "cid", "ioid", "subid"};
    const char *const *names = describe_labels(e, is_udp(t, e));
    bool found = false;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        found |= is_label(names[2], numbers[i]) || is_label(names[3], numbers[i]);
    return found && e->command != WIRE_ERROR && !is_udp(t, e);
}

/* The sid of a reply is its request's. */
static void describe_nameless(const struct trace *t, struct description *d)
{
    const struct trace_event *e = d->e;
    d->is_nameless = e->pv == TRACE_NONE && is_of_channel(t, e);
    if (!d->is_nameless || e->peer >= t->nevents || is_label(d->fields[2].label, "sid") || is_label(d->fields[3].label, "sid"))
        return;
    const struct trace_event *request = &t->events[e->peer];
    d->has_sid = is_label(describe_labels(request, is_udp(t, request))[2], "sid");
    d->sid = request->p1;
}

/* The role of what a server sends as EVENT_ADD. */
static const char *role_of(const struct trace_event *e)
{
    if (is_cancelled(e))
        return "cancelled";
    if (!(e->flags & TRACE_UPDATE))
        return NULL;
    return e->flags & TRACE_FIRST ? "first" : "update";
}

static const char *aside_of(const struct trace_event *e)
{
    return e->flags & TRACE_CARRIED ? "carried" : e->flags & TRACE_FILLED ? "filled" : NULL;
}

static bool has_values(const struct trace_event *e)
{
    switch (e->command) {
    case WIRE_EVENT_ADD:
        return e->flags & TRACE_UPDATE;
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
        return is_from_server(e);
    case WIRE_WRITE:
    case WIRE_WRITE_NOTIFY:
        return !is_from_server(e);
    default:
        return false;
    }
}

static void describe_value(const struct trace *t, struct description *d)
{
    const struct trace_event *e = d->e;
    const uint8_t *values = trace_body(t, e);
    size_t bytes = e->body_bytes;
    if (e->type >= WIRE_TYPES)
        return;
    if (wire_types[e->type].base == WIRE_STRING && bytes > 0 && bytes < WIRE_STRING_BYTES) {
        memcpy(d->string, values, bytes); /* one string travels cut behind its NUL (ca-protocol 6.3, 6.4) */
        values = d->string;
        bytes = sizeof d->string;
    }
    d->has_value = wire_decode(e->type, e->count, trace_head(t, e), e->head_bytes, values, bytes, &d->value, NULL) == WIRE_OK;
}

/* A text in a payload ends at its first NUL. */
static void take_text(struct description *d, struct cursor c)
{
    size_t n = strnlen((const char *)c.p, cursor_left(&c));
    if (n >= sizeof d->text)
        n = sizeof d->text - 1;
    memcpy(d->text, c.p, n);
    d->text[n] = '\0';
    d->has_text = true;
}

static void describe_error(struct description *d, struct cursor c)
{
    struct wire_header request;
    if (wire_header_read(&c, WIRE_MINOR, &request) != WIRE_OK)
        return;
    d->about = wire_command_name(request.command);
    take_text(d, c);
}

static void describe_mask(struct description *d, struct cursor c)
{
    cursor_bytes(&c, 12);
    d->mask = cursor_u16(&c);
    d->has_mask = !c.err;
}

static void describe_payload(const struct trace *t, struct description *d)
{
    const struct cursor c = cursor_over(trace_body(t, d->e), d->e->body_bytes);
    if (has_values(d->e))
        describe_value(t, d);
    else if (d->e->command == WIRE_ERROR)
        describe_error(d, c);
    else if (d->e->command == WIRE_CLIENT_NAME || d->e->command == WIRE_HOST_NAME)
        take_text(d, c);
    else if (d->e->command == WIRE_EVENT_ADD && !is_from_server(d->e))
        describe_mask(d, c);
}

void describe(const struct trace *t, uint32_t index, struct description *d)
{
    memset(d, 0, sizeof *d);
    d->e = &t->events[index];
    d->index = index;
    d->command = wire_command_name(d->e->command);
    d->pv = d->e->pv != TRACE_NONE ? trace_pv_name(t, d->e->pv) : NULL;
    d->role = role_of(d->e);
    d->aside = aside_of(d->e);
    d->has_service = trace_service_ns(t, d->e, &d->service_ns);
    describe_fields(t, d);
    describe_nameless(t, d);
    describe_payload(t, d);
}
