#include "traces/trace.h"

#include "tests/small_trace.h"
#include "traces/describe.h"
#include "traces/survey.h"

static void a_flipped_bit_in_any_byte_is_noticed(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    write_small();
    size_t n = slurp(bytes, sizeof bytes);
    for (size_t i = 0; i < n; i++)
        for (unsigned bit = i % 2; bit < 8; bit += 3) {
            bytes[i] ^= (uint8_t)(1u << bit);
            spill(bytes, n);
            if (refusal() == NULL)
                fail_msg("bit %u of byte %zu of %zu was flipped, and nobody noticed", bit, i, n);
            bytes[i] ^= (uint8_t)(1u << bit);
        }
}

static void every_truncation_is_noticed_with_both_sizes(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    write_small();
    size_t n = slurp(bytes, sizeof bytes);
    char sizes[100];
    for (size_t cut = 0; cut < n; cut++) {
        spill(bytes, cut);
        if (cut < sizeof(struct format_header)) {
            assert_non_null(refusal());
            continue;
        }
        snprintf(sizes, sizeof sizes, "cut short: %zu bytes, it was written with %zu", cut, n);
        assert_refused(sizes);
    }
    spill(bytes, n);
    FILE *f = fopen(path, "ab");
    fputc(0, f);
    fclose(f);
    assert_refused("too long");
}

static void another_version_is_told_with_both_versions(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    write_small();
    size_t n = slurp(bytes, sizeof bytes);
    bytes[8] = TRACE_MAJOR + 1;
    spill(bytes, n);
    assert_refused("is a trace of version 3.1, this caplay reads 1.0 and 2.x: take a newer caplay");
    bytes[8] = 1;
    bytes[10] = 1; /* there was none */
    spill(bytes, n);
    assert_refused("is a trace of version 1.1, this caplay reads 1.0 and 2.x");
}

static void what_is_not_a_trace_is_told(void **state)
{
    (void)state;
    unlink(path);
    assert_refused("No such file");
    spill("", 0);
    assert_refused("is empty");
    spill("hello, world", 12);
    assert_refused("is not a trace: offset 0: expected \"catrace\" (636174726163651a), found 68656c6c6f2c2077");
    spill("hi", 2);
    assert_refused("found 6869");
    spill("\xd4\xc3\xb2\xa1\x02\x00\x04\x00", 8);
    assert_refused("is a capture: run `caplay capture -r ");
    spill("\x0a\x0d\x0d\x0a", 4);
    assert_refused("is a capture");
    struct diag diag = {0};
    struct trace t;
    assert_int_equal(trace_open(&t, dir, &diag), -1);
    assert_non_null(strstr(diag.text, "is not a regular file"));
}

/* ---- files whose checksums are right and whose contents are not ---- */

static const struct {
    const char *what, *words;
    unsigned kind;
    size_t at; /* in the section's record `record` */
    unsigned record, bytes;
} lies[] = {
    {"a PV's name", "section PVs, record 1", FORMAT_PVS, offsetof(struct trace_pv, name), 1, 4},
    {"a PV's type", "native type", FORMAT_PVS, offsetof(struct trace_pv, native), 1, 1},
    {"a user", "user", FORMAT_CIRCUITS, offsetof(struct trace_circuit, user), 0, 1},
    {"a host", "host", FORMAT_CIRCUITS, offsetof(struct trace_circuit, host), 0, 1},
    {"an event's circuit", "circuit", FORMAT_EVENTS, offsetof(struct trace_event, circuit), 0, 1},
    {"an event's PV", "PV", FORMAT_EVENTS, offsetof(struct trace_event, pv), 0, 1},
    {"an event's peer", "peer", FORMAT_EVENTS, offsetof(struct trace_event, peer), 0, 1},
    {"a head's offset", "the pool has 120", FORMAT_EVENTS, offsetof(struct trace_event, head), 1, 8},
    {"a body's offset", "the pool has 120", FORMAT_EVENTS, offsetof(struct trace_event, body), 1, 8},
    {"a head's size", "head and body bytes", FORMAT_EVENTS, offsetof(struct trace_event, head_bytes), 1, 1},
    {"a body's size", "head and body bytes", FORMAT_EVENTS, offsetof(struct trace_event, body_bytes), 1, 4},
    {"a payload's size", "the pool has 120", FORMAT_EVENTS, offsetof(struct trace_event, size), 1, 4},
    {"a time", "time", FORMAT_EVENTS, offsetof(struct trace_event, t_ns), 0, 8},
    {"the source", "has no end", FORMAT_META, offsetof(struct format_meta, source), 0, 96},
    {"the digest", "has no end", FORMAT_META, offsetof(struct format_meta, sha256), 0, 72},
    {"a time in the index", "section index, record 0", FORMAT_INDEX, 0, 0, 8},
    {"a loss's circuit", "section losses, record 0", FORMAT_LOSSES, offsetof(struct trace_loss, circuit), 0, 1},
    {"a loss's kind", "kind", FORMAT_LOSSES, offsetof(struct trace_loss, kind), 0, 2},
    {"a loss's order", "time of the loss before", FORMAT_LOSSES, offsetof(struct trace_loss, t_ns), 0, 16},
    {"a loss's end", "time of its beginning", FORMAT_LOSSES, offsetof(struct trace_loss, t_ns), 1, 8},
    {"the strings' end", "has no end", FORMAT_STRINGS, 0, 0, 16},
};

static void a_record_that_points_outside_is_refused(void **state)
{
    (void)state;
    static uint8_t good[8192], bytes[8192];
    write_small();
    size_t n = slurp(good, sizeof good);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        memcpy(bytes, good, n);
        const struct format_section *s = &((struct format_header *)bytes)->sections[format_row(lies[i].kind)];
        memset(bytes + s->offset + lies[i].record * s->record_bytes + lies[i].at, 0xfe, lies[i].bytes);
        seal(bytes);
        spill(bytes, n);
        const char *text = refusal();
        if (text == NULL || strstr(text, lies[i].words) == NULL)
            fail_msg("%s: expected '%s', got: %s", lies[i].what, lies[i].words, text != NULL ? text : "(accepted)");
    }
}

static void a_section_in_a_wrong_place_is_refused(void **state)
{
    (void)state;
    static uint8_t good[8192], bytes[8192];
    write_small();
    size_t n = slurp(good, sizeof good);
    for (unsigned kind = 0; kind < FORMAT_SECTIONS; kind++)
        for (unsigned field = 0; field < 4; field++) {
            memcpy(bytes, good, n);
            struct format_header *h = (void *)bytes;
            struct format_section *s = &h->sections[format_row(kind)];
            uint64_t *numbers[] = {&s->offset, &s->bytes};
            if (field < 2)
                *numbers[field] = UINT64_MAX - 7;
            else if (field == 2)
                s->kind = kind == FORMAT_CHECKS ? FORMAT_SECTIONS : (kind + 1) % FORMAT_SECTIONS;
            else
                s->record_bytes = 0;
            h->checksum = checksum_add(0, h, offsetof(struct format_header, checksum));
            spill(bytes, n);
            assert_refused(field == 2 && kind == FORMAT_CHECKS ? "has no section checks" : "cannot lie at offset");
        }
}

/* Random bytes in a file whose checksums are made to fit: it is refused, or whoever walks over it stays inside (which the
 * sanitizers watch). */
static void what_is_accepted_can_be_walked_over(void **state)
{
    (void)state;
    static uint8_t good[8192], bytes[8192];
    uint32_t seed = 1, accepted = 0;
    write_small();
    size_t n = slurp(good, sizeof good);
    for (unsigned round = 0; round < 2000; round++) {
        memcpy(bytes, good, n);
        for (unsigned k = 0; k < 1 + round % 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[sizeof(struct format_header) + (seed >> 8) % (n - sizeof(struct format_header))] = (uint8_t)(seed >> 3);
        }
        seal(bytes);
        spill(bytes, n);
        struct trace t;
        struct diag diag = {0};
        if (trace_open(&t, path, &diag) < 0)
            continue;
        struct description d;
        for (uint32_t i = 0; i < t.nevents; i++)
            describe(&t, i, &d);
        survey_free(survey_new(&t));
        trace_close(&t);
        accepted++;
    }
    assert_in_range(accepted, 100, 1999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_in_any_byte_is_noticed),
        cmocka_unit_test(every_truncation_is_noticed_with_both_sizes),
        cmocka_unit_test(another_version_is_told_with_both_versions),
        cmocka_unit_test(what_is_not_a_trace_is_told),
        cmocka_unit_test(a_record_that_points_outside_is_refused),
        cmocka_unit_test(a_section_in_a_wrong_place_is_refused),
        cmocka_unit_test(what_is_accepted_can_be_walked_over),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
