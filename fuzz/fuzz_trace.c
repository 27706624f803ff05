/* A trace file whose checksums and places are right and whose records are anything: the reader refuses it, or everything that
 * reads traces copes with what it holds. */
#include "fuzz/fuzz.h"

#include "traces/describe.h"
#include "traces/dump.h"
#include "traces/format.h"
#include "traces/survey.h"

#include <xxhash.h>

/* Lay the sections out again and sum them, or no input would come past the first checks. */
static void repair(uint8_t *bytes, size_t n)
{
    struct format_header *h = (void *)bytes;
    uint64_t at = sizeof *h;
    if (n < sizeof *h)
        return;
    for (unsigned kind = 0; kind < FORMAT_SECTIONS; kind++) {
        struct format_section *s = &h->sections[kind];
        uint64_t most = n > format_align(at) ? n - format_align(at) : 0;
        if (kind == FORMAT_META && most > sizeof(struct format_meta))
            most = sizeof(struct format_meta);
        s->kind = kind;
        s->record_bytes = format_record_bytes(kind);
        s->offset = format_align(at);
        s->bytes = s->bytes < most ? s->bytes : most;
        s->bytes -= s->bytes % s->record_bytes;
        if (s->offset > n)
            return;
        memset(bytes + at, 0, s->offset - at);
        s->checksum = XXH3_64bits(bytes + s->offset, s->bytes);
        at = s->offset + s->bytes;
    }
    h->file_bytes = n;
    h->checksum = XXH3_64bits(h, offsetof(struct format_header, checksum));
}

static void read_events(const struct trace *t)
{
    static struct description d;
    uint64_t ns;
    for (uint32_t i = 0; i < t->nevents; i++) {
        describe(t, i, &d);
        FUZZ_HOLDS(d.e == &t->events[i] && d.command != NULL);
        (void)trace_service_ns(t, &t->events[i], &ns);
        dump_text(&d);
        FUZZ_HOLDS(dump_json(&d));
    }
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
    uint8_t *file = fuzz_copy(bytes, n);
    repair(file, n);
    int fd = fuzz_file(file, n, path);
    if (trace_open(&trace, path, &diag) == 0) {
        read_events(&trace);
        struct survey *survey = survey_new(&trace);
        FUZZ_HOLDS(survey != NULL);
        survey_free(survey);
        trace_close(&trace);
    }
    close(fd);
    free(file);
    return 0;
}
