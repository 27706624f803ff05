/* Where the parts of a trace file lie: its header, whatever its version, and the table of sections, read from a mapped file and
 * checked against its size. Knows nothing of what is in the sections. Rule: traces/FORMAT.md. */
#ifndef CAPLAY_TRACES_LAYOUT_H
#define CAPLAY_TRACES_LAYOUT_H

#include "traces/format.h"

#include <stdbool.h>

struct layout {
    const char *path; /* borrowed, for messages */
    const uint8_t *bytes;
    uint64_t size;
    uint16_t major, minor;
    uint32_t header_bytes, nrows;
    uint32_t chunk_bytes;                                /* 0: version 1 */
    struct format_section rows[FORMAT_ROWS_MAX];         /* as in the file */
    const struct format_section *known[FORMAT_SECTIONS]; /* rows by kind; version 1: no INDEX and CHECKS; before 2.1: no LOSSES */
};

/* `path`, `bytes` and `size` are set. 0, or -1 with DIAG_USAGE. */
int layout_read(struct layout *l, struct diag *diag);

static inline const void *layout_at(const struct layout *l, unsigned kind)
{
    return l->bytes + l->known[kind]->offset;
}

static inline uint32_t layout_records(const struct layout *l, unsigned kind)
{
    return (uint32_t)(l->known[kind]->bytes / l->known[kind]->record_bytes);
}

#endif
