/* beamline_tool FILE: writes a recording of half a second of 100 numbers at 20 Hz and one image of 614,400 bytes at 10 Hz. */
#include "trace_maker.h"

#include "base/frame.h"

#define NUMBERS  100u
#define ELEMENTS 307200u
#define SPAN_MS  500.0

enum { TIME_SHORT = 15, TIME_DOUBLE = 20 };

static void image_update(struct maker *m, const struct maker_subscription *s, double t_ms, uint64_t serial, uint8_t *payload)
{
    const uint32_t size = (uint32_t)wire_dbr_padded(s->type, ELEMENTS);
    const struct trace_event e = {.t_ns = (uint64_t)(t_ms * 1e6),
                                  .command = WIRE_EVENT_ADD,
                                  .type = (uint16_t)s->type,
                                  .count = ELEMENTS,
                                  .size = size,
                                  .pv = s->pv,
                                  .circuit = s->circuit,
                                  .peer = s->add,
                                  .p1 = WIRE_ECA_NORMAL,
                                  .p2 = 1,
                                  .flags = (uint16_t)(TRACE_FROM_SERVER | TRACE_UPDATE | (serial == 0 ? TRACE_FIRST : 0))};
    memset(payload, 0, size);
    wire_put32(payload + 4, (uint32_t)MAKER_START_STAMP);
    wire_put32(payload + 8, (uint32_t)e.t_ns);
    frame_fill_be(payload + wire_types[s->type].offset, 0, ELEMENTS, serial);
    maker_event(m, e, payload);
}

static void record_image(struct maker *m)
{
    uint8_t *payload = malloc(2 * ELEMENTS + 64);
    uint32_t pv = maker_pv(m, "beamline:image", WIRE_INT16, ELEMENTS);
    struct maker_subscription s = maker_subscribe(m, 0, pv, TIME_SHORT, ELEMENTS);
    assert(payload != NULL);
    for (uint64_t k = 0; (double)k * 100 < SPAN_MS; k++)
        image_update(m, &s, 1 + (double)k * 100, k, payload);
    free(payload);
}

static void record_number(struct maker *m, uint32_t i)
{
    char name[32];
    snprintf(name, sizeof name, "beamline:%02u", i);
    uint32_t pv = maker_pv(m, name, WIRE_DOUBLE, 1);
    struct maker_subscription s = maker_subscribe(m, 0, pv, TIME_DOUBLE, 1);
    for (uint32_t k = 0; k * 50 < SPAN_MS; k++)
        maker_update(m, 1 + k * 50 + i / 10.0, &s,
                     (struct maker_value){.number = i + k / 100.0, .stamp_ms = (int64_t)(1 + k * 50)});
}

int main(int argc, char **argv)
{
    struct diag diag = {0};
    struct maker m = {.writer = argc == 2 ? trace_writer_open(argv[1], &diag) : NULL};
    if (m.writer == NULL)
        return EXIT_FAILURE;
    wire_meta_init(&m.meta);
    for (uint32_t i = 0; i < NUMBERS; i++)
        record_number(&m, i);
    record_image(&m);
    const struct trace_meta meta = {
        .start_realtime_ns = MAKER_START, .end_ns = (uint64_t)(SPAN_MS + 10) * MS, .source = "beamline"};
    return trace_writer_finish(m.writer, &meta, &diag) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
