/* A capture file of any kind, down to its messages: libpcap, packets, streams, dialogue and the trace, which must be a good one.
 */
#include "fuzz/fuzz.h"

#include "capture/compile.h"
#include "traces/describe.h"

static bool on_packet(void *arg, const struct source_packet *packet)
{
    return compile_packet(arg, packet);
}

static void check_trace(const char *path)
{
    struct trace trace;
    struct diag diag = {0};
    static struct description d;
    FUZZ_HOLDS(trace_open(&trace, path, &diag) == 0);
    for (uint32_t i = 0; i < trace.nevents; i++)
        describe(&trace, i, &d);
    trace_close(&trace);
}

static void compile(struct source *source, const char *path)
{
    struct diag diag = {0};
    static const uint16_t ports[] = {5064};
    const struct compile_config config = {.rotation.path = path, .source = "fuzz", .sha256 = "", .ports = ports, .nports = 1};
    const struct source_limits limits = {0};
    struct compile_summary summary;
    struct compile *c = compile_open(&config, &diag);
    FUZZ_HOLDS(c != NULL);
    bool is_cut = source_run(source, &limits, on_packet, c, &diag) == SOURCE_CUT;
    if (compile_finish(c, 0, is_cut, &summary, &diag) == 0) {
        FUZZ_HOLDS(summary.counts.events > 0);
        check_trace(path);
        unlink(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char capture[32], path[64];
    struct diag diag = {0};
    int fd = fuzz_file(bytes, n, capture);
    fuzz_path("packet", path);
    const struct source_config config = {.file = capture};
    struct source *source = source_open(&config, &diag);
    if (source != NULL) {
        compile(source, path);
        source_close(source);
    }
    close(fd);
    return 0;
}
