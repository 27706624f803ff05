/* A trace file whose checksums and places are right and whose records are anything: the reader refuses it, or everything that
 * reads traces copes with what it holds. */
#include "fuzz/fuzz.h"

#include "traces/checksum.h"
#include "traces/describe.h"
#include "traces/dump.h"
#include "traces/format.h"
#include "traces/reach.h"
#include "traces/survey.h"

enum { SUMS_MAX = 64 }; /* of inputs as they are here: a chunk a section */

/* The section's place behind the one before, which ends at *at; false: there is none. */
static bool place(uint8_t *bytes, size_t n, unsigned kind, uint64_t *at)
{
    struct format_section *s = &((struct format_header *)(void *)bytes)->sections[format_row(kind)];
    const uint64_t most = n > format_align(*at) ? n - format_align(*at) : 0;
    s->kind = kind;
    s->record_bytes = format_record_bytes(kind);
    s->offset = format_align(*at);
    s->bytes = s->bytes < most ? s->bytes : most;
    if (kind == FORMAT_META && s->bytes > sizeof(struct format_meta))
        s->bytes = sizeof(struct format_meta);
    s->bytes -= s->bytes % s->record_bytes;
    if (s->offset > n)
        return false;
    memset(bytes + *at, 0, s->offset - *at);
    *at = s->offset + s->bytes;
    return true;
}

/* Lay the sections out again and sum them, or no input would come past the first checks. `bytes` has room for the checksums
 * behind its n; returns the file's bytes. */
static size_t repair(uint8_t *bytes, size_t n)
{
    struct format_header *h = (void *)bytes;
    uint64_t at = sizeof *h;
    uint32_t sums[SUMS_MAX], nsums = 0;
    if (n < sizeof *h || h->major != TRACE_MAJOR)
        return n;
    h->header_bytes = sizeof *h;
    h->nsections = FORMAT_SECTIONS;
    h->chunk_bytes = FORMAT_CHUNK_BYTES;
    struct format_section *checks = &h->sections[format_row(FORMAT_CHECKS)];
    for (unsigned row = 0; row < format_row(FORMAT_CHECKS); row++) {
        struct format_section *s = &h->sections[row];
        if (!place(bytes, n, format_row(row), &at))
            return n;
        s->checks = nsums;
        if (s->bytes > 0)
            sums[nsums++] = checksum_add(0, bytes + s->offset, s->bytes);
    }
    memset(bytes + at, 0, format_align(at) - at);
    *checks = (struct format_section){.offset = format_align(at), .kind = FORMAT_CHECKS, .record_bytes = sizeof *sums};
    checks->bytes = nsums * sizeof *sums;
    checks->checks = checksum_add(0, sums, checks->bytes);
    memcpy(bytes + checks->offset, sums, checks->bytes);
    h->file_bytes = checks->offset + checks->bytes;
    h->checksum = checksum_add(0, h, offsetof(struct format_header, checksum));
    return h->file_bytes;
}

static void read_events(const struct trace *t)
{
    static struct description d;
    uint64_t ns;
    for (uint32_t i = 0; i < t->nevents; i++) {
        describe(t, i, &d);
        FUZZ_HOLDS(d.e == &t->events[i] && d.command != NULL);
        (void)trace_service_ns(t, &t->events[i], &ns);
        FUZZ_HOLDS(dump_text(&d, DUMP_ELEMENTS));
        FUZZ_HOLDS(dump_json(&d, DUMP_ELEMENTS));
    }
}

static void read_losses(const struct trace *t)
{
    struct reach *reach = reach_new(t);
    uint32_t pvs[4];
    FUZZ_HOLDS(reach != NULL);
    for (uint32_t i = 0; i < t->nlosses; i++) {
        FUZZ_HOLDS(t->losses[i].kind < TRACE_LOSS_KINDS && t->losses[i].t_ns <= t->losses[i].until_ns);
        FUZZ_HOLDS(reach_pvs(reach, &t->losses[i], pvs, 4) <= t->npvs);
        dump_text_loss(&t->losses[i]);
        FUZZ_HOLDS(dump_json_loss(&t->losses[i]));
    }
    reach_free(reach);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char path[32];
    struct trace trace;
    struct diag diag = {0};
    static bool is_quiet;
    if (!is_quiet)
        FUZZ_HOLDS(freopen("/dev/null", "w", stdout) != NULL);
    is_quiet = true;
    uint8_t *file = calloc(1, n + FORMAT_ALIGN + SUMS_MAX * sizeof(uint32_t));
    FUZZ_HOLDS(file != NULL);
    memcpy(file, bytes, n);
    int fd = fuzz_file(file, repair(file, n), path);
    if (trace_open(&trace, path, &diag) == 0) {
        read_events(&trace);
        read_losses(&trace);
        struct survey *survey = survey_new(&trace);
        FUZZ_HOLDS(survey != NULL);
        survey_free(survey);
        trace_close(&trace);
    }
    close(fd);
    free(file);
    return 0;
}
