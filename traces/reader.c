#include "traces/trace.h"

#include "traces/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_file(struct trace *t, const char *path, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    struct stat st;
    int result = fstat(fd, &st);
    if (result < 0)
        diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    else if (S_ISDIR(st.st_mode))
        result = diag_fail(diag, DIAG_USAGE, "%s is not a regular file: it is a directory", path);
    else if (!S_ISREG(st.st_mode))
        result = diag_fail(diag, DIAG_USAGE, "%s is not a regular file: a trace is mapped, it cannot be piped", path);
    else if (st.st_size == 0)
        result = diag_fail(diag, DIAG_USAGE, "%s is empty: not a trace", path);
    else {
        t->map_bytes = (size_t)st.st_size;
        t->map = mmap(NULL, t->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (t->map == MAP_FAILED) {
            result = diag_errno(diag, DIAG_USAGE, "cannot map %s", path);
            t->map = NULL;
        }
    }
    close(fd);
    return result;
}

bool trace_is_one(const char *path)
{
    char magic[FORMAT_MAGIC_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_one =
        fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && memcmp(magic, FORMAT_MAGIC, sizeof magic) == 0;
    if (fd >= 0)
        close(fd);
    return is_one;
}

/* ---- tables ---- */

/* A newer version's records are longer than ours and begin as ours do: take these beginnings. Others stay where they are. */
static const void *table(struct trace_checks *c, unsigned kind, bool *is_good)
{
    const struct layout *l = &c->layout;
    const uint32_t bytes = format_record_bytes(kind), step = l->known[kind]->record_bytes, n = layout_records(l, kind);
    const uint8_t *at = layout_at(l, kind);
    if (step == bytes)
        return at;
    uint8_t *packed = malloc((size_t)n * bytes + 1);
    c->repacked[kind] = packed;
    *is_good &= packed != NULL;
    for (uint32_t i = 0; packed != NULL && i < n; i++)
        memcpy(packed + (size_t)i * bytes, at + (size_t)i * step, bytes);
    return packed;
}

static int fill(struct trace *t, struct trace_checks *c, struct diag *diag)
{
    const struct layout *l = &c->layout;
    const struct format_meta *m = layout_at(l, FORMAT_META);
    bool is_good = true;
    t->pool = layout_at(l, FORMAT_POOL);
    t->pool_bytes = l->known[FORMAT_POOL]->bytes;
    t->strings = layout_at(l, FORMAT_STRINGS);
    t->nstrings = layout_records(l, FORMAT_STRINGS);
    t->pvs = table(c, FORMAT_PVS, &is_good);
    t->npvs = layout_records(l, FORMAT_PVS);
    t->circuits = table(c, FORMAT_CIRCUITS, &is_good);
    t->ncircuits = layout_records(l, FORMAT_CIRCUITS);
    t->events = table(c, FORMAT_EVENTS, &is_good);
    t->nevents = layout_records(l, FORMAT_EVENTS);
    if (l->known[FORMAT_LOSSES] != NULL) {
        t->losses = table(c, FORMAT_LOSSES, &is_good);
        t->nlosses = layout_records(l, FORMAT_LOSSES);
    }
    t->start_realtime_ns = m->start_realtime_ns;
    t->end_ns = m->end_ns;
    t->missing = m->missing;
    memcpy(t->source, m->source, sizeof t->source);
    memcpy(t->sha256, m->sha256, sizeof t->sha256);
    return is_good ? 0 : diag_fail(diag, DIAG_ENVIRONMENT, "%s: no memory for its tables", l->path);
}

/* ---- opening ---- */

/* What is read at open: small, or to be copied. */
static bool is_read_at_once(const struct format_section *s)
{
    return s->kind != FORMAT_POOL && s->kind < FORMAT_SECTIONS &&
           (s->kind != FORMAT_EVENTS || s->record_bytes != format_record_bytes(FORMAT_EVENTS));
}

static int check_file(struct trace *t, struct diag *diag)
{
    struct trace_checks *c = t->checks;
    if (layout_read(&c->layout, diag) < 0 || check_begin(c, diag) < 0)
        return -1;
    for (uint32_t i = 0; i < c->layout.nrows; i++)
        if (is_read_at_once(&c->layout.rows[i]) && check_bytes(c, &c->layout.rows[i], 0, c->layout.rows[i].bytes, diag) < 0)
            return -1;
    if (fill(t, c, diag) < 0 || check_tables(t, diag) < 0)
        return -1;
    return c->layout.major > 1 ? 0 : trace_check(t, 0, t->nevents, TRACE_RECORDS, diag); /* it has no index to find them by */
}

int trace_open_index(struct trace *t, const char *path, struct diag *diag)
{
    memset(t, 0, sizeof *t);
    if (map_file(t, path, diag) < 0)
        return -1;
    t->checks = calloc(1, sizeof *t->checks);
    if (t->checks != NULL)
        t->checks->layout = (struct layout){.path = path, .bytes = t->map, .size = t->map_bytes};
    else
        diag_fail(diag, DIAG_ENVIRONMENT, "%s: no memory to check it", path);
    if (t->checks != NULL && check_file(t, diag) == 0)
        return 0;
    trace_close(t);
    return -1;
}

/* Sections that this version does not know are summed, too: a damaged file is a damaged file. */
static int check_all(const struct trace *t, struct diag *diag)
{
    struct trace_checks *c = t->checks;
    for (uint32_t i = 0; i < c->layout.nrows; i++)
        if (check_bytes(c, &c->layout.rows[i], 0, c->layout.rows[i].bytes, diag) < 0)
            return -1;
    return trace_check(t, 0, t->nevents, TRACE_RECORDS, diag);
}

int trace_open(struct trace *t, const char *path, struct diag *diag)
{
    if (trace_open_index(t, path, diag) < 0)
        return -1;
    if (check_all(t, diag) == 0)
        return 0;
    trace_close(t);
    return -1;
}

static void free_checks(struct trace_checks *c)
{
    if (c == NULL)
        return;
    for (unsigned kind = 0; kind < FORMAT_SECTIONS; kind++)
        free(c->repacked[kind]);
    free(c->has_chunk);
    free(c->has_block);
    free(c);
}

void trace_close(struct trace *t)
{
    if (t->map != NULL)
        munmap(t->map, t->map_bytes);
    free_checks(t->checks);
    memset(t, 0, sizeof *t);
}

const char *trace_string(const struct trace *t, uint32_t string)
{
    return string < t->nstrings ? t->strings + string : "?";
}

const char *trace_pv_name(const struct trace *t, uint32_t pv)
{
    return pv < t->npvs ? trace_string(t, t->pvs[pv].name) : "?";
}

bool trace_service_ns(const struct trace *t, const struct trace_event *reply, uint64_t *ns)
{
    const bool is_later_update = (reply->flags & TRACE_UPDATE) && !(reply->flags & TRACE_FIRST);
    if (!(reply->flags & TRACE_FROM_SERVER) || (reply->flags & TRACE_RIGHTS_OF) || is_later_update || reply->peer >= t->nevents)
        return false;
    const struct trace_event *request = &t->events[reply->peer];
    if ((reply->flags | request->flags) & TRACE_ASIDE)
        return false;
    const uint64_t asked_ns = request->t_ns + request->span_ns;
    if (reply->t_ns < asked_ns)
        return false;
    *ns = reply->t_ns - asked_ns;
    return true;
}
