#include "traces/trace.h"

#include "tests/small_trace.h"

/* ---- versions ---- */

static void a_trace_of_version_1_0_is_read(void **state)
{
    (void)state;
    struct trace t;
    struct diag diag = {0};
    struct trace_range range;
    if (trace_open(&t, V1_TRACE, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(t.nevents, 79);
    assert_int_equal(t.ncircuits, 2);
    assert_string_equal(trace_pv_name(&t, 0), "t:longin");
    assert_int_equal(trace_range(&t, t.events[5].t_ns, UINT64_MAX, &range, &diag), 0);
    assert_int_equal(t.events[range.first].t_ns, t.events[5].t_ns);
    assert_int_equal(range.end, t.nevents);
    trace_close(&t);
}

static void damage_in_a_trace_of_version_1_0_is_noticed(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    FILE *f = fopen(V1_TRACE, "rb");
    assert_non_null(f);
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t i = 0; i < n; i += 7) {
        bytes[i] ^= 0x20;
        spill(bytes, n);
        if (refusal() == NULL)
            fail_msg("byte %zu of %zu was changed, and nobody noticed", i, n);
        bytes[i] ^= 0x20;
    }
}

enum { NEWER_HEADER = 1024, LONGER = 8, UNKNOWN_KIND = 77, UNKNOWN_BYTES = 15 };

struct newer { /* a file that is being made by hand */
    uint8_t *bytes;
    size_t n;
    uint32_t nsums, sums[16];
};

static struct format_section *add_section(struct newer *f, uint32_t kind, uint32_t record_bytes)
{
    struct format_header *h = (void *)f->bytes;
    f->n = format_align(f->n);
    struct format_section *s = &h->sections[h->nsections++];
    *s = (struct format_section){.offset = f->n, .kind = kind, .record_bytes = record_bytes, .checks = f->nsums};
    return s;
}

static void end_section(struct newer *f, struct format_section *s)
{
    s->bytes = f->n - s->offset;
    if (s->bytes > 0)
        f->sums[f->nsums++] = checksum_add(0, f->bytes + s->offset, s->bytes);
}

/* The records of an old file, each with `more` bytes that this version does not know. */
static void add_records(struct newer *f, const uint8_t *old, const struct format_section *from, uint32_t more)
{
    struct format_section *s = add_section(f, from->kind, from->record_bytes + more);
    for (uint64_t at = 0; at < from->bytes; at += from->record_bytes) {
        memcpy(f->bytes + f->n, old + from->offset + at, from->record_bytes);
        memset(f->bytes + f->n + from->record_bytes, 0xee, more);
        f->n += from->record_bytes + more;
    }
    end_section(f, s);
}

static void add_checks(struct newer *f)
{
    struct format_section *s = add_section(f, FORMAT_CHECKS, sizeof(uint32_t));
    s->bytes = f->nsums * sizeof(uint32_t);
    memcpy(f->bytes + f->n, f->sums, s->bytes);
    s->checks = checksum_add(0, f->sums, s->bytes);
    f->n += s->bytes;
}

static void begin_file(struct newer *f, uint16_t minor, uint32_t header_bytes)
{
    struct format_header *h = (void *)f->bytes;
    *h = (struct format_header){
        .major = TRACE_MAJOR, .minor = minor, .header_bytes = header_bytes, .chunk_bytes = FORMAT_CHUNK_BYTES};
    memcpy(h->magic, FORMAT_MAGIC, FORMAT_MAGIC_BYTES);
    f->n = header_bytes;
}

static void end_file(struct newer *f)
{
    struct format_header *h = (void *)f->bytes;
    add_checks(f);
    h->file_bytes = f->n;
    const uint32_t sum = checksum_add(0, f->bytes, h->header_bytes - sizeof sum);
    memcpy(f->bytes + h->header_bytes - sizeof sum, &sum, sizeof sum);
}

/* The file `old` as version 2.2 may have it: a longer header, longer records, a section of another kind in between. */
static void make_newer(struct newer *f, const uint8_t *old)
{
    const struct format_header *from = (const void *)old;
    begin_file(f, TRACE_MINOR + 1, NEWER_HEADER);
    for (unsigned row = 0; row < format_row(FORMAT_CHECKS); row++) {
        const unsigned kind = format_row(row);
        const bool may_grow = (kind >= FORMAT_PVS && kind <= FORMAT_META) || kind == FORMAT_LOSSES;
        if (kind == FORMAT_EVENTS) {
            struct format_section *s = add_section(f, UNKNOWN_KIND, 5);
            memset(f->bytes + f->n, 0xdd, UNKNOWN_BYTES);
            f->n += UNKNOWN_BYTES;
            end_section(f, s);
        }
        add_records(f, old, &from->sections[row], may_grow ? LONGER : 0);
    }
    end_file(f);
}

/* The file `old` as version 2.0 had it. */
static void make_older(struct newer *f, const uint8_t *old)
{
    const struct format_header *from = (const void *)old;
    begin_file(f, 0, sizeof *from);
    for (unsigned kind = 0; kind < FORMAT_CHECKS; kind++)
        add_records(f, old, &from->sections[format_row(kind)], 0);
    end_file(f);
}

static void a_trace_of_version_2_0_is_read_and_has_no_losses(void **state)
{
    (void)state;
    static uint8_t old[8192], bytes[16384];
    struct newer f = {.bytes = bytes};
    struct trace t;
    write_small();
    slurp(old, sizeof old);
    make_older(&f, old);
    spill(bytes, f.n);
    open_good(&t);
    assert_int_equal(t.nevents, 2);
    assert_int_equal(t.nlosses, 0);
    assert_int_equal(t.missing.kernel_drops, 3);
    trace_close(&t);
}

static void a_newer_minor_version_is_read(void **state)
{
    (void)state;
    static uint8_t old[8192], bytes[16384];
    struct newer f = {.bytes = bytes};
    write_small();
    slurp(old, sizeof old);
    make_newer(&f, old);
    spill(bytes, f.n);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.nevents, 2);
    assert_string_equal(trace_pv_name(&t, 1), "A:TWO");
    assert_int_equal(t.pvs[1].native, WIRE_INT16);
    assert_int_equal(t.circuits[0].client_port, 40000);
    assert_int_equal(t.events[1].peer, 0);
    assert_int_equal(trace_body(&t, &t.events[1])[99], 5);
    assert_string_equal(t.source, "lo");
    assert_int_equal(t.nlosses, 2);
    assert_memory_equal(t.losses, small_losses, sizeof small_losses);
    trace_close(&t);
    bytes[((struct format_header *)(void *)bytes)->sections[FORMAT_EVENTS].offset] ^= 1;
    spill(bytes, f.n);
    assert_refused("section of an unknown kind at offset");
}

/* ---- what is checked when ---- */

enum { MANY = 3 * FORMAT_INDEX_EVENTS + 100, PER_US = 2 };

/* MANY messages, PER_US of them at each microsecond; the k-th one's payload says k. */
static void write_many(void)
{
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    static uint8_t payload[4096];
    for (uint32_t k = 0; k < MANY; k++) {
        struct trace_event e = {.pv = TRACE_NONE, .peer = k > 0 ? 0 : TRACE_NONE, .command = WIRE_ECHO, .size = sizeof payload};
        e.t_ns = k / PER_US * UINT64_C(1000);
        memcpy(payload, &k, sizeof k);
        trace_writer_event(w, &e, payload);
    }
    finish(w);
}

static void open_index(struct trace *t)
{
    struct diag diag = {0};
    if (trace_open_index(t, path, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void messages_are_found_by_time(void **state)
{
    (void)state;
    struct trace t;
    struct diag diag = {0};
    struct trace_range range;
    write_many();
    open_index(&t);
    for (uint32_t us = 0; us < MANY / PER_US; us += 511) {
        assert_int_equal(trace_range(&t, us * UINT64_C(1000), (us + 3) * UINT64_C(1000), &range, &diag), 0);
        assert_int_equal(range.first, us * PER_US);
        assert_int_equal(range.end, (us + 3) * PER_US < MANY ? (us + 3) * PER_US : MANY);
    }
    assert_int_equal(trace_range(&t, 1, 999, &range, &diag), 0); /* between two messages */
    assert_int_equal(range.first, range.end);
    assert_int_equal(trace_range(&t, 0, 0, &range, &diag), 0);
    assert_int_equal(range.end, 0);
    assert_int_equal(trace_range(&t, UINT64_MAX, UINT64_MAX, &range, &diag), 0);
    assert_int_equal(range.first, MANY);
    trace_close(&t);
}

/* Change one byte of the file. */
static void damage(uint64_t at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, (long)at, SEEK_SET);
    const int byte = fgetc(f);
    fseek(f, (long)at, SEEK_SET);
    fputc(byte ^ 1, f);
    fclose(f);
}

static void damage_is_told_where_it_is_needed_and_not_before(void **state)
{
    (void)state;
    struct trace t;
    struct diag diag = {0};
    write_many();
    open_index(&t);
    const uint64_t pool = (uint64_t)(t.pool - (const uint8_t *)t.map), third = pool + 2 * FORMAT_CHUNK_BYTES;
    const uint32_t first = (2 * FORMAT_CHUNK_BYTES + 4095) / 4096; /* its payload lies behind the second chunk's end */
    trace_close(&t);
    damage(third + 10000);
    open_index(&t);
    assert_int_equal(trace_check(&t, 0, first - 1, TRACE_PAYLOADS, &diag), 0);
    assert_int_equal(trace_check(&t, 0, MANY, TRACE_RECORDS, &diag), 0);
    assert_int_equal(trace_check(&t, first, first + 1, TRACE_PAYLOADS, &diag), -1);
    char words[100];
    snprintf(words, sizeof words, "is damaged: section pool at offset %llu (4194304 bytes)", (unsigned long long)third);
    assert_non_null(strstr(diag.text, words));
    trace_close(&t);
    assert_refused(words);
}

/* The peer of all messages is the first one: whoever reads a later one reads it, too. */
static void the_request_that_is_answered_is_checked_with_its_answer(void **state)
{
    (void)state;
    struct trace t;
    struct diag diag = {0};
    write_many();
    open_index(&t);
    const uint64_t events = (uint64_t)((const uint8_t *)t.events - (const uint8_t *)t.map);
    trace_close(&t);
    damage(events + 40);
    open_index(&t);
    assert_int_equal(trace_check(&t, MANY - 1, MANY, TRACE_RECORDS, &diag), -1);
    assert_non_null(strstr(diag.text, "section events"));
    trace_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_of_version_1_0_is_read),
        cmocka_unit_test(damage_in_a_trace_of_version_1_0_is_noticed),
        cmocka_unit_test(a_trace_of_version_2_0_is_read_and_has_no_losses),
        cmocka_unit_test(a_newer_minor_version_is_read),
        cmocka_unit_test(messages_are_found_by_time),
        cmocka_unit_test(damage_is_told_where_it_is_needed_and_not_before),
        cmocka_unit_test(the_request_that_is_answered_is_checked_with_its_answer),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
