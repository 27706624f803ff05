/* Processing of waveform, aai and aao: MPST and APST, and HASH, by which they know a change. As EPICS Base's record types do it.
 */
#include "sim/database_process.h"

#include <string.h>

/* epicsMemHash(), which takes odd and even bytes differently. */
struct hash {
    uint32_t value;
    bool is_odd;
};

static void hash_byte(struct hash *h, uint8_t byte)
{
    uint32_t v = h->value, c = (uint32_t)(int8_t)byte;
    h->value ^= h->is_odd ? v << 7 ^ c ^ v >> 3 : ~(v << 11 ^ c ^ v >> 5);
    h->is_odd = !h->is_odd;
}

/* The low bytes of a number as they lie in an IOC's memory: the lowest first. */
static void hash_number(struct hash *h, uint64_t bits, unsigned bytes)
{
    for (; bytes > 0; bytes--, bits >>= 8)
        hash_byte(h, (uint8_t)bits);
}

static uint64_t ulong_bits(const uint8_t *at)
{
    const struct wire_value element = {.data = at, .count = 1, .base = WIRE_DOUBLE};
    return (uint64_t)wire_value_number(&element);
}

static void hash_element(struct hash *h, const struct scenario_field *is, const uint8_t *at)
{
    switch (is->kind) {
    case SCENARIO_STRING:
        for (unsigned i = 0; i < WIRE_STRING_BYTES; i++)
            hash_byte(h, at[i]);
        break;
    case SCENARIO_CHAR:
    case SCENARIO_UCHAR:
        hash_byte(h, *at);
        break;
    case SCENARIO_SHORT:
    case SCENARIO_ENUM:
        hash_number(h, wire_get16(at), 2);
        break;
    case SCENARIO_USHORT:
        hash_number(h, wire_get32(at), 2);
        break;
    case SCENARIO_LONG:
    case SCENARIO_FLOAT:
        hash_number(h, wire_get32(at), 4);
        break;
    case SCENARIO_ULONG:
        hash_number(h, ulong_bits(at), 4);
        break;
    default:
        hash_number(h, wire_get64(at), 8);
    }
}

static uint32_t hash_of(const struct db_cell *cell)
{
    struct hash h = {0};
    const uint8_t *at = (const uint8_t *)cell->bytes;
    size_t size = wire_base_size((enum wire_base)db_base(cell->is));
    for (uint32_t i = 0; i < cell->count; i++, at += size)
        hash_element(&h, cell->is, at);
    return h.value;
}

enum post { POST_ALWAYS, POST_ON_CHANGE };

static unsigned wanted(const struct process *p, enum post when)
{
    return (process_get(p, "MPST") == when ? WIRE_MASK_VALUE : 0u) | (process_get(p, "APST") == when ? WIRE_MASK_LOG : 0u);
}

/* What is to be posted if the elements have changed, or nothing. The hash is kept only where somebody asks. */
static unsigned on_change(struct process *p)
{
    unsigned mask = wanted(p, POST_ON_CHANGE);
    const struct db_cell *value = process_cell(p, "VAL");
    uint32_t hash = mask != 0 && value != NULL ? hash_of(value) : 0;
    if (mask == 0 || process_get(p, "HASH") == hash)
        return 0;
    process_set(p, "HASH", hash);
    process_post(p, "HASH", WIRE_MASK_VALUE);
    return mask;
}

void process_array(struct process *p)
{
    unsigned mask = process_settle_alarms(p) | wanted(p, POST_ALWAYS);
    process_set(p, "UDF", 0);
    process_post(p, "VAL", mask | on_change(p));
}
