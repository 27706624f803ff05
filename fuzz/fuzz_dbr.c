/* DBR structures: taken apart, put together in every other type, and written into a PV of every base. */
#include "fuzz/fuzz.h"

#include "wire/value.h"

#define HEAD_BYTES    6
#define ELEMENTS_MOST 64u

/* What has been put together can be taken apart again, and is padded with zeros. */
static void check_encoded(unsigned type, uint32_t count, const uint8_t *out)
{
    struct wire_value value;
    struct wire_meta meta;
    size_t head = wire_types[type].offset, used = (size_t)wire_dbr_size(type, count);
    wire_meta_init(&meta);
    FUZZ_HOLDS(wire_decode(type, count, out, head, out + head, used - head, &value, &meta) == WIRE_OK);
    FUZZ_HOLDS(value.count == count);
    for (size_t i = used; i < wire_dbr_padded(type, count); i++)
        FUZZ_HOLDS(out[i] == 0);
}

static void encode(const struct wire_value *value, const struct wire_meta *meta, unsigned type, uint32_t count)
{
    uint8_t *out = malloc(wire_dbr_padded(type, count) + 1);
    FUZZ_HOLDS(out != NULL);
    uint32_t status = wire_encode(type, count, value, meta, out);
    FUZZ_HOLDS(status == WIRE_ECA_NORMAL || status == WIRE_ECA_GETFAIL);
    check_encoded(type, count, out);
    free(out);
}

static void put(unsigned type, uint32_t count, const uint8_t *payload, uint32_t size, const struct wire_meta *meta)
{
    for (uint8_t base = 0; base < WIRE_BASES; base++)
        for (uint32_t room = 1; room <= 9; room += 8) {
            uint32_t written = 0;
            uint8_t *out = malloc(room * wire_base_size((enum wire_base)base));
            FUZZ_HOLDS(out != NULL);
            uint32_t status = wire_put_convert(type, count, payload, size, base, meta, out, room, &written);
            FUZZ_HOLDS(status == WIRE_ECA_PUTFAIL || (status == WIRE_ECA_NORMAL && written <= room));
            free(out);
        }
}

static void show(const struct wire_value *value)
{
    char text[64];
    memset(text, 'x', sizeof text);
    int needed = wire_value_text(value, 5, text, sizeof text);
    FUZZ_HOLDS(needed >= 0 && memchr(text, '\0', sizeof text) != NULL);
    (void)wire_value_number(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < HEAD_BYTES)
        return 0;
    unsigned type = bytes[0] % (WIRE_TYPES + 2), wanted = bytes[1] % WIRE_TYPES;
    uint32_t count = wire_get16(bytes + 2), asked = bytes[4] % ELEMENTS_MOST;
    uint8_t kind = bytes[5];
    n -= HEAD_BYTES;
    uint8_t *payload = fuzz_copy(bytes + HEAD_BYTES, n);
    size_t head = type < WIRE_TYPES && wire_types[type].offset < n ? wire_types[type].offset : n;
    struct wire_value value = {0};
    struct wire_meta meta;
    wire_meta_init(&meta);
    if (wire_decode(type, count, payload, head, payload + head, n - head, &value, &meta) == WIRE_OK) {
        FUZZ_HOLDS(value.count <= count && value.count * wire_base_size((enum wire_base)value.base) <= n - head);
        meta.has = kind & 63;
        if (kind >> 6 == 1 && value.base == WIRE_CHAR)
            value.field = WIRE_FIELD_UCHAR;
        if (kind >> 6 == 2 && value.base == WIRE_DOUBLE)
            value.field = WIRE_FIELD_WHOLE;
        show(&value);
        encode(&value, &meta, wanted, asked);
    }
    if (type < WIRE_PUT_ACKT)
        put(type, count, payload, (uint32_t)n, &meta);
    free(payload);
    return 0;
}
