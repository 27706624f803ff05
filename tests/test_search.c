/* Search over UDP, by the rules of ca-protocol 3.2 and 3.3. */
#include "sim/search.h"

#include "sim_fixture.h"

#define MOST 16

static unsigned allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

struct heard {
    uint64_t now_ns; /* what the clock shows */
    struct search_peer to[MOST];
    uint8_t bytes[MOST][SEARCH_DATAGRAM_BYTES];
    size_t size[MOST];
    unsigned n;
};

static uint64_t on_send(void *arg, const struct search_peer *to, const uint8_t *bytes, size_t n)
{
    struct heard *heard = arg;
    assert_true(heard->n < MOST);
    heard->to[heard->n] = *to;
    heard->size[heard->n] = n;
    memcpy(heard->bytes[heard->n++], bytes, n);
    return heard->now_ns;
}

struct searching {
    struct fixture *f;
    struct search search;
    struct heard heard;
};

static const struct search_peer alice = {0x7f000001, 4000}, bob = {0x7f000001, 4001};

static struct searching *new_searching(void)
{
    struct searching *s = calloc(1, sizeof *s);
    s->f = fix_new();
    s->search = (struct search){.sim = s->f->sim, .send = on_send, .arg = &s->heard};
    assert_int_equal(search_init(&s->search), 0);
    return s;
}

static void free_searching(struct searching *s)
{
    search_fini(&s->search);
    fix_free(s->f);
    free(s);
}

static void ask(struct searching *s, const struct search_peer *peer, const char *hex)
{
    uint8_t bytes[4096];
    search_datagram(&s->search, peer, bytes, fix_unhex(hex, bytes), s->f->now_ns);
}

static void expect(const struct searching *s, unsigned i, const char *name, const char *hex)
{
    uint8_t bytes[4096];
    size_t n = fix_unhex(hex, bytes);
    if (i >= s->heard.n || s->heard.size[i] != n || memcmp(s->heard.bytes[i], bytes, n) != 0)
        fail_msg("%s: %u datagrams, number %u is not %s", name, s->heard.n, i, hex);
}

#define VERSION_1 "00000000 0001000d 00000001 00000000 "
#define ASK_AI    "00060008 0005000d 00000001 00000001 | 'T:AI' 00000000 "
#define FOUND     "00060008 3bd20000 ffffffff 00000001 | 000d0000 00000000 "
#define ASK_NO    "00060008 0005000d 00000002 00000002 | 'NOBODY' 0000 "

static const struct {
    const char *name, *asked, *heard; /* NULL: no answer */
} rules[] = {
    {"a datagram of libca",
     "00000000 0001000d 00000001 00000000 | 00060008 0005000d 00000001 00000001 | 543a4149 00000000"
     "00060010 0005000d 00000002 00000002 | 53494d3a 494d4147 45000000 00000000",
     "00000000 0001000d 00000001 00000000 | 00060008 3bd20000 ffffffff 00000001 | 000d0000 00000000"
     "00060008 3bd20000 ffffffff 00000002 | 000d0000 00000000"},
    {"nothing before a VERSION", ASK_AI, NULL},
    {"unknown names are not answered", VERSION_1 ASK_NO, NULL},
    {"nor with DOREPLY", VERSION_1 "00060008 000a000d 00000002 00000002 | 'NOBODY' 0000", NULL},
    {"a client below 4.11 gets no VERSION", "00000000 0000000a 00000007 00000000 " ASK_AI, FOUND},
    {"a client below 4.4 gets nothing", "00000000 00000003 00000000 00000000 " ASK_AI, NULL},
    {"a second VERSION replaces the number", VERSION_1 "00000000 0001000d 00000009 00000000 " ASK_AI,
     "00000000 0001000d 00000009 00000000 " FOUND},
    {"a VERSION without a valid number is echoed, too", "00000000 0000000d 00000000 00000000 " ASK_AI,
     "00000000 0001000d 00000000 00000000 " FOUND},
    {"the same name twice is answered twice", VERSION_1 ASK_AI ASK_AI, VERSION_1 FOUND FOUND},
    {"another command ends the datagram", VERSION_1 ASK_AI "00170000 00000000 00000000 00000000" ASK_AI, VERSION_1 FOUND},
    {"a SEARCH below 4.4 ends it", VERSION_1 ASK_AI "00060008 00050003 00000001 00000001 | 'T:AI' 00000000" ASK_AI,
     VERSION_1 FOUND},
    {"a payload that is no multiple of 8 ends it", VERSION_1 ASK_AI "00060004 0005000d 00000001 00000001 | 'T:AI'",
     VERSION_1 FOUND},
    {"a cut message ends it", VERSION_1 ASK_AI "00060008 0005000d 00000001 00000001 | 'T:'", VERSION_1 FOUND},
    {"a name without an end loses its last character", VERSION_1 "00060008 0005000d 00000001 00000001 | 'T:STRING'", NULL},
    {"bytes behind the name's end do not count", VERSION_1 "00060010 0005000d 00000001 00000001 | 'T:AI' 00 'garbagetext'",
     VERSION_1 FOUND},
    {"REC.VAL is REC", VERSION_1 "00060010 0005000d 00000001 00000001 | 'T:AI.VAL' 0000000000000000", VERSION_1 FOUND},
    {"REC. is REC", VERSION_1 "00060008 0005000d 00000001 00000001 | 'T:AI.' 000000", VERSION_1 FOUND},
    {"a name of nothing", VERSION_1 "00060000 0005000d 00000001 00000001" ASK_AI, VERSION_1 FOUND},
    {"long headers are taken", VERSION_1 "0006ffff 00050000 00000001 00000001 00000008 0000000d | 'T:AI' 00000000",
     VERSION_1 FOUND},
    {"only p2 is echoed", VERSION_1 "00060008 0005000d 00000033 00000001 | 'T:AI' 00000000", VERSION_1 FOUND},
};

static void each_rule_of_search_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct searching *s = new_searching();
        ask(s, &alice, rules[i].asked);
        search_flush(&s->search);
        if (rules[i].heard != NULL)
            expect(s, 0, rules[i].name, rules[i].heard);
        if (s->heard.n != (rules[i].heard != NULL))
            fail_msg("%s: %u datagrams", rules[i].name, s->heard.n);
        free_searching(s);
    }
}

static void no_prefix_of_a_datagram_does_harm(void **state)
{
    (void)state;
    uint8_t bytes[256];
    size_t n = fix_unhex(rules[0].asked, bytes);
    for (size_t cut = 0; cut < n; cut++) {
        struct searching *s = new_searching();
        uint8_t *exact = malloc(cut + (cut == 0)); /* so that a sanitizer sees an overrun */
        memcpy(exact, bytes, cut);
        search_datagram(&s->search, &alice, exact, cut, s->f->now_ns);
        search_flush(&s->search);
        assert_int_equal(s->heard.n, cut >= 40);
        free(exact);
        free_searching(s);
    }
}

/* As measured: 60 names are answered in 1024 + 448 bytes. */
static void a_datagram_holds_42_replies(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    uint8_t bytes[2048];
    size_t n = fix_unhex(VERSION_1, bytes), one = fix_unhex(ASK_AI, bytes + 16);
    for (unsigned i = 0; i < 60; i++, n += one)
        fix_unhex(ASK_AI, bytes + n);
    search_datagram(&s->search, &alice, bytes, n, s->f->now_ns);
    search_flush(&s->search);
    assert_int_equal(s->heard.n, 2);
    assert_int_equal(s->heard.size[0], 1024);
    assert_int_equal(s->heard.size[1], 448);
    assert_memory_equal(s->heard.bytes[0], s->heard.bytes[1], 16);
    free_searching(s);
}

static void replies_to_one_client_gather_under_the_last_number(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    ask(s, &alice, VERSION_1 ASK_AI);
    ask(s, &alice, "00000000 0001000d 00000002 00000000 " ASK_AI);
    assert_int_equal(s->heard.n, 0);
    search_flush(&s->search);
    assert_int_equal(s->heard.n, 1);
    expect(s, 0, "both", "00000000 0001000d 00000002 00000000 " FOUND FOUND);
    free_searching(s);
}

static void another_client_pushes_them_out_without_version(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    ask(s, &alice, VERSION_1 ASK_AI);
    ask(s, &bob, VERSION_1 ASK_AI);
    search_flush(&s->search);
    assert_int_equal(s->heard.n, 2);
    expect(s, 0, "alice's", FOUND);
    expect(s, 1, "bob's", VERSION_1 FOUND);
    assert_int_equal(s->heard.to[0].port, alice.port);
    assert_int_equal(s->heard.to[1].port, bob.port);
    free_searching(s);
}

static void a_service_time_is_kept_and_so_are_the_numbers(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    uint64_t start = s->f->now_ns;
    s->f->delay_ns[SIM_SEARCH] = 1000;
    ask(s, &alice, VERSION_1 ASK_AI ASK_AI);
    ask(s, &bob, VERSION_1 ASK_AI);
    ask(s, &alice, "00000000 0001000d 00000002 00000000 " ASK_AI);
    search_flush(&s->search);
    assert_int_equal(s->heard.n, 0);
    assert_int_equal(search_deadline(&s->search), start + 1000);
    search_due(&s->search, start + 999);
    assert_int_equal(s->heard.n, 0);
    search_due(&s->search, start + 1000);
    assert_int_equal(s->heard.n, 3);
    expect(s, 0, "alice's first", VERSION_1 FOUND FOUND);
    expect(s, 1, "bob's", VERSION_1 FOUND);
    expect(s, 2, "alice's second", "00000000 0001000d 00000002 00000000 " FOUND);
    assert_int_equal(search_deadline(&s->search), CLOCK_NEVER);
    free_searching(s);
}

static void a_second_version_of_a_datagram_counts_for_answers_that_wait_too(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    s->f->delay_ns[SIM_SEARCH] = 1000;
    ask(s, &alice, VERSION_1 ASK_AI "00000000 0001000d 00000002 00000000 " ASK_AI);
    search_due(&s->search, s->f->now_ns + 1000);
    assert_int_equal(s->heard.n, 1);
    expect(s, 0, "one datagram", "00000000 0001000d 00000002 00000000 " FOUND FOUND);
    free_searching(s);
}

static void a_pace_leaves_time_between_two_datagrams(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    uint64_t start = s->f->now_ns;
    uint8_t bytes[2048];
    size_t n = fix_unhex(VERSION_1, bytes), one = fix_unhex(ASK_AI, bytes + 16);
    for (unsigned i = 0; i < 60; i++, n += one)
        fix_unhex(ASK_AI, bytes + n);
    s->f->sim->reply_pace_ns = 1000;
    search_datagram(&s->search, &alice, bytes, n, start);
    search_flush(&s->search);
    search_due(&s->search, search_deadline(&s->search));
    assert_int_equal(s->heard.n, 1);
    assert_int_equal(s->heard.size[0], 1024);
    assert_int_equal(search_deadline(&s->search), start + 1000);
    search_due(&s->search, start + 1000);
    assert_int_equal(s->heard.n, 2);
    assert_int_equal(s->heard.size[1], 448);
    assert_int_equal(s->f->sim->late.of[SIM_LATE_SELF].max, 0);
    free_searching(s);
}

static void more_replies_than_may_wait_are_dropped_and_counted(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    s->f->delay_ns[SIM_SEARCH] = 1000;
    for (unsigned i = 0; i < SEARCH_LANE; i++)
        ask(s, &alice, VERSION_1 ASK_AI);
    assert_int_equal(s->f->sim->counts.dropped_searches, 0);
    ask(s, &alice, VERSION_1 ASK_AI ASK_AI);
    assert_int_equal(s->f->sim->counts.dropped_searches, 2);
    free_searching(s);
}

/* Only what leaves together with the first is waited for. */
static void a_later_reply_is_another_deadline(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    uint64_t start = s->f->now_ns;
    s->f->delay_ns[SIM_SEARCH] = 1000;
    ask(s, &alice, VERSION_1 ASK_AI);
    s->f->now_ns += LANE_TOGETHER_NS + 1;
    ask(s, &alice, VERSION_1 ASK_AI);
    assert_int_equal(search_deadline(&s->search), start + 1000);
    free_searching(s);
}

static void a_search_begins_the_clock_where_it_is_to(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    s->f->sim->start.kind = SIM_START_SEARCH;
    ask(s, &alice, VERSION_1 ASK_NO);
    assert_false(s->f->sim->start.begun);
    ask(s, &alice, VERSION_1 ASK_AI);
    assert_true(s->f->sim->start.begun);
    free_searching(s);
}

static void repeated_searches_are_counted(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    ask(s, &alice, VERSION_1 ASK_AI);
    ask(s, &bob, VERSION_1 ASK_AI);
    assert_int_equal(s->f->sim->counts.repeated_searches, 0);
    ask(s, &bob, VERSION_1 ASK_AI ASK_NO);
    assert_int_equal(s->f->sim->counts.searches, 4);
    assert_int_equal(s->f->sim->counts.repeated_searches, 1);
    free_searching(s);
}

static void an_answer_at_once_is_counted_as_it_became(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    struct latency *l = &s->f->sim->latency;
    const struct latency_config none = {.seed = 0};
    struct diag diag = {0};
    assert_int_equal(latency_open(l, &none, &s->f->source, &diag), 0);
    ask(s, &alice, VERSION_1 ASK_AI ASK_NO ASK_AI);
    s->heard.now_ns = s->f->now_ns + 1500;
    search_flush(&s->search);
    assert_int_equal(l->drawn[SIM_SEARCH].count, 2);
    assert_int_equal(l->drawn[SIM_SEARCH].max, 0);
    assert_int_equal(l->effective[SIM_SEARCH].count, 2);
    assert_int_equal(l->effective[SIM_SEARCH].min, 1500);
    latency_close(l);
    free_searching(s);
}

static void searching_allocates_nothing(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    allocations = 0;
    for (unsigned i = 0; i < 1000; i++) {
        s->f->delay_ns[SIM_SEARCH] = i % 2 * 1000;
        ask(s, &alice, VERSION_1 ASK_AI ASK_NO);
        ask(s, &bob, VERSION_1 ASK_NO ASK_AI);
        s->heard.n = 0;
        search_flush(&s->search);
        search_due(&s->search, s->f->now_ns + 1000);
    }
    assert_int_equal(allocations, 0);
    assert_int_equal(s->f->sim->counts.searches, 4000);
    free_searching(s);
}

static void what_a_client_does_is_observed(void **state)
{
    (void)state;
    struct searching *s = new_searching();
    const struct observed *o = &s->f->sim->observed;
    const uint64_t begin_ns = s->f->now_ns;
    fix_say(s->f, FIX_HELLO);
    ask(s, &alice, VERSION_1 ASK_AI ASK_NO);
    search_flush(&s->search);
    s->f->now_ns += 1000;
    ask(s, &alice, VERSION_1 ASK_AI);
    s->f->now_ns += 4000;
    fix_say(s->f, "00120008 00000000 00000001 0000000d | 'T:AI' 00000000");
    s->f->now_ns += 1000;
    fix_say(s->f, "000f0000 00060001 00000000 00000005"); /* READ_NOTIFY */
    fix_say(s->f, FIX_SUBSCRIBE_AI);
    assert_int_equal(o->first_search_ns, begin_ns);
    assert_int_equal(o->first_created_ns, begin_ns + 5000);
    assert_int_equal(o->first_value_ns, begin_ns + 6000);
    assert_int_equal(o->connects.count, 1);
    assert_int_equal(o->connects.max, 5000);
    assert_int_equal(o->datagrams[OBSERVED_IN], 2);
    assert_int_equal(o->datagrams[OBSERVED_OUT], 1);
    assert_int_equal(o->messages[OBSERVED_IN][WIRE_CREATE_CHAN], 1);
    assert_int_equal(o->messages[OBSERVED_OUT][WIRE_ACCESS_RIGHTS], 1);
    assert_int_equal(o->messages[OBSERVED_IN][WIRE_READ_NOTIFY], 1);
    assert_int_equal(o->messages[OBSERVED_OUT][WIRE_EVENT_ADD], 1);
    assert_int_equal(o->bytes[OBSERVED_IN], 16 + 24 + 16 + 32);
    assert_int_equal(o->bytes[OBSERVED_OUT], s->f->out_bytes);
    free_searching(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_client_does_is_observed),
        cmocka_unit_test(each_rule_of_search_holds),
        cmocka_unit_test(no_prefix_of_a_datagram_does_harm),
        cmocka_unit_test(a_datagram_holds_42_replies),
        cmocka_unit_test(replies_to_one_client_gather_under_the_last_number),
        cmocka_unit_test(another_client_pushes_them_out_without_version),
        cmocka_unit_test(a_service_time_is_kept_and_so_are_the_numbers),
        cmocka_unit_test(a_second_version_of_a_datagram_counts_for_answers_that_wait_too),
        cmocka_unit_test(a_pace_leaves_time_between_two_datagrams),
        cmocka_unit_test(more_replies_than_may_wait_are_dropped_and_counted),
        cmocka_unit_test(a_later_reply_is_another_deadline),
        cmocka_unit_test(a_search_begins_the_clock_where_it_is_to),
        cmocka_unit_test(repeated_searches_are_counted),
        cmocka_unit_test(an_answer_at_once_is_counted_as_it_became),
        cmocka_unit_test(searching_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
