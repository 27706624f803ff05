#include "clients/perf/floor.h"

#include "traces/check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a reader cannot do without: the file mapped, each byte of header, tables and index touched. 0: it cannot be read. */
static uint64_t bare_ns(const char *path, const struct format_section *rows, uint64_t *sum)
{
    const uint64_t begin_ns = clock_monotonic_ns();
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return 0;
    const size_t n = (size_t)st.st_size;
    const uint8_t *bytes = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return 0;
    for (unsigned kind = FORMAT_STRINGS; kind < FORMAT_SECTIONS; kind++)
        for (uint64_t at = 0; kind != FORMAT_EVENTS && at + sizeof *sum <= rows[kind].bytes; at += sizeof *sum)
            *sum += *(const uint64_t *)(const void *)(bytes + rows[kind].offset + at);
    munmap((void *)(uintptr_t)bytes, n);
    return clock_monotonic_ns() - begin_ns;
}

static uint64_t ours_ns(const char *path, struct diag *diag)
{
    struct trace t;
    const uint64_t begin_ns = clock_monotonic_ns();
    if (trace_open_index(&t, path, diag) < 0)
        return 0;
    trace_close(&t);
    return clock_monotonic_ns() - begin_ns;
}

int floor_open(const struct floor_options *o, struct diag *diag)
{
    struct trace t;
    struct format_section rows[FORMAT_SECTIONS] = {0};
    uint64_t sum = 0;
    if (o->file == NULL || trace_open_index(&t, o->file, diag) < 0)
        return o->file != NULL ? -1 : diag_fail(diag, DIAG_USAGE, "open: --file FILE is the trace: --file big.catrace");
    for (unsigned kind = 0; kind < FORMAT_SECTIONS; kind++)
        if (t.checks->layout.known[kind] != NULL)
            rows[kind] = *t.checks->layout.known[kind];
    const uint64_t bytes = t.map_bytes;
    trace_close(&t);
    const uint64_t ours = ours_ns(o->file, diag), bare = bare_ns(o->file, rows, &sum);
    if (ours == 0 || bare == 0)
        return ours == 0 ? -1 : diag_errno(diag, DIAG_USAGE, "cannot read %s", o->file);
    printf("{\"bytes\": %" PRIu64 ", \"ours_ns\": %" PRIu64 ", \"bare_ns\": %" PRIu64 ", \"sum\": %" PRIu64 "}\n", bytes, ours,
           bare, sum);
    return 0;
}
