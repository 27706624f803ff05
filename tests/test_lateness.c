/* Who owns a lateness, which budgets can be asked for, and that histograms of several runs add up. */
#include "sim_fixture.h"

#include "sim/budget.h"
#include "sim/contention.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lateness *new_lateness(void)
{
    return calloc(1, sizeof(struct lateness));
}

static void expect(const struct lateness *late, enum sim_owner owner, uint64_t count, uint64_t max_ns)
{
    assert_int_equal(late->of[owner].count, count);
    assert_int_equal(late->of[owner].max, max_ns);
}

static void what_nobody_else_caused_is_our_own(void **state)
{
    (void)state;
    struct lateness *late = new_lateness();
    lateness_count(late, 1000, 0, 1700);
    lateness_count(late, 1000, 1000, 900);
    expect(late, SIM_LATE_SELF, 2, 700);
    expect(late, SIM_LATE_PEER, 0, 0);
    free(late);
}

static void a_client_owns_the_time_until_it_was_ready_and_no_more(void **state)
{
    (void)state;
    struct lateness *late = new_lateness();
    lateness_count(late, 1000, 5000, 5300);
    expect(late, SIM_LATE_PEER, 1, 4000);
    expect(late, SIM_LATE_SELF, 1, 300);
    free(late);
}

static void contention_takes_over_what_the_command_cost_and_no_more(void **state)
{
    (void)state;
    struct lateness *late = new_lateness();
    late->is_shared = true;
    lateness_count(late, 0, 0, 3000000);
    lateness_count(late, 0, 0, 500000);
    lateness_count(late, 0, 0, 20000);
    expect(late, SIM_LATE_SELF, 1, 20000);
    lateness_settle(late, 1000000);
    expect(late, SIM_LATE_CONTENTION, 2, 1000000);
    expect(late, SIM_LATE_SELF, 3, 2000000);
    free(late);
}

static void what_nobody_had_time_to_look_at_is_our_own(void **state)
{
    (void)state;
    struct lateness *late = new_lateness();
    late->is_shared = true;
    for (unsigned i = 0; i <= LATENESS_SUSPECTS; i++)
        lateness_count(late, 0, 0, 3000000);
    expect(late, SIM_LATE_SELF, LATENESS_SUSPECTS, 3000000);
    lateness_settle(late, 0);
    expect(late, SIM_LATE_SELF, LATENESS_SUSPECTS + 1, 3000000);
    expect(late, SIM_LATE_CONTENTION, 0, 0);
    free(late);
}

/* A socket that takes only a part makes later messages the client's, until it takes more. */
static void a_short_send_is_the_peer_s(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 1000;
    fix_say(f, "000f0000 00060001 00000000 00000001");
    f->delay_ns[SIM_READ] = 3000;
    fix_say(f, "000f0000 00060001 00000000 00000002");
    f->socket_room = 10;
    f->now_ns += 1000;
    fix_work(f);
    assert_true(f->circuit->is_blocked);
    f->now_ns += 9000;
    fix_unblock(f, SIZE_MAX);
    expect(&f->sim->late, SIM_LATE_SELF, 2, 0);
    expect(&f->sim->late, SIM_LATE_PEER, 2, 9000); /* the rest of the first, and the second, which was due 7,000 ago */
    fix_free(f);
}

static void a_send_behind_bytes_that_have_not_left_counts_for_the_peer_and_leaves_self_alone(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    struct iovec pieces[OUTBOX_PIECES];
    f->now_ns += 8000;
    sim_circuit_output(f->circuit, f->now_ns, pieces);
    f->now_ns += 4000;
    sim_circuit_output(f->circuit, f->now_ns, pieces);
    sim_circuit_is_behind(f->circuit);
    expect(&f->sim->late, SIM_LATE_PEER, 1, 4000);
    expect(&f->sim->late, SIM_LATE_SELF, 0, 0);
    fix_free(f);
}

static void pin_to_one_core(void)
{
    cpu_set_t set;
    const int core = sched_getcpu();
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}

static void spin_for(uint64_t ns)
{
    for (uint64_t until_ns = clock_monotonic_ns() + ns; clock_monotonic_ns() < until_ns;)
        ;
}

/* Two that never rest on one core: each keeps the other from it. */
static void a_command_on_our_core_is_contention(void **state)
{
    (void)state;
    cpu_set_t before;
    struct contention c;
    sched_getaffinity(0, sizeof before, &before);
    pin_to_one_core();
    const pid_t pid = fork();
    if (pid == 0)
        for (;;)
            ;
    contention_begin(&c, pid);
    uint64_t ns = 0;
    for (unsigned i = 0; i < 1000 && ns == 0; i++) {
        spin_for(10000000);
        ns = contention_since(&c);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_not_equal(ns, 0);
    assert_int_equal(contention_since(&c), 0); /* gone */
    sched_setaffinity(0, sizeof before, &before);
}

static void without_a_command_nothing_is_contention(void **state)
{
    (void)state;
    struct contention c;
    contention_begin(&c, 0);
    spin_for(1000000);
    assert_int_equal(contention_since(&c), 0);
}

static const struct {
    const char *text, *said; /* NULL: it is good */
} budgets[] = {
    {"p99=1ms", NULL},
    {"p99=1ms,max=20ms", NULL},
    {"p50=10us,p90=100us,p99=1ms,p999=5ms,max=1s", NULL},
    {"", "'' of '' has no '='"},
    {"1ms", "'1ms' of '1ms' has no '='"},
    {"p99=1", "'p99=1' of 'p99=1' is no duration above 0 with its unit"},
    {"p99=-1ms", "'p99=-1ms' of 'p99=-1ms' is no duration above 0 with its unit"},
    {"p99=0", "'p99=0' of 'p99=0' is no duration above 0 with its unit"},
    {"max=20ms,", "'' of 'max=20ms,' has no '='"},
    {"p98=1ms", "'p98=1ms' of 'p98=1ms' limits nothing that is known"},
    {"max=1s,max=2s", "'max=2s' of 'max=1s,max=2s' comes twice"},
    {"maximum-of-all-that-a-message-may-ever-be-late-by-itself-in-this-run=1s", "is too long"},
};

static void a_budget_is_good_or_is_refused_with_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        struct budget budget;
        struct diag diag = {.code = DIAG_GOOD};
        assert_int_equal(budget_parse(&budget, budgets[i].text, &diag), budgets[i].said == NULL ? 0 : -1);
        assert_true(budget.is_given);
        if (budgets[i].said == NULL)
            continue;
        assert_int_equal(diag.code, DIAG_USAGE);
        assert_non_null(strstr(diag.text, "--late-budget"));
        assert_non_null(strstr(diag.text, budgets[i].said));
        assert_non_null(strstr(diag.text, "example: p99=1ms,max=20ms"));
    }
}

static void over_its_budget_a_run_says_by_what(void **state)
{
    (void)state;
    struct budget budget;
    struct diag diag;
    struct lateness *late = new_lateness();
    char why[200];
    for (unsigned i = 0; i < 999; i++)
        lateness_count(late, 0, 0, 100000);
    lateness_count(late, 0, 0, 21000000);
    budget_parse(&budget, "p99=1ms,max=30ms", &diag);
    assert_false(budget_is_over(&budget, &late->of[SIM_LATE_SELF], why, sizeof why));
    budget_parse(&budget, "p99=1ms,max=20ms", &diag);
    assert_true(budget_is_over(&budget, &late->of[SIM_LATE_SELF], why, sizeof why));
    assert_string_equal(why, "own lateness max 21 ms is over the budget of 20 ms");
    budget_parse(&budget, NULL, &diag);
    assert_false(budget_is_over(&budget, &late->of[SIM_LATE_SELF], why, sizeof why));
    free(late);
}

/* What is written down is each bucket by its top: put back, it is the same histogram. */
static void written_histograms_add_up_exactly(void **state)
{
    (void)state;
    struct lateness *all = new_lateness(), *parts = new_lateness();
    struct histogram *sum = &parts->of[3];
    for (uint64_t i = 0, ns = 1; i < 3000; i++, ns = ns * 29 % UINT64_C(60000000007)) {
        histogram_add(&all->of[0], ns);
        histogram_add(&parts->of[i % 3], ns);
    }
    for (unsigned part = 0; part < 3; part++)
        for (unsigned i = histogram_next(&parts->of[part], 0); i < HISTOGRAM_BUCKETS; i = histogram_next(&parts->of[part], i + 1))
            for (uint64_t n = 0; n < parts->of[part].bucket[i]; n++)
                histogram_add(sum, histogram_top(i));
    assert_int_equal(sum->count, all->of[0].count);
    assert_memory_equal(sum->bucket, all->of[0].bucket, sizeof sum->bucket);
    free(all);
    free(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_else_caused_is_our_own),
        cmocka_unit_test(a_client_owns_the_time_until_it_was_ready_and_no_more),
        cmocka_unit_test(contention_takes_over_what_the_command_cost_and_no_more),
        cmocka_unit_test(what_nobody_had_time_to_look_at_is_our_own),
        cmocka_unit_test(a_short_send_is_the_peer_s),
        cmocka_unit_test(a_send_behind_bytes_that_have_not_left_counts_for_the_peer_and_leaves_self_alone),
        cmocka_unit_test(a_command_on_our_core_is_contention),
        cmocka_unit_test(without_a_command_nothing_is_contention),
        cmocka_unit_test(a_budget_is_good_or_is_refused_with_an_example),
        cmocka_unit_test(over_its_budget_a_run_says_by_what),
        cmocka_unit_test(written_histograms_add_up_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
