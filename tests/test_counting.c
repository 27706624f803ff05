/* What tools and the processor count of a client: options, what the tools write, whose stage it is; and what a stage used. */
#include "base/child.h"
#include "clients/bench/counting.h"
#include "clients/bench/field.h"
#include "clients/bench/hardware.h"

#include <linux/perf_event.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.12g, not %.12g", value, expected);
}

/* ---- options ---- */

static int parse(const char *text, unsigned runs[COUNTING_TOOLS])
{
    struct option_list list = {.at = {text}, .count = text != NULL};
    struct diag diag;
    return counting_parse(&list, runs, &diag) < 0 ? (int)diag.code : 0;
}

static void a_count_names_its_tool_and_its_runs(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "perf", "callgrind:", "callgrind:0", "callgrind:x", "callgrind:6x", "syscalls:1001"};
    unsigned runs[COUNTING_TOOLS];
    assert_int_equal(parse(NULL, runs), 0);
    assert_int_equal(runs[COUNTING_CALLGRIND] + runs[COUNTING_SYSCALLS], 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(parse(wrong[i], runs), DIAG_USAGE);
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere:", 1);
    assert_int_equal(parse("callgrind", runs), DIAG_ENVIRONMENT);
    assert_int_equal(runs[COUNTING_CALLGRIND], COUNTING_RUNS);
    assert_int_equal(parse("syscalls:10", runs), DIAG_ENVIRONMENT);
    assert_int_equal(runs[COUNTING_SYSCALLS], 10);
    setenv("PATH", path, 1);
    free(path);
}

/* ---- what tools write ---- */

static void read_text(enum counting_tool tool, const char *text, struct counted *counted)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    counting_read(tool, file, counted);
    fclose(file);
}

/* A client that told a set-up and a connect, and one stage that nobody knows. */
static void take_stages(struct bench_stages *stages)
{
    json_t *used = json_loads("[{\"stage\": \"setup\", \"cpu_ns\": 2000000}, {\"stage\": \"get_7\"},"
                              "{\"stage\": \"connect\", \"cpu_ns\": -1, \"faults_minor\": 9, \"switches_waiting\": \"x\"}]",
                              0, NULL);
    assert_non_null(used);
    bench_stages_take(stages, used);
    json_decref(used);
}

static const char dumps[] = "# callgrind format\npart: 1\nevents: Ir\nsummary: 100\nfn=(1) main\n0 100\ntotals: 100\n"
                            "part: 2\ntotals: 20\npart: 3\ntotals: 3\npart: 4\ntotals: 40\npart: 5\ntotals: 5\n"
                            "part: 6\nsummary: 7\ntotals: 60\npart: 7\ntotals: 7\n";

static void instructions_fall_into_stages(void **state)
{
    (void)state;
    struct bench_stages stages;
    struct counted counted;
    take_stages(&stages);
    read_text(COUNTING_CALLGRIND, dumps, &counted);
    assert_near(counted.total, 235);
    assert_near(counting_start(&counted, &stages), 100);
    assert_near(counting_stage(&counted, &stages, BENCH_STAGE_SETUP), 20);
    assert_near(counting_stage(&counted, &stages, BENCH_STAGE_CONNECT), 60);
    assert_true(isnan(counting_stage(&counted, &stages, BENCH_STAGE_PUT)));
}

static void marks_that_are_not_the_clients_tell_no_stage(void **state)
{
    (void)state;
    struct bench_stages stages;
    struct counted counted;
    take_stages(&stages);
    read_text(COUNTING_CALLGRIND, "totals: 100\ntotals: 20\n", &counted);
    assert_near(counted.total, 120);
    assert_true(isnan(counting_start(&counted, &stages)) && isnan(counting_stage(&counted, &stages, BENCH_STAGE_SETUP)));
    read_text(COUNTING_CALLGRIND, "nothing\n", &counted);
    assert_true(isnan(counted.total));
    bench_stages_take(&stages, NULL);
    read_text(COUNTING_CALLGRIND, "totals: 100\n", &counted);
    assert_true(isnan(counting_start(&counted, &stages)));
}

static void many_marks_are_summed_all_the_same(void **state)
{
    (void)state;
    char text[100 * 16] = "";
    struct counted counted;
    struct bench_stages stages = {.marked = 50};
    for (unsigned i = 0; i < 101; i++)
        strcat(text, "totals: 2\n");
    read_text(COUNTING_CALLGRIND, text, &counted);
    assert_near(counted.total, 202);
    assert_true(isnan(counting_start(&counted, &stages)));
}

static void a_call_is_counted_once(void **state)
{
    (void)state;
    static const char text[] = "7 execve(0x1, 0x2, 0x3)  = 0\n"
                               "7 getrusage(0, 0x7ffe) = 0\n"
                               "7 futex(0x1 <unfinished ...>\n"
                               "12 _newselect(0x4) = 0\n"
                               "7 <... futex resumed>)        = 0\n"
                               "12 --- SIGCHLD {si_signo=SIGCHLD} ---\n"
                               "12 ?\?\?\?( <unfinished ...>\n"
                               "7 getrusage(0, 0x7ffe) = 0\n"
                               "7 exit_group(0) = ?\n"
                               "12 +++ exited with 0 +++\n";
    struct counted counted;
    struct bench_stages stages = {.marked = 1, .order = {[BENCH_STAGE_CONNECT] = 1}};
    read_text(COUNTING_SYSCALLS, text, &counted);
    assert_near(counted.total, 4);
    assert_near(counting_start(&counted, &stages), 1);
    assert_near(counting_stage(&counted, &stages, BENCH_STAGE_CONNECT), 2);
}

static void a_tool_stands_before_the_command(void **state)
{
    (void)state;
    struct counting_words words;
    counting_words(COUNTING_NONE, "/f", true, &words);
    assert_int_equal(words.n, 0);
    counting_words(COUNTING_CALLGRIND, "/f", false, &words);
    assert_string_equal(words.at[words.n - 2], "--dump-before=*fork*");
    counting_words(COUNTING_CALLGRIND, "/f", true, &words);
    assert_string_equal(words.at[words.n - 2], "--dump-before=*getrusage*");
    assert_string_equal(words.at[0], "valgrind");
    assert_string_equal(words.at[words.n - 1], "--callgrind-out-file=/f.%p");
    counting_words(COUNTING_SYSCALLS, "/f", true, &words);
    assert_string_equal(words.at[0], "strace");
    assert_string_equal(words.at[words.n - 1], "/f");
}

/* ---- what a stage used ---- */

static void what_a_stage_used_comes_back_from_json(void **state)
{
    (void)state;
    struct bench_stages stages, back;
    take_stages(&stages);
    assert_int_equal(stages.marked, 3);
    json_t *json = bench_stages_write(&stages);
    bench_stages_read(&back, json);
    json_decref(json);
    assert_near(back.used[BENCH_STAGE_SETUP][BENCH_USED_CPU], 2e-3);
    assert_near(back.used[BENCH_STAGE_CONNECT][BENCH_USED_MINOR], 9);
    assert_true(isnan(back.used[BENCH_STAGE_CONNECT][BENCH_USED_CPU]));     /* below 0 */
    assert_true(isnan(back.used[BENCH_STAGE_CONNECT][BENCH_USED_WAITING])); /* no number */
    assert_int_equal(back.order[BENCH_STAGE_PUT], 0);
    bench_stages_take(&stages, NULL);
    assert_null(bench_stages_write(&stages));
}

/* ---- the processor ---- */

static const struct hardware_event cpu_time = {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK};

static void open_counter(pid_t pid, void *arg)
{
    int *fd = arg;
    *fd = hardware_open(&cpu_time, pid);
}

/* There may be no counter of instructions here, but the kernel's own of CPU time is opened alike. */
static void a_process_is_counted_from_its_exec_to_its_end(void **state)
{
    (void)state;
    char *const argv[] = {"sh", "-c", ":", NULL};
    struct diag diag;
    int fd = -1;
    const pid_t pid = child_spawn(
        &(struct child_spec){.argv = argv, .in = -1, .out = -1, .err = -1, .on_born = open_counter, .arg = &fd}, &diag);
    assert_true(pid > 0);
    waitpid(pid, NULL, 0);
    const double ns = hardware_read(fd);
    if (fd < 0)
        skip(); /* perf_event_open() is not for us here */
    close(fd);
    assert_true(ns > 1e3);
    assert_true(isnan(hardware_read(-1)));
}

/* ---- how many runs are missing ---- */

#define RUNS 40

/* Connect tells clients apart, and their gets are 8 noisy runs each, so that the get's runs are what is missing. */
static void make_runs(struct bench_result *r)
{
    r->steps[0] = (struct bench_step){.kind = BENCH_CONNECT, .pvs = 1};
    r->steps[1] = (struct bench_step){.kind = BENCH_CONNECT, .pvs = 1000};
    r->steps[2] = (struct bench_step){.kind = BENCH_CONNECT, .pvs = 10, .one_by_one = true};
    r->nsteps = 3;
    r->nservers = 1;
    r->nclients = 2;
    for (unsigned i = 0; i < RUNS; i++)
        for (unsigned client = 0; client < 2; client++) {
            struct bench_run *run = bench_add_run(r);
            run->step = &r->steps[i < 8 ? 0 : 1 + i % 2];
            run->client = client;
            run->connect = 1e-3 + 1e-5 * run->step->pvs * (1 + client) * (1 + 0.001 * (i % 5));
            run->get1 = run->get2 = 0.1 * (1 + (i * 7 + client * 3) % 8) + 0.02 * client;
            run->put = NAN;
        }
}

static void what_a_figure_needs_counts_its_own_runs(void **state)
{
    (void)state;
    struct bench_result *r = calloc(1, sizeof *r);
    struct field_pair pairs[FIELD_PAIRS_MAX];
    make_runs(r);
    assert_int_equal(field_judge(r, 0, pairs), 1);
    const struct field_word *get = &pairs[0].figure[FIELD_GET], *application = &pairs[0].figure[FIELD_APPLICATION];
    const double half = fmax(get->difference.high - get->difference.value, get->difference.value - get->difference.low);
    const double away = fmin(fabs(get->difference.value - BENCH_GET_LIMIT), fabs(get->difference.value + BENCH_GET_LIMIT));
    assert_int_equal(get->word, INFER_UNDECIDED);
    const double alone = 8 * pow(half / away, 2) - 8; /* as one of several looks it needs some more */
    assert_in_range(get->more, (unsigned)alone, (unsigned)fmin(INFER_MORE_MAX, 1.1 * alone));
    assert_int_equal(application->word, INFER_UNDECIDED);
    assert_in_range(application->more, 9, INFER_MORE_MAX);
    free(r->runs);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_names_its_tool_and_its_runs),
        cmocka_unit_test(instructions_fall_into_stages),
        cmocka_unit_test(marks_that_are_not_the_clients_tell_no_stage),
        cmocka_unit_test(many_marks_are_summed_all_the_same),
        cmocka_unit_test(a_call_is_counted_once),
        cmocka_unit_test(a_tool_stands_before_the_command),
        cmocka_unit_test(what_a_stage_used_comes_back_from_json),
        cmocka_unit_test(a_process_is_counted_from_its_exec_to_its_end),
        cmocka_unit_test(what_a_figure_needs_counts_its_own_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
