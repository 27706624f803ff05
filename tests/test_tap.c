/* The tap: ring, recorder, and the helper thread between them. */
#include "sim/tap.h"

#include "base/ring.h"
#include "hex.h"
#include "placed.h"
#include "traces/recorder.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START_NS    UINT64_C(5000000000)
#define REALTIME_NS UINT64_C(1700000000000000000)

static const struct dialogue_endpoints ends = {0x7f000001, 0x7f000001, 40000, 5064};

static const char hello[] = "00000000 0000000d 00000000 00000000", echo[] = "00170000 00000000 00000000 00000000";
static const char create[] = "00120008 00000000 00000001 0000000d | 543a4149 00000000";
static const char created[] = "00160000 00000000 00000001 00000003 | 00120000 00060001 00000001 00000000";
static const char search[] = "00000000 0001000d 00000001 00000000 | 00060008 0005000d 00000001 00000001 | 543a4149 00000000";

static char dir[PATH_MAX], path[PATH_MAX + 16];

static int make_dir(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/caplay-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/x.catrace", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

/* ---- the ring ---- */

static void bytes_come_out_in_order_across_the_end(void **state)
{
    struct ring ring;
    uint8_t in[10], out[10];
    (void)state;
    assert_int_equal(ring_init(&ring, 16), 0);
    for (uint8_t round = 0; round < 100; round++) {
        memset(in, round, sizeof in);
        in[9] = (uint8_t)~round;
        assert_true(ring_has_room(&ring, sizeof in));
        ring_put(&ring, in, sizeof in);
        assert_false(ring_take(&ring, out, 1)); /* not published */
        ring_publish(&ring);
        assert_false(ring_take(&ring, out, sizeof in + 1));
        assert_true(ring_take(&ring, out, sizeof out));
        assert_memory_equal(in, out, sizeof in);
    }
    ring_fini(&ring);
}

static void a_full_ring_refuses_until_something_was_taken(void **state)
{
    struct ring ring;
    uint8_t bytes[16] = {1};
    (void)state;
    assert_int_equal(ring_init(&ring, 16), 0);
    assert_false(ring_has_room(&ring, 17));
    assert_true(ring_has_room(&ring, 16));
    ring_put(&ring, bytes, 16);
    ring_publish(&ring);
    assert_false(ring_has_room(&ring, 1));
    assert_true(ring_take(&ring, bytes, 4));
    assert_true(ring_has_room(&ring, 4));
    assert_false(ring_has_room(&ring, 5));
    ring_fini(&ring);
}

#define NUMBERS 50000u

static void *put_numbers(void *arg)
{
    struct ring *ring = arg;
    for (uint32_t i = 0; i < NUMBERS;)
        if (ring_has_room(ring, sizeof i)) {
            ring_put(ring, &i, sizeof i);
            ring_publish(ring);
            i++;
        } else {
            sched_yield();
        }
    return NULL;
}

static void two_threads_see_every_number_once(void **state)
{
    struct ring ring;
    pthread_t thread;
    uint32_t number;
    (void)state;
    assert_int_equal(ring_init(&ring, 1024), 0);
    assert_int_equal(pthread_create(&thread, NULL, put_numbers, &ring), 0);
    for (uint32_t i = 0; i < NUMBERS;)
        if (ring_take(&ring, &number, sizeof number))
            assert_int_equal(number, i++);
        else
            sched_yield();
    pthread_join(thread, NULL);
    ring_fini(&ring);
}

/* ---- the recorder ---- */

static struct recorder *open_recorder(void)
{
    struct diag diag;
    struct recorder *r = recorder_open(path, "a test", REALTIME_NS, &diag);
    assert_non_null(r);
    return r;
}

static void finish(struct recorder *r, uint64_t lost, struct trace *trace)
{
    struct trace_counts counts;
    struct diag diag = {0};
    assert_int_equal(recorder_finish(r, lost, &counts, &diag), 0);
    if (trace_open(trace, path, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* hex in pieces of `step` bytes, each a microsecond after the other. */
static void say(struct recorder *r, bool from_server, const char *hex, size_t step, uint64_t *now_ns)
{
    uint8_t bytes[256];
    size_t n = unhex(hex, bytes);
    for (size_t at = 0; at < n; at += step)
        recorder_bytes(r, &(struct recorder_piece){.circuit = 9,
                                                   .from_server = from_server,
                                                   .t_ns = *now_ns += 1000,
                                                   .bytes = bytes + at,
                                                   .n = n - at < step ? n - at : step});
}

static void say_all(struct recorder *r, size_t step)
{
    uint64_t now_ns = START_NS;
    recorder_circuit(r, 9, &ends, now_ns);
    say(r, true, hello, step, &now_ns);
    say(r, false, hello, step, &now_ns);
    say(r, false, create, step, &now_ns);
    say(r, true, created, step, &now_ns);
    recorder_close(r, 9, now_ns += 1000);
}

static void messages_are_the_same_however_their_bytes_were_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 64; step++) {
        struct trace t;
        struct recorder *r = open_recorder();
        say_all(r, step);
        finish(r, 0, &t);
        assert_int_equal(t.nevents, 5);
        assert_int_equal(t.ncircuits, 1);
        assert_int_equal(t.circuits[0].flags, TRACE_TCP | TRACE_CLOSED);
        assert_string_equal(trace_pv_name(&t, t.events[4].pv), "T:AI");
        assert_int_equal(t.events[4].peer, 2); /* CREATE_CHAN's reply knows its request */
        assert_int_equal(t.start_realtime_ns, START_NS + REALTIME_NS);
        assert_string_equal(t.source, "a test");
        trace_close(&t);
    }
}

static void what_no_server_takes_ends_its_direction_only(void **state)
{
    struct trace t;
    struct recorder *r = open_recorder();
    uint64_t now_ns = START_NS;
    (void)state;
    recorder_circuit(r, 9, &ends, now_ns);
    say(r, false, hello, 64, &now_ns);
    say(r, false, "00170003 00000000 00000000 00000000 | 000000", 64, &now_ns); /* a payload of 3 bytes */
    say(r, false, echo, 64, &now_ns);
    say(r, true, echo, 64, &now_ns);
    finish(r, 0, &t);
    assert_int_equal(t.nevents, 3);
    assert_int_equal(t.missing.malformed, 1);
    assert_int_equal(t.missing.gap_bytes, 16); /* the echo behind it */
    assert_placed(&t);
    trace_close(&t);
}

static void a_gap_ends_its_direction_and_counts_what_still_comes(void **state)
{
    struct trace t;
    struct recorder *r = open_recorder();
    uint64_t now_ns = START_NS;
    (void)state;
    recorder_circuit(r, 9, &ends, now_ns);
    say(r, false, hello, 64, &now_ns);
    recorder_gap(r, 9, false, 100);
    say(r, false, echo, 64, &now_ns);
    say(r, true, hello, 64, &now_ns);
    finish(r, 3, &t);
    assert_int_equal(t.nevents, 2);
    assert_int_equal(t.missing.gaps, 1);
    assert_int_equal(t.missing.gap_bytes, 116);
    assert_int_equal(t.missing.kernel_drops, 3);
    assert_true(t.circuits[0].flags & TRACE_GAP);
    assert_placed(&t);
    assert_int_equal(t.nlosses, 2); /* the gap goes on */
    trace_close(&t);
}

static void datagrams_are_recorded_and_noise_is_counted(void **state)
{
    struct trace t;
    struct recorder *r = open_recorder();
    uint8_t bytes[64];
    size_t n = unhex(search, bytes);
    (void)state;
    recorder_datagram(r, &ends, &(struct recorder_piece){.t_ns = START_NS, .bytes = bytes, .n = n});
    recorder_datagram(r, &ends, &(struct recorder_piece){.t_ns = START_NS - 7, .bytes = bytes, .n = 3});
    finish(r, 0, &t);
    assert_int_equal(t.nevents, 2);
    assert_int_equal(t.missing.packets, 2);
    assert_int_equal(t.missing.other_packets, 1);
    assert_string_equal(trace_pv_name(&t, t.events[1].pv), "T:AI");
    trace_close(&t);
}

static void a_circuit_begins_with_what_arrived_before_it_was_accepted(void **state)
{
    struct trace t;
    struct recorder *r = open_recorder();
    uint8_t bytes[64];
    uint64_t now_ns = START_NS + 4000;
    (void)state;
    recorder_datagram(r, &ends, &(struct recorder_piece){.t_ns = START_NS, .bytes = bytes, .n = unhex(search, bytes)});
    recorder_circuit(r, 9, &ends, START_NS + 10000);
    say(r, false, hello, 64, &now_ns);
    finish(r, 0, &t);
    assert_int_equal(t.circuits[1].begin_ns, 5000);
    assert_int_equal(t.events[2].t_ns, 5000);
    trace_close(&t);
}

static void an_empty_recording_is_a_trace(void **state)
{
    struct trace t;
    (void)state;
    finish(open_recorder(), 0, &t);
    assert_int_equal(t.nevents, 0);
    trace_close(&t);
}

/* ---- the tap ---- */

static struct tap *open_tap(size_t ring_bytes)
{
    const struct isolation nothing = {.wish = {.cpu = ISOLATION_NO_CPU}};
    struct diag diag;
    struct tap *tap = tap_open(&(struct tap_config){path, "a tap", REALTIME_NS, ring_bytes}, &nothing, &diag);
    assert_non_null(tap);
    return tap;
}

static void close_tap(struct tap *tap, struct trace *trace)
{
    struct diag diag = {0};
    assert_int_equal(tap_finish(tap, &diag), 0);
    assert_int_equal(trace_open(trace, path, &diag), 0);
}

static void pass(struct tap *tap, struct tap_circuit *circuit, bool from_server, const char *hex)
{
    uint8_t bytes[256];
    size_t n = unhex(hex, bytes), half = n / 2;
    const struct iovec pieces[] = {{bytes, half}, {bytes + half, sizeof bytes - half}}; /* more than was sent */
    tap_stream(tap, circuit, &(struct tap_bytes){pieces, n, from_server, START_NS});
}

static void a_tap_records_what_passes(void **state)
{
    struct trace t;
    struct tap *tap = open_tap(0);
    struct tap_circuit circuit = {.number = 1};
    uint8_t bytes[64];
    size_t n = unhex(search, bytes);
    (void)state;
    tap_datagram(tap, &ends, &(struct tap_bytes){&(struct iovec){bytes, sizeof bytes}, n, false, START_NS});
    tap_begin(tap, &circuit, &ends, START_NS);
    pass(tap, &circuit, true, hello);
    pass(tap, &circuit, false, hello);
    pass(tap, &circuit, false, create);
    pass(tap, &circuit, true, created);
    tap_end(tap, &circuit, START_NS + 1);
    assert_int_equal(tap_loss(tap).pieces, 0);
    close_tap(tap, &t);
    assert_int_equal(t.nevents, 7);
    assert_int_equal(t.ncircuits, 2);
    assert_int_equal(t.circuits[1].flags, TRACE_TCP | TRACE_CLOSED);
    trace_close(&t);
}

static void a_long_send_goes_through_in_pieces(void **state)
{
    enum { IMAGE = 614400 };
    struct trace t;
    struct tap *tap = open_tap(0);
    struct tap_circuit circuit = {.number = 1};
    uint8_t *image = calloc(1, IMAGE), header[24];
    (void)state;
    unhex("0001ffff 00010000 00000001 00000002 00096000 0004b000", header);
    for (size_t i = 0; i < IMAGE; i++)
        image[i] = (uint8_t)(i * 7 >> 3);
    const struct iovec pieces[] = {{header, sizeof header}, {image, IMAGE}};
    tap_begin(tap, &circuit, &ends, START_NS);
    tap_stream(tap, &circuit, &(struct tap_bytes){pieces, sizeof header + IMAGE, true, START_NS});
    close_tap(tap, &t);
    assert_int_equal(t.nevents, 1);
    assert_int_equal(t.events[0].body_bytes, IMAGE);
    assert_memory_equal(trace_body(&t, &t.events[0]), image, IMAGE);
    trace_close(&t);
    free(image);
}

static void what_does_not_fit_is_counted_and_makes_the_recording_incomplete(void **state)
{
    struct trace t;
    struct tap *tap = open_tap(65536); /* all of it is kept for beginnings and ends */
    struct tap_circuit circuit = {.number = 1};
    (void)state;
    tap_begin(tap, &circuit, &ends, START_NS);
    pass(tap, &circuit, false, hello);
    pass(tap, &circuit, false, create);
    pass(tap, &circuit, true, hello);
    assert_int_equal(circuit.lost[0], 40);
    assert_int_equal(circuit.lost[1], 16);
    tap_end(tap, &circuit, START_NS);
    tap_datagram(tap, &ends, &(struct tap_bytes){&(struct iovec){(void *)(uintptr_t)search, 4}, 4, false, START_NS});
    assert_int_equal(tap_loss(tap).pieces, 4);
    assert_int_equal(tap_loss(tap).bytes, 60);
    close_tap(tap, &t);
    assert_int_equal(t.nevents, 0);
    assert_int_equal(t.missing.kernel_drops, 1); /* the datagram */
    assert_int_equal(t.missing.gaps, 2);
    assert_int_equal(t.missing.gap_bytes, 56);
    assert_placed(&t);
    assert_int_equal(t.circuits[0].flags, TRACE_TCP | TRACE_GAP | TRACE_CLOSED);
    trace_close(&t);
}

static void an_abandoned_tap_leaves_no_file(void **state)
{
    (void)state;
    unlink(path);
    tap_abandon(open_tap(0));
    assert_int_not_equal(access(path, F_OK), 0);
    tap_abandon(NULL);
}

static void a_tap_that_cannot_be_written_says_so_at_once(void **state)
{
    const struct isolation nothing = {.wish = {.cpu = ISOLATION_NO_CPU}};
    struct diag diag = {0};
    (void)state;
    assert_null(tap_open(&(struct tap_config){"/nowhere/x.catrace", "a tap", REALTIME_NS, 0}, &nothing, &diag));
    assert_non_null(strstr(diag.text, "/nowhere/x.catrace"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_in_order_across_the_end),
        cmocka_unit_test(a_full_ring_refuses_until_something_was_taken),
        cmocka_unit_test(two_threads_see_every_number_once),
        cmocka_unit_test(messages_are_the_same_however_their_bytes_were_cut),
        cmocka_unit_test(what_no_server_takes_ends_its_direction_only),
        cmocka_unit_test(a_gap_ends_its_direction_and_counts_what_still_comes),
        cmocka_unit_test(datagrams_are_recorded_and_noise_is_counted),
        cmocka_unit_test(a_circuit_begins_with_what_arrived_before_it_was_accepted),
        cmocka_unit_test(an_empty_recording_is_a_trace),
        cmocka_unit_test(a_tap_records_what_passes),
        cmocka_unit_test(a_long_send_goes_through_in_pieces),
        cmocka_unit_test(what_does_not_fit_is_counted_and_makes_the_recording_incomplete),
        cmocka_unit_test(an_abandoned_tap_leaves_no_file),
        cmocka_unit_test(a_tap_that_cannot_be_written_says_so_at_once),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
