/* --lockstep with recordings that are written by hand: clients of another server, what ends a circuit, equal runs. */
#include "sim/lockstep.h"

#include "hex.h"
#include "sim/synth.h"
#include "traces/recorder.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static const char hello[] = "00000000 0000000d 00000000 00000000";
static const char create[] = "00120018 00000000 00000001 0000000d | 74656e2d 74686f75 73616e64 3a303030 30310000 00000000";
static const char created[] = "00160000 00000000 00000001 00000003 | 00120000 00060001 00000001 0000004d"; /* sid 77 */
static const char get[] = "000f0000 00060001 0000004d 00000009";                                           /* of sid 77 */
static const char get_unknown[] = "000f0000 00060001 00000063 0000000a";
static const char search[] =
    "00000000 0001000d 00000001 00000000 | 00060018 0005000d 00000001 00000001 | 74656e2d 74686f75 73616e64 "
    "3a303030 30310000 00000000";

static char dir[PATH_MAX], input[PATH_MAX + 16], output[PATH_MAX + 16];

static int make_dir(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/caplay-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(input, sizeof input, "%s/in.catrace", dir);
    snprintf(output, sizeof output, "%s/out.catrace", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(input);
    unlink(output);
    return rmdir(dir);
}

/* ---- a recording by hand ---- */

struct line {
    uint64_t t_ns, circuit;
    bool from_server;
    const char *hex; /* NULL: the circuit ends */
};

static void write_recording(const struct line *lines, size_t n)
{
    const struct dialogue_endpoints ends = {0x7f000001, 0x7f000001, 40000, 5064};
    struct diag diag;
    struct trace_counts counts;
    struct recorder *r = recorder_open(input, "by hand", 0, &diag);
    uint8_t bytes[512];
    assert_non_null(r);
    for (size_t i = 0; i < n; i++) {
        const struct line *line = &lines[i];
        const struct recorder_piece piece = {.circuit = line->circuit,
                                             .from_server = line->from_server,
                                             .t_ns = line->t_ns,
                                             .bytes = bytes,
                                             .n = line->hex != NULL ? unhex(line->hex, bytes) : 0};
        if (line->circuit == 0)
            recorder_datagram(r, &ends, &piece);
        else if (line->hex == NULL)
            recorder_close(r, line->circuit, line->t_ns);
        else if (line->hex == hello && !line->from_server)
            recorder_circuit(r, line->circuit, &ends, line->t_ns);
        if (line->circuit != 0 && line->hex != NULL)
            recorder_bytes(r, &piece);
    }
    assert_int_equal(recorder_finish(r, 0, &counts, &diag), 0);
}

/* Two PVs; every read takes so long. The trace is what was said. */
static void run(uint64_t read_ns, struct trace *said)
{
    struct sim_config config = {.name = "test", .lockstep = input, .tap = output};
    struct synth_config scenario = {.count = 2, .now = sim_config_clock(&config)};
    struct diag diag = {0};
    config.latency.model[SIM_READ] = (struct latency_model){.kind = LATENCY_FIXED, .first_ns = read_ns, .is_own = true};
    struct synth *synth = synth_new("ten-thousand", &scenario, &diag);
    assert_non_null(synth);
    if (lockstep_run(&config, synth_source(synth), NULL, &diag) != 0 || trace_open(said, output, &diag) < 0)
        fail_msg("%s", diag.text);
    synth_free(synth);
}

/* The first message from the server with this command, from an event on; NULL if there is none. */
static const struct trace_event *find(const struct trace *t, unsigned command, uint32_t from)
{
    for (uint32_t i = from; i < t->nevents; i++)
        if (t->events[i].command == command && t->events[i].flags & TRACE_FROM_SERVER)
            return &t->events[i];
    return NULL;
}

/* ---- tests ---- */

static void a_client_of_another_server_finds_its_channels(void **state)
{
    static const struct line lines[] = {
        {1 * MS, 0, false, search}, {2 * MS, 1, false, hello}, {2 * MS, 1, true, hello},  {3 * MS, 1, false, create},
        {4 * MS, 1, true, created}, {5 * MS, 1, false, get},   {20 * MS, 1, false, NULL},
    };
    struct trace t;
    (void)state;
    write_recording(lines, sizeof lines / sizeof *lines);
    run(3 * MS, &t);
    const struct trace_event *found = find(&t, WIRE_SEARCH, 0), *made = find(&t, WIRE_CREATE_CHAN, 0);
    const struct trace_event *read = find(&t, WIRE_READ_NOTIFY, 0);
    assert_true(found != NULL && made != NULL && read != NULL);
    assert_int_equal(found->type, 5064);
    assert_int_equal(made->p2, 0); /* our sid */
    assert_int_equal(read->p1, WIRE_ECA_NORMAL);
    assert_int_equal(read->p2, 9);
    assert_int_equal(read->t_ns, 4 * MS + 3 * MS); /* the trace begins with the search, at 1 ms */
    assert_int_equal(t.events[read->peer].p1, 0);
    assert_true(t.circuits[1].flags & TRACE_CLOSED);
    assert_int_equal(t.start_realtime_ns, SIM_LOCKSTEP_ORIGIN_NS);
    trace_close(&t);
}

static void what_a_client_asked_for_before_it_left_is_answered(void **state)
{
    static const struct line lines[] = {
        {1 * MS, 1, false, hello}, {2 * MS, 1, false, create}, {3 * MS, 1, true, created},
        {4 * MS, 1, false, get},   {5 * MS, 1, false, NULL},
    };
    struct trace t;
    (void)state;
    write_recording(lines, sizeof lines / sizeof *lines);
    run(100 * MS, &t);
    const struct trace_event *read = find(&t, WIRE_READ_NOTIFY, 0);
    assert_non_null(read);
    assert_int_equal(read->t_ns, 103 * MS);
    assert_int_equal(t.circuits[0].end_ns, 103 * MS);
    trace_close(&t);
}

static void a_client_that_breaks_a_rule_loses_its_circuit_only(void **state)
{
    static const struct line lines[] = {
        {1 * MS, 1, false, hello},       {1 * MS, 2, false, hello},       {2 * MS, 2, false, create}, {3 * MS, 2, true, created},
        {4 * MS, 1, false, get_unknown}, {5 * MS, 1, false, get_unknown}, {6 * MS, 2, false, get},
    };
    struct trace t;
    (void)state;
    write_recording(lines, sizeof lines / sizeof *lines);
    run(0, &t);
    const struct trace_event *error = find(&t, WIRE_ERROR, 0), *read = find(&t, WIRE_READ_NOTIFY, 0);
    assert_true(error != NULL && read != NULL);
    assert_int_equal(error->t_ns, 3 * MS);
    assert_true(t.circuits[error->circuit].flags & TRACE_CLOSED);
    assert_int_equal(t.circuits[error->circuit].end_ns, 3 * MS);
    assert_int_not_equal(read->circuit, error->circuit);
    assert_int_equal(read->p1, WIRE_ECA_NORMAL);
    trace_close(&t);
}

static void an_empty_recording_says_nothing(void **state)
{
    struct trace t;
    (void)state;
    write_recording(NULL, 0);
    run(0, &t);
    assert_int_equal(t.nevents, 0);
    trace_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_of_another_server_finds_its_channels),
        cmocka_unit_test(what_a_client_asked_for_before_it_left_is_answered),
        cmocka_unit_test(a_client_that_breaks_a_rule_loses_its_circuit_only),
        cmocka_unit_test(an_empty_recording_says_nothing),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
