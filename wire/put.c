/* What a client writes -> elements of a PV: wire_put_convert() of wire/value.h. Rule: ca-protocol 6.4, 7.4. */
#include "wire/convert.h"

/* PREC of a record that has none, as the database assumes it; and a PREC that text fields have is never on the wire: a server
 * that knows it says so in meta. */
#define TEXT_PRECISION 6

/* The one value type that rsrv refuses in a WRITE: it mistakes it for an option. */
#define TIME_STRING 14

/* Element i of a put, which is cut by the payload's end or lies behind it: completed with zeros. */
static void complete(const uint8_t *values, size_t bytes, uint32_t i, size_t size, uint8_t *element)
{
    uint64_t at = (uint64_t)i * size;
    memset(element, 0, size);
    if (at < bytes)
        memcpy(element, values + at, bytes - (size_t)at);
}

uint32_t wire_put_convert(unsigned type, uint32_t count, const uint8_t *payload, uint32_t size, uint8_t base,
                          const struct wire_meta *meta, uint8_t *out, uint32_t out_count, uint32_t *written)
{
    if (type >= WIRE_TYPES || wire_types[type].family == WIRE_SPECIAL || type == TIME_STRING)
        return WIRE_ECA_PUTFAIL;
    const struct wire_type *t = &wire_types[type];
    uint16_t precision = meta->has & WIRE_META_TEXT_PRECISION ? (uint16_t)meta->text_precision : TEXT_PRECISION;
    struct wire_conversion how = {.from = t->base,
                                  .to = base,
                                  .is_put = true,
                                  .is_several = count > 1,
                                  .is_single = out_count == 1 && count <= 1 && !(meta->has & WIRE_META_ARRAY),
                                  .precision = precision,
                                  .meta = meta};
    uint32_t n = count < out_count ? count : out_count;
    size_t skip = t->offset < size ? t->offset : size, bytes = size - skip;
    uint32_t whole = bytes / t->size < n ? (uint32_t)(bytes / t->size) : n;
    if (!wire_convert(&how, payload + skip, whole, out))
        return WIRE_ECA_PUTFAIL;
    for (uint32_t i = whole; i < n; i++) {
        uint8_t element[WIRE_STRING_BYTES];
        complete(payload + skip, bytes, i, t->size, element);
        if (!wire_convert(&how, element, 1, out + (size_t)i * wire_base_size((enum wire_base)base)))
            return WIRE_ECA_PUTFAIL;
    }
    *written = n;
    return WIRE_ECA_NORMAL;
}
