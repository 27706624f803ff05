#include "traces/twin_event.h"

#include "traces/describe.h"
#include "traces/show.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX 1024u /* statuses with a name are below */

static const char *const plain_names[DESCRIBE_FIELDS] = {"type", "count", "p1", "p2"};

static const struct {
    const char *name;
    uint16_t flags;
} roles[] = {{"update", TRACE_UPDATE}, {"first", TRACE_UPDATE | TRACE_FIRST}, {"of channel", TRACE_RIGHTS_OF}};

static const size_t nroles = sizeof roles / sizeof *roles;

static bool is_udp_of(const struct trace *t, const struct trace_event *e)
{
    return e->circuit != TRACE_NONE && !(t->circuits[e->circuit].flags & TRACE_TCP);
}

/* ---- showing ---- */

static json_t *field(enum describe_kind kind, uint32_t value)
{
    char address[SHOW_BYTES];
    if (kind == DESCRIBE_TYPE && value < WIRE_TYPES)
        return json_string(wire_types[value].name);
    if (kind == DESCRIBE_STATUS && value < STATUS_MAX && wire_status_name(value) != NULL)
        return json_string(wire_status_name(value));
    if (kind == DESCRIBE_ADDRESS)
        return json_string(show_address(value, address));
    return json_integer(value);
}

static void show_flags(json_t *line, const struct trace_event *e)
{
    unsigned left = e->flags & ~(unsigned)TRACE_FROM_SERVER;
    const unsigned role = left & (TRACE_UPDATE | TRACE_FIRST | TRACE_RIGHTS_OF);
    json_object_set_new(line, "from", json_string(e->flags & TRACE_FROM_SERVER ? "server" : "client"));
    for (size_t i = 0; i < nroles; i++)
        if (roles[i].flags == role) {
            json_object_set_new(line, "role", json_string(roles[i].name));
            left &= ~role;
            break;
        }
    if (left != 0)
        json_object_set_new(line, "flags", json_integer((json_int_t)left));
}

static void show_header(json_t *line, const struct trace *t, const struct trace_event *e)
{
    const uint32_t values[DESCRIBE_FIELDS] = {e->type, e->count, e->p1, e->p2};
    const char *const *labels = describe_labels(e, is_udp_of(t, e));
    for (unsigned i = 0; i < DESCRIBE_FIELDS; i++)
        if (labels[i] != NULL)
            json_object_set_new(line, labels[i], field(describe_kind(labels[i]), values[i]));
        else if (values[i] != 0)
            json_object_set_new(line, plain_names[i], json_integer(values[i]));
}

struct making { /* of a line that has just been shown */
    struct diag diag;
    struct twin_line line;
    struct trace_event e;
    struct twin_bytes payload;
};

static void try(struct making *m, const json_t *line, bool is_udp, struct twin_body **bodies)
{
    m->line = (struct twin_line){.members = json_deep_copy(line), .file = "", .diag = &m->diag};
    m->e = (struct trace_event){0};
    json_object_del(m->line.members, "body"); /* what is shared is told already, or here */
    twin_event_make(&m->line, is_udp, bodies, &m->e, &m->payload);
    json_decref(m->line.members);
}

static uint8_t byte_of(const struct trace *t, const struct trace_event *e, uint32_t i)
{
    if (i < e->head_bytes)
        return trace_head(t, e)[i];
    if (i - e->head_bytes < e->body_bytes)
        return trace_body(t, e)[i - e->head_bytes];
    return trace_head(t, e)[i - e->body_bytes];
}

static json_t *whole(const struct trace *t, const struct trace_event *e)
{
    uint8_t *bytes = malloc((size_t)e->size + 1);
    for (uint32_t i = 0; bytes != NULL && i < e->size; i++)
        bytes[i] = byte_of(t, e, i);
    json_t *hex = bytes != NULL ? twin_hex(bytes, e->size) : NULL;
    free(bytes);
    return hex;
}

/* Where the payload is not what the members say: the runs of other bytes. NULL: some are not 0 there, or they are too many. */
static json_t *differences(const struct trace *t, const struct trace_event *e, const uint8_t *said)
{
    json_t *runs = json_object();
    uint8_t run[64];
    char offset[16];
    for (uint32_t i = 0; i < e->size;) {
        uint32_t n = 0;
        for (; i + n < e->size && n < sizeof run && byte_of(t, e, i + n) != said[i + n]; n++) {
            run[n] = byte_of(t, e, i + n);
            if (said[i + n] != 0 || json_object_size(runs) > 16) {
                json_decref(runs);
                return NULL;
            }
        }
        snprintf(offset, sizeof offset, "%" PRIu32, i);
        if (n > 0)
            json_object_set_new(runs, offset, twin_hex(run, n));
        i += n > 0 ? n : 1;
    }
    return runs;
}

/* The members say another payload: add what they lack. False: that is not possible. */
static bool amend(json_t *line, const struct trace *t, const struct trace_event *e, struct making *m)
{
    bool is_cut = true; /* what the size cuts off is nothing */
    for (size_t i = e->size; i < m->payload.n; i++)
        is_cut &= m->payload.at[i] == 0;
    if (!is_cut || m->line.failed)
        return false;
    if (m->payload.n != e->size)
        json_object_set_new(line, "size", json_integer(e->size));
    if (m->payload.n < e->size)
        twin_bytes_add(&m->payload, e->size - m->payload.n);
    json_t *runs = differences(t, e, m->payload.at);
    if (json_object_size(runs) > 0)
        json_object_set(line, "bytes", runs);
    json_decref(runs);
    return runs != NULL;
}

static bool is_equal(const struct trace *t, const struct trace_event *e, const struct making *m)
{
    bool is = !m->line.failed && m->payload.n == e->size && m->e.count == e->count;
    for (uint32_t i = 0; is && i < e->size; i++)
        is = m->payload.at[i] == byte_of(t, e, i);
    return is;
}

static bool show_payload(json_t *line, const struct trace *t, const struct trace_event *e, struct twin_shared shared,
                         struct twin_body **bodies)
{
    const bool is_udp = is_udp_of(t, e);
    struct making m = {0};
    twin_payload_show(line, t, e, (struct twin_shared){shared.number, false});
    json_t *bare = json_copy(line), *count = json_incref(json_object_get(line, "count"));
    if (json_object_get(line, "value") != NULL)
        json_object_del(bare, "count"); /* the values give it */
    try(&m, bare, is_udp, bodies);
    if (m.e.count != e->count)
        json_object_set(bare, "count", count);
    if (!is_equal(t, e, &m)) {
        bool is_good = amend(bare, t, e, &m);
        m = (struct making){.payload = m.payload};
        try(&m, bare, is_udp, bodies);
        if (!is_good || !is_equal(t, e, &m)) {
            json_decref(bare);
            json_decref(count);
            free(m.payload.at);
            return false;
        }
    }
    json_object_clear(line);
    json_object_update(line, bare);
    if (shared.is_told && json_object_get(line, "value") != NULL)
        json_object_del(line, "value");
    json_decref(bare);
    json_decref(count);
    free(m.payload.at);
    return true;
}

bool twin_event_show(json_t *line, const struct trace *t, uint32_t index, struct twin_shared shared, struct twin_body **bodies)
{
    const struct trace_event *e = &t->events[index];
    show_flags(line, e);
    json_object_set_new(line, "command",
                        e->command < WIRE_COMMANDS ? json_string(wire_command_name(e->command)) : json_integer(e->command));
    show_header(line, t, e);
    json_t *head = json_copy(line);
    if (!show_payload(line, t, e, shared, bodies)) {
        json_object_clear(line);
        json_object_update(line, head);
        json_object_set_new(line, "payload", whole(t, e));
    }
    json_decref(head);
    return true;
}

/* ---- making ---- */

static bool number_of_name(enum describe_kind kind, const char *name, uint32_t *value)
{
    struct in_addr address;
    if (kind == DESCRIBE_ADDRESS && inet_pton(AF_INET, name, &address) == 1) {
        *value = ntohl(address.s_addr);
        return true;
    }
    for (*value = 0; kind == DESCRIBE_TYPE && *value < WIRE_TYPES; (*value)++)
        if (strcmp(wire_types[*value].name, name) == 0)
            return true;
    for (*value = 0; kind == DESCRIBE_STATUS && *value < STATUS_MAX; (*value)++)
        if (wire_status_name(*value) != NULL && strcmp(wire_status_name(*value), name) == 0)
            return true;
    return false;
}

static uint32_t take_field(struct twin_line *l, const char *name, enum describe_kind kind, uint32_t most)
{
    static const char *const expected[] = {
        [DESCRIBE_TYPE] = "a DBR type, as TIME_DOUBLE, or its number",
        [DESCRIBE_STATUS] = "a status, as ECA_NORMAL, or its number",
        [DESCRIBE_ADDRESS] = "an IPv4 address, as 10.0.0.1",
    };
    uint32_t value = 0;
    if (!json_is_string(json_object_get(l->members, name)))
        return (uint32_t)twin_take_number(l, name, most, 0);
    json_t *text = twin_take(l, name);
    if (!number_of_name(kind, json_string_value(text), &value))
        twin_fail(l, name, expected[kind] != NULL ? expected[kind] : "a number", text);
    json_decref(text);
    return value;
}

static uint16_t take_command(struct twin_line *l)
{
    json_t *text = twin_take(l, "command");
    uint16_t command = 0;
    while (json_is_string(text) && command < WIRE_COMMANDS && strcmp(wire_command_name(command), json_string_value(text)) != 0)
        command++;
    const json_int_t number = json_is_integer(text)                     ? json_integer_value(text)
                              : command < WIRE_COMMANDS && text != NULL ? command
                                                                        : -1;
    if (number < 0 || number > UINT16_MAX || (!json_is_integer(text) && !json_is_string(text)))
        twin_fail(l, "command", "a command, as READ_NOTIFY, or its number", text);
    json_decref(text);
    return (uint16_t)number;
}

static uint16_t take_flags(struct twin_line *l)
{
    json_t *from = twin_take(l, "from"), *role = twin_take(l, "role");
    uint16_t flags = (uint16_t)twin_take_number(l, "flags", UINT16_MAX, 0);
    const char *who = json_is_string(from) ? json_string_value(from) : "";
    size_t i = 0;
    if (strcmp(who, "server") == 0)
        flags |= TRACE_FROM_SERVER;
    else if (strcmp(who, "client") != 0)
        twin_fail(l, "from", "\"client\" or \"server\"", from);
    while (role != NULL && i < nroles && (!json_is_string(role) || strcmp(roles[i].name, json_string_value(role)) != 0))
        i++;
    if (role != NULL && i == nroles)
        twin_fail(l, "role", "\"update\", \"first\" or \"of channel\"", role);
    else if (role != NULL)
        flags |= roles[i].flags;
    json_decref(from);
    json_decref(role);
    return flags;
}

void twin_event_make(struct twin_line *l, bool is_udp, struct twin_body **bodies, struct trace_event *e,
                     struct twin_bytes *payload)
{
    static const uint32_t most[DESCRIBE_FIELDS] = {UINT16_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    uint32_t values[DESCRIBE_FIELDS];
    bool has_count = false;
    e->command = take_command(l);
    e->flags = take_flags(l);
    const char *const *labels = describe_labels(e, is_udp);
    for (unsigned i = 0; i < DESCRIBE_FIELDS; i++) {
        const char *name = labels[i] != NULL ? labels[i] : plain_names[i];
        has_count |= i == 1 && json_object_get(l->members, name) != NULL;
        values[i] = take_field(l, name, labels[i] != NULL ? describe_kind(labels[i]) : DESCRIBE_NUMBER, most[i]);
    }
    e->type = (uint16_t)values[0];
    e->count = values[1];
    e->p1 = values[2];
    e->p2 = values[3];
    if (!l->failed)
        twin_payload_make(l, e, has_count, bodies, payload);
}
