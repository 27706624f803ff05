#include "fuzz/source.h"

#include "fuzz/fuzz.h"

enum { PVS = 8 };

static struct {
    struct sim sim;
    struct sim_source source;
    struct sim_pv pv[PVS];
    struct wire_meta meta;
    uint8_t *bytes[PVS];
    const uint64_t *delay_ns;
    unsigned changes;
} at;

static const struct {
    const char *name;
    uint32_t count;
    uint8_t base, rights;
} rows[PVS] = {
    {"D", 1, WIRE_DOUBLE, 3}, {"E", 1, WIRE_ENUM, 3},     {"S", 1, WIRE_STRING, 3}, {"A", 5, WIRE_INT32, 3},
    {"C", 9, WIRE_CHAR, 3},   {"I", 2500, WIRE_INT16, 3}, {"L", 7, WIRE_STRING, 3}, {"R", 1, WIRE_FLOAT, 1},
};

/* Any name is a PV's, unless it begins with an x: a fuzzer should not have to guess names. */
static struct sim_pv *find(void *self, const char *name, size_t length)
{
    (void)self;
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = 31 * sum + (uint8_t)name[i];
    return length > 0 && *name != 'x' ? &at.pv[sum % PVS] : NULL;
}

static uint64_t delay_ns(void *self, struct sim_pv *pv, enum sim_class class)
{
    (void)self, (void)pv;
    return at.delay_ns[class];
}

static void start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    (void)self, (void)t0_ns, (void)stamp_ns;
}

static uint64_t next_ns(void *self)
{
    (void)self;
    return CLOCK_NEVER;
}

static uint32_t put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                    uint64_t now_ns, unsigned *mask)
{
    uint32_t written = 0;
    (void)self, (void)now_ns;
    uint32_t status =
        wire_put_convert(type, count, payload, size, pv->native, &at.meta, at.bytes[pv->index], pv->count, &written);
    if (status != WIRE_ECA_NORMAL)
        return status;
    FUZZ_HOLDS(written <= pv->count);
    if (pv->count > 1)
        pv->value.count = written;
    *mask = WIRE_MASK_VALUE | WIRE_MASK_LOG;
    return status;
}

static const struct sim_source_calls calls = {.find = find, .delay_ns = delay_ns, .start = start, .next_ns = next_ns, .put = put};

struct sim *fuzz_source_begin(const uint64_t delay_ns[SIM_CLASSES])
{
    at.source.calls = &calls;
    at.delay_ns = delay_ns;
    at.changes = 0;
    wire_meta_init(&at.meta);
    at.meta =
        (struct wire_meta){.has = 63, .precision = 3, .units = "mm", .nlabels = 2, .labels = {"off", "on"}, .record_type = "bo"};
    for (unsigned i = 0; i < PVS; i++) {
        at.bytes[i] = calloc(rows[i].count, wire_base_size((enum wire_base)rows[i].base));
        FUZZ_HOLDS(at.bytes[i] != NULL);
        at.pv[i] = (struct sim_pv){
            .name = rows[i].name,
            .count = rows[i].count,
            .native = rows[i].base,
            .rights = rows[i].rights,
            .index = i,
            .meta = &at.meta,
            .value = {.data = at.bytes[i], .count = rows[i].count, .base = rows[i].base, .has_alarm = true, .has_stamp = true},
        };
    }
    memset(&at.sim, 0, offsetof(struct sim, late));
    sim_init(&at.sim, &at.source);
    return &at.sim;
}

void fuzz_source_end(void)
{
    for (unsigned i = 0; i < PVS; i++) {
        FUZZ_HOLDS(at.pv[i].subscriptions == NULL && at.pv[i].payloads == NULL);
        free(at.bytes[i]);
    }
}

void fuzz_source_change(struct sim *sim, uint64_t now_ns)
{
    unsigned i = at.changes++ % PVS;
    at.bytes[i][0] ^= 1;
    at.pv[i].value.stamp.seconds++;
    sim_post(sim, &at.pv[i], WIRE_MASK_VALUE, now_ns, true);
}
