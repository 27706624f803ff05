/* The filters behind a channel's name, and a few posts of what the fuzzer likes through them: what passes is a value that can be
 * shown. */
#include "fuzz/fuzz.h"

#include "sim/filter.h"

#define POST_BYTES 10 /* the DBE bits and a state, a tick of the clock, a number */

static bool is_state; /* of all names */

static void name_states(struct filters *filters)
{
    for (unsigned i = 0; i < filters->n; i++)
        if (filters->at[i].kind == FILTER_SYNC)
            filters->at[i].sync.state = &is_state;
}

static void post(struct filters *filters, const uint8_t *bytes, uint64_t *now_ns)
{
    struct filter_event event = {.value = {.data = bytes + 2, .count = 1, .base = WIRE_DOUBLE, .has_stamp = true},
                                 .mask = bytes[0] & 15u,
                                 .is_read = (bytes[0] & 15u) == 0};
    struct filter_room room;
    is_state = bytes[0] & 16u;
    event.now_ns = *now_ns += bytes[1];
    struct filter_show show = filters_read(filters, &event.value, event.now_ns);
    if (filters_pass(filters, &event) && show.mode != 0)
        filter_show(&show, &event.value, &room);
    FUZZ_HOLDS(event.value.count <= 2);
    (void)wire_value_number(&event.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    size_t length = strnlen((const char *)bytes, n);
    struct filters filters = {.is_number = true};
    uint64_t now_ns = 1;
    char *text = calloc(1, length + 1);
    FUZZ_HOLDS(text != NULL);
    memcpy(text, bytes, length);
    const char *at = text;
    bool is_good = filters_parse(&at, &filters);
    FUZZ_HOLDS(at >= text && at <= text + length);
    if (is_good) {
        FUZZ_HOLDS(filters.n <= FILTERS_MOST);
        name_states(&filters);
        filters_settle(&filters);
        for (size_t i = length + 1; i + POST_BYTES <= n; i += POST_BYTES)
            post(&filters, bytes + i, &now_ns);
    }
    free(text);
    return 0;
}
