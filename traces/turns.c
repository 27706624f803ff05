/* What each command means: whom it concerns, which request it answers, what its replies will be known by.
 * Rule: ca-protocol 2.1 (from a client), 2.2 (from a server), 8.1 (ERROR). */
#include "traces/conversation.h"
#include "wire/value.h"

static struct trace_circuit *record_of(struct turn *t)
{
    return trace_writer_circuit_at(t->d->writer, t->circuit->index);
}

static struct ledger *ledger_of(struct turn *t)
{
    return &t->circuit->ledger;
}

static uint32_t pv_of_name(struct turn *t)
{
    size_t length = wire_name_length(t->payload, t->h->size);
    t->malformed |= length == 0;
    return length > 0 ? trace_writer_pv(t->d->writer, (const char *)t->payload, length) : TRACE_NONE;
}

static uint32_t text_of_payload(struct turn *t)
{
    size_t length = wire_name_length(t->payload, t->h->size);
    return trace_writer_string(t->d->writer, (const char *)t->payload, length);
}

/* Remember the request under a number that its reply will bear. */
static void ask(struct turn *t, uint32_t command, uint32_t id)
{
    struct ledger_request *request = ledger_request_add(ledger_of(t), command, id, t->e.pv);
    if (request == NULL)
        return;
    request->sid = t->h->p1;
    t->keep = &request->event;
}

/* The next part of the recording is going to need this message. */
static void keep(struct turn *t, struct ledger_kept *kept)
{
    if (t->d->is_keeping && !t->malformed)
        ledger_keep(ledger_of(t), kept, t->h, t->payload);
}

static void tie(struct turn *t, const struct ledger_request *request)
{
    if (request == NULL)
        return;
    t->e.peer = request->event;
    if (t->e.pv == TRACE_NONE)
        t->e.pv = request->pv;
}

/* The reply that ends a request. */
static void answer(struct turn *t, uint32_t command, uint32_t id)
{
    struct ledger_request *request = ledger_request_find(ledger_of(t), command, id);
    tie(t, request);
    if (request != NULL)
        ledger_request_drop(ledger_of(t), request);
}

static struct ledger_channel *channel_of_sid(struct turn *t, uint32_t sid)
{
    struct ledger_channel *channel = ledger_channel_by_sid(ledger_of(t), sid);
    if (channel != NULL)
        t->e.pv = channel->pv;
    return channel;
}

static struct ledger_channel *channel_of_cid(struct turn *t, uint32_t cid)
{
    struct ledger_channel *channel = ledger_channel_by_cid(ledger_of(t), cid);
    if (channel != NULL)
        t->e.pv = channel->pv;
    return channel;
}

/* ---- the circuit itself ---- */

static void on_client_version(struct turn *t)
{
    t->circuit->minor = t->h->count;
    struct trace_circuit *record = record_of(t);
    record->minor = (uint16_t)(t->h->count < UINT16_MAX ? t->h->count : UINT16_MAX);
    if (!t->circuit->has_version && (record->flags & TRACE_TCP)) /* later ones belong to searches (ca-protocol 3.6) */
        record->priority = t->h->type;
    t->circuit->has_version = true;
}

static void on_client_name(struct turn *t)
{
    uint32_t text = text_of_payload(t);
    record_of(t)->user = text;
}

static void on_host_name(struct turn *t)
{
    uint32_t text = text_of_payload(t);
    record_of(t)->host = text;
}

static void on_echo(struct turn *t)
{
    ask(t, WIRE_ECHO, ledger_of(t)->echoes_asked++);
}

static void on_echo_reply(struct turn *t)
{
    struct ledger *l = ledger_of(t);
    if (l->echoes_answered != l->echoes_asked)
        answer(t, WIRE_ECHO, l->echoes_answered++);
}

/* ---- search ---- */

static void on_search(struct turn *t)
{
    t->e.pv = pv_of_name(t);
    ask(t, WIRE_SEARCH, t->h->p2);
}

/* A request may be answered by several servers, and again after a repeat: it stays, and replies are tied to its latest repeat. */
static void on_search_reply(struct turn *t)
{
    tie(t, ledger_request_find(ledger_of(t), WIRE_SEARCH, t->h->p2));
    if (t->h->command == WIRE_SEARCH)
        t->d->server_ports[t->h->type / 8] |= (uint8_t)(1u << (t->h->type % 8));
}

static void on_beacon(struct turn *t)
{
    uint16_t port = (uint16_t)t->h->count;
    t->d->server_ports[port / 8] |= (uint8_t)(1u << (port % 8));
}

/* ---- channels ---- */

static void on_create(struct turn *t)
{
    t->e.pv = pv_of_name(t);
    struct ledger_channel *channel = ledger_channel_add(ledger_of(t), t->h->p1, t->e.pv);
    if (channel != NULL)
        t->keep = &channel->create;
}

static void on_create_reply(struct turn *t)
{
    struct ledger_channel *channel = channel_of_cid(t, t->h->p1);
    t->malformed |= t->h->type >= WIRE_BASES;
    if (channel == NULL)
        return;
    t->e.peer = channel->create;
    keep(t, &channel->created);
    ledger_channel_bind(ledger_of(t), channel, t->h->p2);
    if (channel->pv == TRACE_NONE || t->malformed)
        return;
    struct trace_pv *pv = trace_writer_pv_at(t->d->writer, channel->pv);
    pv->native = t->h->type;
    pv->count = t->h->count;
}

/* CREATE_CH_FAIL, SERVER_DISCONN: the channel is no more. */
static void on_channel_lost(struct turn *t)
{
    struct ledger_channel *channel = channel_of_cid(t, t->h->p1);
    if (channel == NULL)
        return;
    if (t->h->command == WIRE_CREATE_CH_FAIL)
        t->e.peer = channel->create;
    ledger_channel_drop(ledger_of(t), channel);
}

static void on_access_rights(struct turn *t)
{
    struct ledger_channel *channel = channel_of_cid(t, t->h->p1);
    if (channel == NULL)
        return;
    if (!channel->has_rights) {
        t->e.flags |= TRACE_RIGHTS_OF;
        t->e.peer = channel->create;
    }
    channel->has_rights = true;
    keep(t, &channel->rights);
    if (channel->pv != TRACE_NONE)
        trace_writer_pv_at(t->d->writer, channel->pv)->rights = (uint16_t)(t->h->p2 & (WIRE_RIGHT_READ | WIRE_RIGHT_WRITE));
}

static void on_clear(struct turn *t)
{
    if (channel_of_sid(t, t->h->p1) == NULL)
        channel_of_cid(t, t->h->p2);
    ask(t, WIRE_CLEAR_CHANNEL, t->h->p1);
}

static void on_clear_reply(struct turn *t)
{
    struct ledger_channel *channel = channel_of_sid(t, t->h->p1);
    answer(t, WIRE_CLEAR_CHANNEL, t->h->p1);
    if (channel != NULL)
        ledger_channel_drop(ledger_of(t), channel);
}

/* ---- reading and writing ---- */

static void check_type(struct turn *t)
{
    t->malformed |= t->h->type >= WIRE_TYPES;
}

/* READ, READ_NOTIFY, WRITE_NOTIFY: sid and ioid. */
static void on_request(struct turn *t)
{
    check_type(t);
    channel_of_sid(t, t->h->p1);
    ask(t, t->h->command, t->h->p2);
}

/* A value, or metadata, that a client has read. */
static void keep_answer(struct turn *t)
{
    const struct ledger_request *request = ledger_request_find(ledger_of(t), t->h->command, t->h->p2);
    struct ledger_channel *channel = request != NULL ? ledger_channel_by_sid(ledger_of(t), request->sid) : NULL;
    const bool is_good = t->h->command == WIRE_READ ? t->h->size > 0 : t->h->p1 == WIRE_ECA_NORMAL;
    if (channel == NULL || !is_good || t->malformed || t->h->command == WIRE_WRITE_NOTIFY)
        return;
    const unsigned family = wire_types[t->h->type].family;
    if (family != WIRE_SPECIAL)
        keep(t, &channel->read[family == WIRE_GR || family == WIRE_CTRL]);
}

static void on_reply(struct turn *t)
{
    check_type(t);
    keep_answer(t);
    if (t->h->command == WIRE_READ)
        channel_of_cid(t, t->h->p1); /* the others have the status there */
    answer(t, t->h->command, t->h->p2);
}

static void on_write(struct turn *t)
{
    check_type(t);
    struct ledger_channel *channel = channel_of_sid(t, t->h->p1);
    if (channel != NULL)
        t->keep = &channel->write;
}

/* ---- subscriptions ---- */

/* Packets swap places, and where messages were looked for, a request may be told behind its answers. */
static bool is_told_late(struct turn *t)
{
    if (t->circuit->has_stray && t->circuit->stray == t->h->p2)
        return true;
    return (record_of(t)->flags & (TRACE_MIDWAY | TRACE_GAP)) && t->d->start_ns + t->e.t_ns < t->circuit->heard_ns;
}

static void on_subscribe(struct turn *t)
{
    check_type(t);
    t->malformed |= t->h->size < 16;
    struct ledger_channel *channel = channel_of_sid(t, t->h->p1);
    struct ledger_subscription *s = ledger_subscription_add(ledger_of(t), channel, t->h->p2);
    if (s == NULL)
        return;
    s->gaps = t->circuit->gaps;
    s->updated = is_told_late(t);
    t->keep = &s->add;
    keep(t, &s->request);
}

static void on_cancel(struct turn *t)
{
    channel_of_sid(t, t->h->p1);
    struct ledger_subscription *s = ledger_subscription_find(ledger_of(t), t->h->p2);
    if (s == NULL)
        return;
    t->e.pv = s->pv;
    t->keep = &s->cancel;
}

/* EVENT_ADD of size 0 confirms the cancel; where none was asked for, it is the update of an array that has become empty
 * (ca-protocol 6.5). Without the subscription nobody can tell. */
static void on_update(struct turn *t)
{
    struct ledger_subscription *s = ledger_subscription_find(ledger_of(t), t->h->p2);
    check_type(t);
    if (s != NULL)
        t->e.pv = s->pv;
    if (t->h->size == 0 && (s == NULL || s->cancel != TRACE_NONE)) {
        t->e.peer = s != NULL ? s->cancel : TRACE_NONE;
        if (s != NULL)
            ledger_subscription_drop(ledger_of(t), s);
        return;
    }
    t->e.flags |= TRACE_UPDATE;
    if (s == NULL) {
        t->circuit->has_stray = true;
        t->circuit->stray = t->h->p2;
        return;
    }
    t->e.peer = s->add;
    if (!s->updated && s->gaps == t->circuit->gaps)
        t->e.flags |= TRACE_FIRST;
    s->updated = true;
    if (t->h->p1 == WIRE_ECA_NORMAL)
        keep(t, &s->update);
}

/* ---- errors ---- */

static void blame_subscription(struct turn *t, const struct wire_header *request)
{
    struct ledger_subscription *s = ledger_subscription_find(ledger_of(t), request->p2);
    if (s == NULL)
        return;
    t->e.pv = s->pv;
    t->e.peer = request->command == WIRE_EVENT_CANCEL ? s->cancel : s->add;
}

static void blame_channel(struct turn *t, const struct wire_header *request)
{
    if (request->command == WIRE_CREATE_CHAN) {
        struct ledger_channel *created = channel_of_cid(t, request->p1);
        t->e.peer = created != NULL ? created->create : TRACE_NONE;
        return;
    }
    struct ledger_channel *written = channel_of_sid(t, request->p1);
    t->e.peer = written != NULL ? written->write : TRACE_NONE;
}

/* ERROR bears the header of the request that it is about. */
static void on_error(struct turn *t)
{
    struct cursor c = cursor_over(t->payload, t->h->size);
    struct wire_header request;
    if (wire_header_read(&c, t->circuit->minor, &request) != WIRE_OK) {
        t->malformed = true;
        return;
    }
    channel_of_cid(t, t->h->p1);
    switch (request.command) {
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
    case WIRE_WRITE_NOTIFY:
        answer(t, request.command, request.p2);
        break;
    case WIRE_EVENT_ADD:
    case WIRE_EVENT_CANCEL:
        blame_subscription(t, &request);
        break;
    case WIRE_WRITE:
    case WIRE_CREATE_CHAN:
        blame_channel(t, &request);
        break;
    case WIRE_CLEAR_CHANNEL:
        answer(t, request.command, request.p1);
        break;
    case WIRE_SEARCH:
        tie(t, ledger_request_find(ledger_of(t), WIRE_SEARCH, request.p2));
        break;
    default:
        break;
    }
}

const struct turn_calls turn_calls[WIRE_COMMANDS] = {
    [WIRE_VERSION] = {.from_client = on_client_version},
    [WIRE_EVENT_ADD] = {.from_client = on_subscribe, .from_server = on_update},
    [WIRE_EVENT_CANCEL] = {.from_client = on_cancel},
    [WIRE_READ] = {.from_client = on_request, .from_server = on_reply},
    [WIRE_WRITE] = {.from_client = on_write},
    [WIRE_SEARCH] = {.from_client = on_search, .from_server = on_search_reply},
    [WIRE_READ_SYNC] = {.from_client = on_echo, .from_server = on_echo_reply},
    [WIRE_ERROR] = {.from_server = on_error},
    [WIRE_CLEAR_CHANNEL] = {.from_client = on_clear, .from_server = on_clear_reply},
    [WIRE_RSRV_IS_UP] = {.from_server = on_beacon},
    [WIRE_NOT_FOUND] = {.from_server = on_search_reply},
    [WIRE_READ_NOTIFY] = {.from_client = on_request, .from_server = on_reply},
    [WIRE_CREATE_CHAN] = {.from_client = on_create, .from_server = on_create_reply},
    [WIRE_WRITE_NOTIFY] = {.from_client = on_request, .from_server = on_reply},
    [WIRE_CLIENT_NAME] = {.from_client = on_client_name},
    [WIRE_HOST_NAME] = {.from_client = on_host_name},
    [WIRE_ACCESS_RIGHTS] = {.from_server = on_access_rights},
    [WIRE_ECHO] = {.from_client = on_echo, .from_server = on_echo_reply},
    [WIRE_CREATE_CH_FAIL] = {.from_server = on_channel_lost},
    [WIRE_SERVER_DISCONN] = {.from_server = on_channel_lost},
};
