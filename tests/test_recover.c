#include "traces/journal.h"

#include "tests/placed.h"
#include "tests/small_trace.h"
#include "traces/array.h"
#include "traces/command.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- what a killed writer leaves ---- */

static char journal[PATH_MAX + 48], recovered[PATH_MAX + 32];

static int recover(void)
{
    struct diag diag = {0};
    char *argv[] = {"recover", part, "-o", recovered, NULL};
    snprintf(recovered, sizeof recovered, "%s/y.catrace", dir);
    int code = traces_recover(4, argv, &diag);
    assert_true(code == DIAG_GOOD || (code == -1 && diag.code == DIAG_USAGE));
    return code;
}

/* Three messages are in chunks, the fourth is not; then kill -9. */
static void leave_unfinished(bool is_quiet_then)
{
    snprintf(journal, sizeof journal, "%s.journal", part);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct trace_writer *w = begin();
        trace_writer_about(w, &meta);
        trace_writer_circuit(w);
        trace_writer_pv(w, "A:ONE", 5);
        trace_writer_pv(w, "A:TWO", 5);
        uint32_t asked = trace_writer_event(w, &request, NULL);
        add_values(w, UINT64_C(1100000000), asked, 5, 0xaa);
        trace_writer_pv_at(w, 1)->native = WIRE_INT16;
        trace_writer_loss(w, &small_losses[0]); /* before a chunk, and in the next one it has grown */
        trace_writer_loss_on(w, &small_losses[1], 0);
        add_values(w, UINT64_C(2200000000), TRACE_NONE, 6, 0xaa);
        add_values(w, UINT64_C(2200000001), TRACE_NONE, 7, 0xaa);
        for (uint64_t s = 0; is_quiet_then && s < 3; s++)
            trace_writer_tick(w, s * UINT64_C(1000000000));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void what_a_killed_writer_leaves_is_recovered_to_its_last_chunk(void **state)
{
    (void)state;
    leave_unfinished(false);
    assert_int_equal(recover(), DIAG_GOOD);
    struct trace t;
    struct diag diag = {0};
    if (trace_open(&t, recovered, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(t.nevents, 3);
    assert_int_equal(t.events[1].peer, 0);
    assert_int_equal(trace_body(&t, &t.events[2])[0], 6);
    assert_int_equal(trace_head(&t, &t.events[2])[0], 0xaa);
    assert_string_equal(trace_pv_name(&t, 1), "A:TWO");
    assert_int_equal(t.pvs[1].native, WIRE_INT16);
    assert_int_equal(t.start_realtime_ns, meta.start_realtime_ns);
    assert_int_equal(t.end_ns, UINT64_C(2200000000));
    assert_string_equal(t.source, "lo");
    assert_int_equal(t.missing.cut_packets, 1);
    assert_int_equal(t.nlosses, 3);
    assert_memory_equal(t.losses, small_losses, sizeof small_losses);
    assert_int_equal(t.losses[2].kind, TRACE_LOSS_CUT); /* what came after it */
    assert_int_equal(t.losses[2].t_ns, UINT64_C(2200000000));
    assert_placed(&t);
    trace_close(&t);
    unlink(recovered);
    unlink(journal);
}

static void what_came_before_a_silence_is_recovered_too(void **state)
{
    (void)state;
    leave_unfinished(true);
    assert_int_equal(recover(), DIAG_GOOD);
    struct trace t;
    struct diag diag = {0};
    assert_int_equal(trace_open(&t, recovered, &diag), 0);
    assert_int_equal(t.nevents, 4);
    assert_int_equal(trace_body(&t, &t.events[3])[0], 7);
    trace_close(&t);
    unlink(recovered);
    unlink(journal);
}

/* A journal of version 1.0 lies beside a file of another layout. */
static void an_older_journal_is_refused_by_name(void **state)
{
    (void)state;
    leave_unfinished(false);
    FILE *f = fopen(journal, "r+b");
    assert_non_null(f);
    fwrite(JOURNAL_MAGIC_V1, 1, 8, f);
    fclose(f);
    struct diag diag = {0};
    char *argv[] = {"recover", part, "-o", recovered, NULL};
    assert_int_equal(traces_recover(4, argv, &diag), -1);
    assert_non_null(strstr(diag.text, "is of an older caplay, whose traces are of version 1.0"));
    unlink(journal);
}

/* Cut anywhere, or a bit flipped anywhere: the chunks before are recovered, or none are. */
static void a_damaged_journal_gives_the_chunks_before_the_damage(void **state)
{
    (void)state;
    static uint8_t bytes[8192];
    leave_unfinished(false);
    FILE *f = fopen(journal, "rb");
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t i = 0; i < n; i += 3) {
        f = fopen(journal, "wb");
        bytes[i] ^= 0x10;
        fwrite(bytes, 1, i % 2 ? n : i, f);
        bytes[i] ^= 0x10;
        fclose(f);
        struct trace t;
        struct diag diag = {0};
        if (recover() != DIAG_GOOD)
            continue;
        assert_int_equal(trace_open(&t, recovered, &diag), 0);
        assert_int_equal(t.nevents, 2); /* the second chunk is the damaged one */
        trace_close(&t);
    }
    unlink(recovered);
    unlink(journal);
}

/* Files of at most so many bytes, as on a full disk. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The messages do not fit in memory, and the file that is to take them finds no room. */
static void where_tables_find_no_room_what_came_before_is_recovered(void **state)
{
    (void)state;
    struct diag diag = {0};
    struct trace_writer *w = begin();
    struct trace_event e = request;
    struct trace t;
    e.circuit = e.pv = TRACE_NONE;
    limit_files(ARRAY_MEMORY_BYTES + (4u << 20)); /* the journal stays below */
    uint32_t n = 0;
    while (trace_writer_event(w, &e, NULL) != TRACE_NONE)
        e.t_ns += 10, n++;
    assert_int_equal(trace_writer_finish(w, &meta, &diag), -1);
    limit_files(RLIM_INFINITY);
    assert_int_equal(diag.code, DIAG_ENVIRONMENT);
    assert_non_null(strstr(diag.text, "its tables"));
    assert_non_null(strstr(diag.text, "caplay recover"));
    assert_int_equal(recover(), DIAG_GOOD);
    assert_int_equal(trace_open(&t, recovered, &diag), 0);
    assert_in_range(t.nevents, n - 16384, n);
    assert_int_equal(t.events[t.nevents - 1].t_ns, e.t_ns - 10 * (n - t.nevents + 1));
    trace_close(&t);
    unlink(recovered);
    unlink(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_killed_writer_leaves_is_recovered_to_its_last_chunk),
        cmocka_unit_test(what_came_before_a_silence_is_recovered_too),
        cmocka_unit_test(an_older_journal_is_refused_by_name),
        cmocka_unit_test(a_damaged_journal_gives_the_chunks_before_the_damage),
        cmocka_unit_test(where_tables_find_no_room_what_came_before_is_recovered),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
