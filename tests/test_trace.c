#include "traces/trace.h"

#include "traces/command.h"
#include "traces/describe.h"
#include "traces/format.h"
#include "traces/survey.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#define TIME_SHORT 15
#define ELEMENTS   50u

static char dir[PATH_MAX], path[PATH_MAX + 16], part[PATH_MAX + 32];

static int make_dir(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/caplay-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/x.catrace", dir);
    snprintf(part, sizeof part, "%s.part", path);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    unlink(part);
    return rmdir(dir);
}

/* ---- a small trace ---- */

static const struct trace_event request = {
    .t_ns = 1000,
    .circuit = 0,
    .pv = 1,
    .peer = TRACE_NONE,
    .count = ELEMENTS,
    .p1 = 7,
    .p2 = 42,
    .command = WIRE_READ_NOTIFY,
    .type = TIME_SHORT,
};

/* A reply of ELEMENTS shorts: head 14, body 100, rest 6 bytes; `junk` fills what means nothing. */
static uint32_t add_values(struct trace_writer *w, uint64_t t_ns, uint32_t peer, uint8_t value, uint8_t junk)
{
    uint8_t payload[120];
    memset(payload, junk, sizeof payload);
    memset(payload + 14, value, 2 * ELEMENTS);
    struct trace_event e = request;
    e.flags = TRACE_FROM_SERVER;
    e.t_ns = t_ns;
    e.peer = peer;
    e.p1 = 1;
    e.size = sizeof payload;
    return trace_writer_event(w, &e, payload);
}

static const struct trace_meta meta = {
    .start_realtime_ns = UINT64_C(1700000000123456789),
    .end_ns = 9000,
    .source = "lo",
    .sha256 = "",
    .missing = {.packets = 12, .kernel_drops = 3},
};

static struct trace_writer *begin(void)
{
    struct diag diag = {0};
    struct trace_writer *w = trace_writer_open(path, &diag);
    assert_non_null(w);
    return w;
}

static void finish(struct trace_writer *w)
{
    struct diag diag = {0};
    if (trace_writer_finish(w, &meta, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void write_small(void)
{
    struct trace_writer *w = begin();
    assert_int_equal(trace_writer_pv(w, "A:ONE", 5), 0);
    assert_int_equal(trace_writer_pv(w, "A:TWO", 5), 1);
    assert_int_equal(trace_writer_circuit(w), 0);
    struct trace_circuit *c = trace_writer_circuit_at(w, 0);
    c->flags = TRACE_TCP;
    c->client_port = 40000;
    uint32_t user = trace_writer_string(w, "opi", 3);
    trace_writer_circuit_at(w, 0)->user = user;
    trace_writer_pv_at(w, 1)->native = WIRE_INT16;
    uint32_t asked = trace_writer_event(w, &request, NULL);
    add_values(w, 3000, asked, 5, 0xaa);
    finish(w);
}

static void open_good(struct trace *t)
{
    struct diag diag = {0};
    if (trace_open(t, path, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* ---- files as bytes ---- */

static size_t slurp(uint8_t *bytes, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, room, f);
    fclose(f);
    assert_true(n < room);
    return n;
}

static void spill(const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* The diag's text of a refusal. */
static const char *refusal(void)
{
    static struct diag diag;
    struct trace t;
    diag = (struct diag){0};
    if (trace_open(&t, path, &diag) == 0) {
        trace_close(&t);
        return NULL;
    }
    assert_int_equal(diag.code, DIAG_USAGE);
    assert_null(strchr(diag.text, '\n'));
    return diag.text;
}

static void assert_refused(const char *words)
{
    const char *text = refusal();
    if (text == NULL || strstr(text, words) == NULL)
        fail_msg("expected a refusal with '%s', got: %s", words, text != NULL ? text : "(accepted)");
}

/* ---- tests ---- */

static void what_was_written_is_read(void **state)
{
    (void)state;
    write_small();
    assert_int_not_equal(access(part, F_OK), 0);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.npvs, 2);
    assert_string_equal(trace_pv_name(&t, 0), "A:ONE");
    assert_string_equal(trace_pv_name(&t, 1), "A:TWO");
    assert_string_equal(trace_pv_name(&t, TRACE_NONE), "?");
    assert_int_equal(t.pvs[0].native, 0xffff);
    assert_int_equal(t.pvs[1].native, WIRE_INT16);
    assert_int_equal(t.ncircuits, 1);
    assert_int_equal(t.circuits[0].client_port, 40000);
    assert_string_equal(trace_string(&t, t.circuits[0].user), "opi");
    assert_string_equal(trace_string(&t, t.circuits[0].host), "?");
    assert_int_equal(t.start_realtime_ns, meta.start_realtime_ns);
    assert_int_equal(t.end_ns, 9000);
    assert_memory_equal(&t.missing, &meta.missing, sizeof t.missing);
    assert_string_equal(t.source, "lo");
    assert_string_equal(t.sha256, "");
    trace_close(&t);
}

static void a_payload_comes_back_in_its_three_parts(void **state)
{
    (void)state;
    write_small();
    struct trace t;
    open_good(&t);
    assert_int_equal(t.nevents, 2);
    const struct trace_event *e = &t.events[1];
    assert_int_equal(e->peer, 0);
    assert_int_equal(e->size, 120);
    assert_int_equal(e->head_bytes, 14);
    assert_int_equal(e->body_bytes, 100);
    for (unsigned i = 0; i < 14 + 6; i++) /* head and rest lie together */
        assert_int_equal(trace_head(&t, e)[i], 0xaa);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(trace_body(&t, e)[i], 5);
    trace_close(&t);
}

static void equal_bodies_are_stored_once_whatever_surrounds_them(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    trace_writer_pv(w, "A", 1);
    trace_writer_pv(w, "B", 1);
    for (uint8_t subscriber = 0; subscriber < 3; subscriber++)
        add_values(w, 1000u + subscriber, TRACE_NONE, 9, subscriber);
    add_values(w, 2000, TRACE_NONE, 10, 0);
    finish(w);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.events[1].body, t.events[0].body);
    assert_int_equal(t.events[2].body, t.events[0].body);
    assert_int_not_equal(t.events[3].body, t.events[0].body);
    assert_int_equal(t.pool_bytes, 2 * 100 + 4 * 20);
    for (uint8_t subscriber = 0; subscriber < 3; subscriber++)
        assert_int_equal(trace_head(&t, &t.events[subscriber])[0], subscriber);
    trace_close(&t);
}

static void events_are_sorted_by_time_and_peers_follow(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    trace_writer_pv(w, "A", 1);
    trace_writer_pv(w, "B", 1);
    uint32_t asked = trace_writer_event(w, &request, NULL); /* at 1000 */
    add_values(w, 5000, asked, 1, 0);
    add_values(w, 500, TRACE_NONE, 2, 0);
    add_values(w, 1000, TRACE_NONE, 3, 0); /* as late as the request: stays behind it */
    finish(w);
    struct trace t;
    open_good(&t);
    const uint64_t times[] = {500, 1000, 1000, 5000};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(t.events[i].t_ns, times[i]);
    assert_int_equal(t.events[1].flags & TRACE_FROM_SERVER, 0);
    assert_int_equal(t.events[3].peer, 1);
    assert_int_equal(t.events[0].peer, TRACE_NONE);
    trace_close(&t);
}

static void names_are_interned(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    assert_int_equal(trace_writer_pv(w, "SAME", 4), trace_writer_pv(w, "SAME", 4));
    assert_int_not_equal(trace_writer_pv(w, "SAME", 3), trace_writer_pv(w, "SAME", 4));
    assert_int_equal(trace_writer_string(w, "SAME", 4), trace_writer_pv_at(w, 0)->name);
    assert_int_equal(trace_writer_string(w, "", 0), trace_writer_string(w, "\0x", 2));
    finish(w);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.npvs, 2);
    assert_int_equal(t.nstrings, sizeof "SAME" + sizeof "SAM" + sizeof "");
    trace_close(&t);
}

static void payloads_shorter_than_their_type_are_kept_as_they_are(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    struct trace_event e = {.pv = TRACE_NONE,
                            .peer = TRACE_NONE,
                            .command = WIRE_EVENT_ADD,
                            .type = 34,
                            .count = UINT32_MAX,
                            .size = 8,
                            .flags = TRACE_FROM_SERVER};
    trace_writer_event(w, &e, (const uint8_t *)"12345678");
    e.type = 0; /* one STRING, cut as pcas does */
    e.count = 1;
    trace_writer_event(w, &e, (const uint8_t *)"abcdefg");
    finish(w);
    struct trace t;
    open_good(&t);
    assert_int_equal(t.events[0].head_bytes, 8);
    assert_int_equal(t.events[0].body_bytes, 0);
    assert_memory_equal(trace_head(&t, &t.events[0]), "12345678", 8);
    assert_int_equal(t.events[1].body_bytes, 8);
    assert_memory_equal(trace_body(&t, &t.events[1]), "abcdefg", 8);
    trace_close(&t);
}

static void an_empty_trace_is_a_trace(void **state)
{
    (void)state;
    finish(begin());
    struct trace t;
    open_good(&t);
    assert_int_equal(t.nevents + t.npvs + t.ncircuits + t.nstrings, 0);
    trace_close(&t);
}

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
    assert_refused("is a trace of version 2.0, this caplay reads 1.0: take a newer caplay");
    bytes[8] = TRACE_MAJOR;
    bytes[10] = TRACE_MINOR + 1;
    spill(bytes, n);
    assert_refused("is a trace of version 1.1, this caplay reads 1.0");
}

static void what_is_not_a_trace_is_told(void **state)
{
    (void)state;
    unlink(path);
    assert_refused("No such file");
    spill("", 0);
    assert_refused("is empty");
    spill("hello, world", 12);
    assert_refused("is not a trace");
    spill("\xd4\xc3\xb2\xa1\x02\x00\x04\x00", 8);
    assert_refused("is a capture: run `caplay capture -r ");
    spill("\x0a\x0d\x0d\x0a", 4);
    assert_refused("is a capture");
    struct diag diag = {0};
    struct trace t;
    assert_int_equal(trace_open(&t, dir, &diag), -1);
    assert_non_null(strstr(diag.text, "is not a regular file"));
}

static void an_unfinished_trace_never_bears_the_final_name_and_says_what_it_is(void **state)
{
    (void)state;
    write_small();
    struct trace_writer *w = begin();
    trace_writer_circuit(w);
    struct trace t;
    open_good(&t); /* the old one is still there */
    trace_close(&t);
    static char big[1u << 21];
    struct trace_event e = {.pv = TRACE_NONE, .peer = TRACE_NONE, .command = WIRE_ECHO, .size = sizeof big};
    trace_writer_event(w, &e, (const uint8_t *)big); /* more than is buffered: the header is on disk */
    char final[sizeof path];
    memcpy(final, path, sizeof path);
    memcpy(path, part, sizeof path);
    assert_refused("is unfinished");
    memcpy(path, final, sizeof path);
    trace_writer_abandon(w);
    assert_int_not_equal(access(part, F_OK), 0);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_place_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    struct diag diag = {0};
    assert_null(trace_writer_open("/proc/nowhere/x.catrace", &diag));
    assert_int_equal(diag.code, DIAG_ENVIRONMENT);
    assert_non_null(strstr(diag.text, "/proc/nowhere/x.catrace.part"));
    assert_null(trace_writer_open("/dev/null", &diag));
    assert_non_null(strstr(diag.text, "is no regular file"));
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(symlink("/dev/full", part), 0);
    struct trace_writer *w = begin();
    struct diag diag = {0};
    assert_int_equal(trace_writer_finish(w, &meta, &diag), -1);
    assert_int_equal(diag.code, DIAG_ENVIRONMENT);
    assert_non_null(strstr(diag.text, "No space left"));
    assert_int_not_equal(access(part, F_OK), 0);
}

/* ---- what a killed writer leaves ---- */

static char journal[PATH_MAX + 48], recovered[PATH_MAX + 32];

static int recover(void)
{
    struct diag diag = {0};
    char *argv[] = {"recover", part, "-o", recovered, NULL};
    snprintf(recovered, sizeof recovered, "%s/y.catrace", dir);
    int code = traces_recover(4, argv, &diag);
    assert_true(code == DIAG_GOOD || (code == -1 && diag.code == DIAG_USAGE));
    return code;
}

/* Three messages are in chunks, the fourth is not; then kill -9. */
static void leave_unfinished(void)
{
    snprintf(journal, sizeof journal, "%s.journal", part);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct trace_writer *w = begin();
        trace_writer_about(w, &meta);
        trace_writer_circuit(w);
        trace_writer_pv(w, "A:ONE", 5);
        trace_writer_pv(w, "A:TWO", 5);
        uint32_t asked = trace_writer_event(w, &request, NULL);
        add_values(w, UINT64_C(1100000000), asked, 5, 0xaa);
        trace_writer_pv_at(w, 1)->native = WIRE_INT16;
        add_values(w, UINT64_C(2200000000), TRACE_NONE, 6, 0xaa);
        add_values(w, UINT64_C(2200000001), TRACE_NONE, 7, 0xaa);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void what_a_killed_writer_leaves_is_recovered_to_its_last_chunk(void **state)
{
    (void)state;
    leave_unfinished();
    assert_int_equal(recover(), DIAG_GOOD);
    struct trace t;
    struct diag diag = {0};
    if (trace_open(&t, recovered, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(t.nevents, 3);
    assert_int_equal(t.events[1].peer, 0);
    assert_int_equal(trace_body(&t, &t.events[2])[0], 6);
    assert_int_equal(trace_head(&t, &t.events[2])[0], 0xaa);
    assert_string_equal(trace_pv_name(&t, 1), "A:TWO");
    assert_int_equal(t.pvs[1].native, WIRE_INT16);
    assert_int_equal(t.start_realtime_ns, meta.start_realtime_ns);
    assert_int_equal(t.end_ns, UINT64_C(2200000000));
    assert_string_equal(t.source, "lo");
    assert_int_equal(t.missing.cut_packets, 1);
    trace_close(&t);
    unlink(recovered);
    unlink(journal);
}

/* Cut anywhere, or a bit flipped anywhere: the chunks before are recovered, or none are. */
static void a_damaged_journal_gives_the_chunks_before_the_damage(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    leave_unfinished();
    FILE *f = fopen(journal, "rb");
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t i = 0; i < n; i += 3) {
        f = fopen(journal, "wb");
        bytes[i] ^= 0x10;
        fwrite(bytes, 1, i % 2 ? n : i, f);
        bytes[i] ^= 0x10;
        fclose(f);
        struct trace t;
        struct diag diag = {0};
        if (recover() != DIAG_GOOD)
            continue;
        assert_int_equal(trace_open(&t, recovered, &diag), 0);
        assert_int_equal(t.nevents, 2); /* the second chunk is the damaged one */
        trace_close(&t);
    }
    unlink(recovered);
    unlink(journal);
}

/* ---- files whose checksums are right and whose contents are not ---- */

static void seal(uint8_t *bytes)
{
    struct format_header *h = (void *)bytes;
    for (unsigned kind = 0; kind < FORMAT_SECTIONS; kind++)
        h->sections[kind].checksum = XXH3_64bits(bytes + h->sections[kind].offset, h->sections[kind].bytes);
    h->checksum = XXH3_64bits(h, offsetof(struct format_header, checksum));
}

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
        const struct format_section *s = &((struct format_header *)bytes)->sections[lies[i].kind];
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
            struct format_section *s = &h->sections[kind];
            uint64_t *numbers[] = {&s->offset, &s->bytes};
            if (field < 2)
                *numbers[field] = UINT64_MAX - 7;
            else if (field == 2)
                s->kind++;
            else
                s->record_bytes = 0;
            h->checksum = XXH3_64bits(h, offsetof(struct format_header, checksum));
            spill(bytes, n);
            assert_refused("cannot lie at offset");
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
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_payload_comes_back_in_its_three_parts),
        cmocka_unit_test(equal_bodies_are_stored_once_whatever_surrounds_them),
        cmocka_unit_test(events_are_sorted_by_time_and_peers_follow),
        cmocka_unit_test(names_are_interned),
        cmocka_unit_test(payloads_shorter_than_their_type_are_kept_as_they_are),
        cmocka_unit_test(an_empty_trace_is_a_trace),
        cmocka_unit_test(a_flipped_bit_in_any_byte_is_noticed),
        cmocka_unit_test(every_truncation_is_noticed_with_both_sizes),
        cmocka_unit_test(another_version_is_told_with_both_versions),
        cmocka_unit_test(what_is_not_a_trace_is_told),
        cmocka_unit_test(an_unfinished_trace_never_bears_the_final_name_and_says_what_it_is),
        cmocka_unit_test(a_place_that_cannot_be_written_is_told),
        cmocka_unit_test(a_full_disk_is_told_and_leaves_nothing),
        cmocka_unit_test(what_a_killed_writer_leaves_is_recovered_to_its_last_chunk),
        cmocka_unit_test(a_damaged_journal_gives_the_chunks_before_the_damage),
        cmocka_unit_test(a_record_that_points_outside_is_refused),
        cmocka_unit_test(a_section_in_a_wrong_place_is_refused),
        cmocka_unit_test(what_is_accepted_can_be_walked_over),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
