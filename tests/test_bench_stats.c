#include "base/frame.h"
#include "clients/bench/bench.h"
#include "clients/bench/flow.h"
#include "clients/bench/journal.h"
#include "clients/bench/stats.h"
#include "clients/bench/text.h"
#include "tests/trace_maker.h"

#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-9 * (1 + fabs(expected)))
        fail_msg("%.12g, not %.12g", value, expected);
}

static void a_cut_text_ends_with_a_whole_character(void **state)
{
    static const struct {
        const char *cut, *mended;
    } rows[] = {{"", ""},
                {"abc", "abc"},
                {"caf\xc3\xa9", "caf\xc3\xa9"},
                {"caf\xc3", "caf"},
                {"5 \xe2\x82\xac", "5 \xe2\x82\xac"},
                {"5 \xe2\x82", "5 "},
                {"5 \xe2", "5 "},
                {"\xf0\x9f\x98", ""},
                {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}};
    char text[16];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(text, sizeof text, "%s", rows[i].cut);
        text_mend_cut(text);
        assert_string_equal(text, rows[i].mended);
    }
}

/* /dev/full says ENOSPC to whatever reaches it. */
static void a_journal_on_a_full_disk_says_so_and_measuring_goes_on(void **state)
{
    static const struct bench_step step = {.kind = BENCH_CONNECT, .rounds = 1, .pvs = 1};
    struct bench_result *r = calloc(1, sizeof *r);
    struct diag diag = {0};
    (void)state;
    assert_non_null(r);
    r->options.output = "somewhere";
    r->servers[0].name = "sim";
    r->journal = fopen("/dev/full", "we");
    assert_non_null(r->journal);
    bench_add_run(r)->step = &step;
    assert_int_equal(bench_journal_check(r, &diag), 0);
    bench_journal_add(r, 0, 0);
    bench_journal_add(r, 0, 0);
    assert_int_equal(bench_journal_check(r, &diag), -1);
    assert_int_equal(diag.code, DIAG_ENVIRONMENT);
    assert_non_null(strstr(diag.text, "somewhere/runs.jsonl lacks runs"));
    assert_non_null(strstr(diag.text, "No space left"));
    assert_int_equal(r->nruns, 1);
    bench_journal_close(r);
    free(r->runs);
    free(r);
}

static void a_summary_has_the_quartiles_between_neighbours(void **state)
{
    (void)state;
    struct bench_summary s;
    double five[] = {5, 1, 4, 2, 3}, four[] = {4, 3, 2, 1}, one[] = {7};
    bench_summarize(five, 5, &s);
    assert_near(s.median, 3);
    assert_near(s.q1, 2);
    assert_near(s.q3, 4);
    assert_near(s.min, 1);
    assert_near(s.max, 5);
    bench_summarize(four, 4, &s);
    assert_near(s.median, 2.5);
    assert_near(s.q1, 1.75);
    bench_summarize(one, 1, &s);
    assert_near(s.q1, 7);
    assert_near(s.q3, 7);
    bench_summarize(one, 0, &s);
    assert_int_equal(s.n, 0);
}

static void a_slope_needs_two_different_numbers_of_pvs(void **state)
{
    (void)state;
    struct bench_line line = {.slope = 42};
    const double x[] = {1, 10, 100, 1000}, y[] = {0.0301, 0.031, 0.04, 0.13}, same[] = {10, 10};
    assert_true(bench_fit(x, y, 4, &line));
    assert_near(line.slope, 1e-4);
    assert_near(line.start, 0.03);
    line.slope = 42;
    assert_false(bench_fit(same, y, 2, &line));
    assert_false(bench_fit(x, y, 1, &line));
    assert_near(line.slope, 42);
}

static void the_faster_of_two_is_worth_it_from_so_many_pvs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct bench_cost first, second;
        enum bench_choice faster;
        double worth_pvs;
    } rows[] = {
        {"equal", {1e-4, 1e-3}, {1e-4, 1e-3}, BENCH_FIRST, INFINITY},
        {"99 us a PV to connect", {1e-6, 0}, {1e-4, 0}, BENCH_FIRST, 1 / 99e-6},
        {"9 ms a PV to get", {0, 9e-3}, {0, 0}, BENCH_SECOND, 1 / 9e-5},
        {"both, against each other: the whole counts", {2e-4, 0}, {0, 3e-2}, BENCH_FIRST, 1 / 1e-4},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench_verdict v;
        print_message("%s\n", rows[i].name);
        bench_judge(&rows[i].first, &rows[i].second, &v);
        assert_int_equal(v.faster, rows[i].faster);
        if (isinf(rows[i].worth_pvs))
            assert_true(isinf(v.worth_pvs));
        else
            assert_near(v.worth_pvs, rows[i].worth_pvs);
    }
}

/* ---- frames ---- */

#define ELEMENTS 16u
#define EPOCH_NS UINT64_C(1123456789000000000)

/* {serial, its stamp's tick}: of a generator, the tick is the serial of the first post that the frame stands for. */
struct seen {
    uint64_t serial, tick;
};

static void count_seen(const struct seen *seen, size_t n, const struct bench_posts *posts, struct bench_frames *count)
{
    struct bench_frame frames[16];
    for (size_t i = 0; i < n; i++)
        frames[i] = (struct bench_frame){seen[i].serial, EPOCH_NS + clock_tick_ns((struct clock_rate){120, 1}, seen[i].tick),
                                         frame_sum(ELEMENTS, seen[i].serial)};
    assert_true(bench_count_frames(frames, n, posts, ELEMENTS, count));
    assert_int_equal(count->delivered, n);
    assert_int_equal(count->wrong_sums, 0);
}

static void frames_are_lost_in_the_client_or_merged_in_the_server(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct seen seen[8];
        size_t n;
        struct bench_frames is;
    } rows[] = {
        {"all arrive", {{5, 5}, {6, 6}, {7, 7}}, 3, {0}},
        {"two are lost: 8 bears its own stamp", {{5, 5}, {8, 8}, {9, 9}}, 3, {.lost = 2}},
        {"two are merged: 8 bears the stamp of 6", {{5, 5}, {8, 6}, {9, 9}}, 3, {.merged = 2}},
        {"one is lost, then one is merged: 8 bears the stamp of 7", {{5, 5}, {8, 7}, {9, 9}}, 3, {.lost = 1, .merged = 1}},
        {"merged each time: every second post is replaced", {{5, 5}, {7, 6}, {9, 8}, {11, 10}}, 4, {.merged = 3}},
        {"after a merged one: its data are 8, so 9 is next", {{5, 5}, {8, 6}, {10, 10}}, 3, {.merged = 2, .lost = 1}},
        {"sent twice: the data of 6 were read for the post of 5, too",
         {{4, 4}, {6, 5}, {6, 6}, {7, 7}},
         4,
         {.merged = 1, .doubled = 1}},
        {"out of order", {{5, 5}, {7, 7}, {6, 6}, {8, 8}}, 4, {.lost = 1, .misordered = 1}},
        {"one frame tells nothing", {{1000000, 1000000}}, 1, {0}},
    };
    const struct bench_posts posts = {.rate = {120, 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench_frames count;
        print_message("%s\n", rows[i].name);
        count_seen(rows[i].seen, rows[i].n, &posts, &count);
        assert_int_equal(count.lost, rows[i].is.lost);
        assert_int_equal(count.merged, rows[i].is.merged);
        assert_int_equal(count.doubled, rows[i].is.doubled);
        assert_int_equal(count.misordered, rows[i].is.misordered);
        assert_int_equal(count.unknown, 0);
    }
}

/* The recording: serials 10 11 12 15 16 (13 and 14 were never recorded), one tick apart but for the hole. Its loop lasts 10
 * ticks. */
static void a_replays_loops_and_holes_are_no_losses(void **state)
{
    (void)state;
    uint64_t serials[] = {10, 11, 12, 15, 16}, stamps[5];
    for (size_t i = 0; i < COUNT(serials); i++)
        stamps[i] = clock_tick_ns((struct clock_rate){120, 1}, serials[i]);
    const struct bench_posts posts = {.serials = serials, .stamps_ns = stamps, .count = COUNT(serials)};
    static const struct {
        const char *name;
        struct seen seen[16];
        size_t n;
        struct bench_frames is;
    } rows[] = {
        {"one loop and the next", {{10, 10}, {11, 11}, {12, 12}, {15, 15}, {16, 16}, {10, 20}, {11, 21}}, 7, {0}},
        {"a frame is lost where the loop begins again", {{15, 15}, {16, 16}, {11, 21}, {12, 22}}, 4, {.lost = 1}},
        {"the hole is none: 15 bears its own stamp and 12 is lost", {{10, 10}, {11, 11}, {15, 15}, {16, 16}}, 4, {.lost = 1}},
        {"12 is merged into 15", {{10, 10}, {11, 11}, {15, 12}, {16, 16}}, 4, {.merged = 1}},
        {"the last of a loop is merged into the first of the next", {{12, 12}, {15, 15}, {10, 16}, {11, 21}}, 4, {.merged = 1}},
        {"a frame that was never recorded", {{10, 10}, {13, 13}, {11, 11}}, 3, {.unknown = 1}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench_frames count;
        print_message("%s\n", rows[i].name);
        count_seen(rows[i].seen, rows[i].n, &posts, &count);
        assert_int_equal(count.lost, rows[i].is.lost);
        assert_int_equal(count.merged, rows[i].is.merged);
        assert_int_equal(count.unknown, rows[i].is.unknown);
        assert_int_equal(count.misordered, 0);
    }
}

static void a_wrong_sum_is_found_by_its_serial(void **state)
{
    (void)state;
    const struct bench_posts posts = {.rate = {120, 1}};
    struct bench_frame frames[3];
    struct bench_frames count;
    for (size_t i = 0; i < 3; i++)
        frames[i] = (struct bench_frame){i, clock_tick_ns(posts.rate, i), frame_sum(ELEMENTS, i)};
    frames[1].sum++;
    assert_true(bench_count_frames(frames, 3, &posts, ELEMENTS, &count));
    assert_int_equal(count.wrong_sums, 1);
    assert_int_equal(count.first_wrong, 1);
}

/* ---- the kernel's answers ---- */

static void drops_are_read_from_proc(void **state)
{
    (void)state;
    unsigned long inode;
    uint64_t drops;
    assert_false(bench_parse_udp_line("   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
                                      &inode, &drops));
    assert_true(
        bench_parse_udp_line(" 2345: 0100007F:13C9 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 "
                             "54321 2 0000000000000000 17",
                             &inode, &drops));
    assert_int_equal(inode, 54321);
    assert_int_equal(drops, 17);
}

/* A socket with a small buffer that nobody reads drops what comes. */
static void a_socket_that_overflows_is_seen(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), small = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char bytes[1000] = "";
    struct bench_drops before = {.n = 0}, after = {.n = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    bench_read_drops(getpid(), &before);
    for (int i = 0; i < 100; i++)
        sendto(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&at, sizeof at);
    bench_read_drops(getpid(), &after);
    assert_true(before.read && after.read);
    assert_int_equal(bench_total_drops(&before), 0);
    assert_true(bench_total_drops(&after) > 50);
    close(fd);
    bench_read_drops(getpid(), &after); /* it still counts when the socket is closed */
    assert_true(bench_total_drops(&after) > 50);
}

static void memory_is_read_from_proc(void **state)
{
    (void)state;
    struct bench_memory memory;
    assert_true(bench_read_memory(getpid(), &memory));
    assert_in_range(memory.now, 100000, memory.peak);
    assert_false(bench_read_memory(0x7fffffff, &memory));
}

static void what_a_process_holds_is_read_from_proc(void **state)
{
    (void)state;
    struct bench_held before = {0}, after = {0};
    bench_read_held(getpid(), &before);
    int more = dup(0);
    after = before;
    bench_read_held(getpid(), &after);
    close(more);
    assert_in_range(before.threads, 1, 64);
    assert_int_equal(after.files, before.files + 1);
    bench_read_held(getpid(), &after); /* fewer now: the most stays */
    assert_int_equal(after.files, before.files + 1);
    bench_read_held(0x7fffffff, &after);
    assert_int_equal(after.files, before.files + 1);
}

static void counts_come_back_from_json(void **state)
{
    (void)state;
    struct bench_counts counts, back;
    struct rusage used = {.ru_nvcsw = 12, .ru_minflt = 3456};
    bench_counts_take(&counts, &used, &(struct bench_held){.threads = 0}, NAN);
    assert_true(isnan(counts.at[BENCH_THREADS])); /* never looked at is not 0 */
    bench_counts_take(&counts, &used, &(struct bench_held){3, 9, 4096}, 5e6);
    json_t *json = bench_counts_write(&counts);
    bench_counts_read(&back, json);
    json_decref(json);
    for (unsigned i = 0; i < BENCH_COUNTED; i++)
        assert_near(back.at[i], counts.at[i]);
    assert_near(back.at[BENCH_SWITCHES_WAITING], 12);
    bench_counts_read(&back, NULL);
    assert_true(isnan(back.at[BENCH_FAULTS_MINOR]));
}

/* ---- names ---- */

static void an_unknown_name_lists_what_there_is(void **state)
{
    (void)state;
    struct bench_client clients[BENCH_CLIENTS];
    struct bench_server server;
    struct diag diag;
    assert_int_equal(bench_parse_clients("pyca,aiocca", clients, &diag), -1);
    assert_int_equal(diag.code, DIAG_USAGE);
    assert_non_null(strstr(diag.text, "'aiocca'"));
    assert_non_null(strstr(diag.text, "libca, libca_nopreempt, caj, caj_cold, pyca, "));
    assert_non_null(strstr(diag.text, "caproto_sync, all, and cmd:COMMAND"));
    assert_int_equal(bench_parse_clients("pyca,psp,pyca", clients, &diag), -1);
    assert_non_null(strstr(diag.text, "'pyca' is given twice"));
    assert_int_equal(bench_parse_clients("", clients, &diag), -1);
    assert_int_equal(bench_parse_clients("psp,cmd:./mine --fast", clients, &diag), 2);
    assert_string_equal(clients[1].name, "cmd:./mine --fast");
    assert_true(clients[1].custom && clients[1].asked && !clients[0].custom);
    assert_int_equal(bench_parse_clients(NULL, clients, &diag), 5);
    assert_string_equal(clients[4].name, "caproto");
    assert_in_range(bench_parse_clients("all", clients, &diag), 6, BENCH_CLIENTS);
    static const struct {
        const char *name, *says;
    } rows[] = {
        {"sim:twenty", "sim:ten-thousand"}, {"ioc:/no/such.db", "'/no/such.db'"}, {"replay:", "a file must follow"},
        {"localhost", "HOST:PORT"},         {"localhost:0", "HOST:PORT"},         {":5064", "HOST:PORT"},
        {"host:5064x", "HOST:PORT"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(bench_parse_server(rows[i].name, &server, &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
        if (strstr(diag.text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].name, diag.text);
    }
    assert_int_equal(bench_parse_server("127.0.0.1:5064", &server, &diag), 0);
    assert_int_equal(server.port, 5064);
    assert_string_equal(server.host, "127.0.0.1");
}

static void numbers_have_three_digits_and_their_unit(void **state)
{
    (void)state;
    char text[TEXT_SPREAD];
    assert_string_equal(text_seconds(0.02837, text), "28.4 ms");
    assert_string_equal(text_seconds(3.089e-4, text), "309 us");
    assert_string_equal(text_seconds(-2.17e-5, text), "-21.7 us");
    assert_string_equal(text_seconds(0.99996, text), "1.00 s");
    assert_string_equal(text_seconds(0, text), "0 s");
    assert_string_equal(text_seconds(NAN, text), "-");
    assert_string_equal(text_bytes(41200000, text), "41.2 MB");
    assert_string_equal(text_spread(0.0279, 0.0281, 0.1302, text), "28.1 [27.9, 130.2] ms");
    assert_string_equal(text_count(1234567, text), "1,234,567");
    assert_string_equal(text_count(999, text), "999");
    assert_string_equal(text_count(INFINITY, text), "-");
}

static void say(struct maker *m, uint64_t t_ms, uint32_t circuit, uint16_t command)
{
    maker_event(
        m, (struct trace_event){.t_ns = t_ms * MS, .circuit = circuit, .command = command, .pv = TRACE_NONE, .peer = TRACE_NONE},
        NULL);
}

static void silence_lasts_until_it_is_lifted_or_its_circuit_ends(void **state)
{
    (void)state;
    struct maker m = maker_begin();
    struct trace trace;
    struct bench_server_report report = {.events_off = 0};
    const uint32_t lifted = maker_circuit(&m, 1000), cut = maker_circuit(&m, 70);
    say(&m, 10, lifted, WIRE_EVENTS_OFF);
    say(&m, 12, lifted, WIRE_EVENTS_OFF);
    say(&m, 20, TRACE_NONE, WIRE_EVENTS_OFF);
    say(&m, 30, lifted, WIRE_EVENTS_ON);
    say(&m, 40, cut, WIRE_EVENTS_OFF);
    maker_finish(&m, &trace);
    assert_true(bench_flow_count(&trace, &report));
    assert_int_equal(report.events_off, 2);
    assert_int_equal(report.events_off_ns, (20 + 30) * MS);
    trace_close(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_text_ends_with_a_whole_character),
        cmocka_unit_test(a_journal_on_a_full_disk_says_so_and_measuring_goes_on),
        cmocka_unit_test(a_summary_has_the_quartiles_between_neighbours),
        cmocka_unit_test(a_slope_needs_two_different_numbers_of_pvs),
        cmocka_unit_test(the_faster_of_two_is_worth_it_from_so_many_pvs),
        cmocka_unit_test(frames_are_lost_in_the_client_or_merged_in_the_server),
        cmocka_unit_test(a_replays_loops_and_holes_are_no_losses),
        cmocka_unit_test(a_wrong_sum_is_found_by_its_serial),
        cmocka_unit_test(drops_are_read_from_proc),
        cmocka_unit_test(a_socket_that_overflows_is_seen),
        cmocka_unit_test(memory_is_read_from_proc),
        cmocka_unit_test(what_a_process_holds_is_read_from_proc),
        cmocka_unit_test(counts_come_back_from_json),
        cmocka_unit_test(an_unknown_name_lists_what_there_is),
        cmocka_unit_test(silence_lasts_until_it_is_lifted_or_its_circuit_ends),
        cmocka_unit_test(numbers_have_three_digits_and_their_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
