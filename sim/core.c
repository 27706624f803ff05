#include "sim/core.h"

#include <string.h>

#include <utlist.h>

void sim_init(struct sim *sim, const struct sim_source *source)
{
    sim->source = source;
    sim->message_limit = SIM_MESSAGE_LIMIT;
    sim->told_limit = SIM_ARRAY_BYTES + WIRE_EXTENDED_BYTES;
    sim->memory = (struct memory){.most = LIMIT_MEMORY_BYTES};
}

bool sim_fits(const struct sim *sim, const struct sim_pv *pv, unsigned type, uint32_t count)
{
    uint64_t whole = wire_dbr_padded(type, pv->count), size = count != 0 ? wire_dbr_padded(type, count) : whole;
    return size + WIRE_EXTENDED_BYTES <= sim->message_limit && (size <= whole || size - whole <= LIMIT_PADDING_BYTES);
}

size_t sim_record_length(const char *name, size_t length)
{
    static const char val[] = ".VAL";
    if (length > 4 && memcmp(name + length - 4, val, 4) == 0)
        return length - 4;
    return length > 1 && name[length - 1] == '.' ? length - 1 : length;
}

/* Sources that open PVs know fields themselves; the others have records only. */
static size_t name_length(const struct sim *sim, const char *name, size_t length)
{
    return sim->source->calls->open != NULL ? length : sim_record_length(name, length);
}

struct sim_pv *sim_find(struct sim *sim, const char *name, size_t length)
{
    return sim->source->calls->find(sim->source->self, name, name_length(sim, name, length));
}

struct sim_pv *sim_open(struct sim *sim, const char *name, size_t length, struct filters *filters)
{
    const struct sim_source_calls *calls = sim->source->calls;
    filters->n = 0;
    return calls->open != NULL ? calls->open(sim->source->self, name, length, filters) : sim_find(sim, name, length);
}

void sim_count_search(struct sim *sim, struct sim_pv *pv, uint64_t searcher, uint64_t arrived_ns)
{
    uint64_t unknown_ns = 0;
    sim->counts.searches++;
    observed_search(&sim->observed, pv != NULL ? &pv->searched.since_ns : &unknown_ns, arrived_ns);
    if (pv == NULL)
        return;
    if (pv->searched.by == searcher)
        sim->counts.repeated_searches++;
    pv->searched.by = searcher;
}

uint64_t sim_delay_ns(struct sim_circuit *c, struct sim_pv *pv, enum sim_class class)
{
    const struct latency_request r = {.class = class, .pv = pv, .circuit = c->number, .number = c->requests[class]++};
    return latency_next(&c->sim->latency, c->sim->source, &r);
}

/* Of a PV's last post, to one of its subscribers. */
static uint64_t update_delay_ns(struct sim *sim, const struct sim_subscription *s)
{
    struct sim_pv *pv = s->channel->pv;
    const uint64_t number = (uint64_t)s->number << 40 ^ pv->posts;
    const struct latency_request r = {.class = SIM_UPDATE, .pv = pv, .circuit = s->channel->circuit->number, .number = number};
    return latency_next(&sim->latency, sim->source, &r);
}

/* A client that wants no updates takes none. */
static void press(struct sim_circuit *c)
{
    c->sim->is_pressed = true;
    c->sim->pressed_ns = c->events.last_due_ns > c->sim->pressed_ns ? c->events.last_due_ns : c->sim->pressed_ns;
    if (c->is_pressed || c->is_stuck || c->events.off)
        return;
    c->is_pressed = true;
    c->sim->npressed++;
}

void sim_relieve(struct sim_circuit *c)
{
    c->sim->npressed -= c->is_pressed;
    c->is_pressed = c->is_stuck = false;
}

void sim_give_up(struct sim *sim)
{
    for (struct sim_circuit *c = sim->circuits; c != NULL; c = c->next) {
        c->is_stuck |= c->is_pressed;
        c->is_pressed = false;
    }
    sim->npressed = 0;
}

static void queue_update(struct sim_subscription *s, const struct queue_update *update)
{
    struct sim_circuit *c = s->channel->circuit;
    if (queue_post(&c->events, &s->slot, update) != QUEUE_ADDED) {
        s->channel->pv->merged++;
        c->sim->counts.merged++;
    }
    if (queue_is_pressed(&s->slot))
        press(c);
    sim_mark_dirty(c);
}

bool sim_passes(struct sim_subscription *s, unsigned mask, struct queue_update *update, struct filter_event *event)
{
    struct filters *filters = s->channel->filters;
    if (filters == NULL)
        return true;
    *event = (struct filter_event){.value = *update->value, .mask = mask & s->mask, .now_ns = update->own_ns};
    update->value = &event->value;
    return filters_pass(filters, event);
}

static void offer(struct sim_subscription *s, unsigned mask, uint64_t due_ns, bool timed)
{
    struct queue_update update = {.value = &s->channel->pv->value, .asked_ns = due_ns, .own_ns = due_ns, .timed = timed};
    struct filter_event event;
    if (!sim_passes(s, mask, &update, &event))
        return;
    const uint64_t delay_ns = update_delay_ns(s->channel->circuit->sim, s);
    update.own_ns += delay_ns;
    update.timed |= delay_ns > 0;
    queue_update(s, &update);
}

void sim_post(struct sim *sim, struct sim_pv *pv, unsigned mask, uint64_t due_ns, bool timed)
{
    pv->version++;
    if (mask == 0)
        return;
    sim->counts.posts++;
    if (pv->posts++ == 0) {
        sim->counts.posted_pvs++;
        pv->next_posted = sim->posted;
        sim->posted = pv;
    }
    if (!(pv->rights & WIRE_RIGHT_READ))
        return;
    for (struct sim_subscription *s = pv->subscriptions; s != NULL; s = s->next_of_pv)
        if (s->mask & mask)
            offer(s, mask, due_ns, timed);
}

void sim_post_also(struct sim *sim, uint64_t due_ns, bool timed)
{
    const struct sim_source *source = sim->source;
    unsigned mask;
    if (source->calls->also == NULL)
        return;
    for (struct sim_pv *pv; (pv = source->calls->also(source->self, &mask)) != NULL;)
        sim_post(sim, pv, mask, due_ns, timed);
}

uint64_t sim_next_ns(struct sim *sim)
{
    return sim->start.begun ? sim->source->calls->next_ns(sim->source->self) : CLOCK_NEVER;
}

/* ACCESS_RIGHTS, then an update of each subscription, whatever it watches: the value, or none where it may not be read any more
 * (ca-protocol 9.5). A client with so many replies waiting that there is no room does not hear of it. */
static void tell_rights(struct sim_channel *channel, uint64_t due_ns)
{
    struct sim_circuit *c = channel->circuit;
    const struct wire_header rights = {.command = WIRE_ACCESS_RIGHTS, .p1 = channel->cid, .p2 = channel->pv->rights};
    if (!lane_reserve(&c->direct))
        return;
    lane_push(&c->direct, &(struct reply){.kind = REPLY_HEADER, .header = rights, .own_ns = due_ns});
    for (struct sim_subscription *s = channel->subscriptions; s != NULL; s = s->next) {
        struct queue_update update = {.value = &channel->pv->value, .own_ns = due_ns};
        struct filter_event event;
        if (sim_passes(s, s->mask, &update, &event))
            queue_update(s, &update);
    }
    sim_mark_dirty(c);
}

static void tell_all_rights(struct sim *sim, const struct sim_pv *pv, uint64_t due_ns)
{
    for (struct sim_channel *channel = sim->channels; channel != NULL; channel = channel->hh.next)
        if (channel->pv == pv)
            tell_rights(channel, due_ns);
}

struct sim_pv *sim_change(struct sim *sim, uint64_t now_ns)
{
    uint64_t due_ns = sim_next_ns(sim);
    unsigned mask = 0;
    struct sim_pv *pv = sim->source->calls->change(sim->source->self, &mask);
    if (mask == SIM_RIGHTS)
        tell_all_rights(sim, pv, due_ns);
    else
        sim_post(sim, pv, mask, due_ns > 0 ? due_ns : now_ns, due_ns > 0);
    return pv;
}

void sim_begin(struct sim *sim, uint64_t now_ns)
{
    if (sim->start.begun)
        return;
    sim->start.begun = true;
    sim->start.t0_ns = now_ns;
    sim->source->calls->start(sim->source->self, now_ns,
                              sim->clock_origin_ns != 0 ? sim->clock_origin_ns : now_ns + sim->realtime_ns);
}

void sim_mark_dirty(struct sim_circuit *c)
{
    if (c->is_dirty)
        return;
    c->is_dirty = true;
    DL_APPEND2(c->sim->dirty, c, prev_dirty, next_dirty);
}

void sim_leave_dirty(struct sim_circuit *c)
{
    if (!c->is_dirty)
        return;
    c->is_dirty = false;
    DL_DELETE2(c->sim->dirty, c, prev_dirty, next_dirty);
}

struct sim_circuit *sim_next_dirty(struct sim *sim)
{
    struct sim_circuit *c = sim->dirty;
    if (c != NULL)
        sim_leave_dirty(c);
    return c;
}
