/* The machine's memory ends: any one allocation of a session fails. Then its circuit ends or the request gets the answer that a
 * real server gives; nothing is lost or freed twice, and the server goes on. */
#include "sim_fixture.h"

#include "sim/schedule.h"

static unsigned made, fails_at; /* allocations so far; the one that fails, from 1; 0: none */
static bool is_lasting;         /* and all after it */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
    made++;
    return made == fails_at || (is_lasting && made > fails_at);
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

#define READ_ARRAY "000f0000 00060000 00000003 00000001"
#define READ_WIDE  "000fffff 00060000 00000000 00000001 00000000 00001000" /* a double and 32 KiB behind it */

/* Sixty-five requests that wait for their time: the lane of replies has to grow. */
static void ask_much(struct fixture *f)
{
    f->delay_ns[SIM_READ] = 1000;
    for (unsigned i = 0; i < LANE_ROOM + 1; i++)
        fix_say(f, READ_ARRAY);
    f->now_ns += 1000;
    fix_work(f);
    f->delay_ns[SIM_READ] = 0;
}

static void create(struct fixture *f, unsigned cid, const char *name)
{
    uint8_t message[WIRE_HEADER_BYTES + 32] = {0};
    const struct wire_header h = {.command = WIRE_CREATE_CHAN, .size = 32, .p1 = cid, .p2 = WIRE_MINOR};
    wire_header_write(message, &h);
    memcpy(message + WIRE_HEADER_BYTES, name, strlen(name));
    fix_feed(f, message, sizeof message);
}

static void talk(struct fixture *f)
{
    static const uint8_t zeros[20000];
    fix_say(f, FIX_HELLO);
    for (unsigned i = 0; i < FIX_PVS; i++)
        create(f, i + 1, f->pv[i].name);
    create(f, FIX_PVS + 1, "T:AI{\"dbnd\":{\"abs\":1}}");
    fix_say(f, FIX_SUBSCRIBE_AI);
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    fix_say(f, READ_WIDE);
    ask_much(f);
    fix_say(f, "0017ffff 00000000 00000000 00000000 00004e20 00000000"); /* an ECHO of 20,000 bytes */
    fix_feed(f, zeros, sizeof zeros);
    fix_post(f, FIX_AI, 2, 1);
    fix_work(f);
}

/* Returns whether there was a circuit. */
static bool run(struct fixture *f)
{
    made = 0;
    f->circuit = sim_circuit_new(f->sim, f, f->now_ns);
    if (f->circuit != NULL)
        talk(f);
    return f->circuit != NULL;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    unsigned all = UINT32_MAX, without = 0;
    for (unsigned k = 0; k <= all; k++) {
        fails_at = 0;
        struct fixture *f = fix_new();
        sim_circuit_free(f->circuit, f->now_ns);
        f->out_bytes = 0;
        fails_at = k;
        without += !run(f);
        fails_at = 0;
        if (k == 0)
            all = made;
        fix_free(f);
    }
    assert_true(all > 20);
    assert_true(without >= 4 && without < 10); /* the circuit itself, its input, its output, its lanes */
}

/* Requests stay in the socket until replies have left. */
static void a_lane_that_cannot_grow_takes_no_more_requests(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 1000;
    for (unsigned i = 0; i < LANE_ROOM - 2; i++)
        fix_say(f, READ_ARRAY);
    made = 0;
    is_lasting = true;
    fix_say(f, READ_ARRAY READ_ARRAY);
    assert_int_equal(f->circuit->direct.count, LANE_ROOM - 1);
    assert_false(sim_circuit_wants_input(f->circuit));
    is_lasting = false;
    f->now_ns += 1000;
    fix_work(f);
    assert_true(sim_circuit_wants_input(f->circuit));
    fix_free(f);
}

static void a_schedule_that_cannot_grow_says_so(void **state)
{
    (void)state;
    struct schedule s;
    struct schedule_entry entry = {.owner = NULL};
    schedule_init(&s);
    made = 0;
    fails_at = 1;
    assert_int_equal(schedule_add(&s, &entry), -1);
    fails_at = 0;
    assert_int_equal(schedule_add(&s, &entry), 0);
    assert_int_equal(schedule_earliest(&s), CLOCK_NEVER);
    schedule_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(a_lane_that_cannot_grow_takes_no_more_requests),
        cmocka_unit_test(a_schedule_that_cannot_grow_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
