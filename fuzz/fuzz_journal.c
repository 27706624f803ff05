/* What a killed capture leaves, FILE.part and its journal, with anything in it: `caplay recover` makes a good trace of it or says
 * why not. Input: 2 bytes how long the pool is (big endian), the pool, the journal. */
#include "fuzz/fuzz.h"

#include "traces/checksum.h"
#include "traces/command.h"
#include "traces/journal.h"

enum { PATH_BYTES = 96 };

/* Sum chunks as they are found, or no input would come past the first check. */
static void repair(uint8_t *journal, size_t n, const uint8_t *pool, size_t pool_bytes)
{
    struct journal_chunk h;
    size_t at = 0, from = 0;
    for (uint64_t number = 0; n - at >= sizeof h; number++) {
        memcpy(&h, journal + at, sizeof h);
        const size_t left = n - at - sizeof h, pool_left = pool_bytes - from;
        const uint64_t asked = h.pool_to - h.pool_from, taken = asked < pool_left ? asked : pool_left;
        memcpy(h.magic, JOURNAL_MAGIC, sizeof h.magic);
        h.number = number;
        h.bytes = h.bytes < left ? h.bytes : left;
        h.pool_from = from;
        h.pool_to = from + taken;
        h.pool_checksum = checksum_add(0, pool + from, taken);
        h.body_checksum = checksum_add(0, journal + at + sizeof h, h.bytes);
        h.checksum = checksum_add(0, &h, offsetof(struct journal_chunk, checksum));
        memcpy(journal + at, &h, sizeof h);
        at += sizeof h + h.bytes;
        from += taken;
    }
}

static void put(const char *path, const void *head, size_t head_bytes, const uint8_t *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    FUZZ_HOLDS(file != NULL && fwrite(head, 1, head_bytes, file) == head_bytes && fwrite(bytes, 1, n, file) == n);
    FUZZ_HOLDS(fclose(file) == 0);
}

static void recover(char *part, char *output)
{
    struct diag diag = {0};
    struct trace t;
    char *argv[] = {"recover", part, "-o", output, NULL};
    const int code = traces_recover(4, argv, &diag);
    FUZZ_HOLDS(code == DIAG_GOOD || (code == -1 && diag.code == DIAG_USAGE));
    if (code != DIAG_GOOD)
        return;
    if (trace_open(&t, output, &diag) < 0)
        fprintf(stderr, "%s\n", diag.text);
    else
        trace_close(&t);
    FUZZ_HOLDS(diag.code == DIAG_GOOD);
    unlink(output);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct format_header head;
    char part[64], journal[PATH_BYTES], output[PATH_BYTES];
    if (n < 2)
        return 0;
    const size_t asked = (size_t)bytes[0] << 8 | bytes[1], pool_bytes = asked < n - 2 ? asked : n - 2;
    fuzz_path("journal", part);
    snprintf(journal, sizeof journal, "%s%s", part, JOURNAL_SUFFIX);
    snprintf(output, sizeof output, "%s.catrace", part);
    uint8_t *pool = fuzz_copy(bytes + 2, pool_bytes), *chunks = fuzz_copy(bytes + 2 + pool_bytes, n - 2 - pool_bytes);
    repair(chunks, n - 2 - pool_bytes, pool, pool_bytes);
    put(part, &head, sizeof head, pool, pool_bytes);
    put(journal, "", 0, chunks, n - 2 - pool_bytes);
    recover(part, output);
    unlink(part);
    unlink(journal);
    free(pool);
    free(chunks);
    return 0;
}
