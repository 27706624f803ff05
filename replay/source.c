#include "replay/source.h"

#include "replay/kind.h"
#include "replay/movers.h"
#include "replay/position.h"
#include "replay/transport.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES     4096u
#define PREPARED_BYTES (64u << 10) /* touched in one call: some 16 page faults */
#define AHEAD          8           /* updates of a PV that the kernel is told to read */
#define AHEAD_PVS      16          /* PVs, nearest due first, that are looked at */

/* The alarm of a record that was never processed (ca-protocol 7.2). */
enum { UDF = 17, INVALID = 3 };

struct replay_source {
    const struct timeline *timeline;
    struct playback playback;
    struct replay_source_config config;
    struct sim_pv *pvs;
    uint8_t **kept; /* each PV's buffer for puts, made at its first */
    bool *was_put;  /* before time 0 */
    struct movers movers;
    uint64_t next_rights; /* the next change of rights */
    struct transport transport;
    struct clock_rate speed;   /* now: recorded seconds a second */
    uint64_t last_due_ns;      /* of the last change, after time 0 */
    uint64_t t0_ns, origin_ns; /* CLOCK_MONOTONIC, and as a stamp: what puts are stamped by */
};

/* ---- values ---- */

static struct wire_stamp split_stamp(uint64_t ns)
{
    return (struct wire_stamp){.seconds = (uint32_t)(ns / CLOCK_NS), .nanoseconds = (uint32_t)(ns % CLOCK_NS)};
}

/* A record that goes into alarm wants it acknowledged, as long as nobody does (ca-protocol 7.1); one that was never processed has
 * no stamp, and has gone nowhere. */
static void want_acknowledgement(struct wire_value *value)
{
    bool was_processed = value->stamp.seconds != 0 || value->stamp.nanoseconds != 0;
    if (was_processed && value->severity > value->acks)
        value->acks = value->severity;
}

/* Update k, which comes at due_ns after time 0. */
static void show(struct replay_source *s, uint32_t i, uint64_t k, uint64_t due_ns)
{
    const struct timeline_pv *pv = &s->timeline->pvs[i];
    const struct timeline_update *u = playback_update(pv, k);
    struct wire_value *value = &s->pvs[i].value;
    value->data = u->data;
    value->count = u->count;
    value->status = u->status;
    value->severity = u->severity;
    value->stamp = split_stamp(playback_stamp_ns(&s->playback, pv, k, transport_origin_ns(&s->transport, due_ns)));
    want_acknowledgement(value);
    if (value->field == WIRE_FIELD_ATTRIBUTE && memchr(u->data, '\0', WIRE_STRING_BYTES) == NULL)
        value->field = WIRE_FIELD_PLAIN; /* no server says so: the recording is none */
}

static void show_initial_values(struct replay_source *s)
{
    for (uint32_t i = 0; i < s->timeline->npvs; i++)
        if (s->timeline->pvs[i].nupdates > 0 && !s->was_put[i])
            show(s, i, 0, 0);
}

static uint8_t given_rights(const struct replay_source *s, uint8_t recorded)
{
    return s->config.puts == REPLAY_PUTS_REFUSE ? recorded & WIRE_RIGHT_READ : recorded;
}

/* What nobody read is like a record that was never processed. */
static void describe(struct replay_source *s, uint32_t i)
{
    static const uint8_t zeros[WIRE_STRING_BYTES];
    const struct timeline_pv *pv = &s->timeline->pvs[i];
    const struct kind_traits traits = {
        .name = pv->name, .record_type = pv->meta.record_type, .native = pv->native, .count = pv->count};
    s->pvs[i] = (struct sim_pv){
        .name = pv->name,
        .count = pv->count,
        .native = pv->native,
        .rights = given_rights(s, pv->rights),
        .meta = &pv->meta,
        .index = i,
        .value = {.data = zeros,
                  .count = pv->count == 1,
                  .base = pv->native,
                  .field = (uint8_t)kind_of(&traits),
                  .has_alarm = true,
                  .has_stamp = true,
                  .status = UDF,
                  .severity = INVALID,
                  .ackt = 1},
    };
}

/* ---- what the server asks ---- */

static struct sim_pv *on_find(void *self, const char *name, size_t length)
{
    struct replay_source *s = self;
    uint32_t i = timeline_find(s->timeline, name, length);
    if (i != NAMES_NONE)
        return &s->pvs[i];
    if (s->config.on_unknown != NULL)
        s->config.on_unknown(s->config.arg, name, length);
    return NULL;
}

static uint64_t on_delay(void *self, struct sim_pv *pv, enum sim_class class)
{
    struct replay_source *s = self;
    return s->config.service != NULL ? service_next(s->config.service, pv != NULL ? pv->index : SERVICE_NO_PV, class) : 0;
}

static void on_start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    const uint64_t epoch = CLOCK_EPICS_EPOCH * CLOCK_NS;
    struct replay_source *s = self;
    s->t0_ns = t0_ns;
    s->origin_ns = stamp_ns > epoch ? stamp_ns - epoch : 0;
    transport_start(&s->transport, t0_ns, s->origin_ns);
    show_initial_values(s);
}

static uint64_t next_update_ns(const struct replay_source *s)
{
    const struct mover *first = movers_first(&s->movers);
    return first != NULL ? first->due_ns : CLOCK_NEVER;
}

static uint64_t next_rights_ns(const struct replay_source *s)
{
    return playback_has_rights(&s->playback, s->next_rights) ? playback_rights_ns(&s->playback, s->next_rights) : CLOCK_NEVER;
}

static struct sim_pv *change_rights(struct replay_source *s, unsigned *mask)
{
    const struct rights_change *change = playback_rights(&s->playback, s->next_rights++);
    struct sim_pv *pv = &s->pvs[change->pv];
    pv->rights = given_rights(s, change->rights);
    *mask = SIM_RIGHTS;
    return pv;
}

/* Of what comes next, after time 0. */
static uint64_t next_offset_ns(const struct replay_source *s)
{
    const uint64_t update_ns = next_update_ns(s), rights_ns = next_rights_ns(s);
    return rights_ns < update_ns ? rights_ns : update_ns;
}

static uint64_t on_next(void *self)
{
    const struct replay_source *s = self;
    const uint64_t offset_ns = next_offset_ns(s);
    if (offset_ns == CLOCK_NEVER || transport_stands(&s->transport))
        return CLOCK_NEVER;
    return s->playback.config.pace == PLAYBACK_ASAP ? 0 : transport_due_ns(&s->transport, offset_ns);
}

static struct sim_pv *on_change(void *self, unsigned *mask)
{
    struct replay_source *s = self;
    s->last_due_ns = next_offset_ns(s);
    transport_stepped(&s->transport);
    if (next_rights_ns(s) <= next_update_ns(s))
        return change_rights(s, mask);
    const struct mover *m = movers_first(&s->movers);
    struct sim_pv *pv = &s->pvs[m->pv];
    *mask = playback_update(&s->timeline->pvs[m->pv], m->k)->mask;
    show(s, m->pv, m->k, m->due_ns);
    movers_advance(&s->movers);
    return pv;
}

/* ---- what its user wants ---- */

static void on_control(void *self, enum sim_control control, uint64_t now_ns)
{
    struct replay_source *s = self;
    if (control == SIM_CONTROL_SIGNAL)
        control = s->playback.config.pace == PLAYBACK_STEP ? SIM_CONTROL_STEP : SIM_CONTROL_PAUSE;
    if (control == SIM_CONTROL_PAUSE)
        control = s->transport.is_paused ? SIM_CONTROL_GO_ON : SIM_CONTROL_HOLD;
    if (control == SIM_CONTROL_GO_ON)
        transport_go_on(&s->transport, now_ns);
    else if (control == SIM_CONTROL_HOLD || !s->transport.is_paused)
        transport_pause(&s->transport, now_ns);
    else if (next_offset_ns(s) != CLOCK_NEVER)
        transport_step(&s->transport, next_offset_ns(s), now_ns);
}

/* As fast as it goes there is no speed, nor is there one for rates that were given. */
static bool has_speed(const struct replay_source *s)
{
    return s->playback.config.pace != PLAYBACK_ASAP && s->playback.config.rates == NULL;
}

static struct sim_playing on_playing(const void *self)
{
    const struct replay_source *s = self;
    return (struct sim_playing){.is_paused = s->transport.is_paused,
                                .speed = has_speed(s) ? s->speed : (struct clock_rate){0, 1}};
}

/* The timeline was made for the first speed: what is asked for now is taken from there. */
static void on_set_speed(void *self, struct clock_rate speed, uint64_t now_ns)
{
    struct replay_source *s = self;
    const struct clock_rate first = s->playback.config.speed;
    if (!has_speed(s))
        return;
    s->speed = speed;
    transport_set_rate(&s->transport, (struct clock_rate){speed.num * first.den, speed.den * first.num}, now_ns);
}

static void on_position(void *self, uint64_t now_ns, char *text, size_t room)
{
    const struct replay_source *s = self;
    const struct position position = {.playback = &s->playback,
                                      .transport = &s->transport,
                                      .movers = &s->movers,
                                      .last_due_ns = s->last_due_ns,
                                      .is_over = next_offset_ns(s) == CLOCK_NEVER};
    position_print(&position, now_ns, text, room);
}

/* ---- paging in ---- */

static size_t update_bytes(const struct timeline_pv *pv, const struct timeline_update *u)
{
    return wire_base_size((enum wire_base)pv->native) * u->count;
}

/* Have the kernel read what comes a few updates later. */
static void read_ahead(const struct replay_source *s, const struct mover *m)
{
    const struct timeline_pv *pv = &s->timeline->pvs[m->pv];
    const struct timeline_update *u = playback_update(pv, m->k + AHEAD);
    uintptr_t begin = (uintptr_t)u->data & ~(uintptr_t)(PAGE_BYTES - 1);
    madvise((void *)begin, (uintptr_t)u->data + update_bytes(pv, u) - begin, MADV_WILLNEED);
}

/* Touch up to *budget bytes of a mover's next update. */
static void touch(struct replay_source *s, struct mover *m, size_t *budget)
{
    const struct timeline_pv *pv = &s->timeline->pvs[m->pv];
    const struct timeline_update *u = playback_update(pv, m->k);
    const size_t bytes = update_bytes(pv, u);
    if (m->touched == 0 && bytes >= PAGE_BYTES)
        read_ahead(s, m);
    for (; m->touched<bytes && * budget> 0; m->touched += PAGE_BYTES) {
        (void)*(const volatile uint8_t *)(u->data + m->touched);
        *budget -= PAGE_BYTES;
    }
}

static bool on_prepare(void *self, uint64_t until_ns)
{
    (void)until_ns;
    struct replay_source *s = self;
    size_t budget = PREPARED_BYTES;
    for (uint32_t i = 0; i < s->movers.count && i < AHEAD_PVS && budget > 0; i++)
        if (s->pvs[s->movers.heap[i].pv].subscriptions != NULL)
            touch(s, &s->movers.heap[i], &budget);
    return budget == 0;
}

/* ---- puts ---- */

/* Alarm acknowledgement: one number, posted to those who watch alarms (ca-protocol 6.4). */
static uint32_t put_acknowledge(struct sim_pv *pv, unsigned type, const uint8_t *payload, uint32_t size, unsigned *mask)
{
    uint16_t number = size >= 2 ? wire_get16(payload) : 0;
    *(type == WIRE_PUT_ACKT ? &pv->value.ackt : &pv->value.acks) = number;
    *mask = WIRE_MASK_ALARM;
    return WIRE_ECA_NORMAL;
}

static void keep_value(struct replay_source *s, struct sim_pv *pv, uint32_t count, uint64_t now_ns)
{
    struct wire_value *value = &pv->value;
    value->data = s->kept[pv->index];
    value->count = count;
    if (value->status == UDF)
        value->status = value->severity = 0;
    value->stamp = split_stamp(s->origin_ns + (now_ns > s->t0_ns ? now_ns - s->t0_ns : 0));
    s->was_put[pv->index] |= !s->transport.is_started;
}

struct put {
    unsigned type;
    uint32_t count, size;
    const uint8_t *payload;
};

static uint32_t put_value(struct replay_source *s, struct sim_pv *pv, const struct put *put, uint64_t now_ns, unsigned *mask)
{
    const size_t bytes = wire_base_size((enum wire_base)pv->native) * pv->count;
    uint8_t **kept = &s->kept[pv->index];
    uint8_t *now = malloc(bytes);
    uint32_t count = 0, status = WIRE_ECA_ALLOCMEM;
    if (now != NULL)
        status = wire_put_convert(put->type, put->count, put->payload, put->size, pv->native, pv->meta, now, pv->count, &count);
    bool is_empty = pv->count == 1 && count == 0; /* changes nothing */
    if (status != WIRE_ECA_NORMAL || is_empty) {
        free(now);
        return status;
    }
    bool same = pv->count == 1 && pv->value.count == 1 && memcmp(now, pv->value.data, bytes) == 0;
    *mask = (same ? 0 : WIRE_MASK_VALUE | WIRE_MASK_LOG) | (pv->value.status == UDF ? WIRE_MASK_ALARM : 0);
    free(*kept);
    *kept = now;
    keep_value(s, pv, count, now_ns);
    return WIRE_ECA_NORMAL;
}

static uint32_t on_put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                       uint64_t now_ns, unsigned *mask)
{
    struct replay_source *s = self;
    *mask = 0;
    if (s->config.puts == REPLAY_PUTS_REFUSE)
        return WIRE_ECA_NOWTACCESS;
    if (s->config.puts == REPLAY_PUTS_IGNORE)
        return WIRE_ECA_NORMAL;
    if (pv->value.field == WIRE_FIELD_ATTRIBUTE)
        return WIRE_ECA_PUTFAIL;
    if (type == WIRE_PUT_ACKT || type == WIRE_PUT_ACKS)
        return put_acknowledge(pv, type, payload, size, mask);
    const struct put put = {.type = type, .count = count, .size = size, .payload = payload};
    return put_value(s, pv, &put, now_ns, mask);
}

/* ---- life ---- */

static const struct sim_source_calls calls = {
    .find = on_find,
    .delay_ns = on_delay,
    .start = on_start,
    .next_ns = on_next,
    .change = on_change,
    .prepare = on_prepare,
    .put = on_put,
    .control = on_control,
    .position = on_position,
    .playing = on_playing,
    .set_speed = on_set_speed,
};

static int allocate(struct replay_source *s, uint32_t npvs)
{
    const size_t n = (size_t)npvs + 1;
    s->pvs = calloc(n, sizeof *s->pvs);
    s->kept = calloc(n, sizeof *s->kept);
    s->was_put = calloc(n, sizeof *s->was_put);
    return s->pvs && s->kept && s->was_put && movers_init(&s->movers, &s->playback) == 0 ? 0 : -1;
}

struct replay_source *replay_source_new(const struct timeline *timeline, const struct playback_config *playback,
                                        const struct replay_source_config *config, struct diag *diag)
{
    struct replay_source *s = calloc(1, sizeof *s);
    if (s != NULL)
        playback_init(&s->playback, timeline, playback);
    if (s == NULL || allocate(s, timeline->npvs) < 0) {
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u PVs", timeline->npvs);
        replay_source_free(s);
        return NULL;
    }
    s->timeline = timeline;
    s->config = *config;
    s->t0_ns = config->now_ns;
    s->origin_ns = config->now_stamp_ns;
    s->transport = (struct transport){.is_paused = playback->pace == PLAYBACK_STEP,
                                      .has_fixed_stamps = config->has_fixed_stamps,
                                      .origin_ns = config->now_stamp_ns,
                                      .rate = {1, 1}};
    s->speed = playback->speed;
    for (uint32_t i = 0; i < timeline->npvs; i++)
        describe(s, i);
    show_initial_values(s);
    return s;
}

void replay_source_free(struct replay_source *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; s->timeline != NULL && i < s->timeline->npvs; i++)
        free(s->kept[i]);
    free(s->pvs);
    free(s->kept);
    free(s->was_put);
    movers_fini(&s->movers);
    free(s);
}

struct sim_source replay_source_calls(struct replay_source *source)
{
    return (struct sim_source){.calls = &calls,
                               .self = source,
                               .floor_ns = source->config.floor_ns,
                               .send_ns = source->config.send_ns,
                               .rested_send_ns = source->config.rested_send_ns};
}
