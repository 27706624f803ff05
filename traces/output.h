/* The file behind a writer: PATH.part, bytes in sections with their checksums, the header, the final name. Failures are kept and
 * told at the end, so that nobody in between has to look. */
#ifndef CAPLAY_TRACES_OUTPUT_H
#define CAPLAY_TRACES_OUTPUT_H

#include "traces/format.h"

#include <limits.h>
#include <stdio.h>

/* Small pieces are gathered, larger ones are written from where they lie. */
#define OUTPUT_BUFFER_BYTES (64u << 10)

struct output {
    FILE *file; /* without a buffer of stdio's */
    char path[PATH_MAX], part[PATH_MAX + 8];
    struct diag failure; /* the first one; code DIAG_GOOD: none so far */
    uint64_t position;   /* bytes put so far */
    struct format_header header;
    uint32_t *sums; /* of the chunks so far */
    uint32_t nsums, room;
    uint32_t sum, in_chunk; /* of the chunk that is being written, and its bytes so far */
    bool is_journaled;      /* output_flush() is going to be asked; true at first */
    uint32_t since;         /* CRC32C of what was put to sections since then, for the journal */
    uint32_t gathered;      /* bytes in `buffer`, all of one section */
    uint8_t buffer[OUTPUT_BUFFER_BYTES];
};

/* 0, or -1 with diag. */
int output_open(struct output *o, const char *path, struct diag *diag);

/* Sections in the order of the section table: format_row(). */
void output_begin(struct output *o, enum format_section_kind kind);
void output_put(struct output *o, const void *bytes, size_t n);
void output_end(struct output *o, enum format_section_kind kind);

/* Hand the kernel all that was put so far. CRC32C of what was put to sections since the last time; 0 unless is_journaled. */
uint32_t output_flush(struct output *o);

/* A failure of the writer: what, and errno. The first one counts. */
void output_fail(struct output *o, const char *what);
bool output_has_failed(const struct output *o);

/* Write the header and give the file its final name. Where something failed, set diag, and leave PATH.part if it is worth
 * recovering. 0 or -1. */
int output_finish(struct output *o, bool is_worth_it, struct diag *diag);

/* Close and remove it. */
void output_abandon(struct output *o);

#endif
