#include "traces/journal.h"

#include "traces/checksum.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool grow(struct journal_changes *c, uint32_t row)
{
    const uint32_t known = row < UINT32_MAX / 2 ? row * 2 + 64 : UINT32_MAX;
    uint8_t *is_changed = realloc(c->is_changed, known);
    if (is_changed == NULL)
        return false;
    memset(is_changed + c->known, 0, known - c->known);
    c->is_changed = is_changed;
    c->known = known;
    return true;
}

bool journal_changed(struct journal_changes *c, uint32_t row)
{
    if (row >= c->known && !grow(c, row))
        return false;
    if (c->is_changed[row])
        return true;
    if (c->count == c->room) {
        const uint32_t room = c->room * 2 + 64;
        uint32_t *rows = realloc(c->rows, room * sizeof *rows);
        if (rows == NULL)
            return false;
        c->rows = rows;
        c->room = room;
    }
    c->rows[c->count++] = row;
    c->is_changed[row] = 1;
    return true;
}

void journal_changes_fini(struct journal_changes *c)
{
    free(c->rows);
    free(c->is_changed);
    *c = (struct journal_changes){0};
}

bool journal_open(struct journal *j, const char *part)
{
    snprintf(j->path, sizeof j->path, "%s%s", part, JOURNAL_SUFFIX);
    j->file = fopen(j->path, "we");
    return j->file != NULL;
}

/* What a chunk has behind its events, in memory, so that it can be summed before the head is written. */
static uint8_t *put(uint8_t *at, const void *bytes, size_t n)
{
    return n > 0 ? (uint8_t *)memcpy(at, bytes, n) + n : at;
}

static uint8_t *put_changes(uint8_t *at, const struct journal_table *t)
{
    struct journal_changes *c = t->changes;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct journal_row row = {.index = c->rows[i]};
        at = put(at, &row, sizeof row);
        at = put(at, (const uint8_t *)t->rows + row.index * t->row_bytes, t->row_bytes);
        c->is_changed[row.index] = 0;
    }
    c->count = 0;
    return at;
}

static bool write_all(struct journal *j, const void *bytes, size_t n)
{
    return n == 0 || fwrite(bytes, n, 1, j->file) == 1;
}

static size_t changes_bytes(const struct journal_table *t)
{
    return t->changes->count * (sizeof(struct journal_row) + t->row_bytes);
}

bool journal_append(struct journal *j, struct journal_chunk *head, const char *strings,
                    const struct journal_table tables[JOURNAL_TABLES], const struct trace_event *events)
{
    memcpy(head->magic, JOURNAL_MAGIC, sizeof head->magic);
    head->number = j->chunks;
    head->npvs = tables[0].changes->count;
    head->ncircuits = tables[1].changes->count;
    head->nlosses = tables[2].changes->count;
    const size_t first = head->nevents * sizeof *events;
    size_t rest = head->nstrings;
    for (unsigned i = 0; i < JOURNAL_TABLES; i++)
        rest += changes_bytes(&tables[i]);
    uint8_t *body = malloc(rest + 1);
    if (body == NULL)
        return false;
    uint8_t *at = body;
    for (unsigned i = 0; i < JOURNAL_TABLES; i++)
        at = put_changes(at, &tables[i]);
    put(at, strings, head->nstrings);
    head->bytes = first + rest;
    head->body_checksum = checksum_add(checksum_add(0, events, first), body, rest);
    head->checksum = checksum_add(0, head, offsetof(struct journal_chunk, checksum));
    const bool is_written =
        write_all(j, head, sizeof *head) && write_all(j, events, first) && write_all(j, body, rest) && fflush(j->file) == 0;
    j->chunks += is_written;
    free(body);
    return is_written;
}

void journal_close(struct journal *j, bool is_needed)
{
    if (j->file == NULL)
        return;
    fclose(j->file);
    if (!is_needed)
        unlink(j->path);
    j->file = NULL;
}
