/* ten-thousand: DOUBLE scalars `ten-thousand:00000`... with value i + 0.5, still; puts are kept and posted. */
#include "sim/synth_parts.h"

#include <string.h>

#define DEFAULT_COUNT 10000u

static void start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    (void)self;
    (void)t0_ns;
    (void)stamp_ns;
}

static uint64_t next_ns(void *self)
{
    (void)self;
    return CLOCK_NEVER;
}

/* Posts as a record with deadbands of 0 does: only where the value changes (ca-protocol 6.5). */
static uint32_t put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                    uint64_t now_ns, unsigned *mask)
{
    const struct synth *synth = self;
    struct synth_pv *kept = &synth->pvs[pv->index];
    uint8_t bytes[sizeof kept->bytes];
    uint32_t written = 0;
    uint32_t status = wire_put_convert(type, count, payload, size, pv->native, pv->meta, bytes, 1, &written);
    if (status != WIRE_ECA_NORMAL)
        return status;
    pv->value.stamp = synth_stamp(now_ns + synth->realtime_ns);
    if (written == 1 && memcmp(bytes, kept->bytes, sizeof bytes) != 0) {
        memcpy(kept->bytes, bytes, sizeof bytes);
        *mask = WIRE_MASK_VALUE | WIRE_MASK_LOG;
    }
    return status;
}

static const struct sim_source_calls calls = {.find = synth_find, .start = start, .next_ns = next_ns, .put = put};

static void set_up(struct synth_pv *made, struct wire_stamp stamp)
{
    double number = made->pv.index + 0.5;
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    wire_put64(made->bytes, bits);
    made->pv.native = WIRE_DOUBLE;
    made->pv.count = 1;
    made->pv.rights = WIRE_RIGHT_READ | WIRE_RIGHT_WRITE;
    made->pv.value = (struct wire_value){
        .data = made->bytes, .count = 1, .base = WIRE_DOUBLE, .has_alarm = true, .has_stamp = true, .ackt = 1, .stamp = stamp};
}

int scalars_make(struct synth *synth, const struct synth_config *config, struct diag *diag)
{
    uint32_t n = config->count != 0 ? (uint32_t)config->count : DEFAULT_COUNT;
    struct wire_stamp stamp = synth_stamp(synth->now_ns);
    if (config->names.count > 0 || config->rate.num != 0 || config->asap || config->size.width != 0)
        return diag_fail(diag, DIAG_USAGE, "ten-thousand takes --count, not --pv, --rate, --asap or --size");
    if (synth_reserve(synth, n, diag) < 0)
        return -1;
    synth->source.calls = &calls;
    synth->meta.has = WIRE_META_PRECISION | WIRE_META_UNITS | WIRE_META_CLASS;
    synth->meta.precision = 3;
    memcpy(synth->meta.units, "mm", 2);
    memcpy(synth->meta.record_type, "ai", 2);
    for (uint32_t i = 0; i < n; i++) {
        char name[SYNTH_NAME_BYTES];
        snprintf(name, sizeof name, "ten-thousand:%05u", i);
        struct synth_pv *made = synth_add(synth, name, diag);
        if (made == NULL)
            return -1;
        set_up(made, stamp);
    }
    return 0;
}
