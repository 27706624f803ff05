/* A small trace in a folder of its own, as a file and as bytes, and ways to damage it. For unit tests of the trace file. */
#ifndef CAPLAY_TESTS_SMALL_TRACE_H
#define CAPLAY_TESTS_SMALL_TRACE_H

#include "traces/checksum.h"
#include "traces/format.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TIME_SHORT 15
#define ELEMENTS   50u

static char dir[PATH_MAX], path[PATH_MAX + 16], part[PATH_MAX + 32];

static inline int make_dir(void **state)
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

static inline int remove_dir(void **state)
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
static inline uint32_t add_values(struct trace_writer *w, uint64_t t_ns, uint32_t peer, uint8_t value, uint8_t junk)
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
    .missing = {.packets = 12, .kernel_drops = 3, .gaps = 1, .gap_bytes = 16},
};

static const struct trace_loss small_losses[] = {
    {.t_ns = 1000, .until_ns = 3000, .bytes = 16, .count = 1, .kind = TRACE_LOSS_GAP, .flags = TRACE_FROM_SERVER},
    {.t_ns = 4000, .until_ns = 5000, .count = 3, .circuit = TRACE_NONE, .kind = TRACE_LOSS_DROPPED},
};

static inline struct trace_writer *begin(void)
{
    struct diag diag = {0};
    struct trace_writer *w = trace_writer_open(path, &diag);
    assert_non_null(w);
    return w;
}

static inline void finish(struct trace_writer *w)
{
    struct diag diag = {0};
    if (trace_writer_finish(w, &meta, &diag) < 0)
        fail_msg("%s", diag.text);
}

static inline void write_small(void)
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
    trace_writer_loss(w, &small_losses[0]);
    trace_writer_loss(w, &small_losses[1]);
    finish(w);
}

static inline void open_good(struct trace *t)
{
    struct diag diag = {0};
    if (trace_open(t, path, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* ---- files as bytes ---- */

static inline size_t slurp(uint8_t *bytes, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, room, f);
    fclose(f);
    assert_true(n < room);
    return n;
}

static inline void spill(const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* The diag's text of a refusal. */
static inline const char *refusal(void)
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

static inline void assert_refused(const char *words)
{
    const char *text = refusal();
    if (text == NULL || strstr(text, words) == NULL)
        fail_msg("expected a refusal with '%s', got: %s", words, text != NULL ? text : "(accepted)");
}

/* ---- files whose checksums are right and whose contents are not ---- */

static inline void seal(uint8_t *bytes)
{
    struct format_header *h = (void *)bytes;
    struct format_section *checks = &h->sections[format_row(FORMAT_CHECKS)];
    uint32_t *sums = (uint32_t *)(void *)(bytes + checks->offset);
    for (struct format_section *s = h->sections; s < checks; s++) /* all are smaller than a chunk */
        if (s->bytes > 0)
            sums[s->checks] = checksum_add(0, bytes + s->offset, s->bytes);
    checks->checks = checksum_add(0, sums, checks->bytes);
    h->checksum = checksum_add(0, h, offsetof(struct format_header, checksum));
}

#endif
