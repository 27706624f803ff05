/* The text twin of a trace, with anything in it: it is refused with words, or makes a good trace, whose own twin makes the same
 * bytes again. */
#include "fuzz/fuzz.h"

#include "traces/twin.h"

/* Bytes as a file that its reader may rewind. fclose() it. */
static FILE *open_bytes(const uint8_t *bytes, size_t n)
{
    char path[32];
    FILE *file = fdopen(fuzz_file(bytes, n, path), "w+b");
    FUZZ_HOLDS(file != NULL);
    return file;
}

static bool make(FILE *twin, const char *path)
{
    struct trace_counts counts;
    struct diag diag = {0};
    if (twin_read(twin, "twin", path, &counts, &diag) == 0)
        return true;
    FUZZ_HOLDS(diag.code == DIAG_USAGE && diag.text[0] != '\0' && access(path, F_OK) < 0);
    return false;
}

static void open_trace(struct trace *t, const char *path)
{
    struct diag diag = {0};
    if (trace_open(t, path, &diag) < 0)
        fprintf(stderr, "%s\n", diag.text);
    FUZZ_HOLDS(diag.code == DIAG_GOOD);
}

/* False: it has a time or a name that no twin has. */
static bool make_again(const struct trace *t, const char *path)
{
    struct diag diag = {0};
    FILE *twin = open_bytes(NULL, 0);
    const bool is_told = twin_write(t, twin, &diag) == 0;
    if (is_told)
        FUZZ_HOLDS(make(twin, path));
    fclose(twin);
    return is_told;
}

static void compare(const char *path, const char *again)
{
    struct trace a, b;
    open_trace(&a, path);
    if (make_again(&a, again)) {
        open_trace(&b, again);
        FUZZ_HOLDS(a.map_bytes == b.map_bytes && memcmp(a.map, b.map, a.map_bytes) == 0);
        trace_close(&b);
        unlink(again);
    }
    trace_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char path[64], again[64];
    fuzz_path("twin", path);
    fuzz_path("twin-again", again);
    FILE *twin = open_bytes(bytes, n);
    const bool is_made = make(twin, path);
    fclose(twin);
    if (is_made) {
        compare(path, again);
        unlink(path);
    }
    return 0;
}
