/* session_tool FILE: writes a small trace, with whatever a dump has a form for. */
#include "session.h"

#include <stdlib.h>

static const struct {
    bool from_server;
    const char *hex;
} accents[] = {
    /* a second client, met midway: an update, an alarm, text and an error without names */
    {true, "00010008 00060001 00000001 00000007 | 3ff80000 00000000"},
    {false, "00120010 00000000 00000005 0000000d | 41206220 22e9225c 0a000000 00000000"}, /* a name to be escaped */
    {true, "00160000 00000000 00000005 00000001 | 00120000 00000001 00000005 00000009 |"},
    {false, "000f0000 000e0001 00000009 00000001 |"},
    {true, "000f0038 000e0001 00000001 00000001 | 00040001 00000000 00000000"
           "22686922 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"},
    {false, "000f0000 00060002 00000009 00000002 |"},
    {true, "000f0010 00060002 00000001 00000002 | 7ff80000 00000000 c0000000 00000000"},
    {false, "00040008 00000001 00000009 00000005 | 61620000 00000000"}, /* WRITE of a string that is cut behind its NUL */
    {true, "000b0020 00000000 00000005 00000178 | 00040008 00000001 00000009 00000005 | 6e6f2077 72697465 2c200a68 65726500"},
    {true, "00990000 00060001 00000001 00000002"},
};

int main(int argc, char **argv)
{
    struct diag diag = {0};
    struct trace_writer *writer = argc == 2 ? trace_writer_open(argv[1], &diag) : NULL;
    struct session s = {.d = writer != NULL ? dialogue_new(writer) : NULL};
    if (s.d == NULL)
        return EXIT_FAILURE;
    session_whole(&s);
    uint32_t midway = session_circuit(&s, true);
    for (size_t i = 0; i < sizeof accents / sizeof *accents; i++)
        session_says(&s, midway, accents[i].from_server, accents[i].hex);
    const struct trace_loss dropped = {
        .t_ns = 20500, .until_ns = 24500, .count = 2, .circuit = TRACE_NONE, .kind = TRACE_LOSS_DROPPED};
    trace_writer_loss(writer, &dropped);
    const struct trace_meta meta = {
        .start_realtime_ns = UINT64_C(1700000000123456789),
        .end_ns = s.now_ns,
        .source = "session",
        .missing = {.packets = 30, .kernel_drops = 2, .midway = 1, .malformed = dialogue_malformed(s.d)},
    };
    dialogue_free(s.d);
    return trace_writer_finish(writer, &meta, &diag) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
