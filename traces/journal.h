/* What a writer keeps until the end, appended to PATH.part.journal in chunks while it writes PATH.part: new strings, changed PVs,
 * circuits and losses, new events, each chunk with its sizes and checksum. After kill -9 or on a full disk `caplay recover` reads
 * it. Layout byte by byte: traces/FORMAT.md. */
#ifndef CAPLAY_TRACES_JOURNAL_H
#define CAPLAY_TRACES_JOURNAL_H

#include "traces/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#define JOURNAL_MAGIC    "cajourn3"
#define JOURNAL_MAGIC_V2 "cajourn2" /* of version 2.0: the same, without losses */
#define JOURNAL_MAGIC_V1 "cajournl" /* beside a trace of version 1.0 */
#define JOURNAL_SUFFIX   ".journal"

#define JOURNAL_MAGIC_BYTES 8

struct journal_row { /* where a PV, a circuit or a loss of a chunk belongs */
    uint32_t index, reserved;
};

struct journal_chunk {
    char magic[JOURNAL_MAGIC_BYTES];
    uint64_t number;                             /* 0, 1, 2... */
    uint64_t bytes;                              /* behind this head */
    uint64_t pool_from, pool_to;                 /* the pool's bytes that this chunk is about */
    uint32_t nstrings, npvs, ncircuits, nevents; /* strings: bytes */
    struct format_meta meta;                     /* as far as it is known */
    uint32_t pool_checksum;                      /* CRC32C of them */
    uint32_t body_checksum;                      /* of what follows */
    uint32_t nlosses;
    uint32_t checksum; /* of the head before this field */
};

_Static_assert(sizeof(struct journal_chunk) == 328, "FORMAT.md: a chunk's head is 328 bytes");

/* Rows of a table that changed since the last chunk. */
struct journal_changes {
    uint32_t *rows, count, room;
    uint8_t *is_changed; /* by row */
    uint32_t known;
};

/* false: no memory. */
bool journal_changed(struct journal_changes *changes, uint32_t row);
void journal_changes_fini(struct journal_changes *changes);

struct journal_table {
    const void *rows;
    size_t row_bytes;
    struct journal_changes *changes;
};

struct journal {
    FILE *file;
    char path[PATH_MAX + 32];
    uint64_t chunks;
};

/* false with errno. */
bool journal_open(struct journal *j, const char *part);

/* Tables of which a chunk has the rows that changed: PVs, circuits, losses. */
#define JOURNAL_TABLES 3u

/* Append a chunk: `head` has its pool fields, counts of strings and events, and meta set. false with errno. */
bool journal_append(struct journal *j, struct journal_chunk *head, const char *strings,
                    const struct journal_table tables[JOURNAL_TABLES], const struct trace_event *events);

/* Close it; is_needed: leave the file. */
void journal_close(struct journal *j, bool is_needed);

#endif
