/* The server's core, spoken to in bytes: the dialogues of ca-protocol 12 and the rules of 5.2, 6 and 8.2. */
#include "sim_fixture.h"

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

/* The session of ca-protocol 12, but for the image's values, which follow their own test. Each row is one segment. */
static const struct {
    const char *name, *said, *heard;
} session[] = {
    {"hello and a first channel",
     "00000000 0000000d 00000000 00000000 | 00140008 00000000 00000000 00000000 | 6f706900 00000000"
     "00150008 00000000 00000000 00000000 | 77733100 00000000 00120008 00000000 00000001 0000000d | 543a4149 00000000",
     "00000000 0000000d 00000000 00000000 | 00160000 00000000 00000001 00000003 | 00120000 00060001 00000001 00000000"},
    {"READ_NOTIFY TIME_DOUBLE", "000f0000 00140001 00000000 00000001",
     "000f0018 00140001 00000001 00000001 | 00000000 00000000 00000000 00000000 3ff80000 00000000"},
    {"a channel with a large count", "00120010 00000000 00000002 0000000d | 53494d3a 494d4147 45000000 00000000",
     "00160000 00000000 00000002 00000003 | 0012ffff 00010000 00000002 00000001 00000000 0004b000"},
    {"ECHO", "00170000 00000000 00000000 00000000", "00170000 00000000 00000000 00000000"},
    {"ECHO with a payload", "00170008 00010002 00000003 00000004 | 0102030405060708",
     "00170008 00010002 00000003 00000004 | 0102030405060708"},
    {"READ_SYNC", "000a0000 00010002 00000003 00000004", "000a0000 00010002 00000003 00000004"},
    {"CLEAR_CHANNEL of the second", "000c0000 00000000 00000001 00000002", "000c0000 00000000 00000001 00000002"},
    {"CLEAR_CHANNEL of the first", "000c0000 00000000 00000000 00000001", "000c0000 00000000 00000000 00000001"},
    {"sids are not used again", "00120008 00000000 00000003 0000000d | 543a4149 00000000",
     "00160000 00000000 00000003 00000003 | 00120000 00060001 00000003 00000002"},
};

static void a_session_is_answered_as_a_real_server_does(void **state)
{
    (void)state;
    struct fixture *f = fix_new();
    for (size_t i = 0; i < sizeof session / sizeof *session; i++) {
        fix_say(f, session[i].said);
        fix_expect(f, session[i].name, session[i].heard);
    }
    fix_free(f);
}

static void segments_may_be_cut_anywhere(void **state)
{
    (void)state;
    struct fixture *f = fix_new();
    for (size_t i = 0; i < sizeof session / sizeof *session; i++) {
        uint8_t bytes[512];
        size_t n = fix_unhex(session[i].said, bytes);
        for (size_t k = 0; k < n; k++)
            fix_feed(f, bytes + k, 1);
        fix_expect(f, session[i].name, session[i].heard);
    }
    fix_free(f);
}

/* Channels: cid 1 sid 0 T:AI, 2/1 SIM:IMAGE, 3/2 T:STRING, 4/3 T:ARRAY, 5/4 T:RO, 6/5 T:SECRET. */
static const struct {
    const char *name, *said, *heard;
    bool ends;
} rules[] = {
    /* reads */
    {"STRING of a double has the record's precision", "000f0000 00000001 00000000 00000001",
     "000f0028 00000001 00000001 00000001 | '1.500' 000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000",
     false},
    {"GR_SHORT", "000f0000 00160001 00000000 00000016",
     "000f0020 00160001 00000001 00000016 | 00000000 6d6d0000 00000000 000afff6 00090008 fff8fff7 00010000 00000000", false},
    {"CTRL_FLOAT", "000f0000 001e0001 00000000 0000001e",
     "000f0038 001e0001 00000001 0000001e | 00000000 00030000 6d6d0000 00000000 41200000 c1200000 41100000 41000000 c1000000"
     "c1100000 41200000 c1200000 3fc00000 00000000",
     false},
    {"type 38 is the record's type", "000f0000 00260001 00000000 00000026",
     "000f0028 00260001 00000001 00000026 | 'ai' 000000000000 0000000000000000 0000000000000000 0000000000000000 "
     "0000000000000000",
     false},
    {"type 35 cannot be read", "000f0000 00230001 00000000 00000023", "000f0008 00230001 00000098 00000023 | 00000000 00000000",
     false},
    {"a count over the PV's is filled with zeros", "000f0000 00060003 00000000 00000001",
     "000f0018 00060003 00000001 00000001 | 3ff80000 00000000 0000000000000000 0000000000000000", false},
    {"count 0 is as many as there are", "000f0000 00060000 00000003 00000001",
     "000f0018 00060003 00000001 00000001 | 3ff0000000000000 4000000000000000 4008000000000000", false},
    {"a fixed count is filled up", "000f0000 00050005 00000003 00000001",
     "000f0018 00050005 00000001 00000001 | 00000001 00000002 00000003 00000000 00000000 00000000", false},
    {"an empty array of count 0: the long header of its maximum, no payload", "000f0000 00010000 00000001 00000009",
     "000fffff 00010000 00000001 00000009 00000000 00000000", false},
    {"TIME_ of an empty array: its head", "000f0000 000f0000 00000001 00000009",
     "000fffff 000f0000 00000001 00000009 00000010 00000000 | 0000000000000000 0000000000000000", false},
    {"no read access: zeros and a status", "000f0000 00060001 00000005 00000001",
     "000f0008 00060001 00000170 00000001 | 00000000 00000000", false},
    {"type 39 ends in silence", "000f0000 00270001 00000000 00000001", "", true},
    {"unknown sid", "000f0000 00060001 7fffffff 0000004d",
     "000b0038 00000000 ffffffff 0000008e | 000f0000 00060001 7fffffff 0000004d 'Bad Resource ID at sim/reply.c.1' "
     "0000000000000000",
     true},
    {"READ", "00030000 00060001 00000000 0000004d", "00030008 00060001 00000001 0000004d | 3ff8000000000000", false},
    {"READ of one string is cut behind its NUL", "00030000 00000001 00000002 0000004d",
     "00030008 00000001 00000003 0000004d | 'hello' 000000", false},
    {"READ with count 0 is not dynamic", "00030000 00060000 00000003 0000004d", "00030000 00060000 00000004 0000004d", false},
    {"READ of type 39", "00030000 00270001 00000000 0000004d",
     "000b0018 00000000 00000001 00000072 | 00030000 00270001 00000000 0000004d 'T:AI' 00000000", true},
    {"READ without access", "00030000 00060001 00000005 0000004d",
     "000b0020 00000000 00000006 00000170 | 00030000 00060001 00000005 0000004d 'T:SECRET' 0000000000000000", false},
    /* puts */
    {"WRITE is not answered", "00040008 00060001 00000000 00000001 | 4000000000000000", "", false},
    {"WRITE_NOTIFY is", "00130008 00060001 00000000 0000004d | 4000000000000000", "00130000 00060001 00000001 0000004d", false},
    {"WRITE_NOTIFY of a bad number", "00130008 00000001 00000000 0000004d | 61626300 00000000",
     "00130000 00000001 000000a0 0000004d", false},
    {"WRITE_NOTIFY of a structure", "00130018 00140001 00000000 0000004d | 0000000000000000 0000000000000000 4000000000000000",
     "00130000 00140001 000000a0 0000004d", false},
    {"WRITE_NOTIFY of type 39", "00130008 00270001 00000000 0000004d | 0000000000000000", "00130000 00270001 00000072 0000004d",
     true},
    {"WRITE of type 39", "00040008 00270001 00000000 0000004d | 0000000000000000",
     "000b0018 00000000 00000001 00000072 | 00040008 00270001 00000000 0000004d 'T:AI' 00000000", true},
    {"WRITE without access", "00040008 00030001 00000004 0000004d | 0000000000000000",
     "000b0018 00000000 00000005 00000178 | 00040008 00030001 00000004 0000004d 'T:RO' 00000000", false},
    {"WRITE_NOTIFY without access", "00130008 00060001 00000004 0000004d | 0000000000000000",
     "00130000 00060001 00000178 0000004d", false},
    {"two WRITE_NOTIFYs of one channel",
     "00130008 00060001 00000000 00000001 | 4000000000000000"
     "00130008 00060001 00000000 00000002 | 4008000000000000 000f0000 00060001 00000000 00000003",
     "00130000 00060001 00000001 00000001 | 000f0008 00060001 00000001 00000003 | 4008000000000000"
     "00130000 00060001 00000001 00000002",
     false},
    /* subscriptions */
    {"EVENT_ADD brings the value, behind the replies of its segment",
     "00010010 00060001 00000000 00000007 | 00000000 00000000 00000000 00010000 000f0000 00060001 00000000 00000001",
     "000f0008 00060001 00000001 00000001 | 3ff8000000000000 00010008 00060001 00000001 00000007 | 3ff8000000000000", false},
    {"the first update comes whatever the mask", "00010010 00060001 00000000 00000007 | 00000000 00000000 00000000 00080000",
     "00010008 00060001 00000001 00000007 | 3ff8000000000000", false},
    {"EVENT_ADD and EVENT_CANCEL in one segment: only the confirmation",
     "00010010 00060001 00000000 00000007 | 00000000 00000000 00000000 00010000 00020000 00060001 00000000 00000007",
     "00010000 00060001 00000000 00000007", false},
    {"EVENT_ADD and CLEAR_CHANNEL in one segment: no update",
     "00010010 00060001 00000000 00000007 | 00000000 00000000 00000000 00010000 000c0000 00000000 00000000 00000001",
     "000c0000 00000000 00000000 00000001", false},
    {"a subscription without access", "00010010 00060001 00000005 00000007 | 00000000 00000000 00000000 00010000",
     "00010008 00060001 00000170 00000007 | 0000000000000000", false},
    {"mask 0", "00010010 00060001 00000000 00000007 | 00000000 00000000 00000000 00000000",
     "000b0040 00000000 00000001 00000030 | 00010010 00060001 00000000 00000007 'subscription install into record T:AI failed' 00"
     "000000",
     true},
    {"mask 256", "00010010 00060001 00000003 00000007 | 00000000 00000000 00000000 01000000",
     "000b0040 00000000 00000004 00000030 | 00010010 00060001 00000003 00000007 'subscription install into record T:ARRAY "
     "failed' 00",
     true},
    {"EVENT_ADD of type 39 ends in silence", "00010010 00270001 00000000 00000007 | 00000000 00000000 00000000 00010000", "",
     true},
    {"EVENT_ADD of type 36: a status", "00010010 00240001 00000000 00000007 | 00000000 00000000 00000000 00010000",
     "00010008 00240001 00000098 00000007 | 0000000000000000", false},
    {"unknown subid", "00020000 00060001 00000000 00000009",
     "000b0018 00000000 00000001 000000f2 | 00020000 00060001 00000000 00000009 'T:AI' 00000000", true},
    /* the circuit */
    {"a payload that is no multiple of 8", "000f0004 00060001 00000000 00000001",
     "000b0038 00000000 00000001 0000008e | 000f0004 00060001 00000000 00000001 'CAS: Missaligned protocol rejected' 00 "
     "0000000000",
     true},
    {"a command that only servers send", "000b0000 00000000 00000000 00000000",
     "000b0040 00000000 ffffffff 0000008e | 000b0000 00000000 00000000 00000000 'invalid (damaged?) request code from TCP' 00"
     "00000000000000",
     true},
    {"a command that nobody knows", "00300000 00000000 00000000 00000000",
     "000b0040 00000000 ffffffff 0000008e | 00300000 00000000 00000000 00000000 'invalid (damaged?) request code from TCP' 00"
     "00000000000000",
     true},
    {"SNAPSHOT", "00050000 00000000 00000000 00000000",
     "000b0040 00000000 ffffffff 0000008e | 00050000 00000000 00000000 00000000 'invalid (damaged?) request code from TCP' 00"
     "00000000000000",
     true},
    {"VERSION again, as name servers see it", "00000000 0001000d 00000005 00000000", "", false},
    {"VERSION below 4.4", "00000000 00000003 00000000 00000000", "", true},
    {"a priority over 99", "00000000 0064000d 00000000 00000000", "", true},
    {"CREATE_CHAN below 4.4", "00120008 00000000 00000009 00000003 | 543a4149 00000000", "", true},
    {"CREATE_CHAN of an unknown name", "00120008 00000000 00000009 0000000d | 'NOBODY' 0000",
     "001a0000 00000000 00000009 00000000", false},
    {"CREATE_CHAN without a name", "00120000 00000000 00000009 0000000d", "", false},
    {"REC.VAL is REC", "00120010 00000000 00000009 0000000d | 'T:AI.VAL' 0000000000000000",
     "00160000 00000000 00000009 00000003 | 00120000 00060001 00000009 00000006", false},
    {"CLIENT_NAME after the first channel", "00140008 00000000 00000000 00000000 | 'opi' 0000000000",
     "000b0070 00000000 ffffffff 0000008e | 00140008 00000000 00000000 00000000"
     "'attempts to use protocol to set user name after creating first channel ignored by server' 0000000000000000",
     false},
    {"search over TCP", "00060008 0005000d 00000006 00000006 | 'T:AI' 00000000", "00060000 3bd20000 ffffffff 00000006", false},
    {"search over TCP, unknown", "00060008 0005000d 00000006 00000006 | 'NOBODY' 0000", "", false},
    {"search over TCP, unknown, with DOREPLY", "00060008 000a000d 00000005 00000006 | 'NOBODY' 0000",
     "000e0000 000a000d 00000005 00000006", false},
    {"search over TCP below 4.4", "00060008 00050003 00000006 00000006 | 'T:AI' 00000000", "", true},
    {"replies before the end are sent", "00170000 00000000 00000000 00000001 000b0000 00000000 00000000 00000000",
     "00170000 00000000 00000000 00000001 000b0040 00000000 ffffffff 0000008e | 000b0000 00000000 00000000 00000000"
     "'invalid (damaged?) request code from TCP' 00 00000000000000",
     true},
};

static void each_rule_of_the_circuit_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct fixture *f = fix_with_channels();
        fix_say(f, rules[i].said);
        fix_expect(f, rules[i].name, rules[i].heard);
        if (sim_circuit_is_over(f->circuit) != rules[i].ends)
            fail_msg("%s: the circuit %s", rules[i].name, rules[i].ends ? "stays" : "ends");
        fix_free(f);
    }
}

static void before_its_version_a_client_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fix_new();
    fix_work(f);
    f->out_bytes = 0;
    fix_say(f, "00120008 00000000 00000001 0000000d | 'T:AI' 00000000");
    fix_expect(
        f, "CREATE_CHAN before VERSION",
        "000b0030 00000000 ffffffff 00000116 | 00120008 00000000 00000001 0000000d 'CAS: Client version 0 too old' 000000");
    fix_say(f, "00120004 00000000 00000001 0000000d | 'T:AI'");
    fix_expect(
        f, "misaligned before VERSION",
        "000b0030 00000000 ffffffff 00000116 | 00120004 00000000 00000001 0000000d 'CAS: Client version 0 too old' 000000");
    assert_false(sim_circuit_is_over(f->circuit));
    fix_say(f, FIX_HELLO "00120008 00000000 00000001 0000000d | 'T:AI' 00000000");
    fix_expect(f, "VERSION makes it good", "00160000 00000000 00000001 00000003 | 00120000 00060001 00000001 00000000");
    fix_free(f);
}

static void names_of_users_and_hosts_are_checked(void **state)
{
    (void)state;
    struct fixture *f = fix_new();
    fix_say(f, FIX_HELLO "00150008 00000000 00000000 00000000 | 'unended!'");
    assert_true(sim_circuit_is_over(f->circuit));
    fix_free(f);
    f = fix_new();
    fix_say(f, FIX_HELLO "00140000 00000000 00000000 00000000");
    assert_true(sim_circuit_is_over(f->circuit));
    fix_free(f);
}

static void a_client_below_4_9_gets_no_long_header(void **state)
{
    (void)state;
    struct fixture *f = fix_new();
    fix_say(f, "00000000 00000008 00000000 00000000 00120010 00000000 00000001 00000008 | 'SIM:IMAGE' 00000000000000");
    fix_expect(f, "its count is cut",
               "00000000 0000000d 00000000 00000000 00160000 00000000 00000001 00000003"
               "00120000 0001fffe 00000001 00000000");
    fix_say(f, "000f0000 00060000 00000000 00000001");
    assert_int_equal(wire_get32(f->out + 12), WIRE_ECA_16KARRAYCLIENT);
    fix_free(f);
}

static void after_end_of_file_replies_are_still_sent(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->delay_ns[SIM_READ] = 1000;
    for (int i = 0; i < 50; i++)
        fix_say(f, "000f0000 00060001 00000000 00000001");
    sim_circuit_end_of_file(f->circuit);
    fix_work(f);
    assert_false(sim_circuit_is_over(f->circuit));
    f->now_ns += 1000;
    fix_work(f);
    assert_int_equal(f->out_bytes, 50 * 24);
    assert_true(sim_circuit_is_over(f->circuit));
    fix_free(f);
}

static void too_large_a_request_is_skipped(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->message_limit = 16408;
    uint8_t *message = calloc(1, 20024);
    fix_unhex("0004ffff 00060000 00000000 00000001 00004e20 000009c4", message);
    fix_feed(f, message, 20024);
    fix_say(f, "00170000 00000000 00000000 00000000");
    assert_int_equal(f->out[13], 0);
    assert_int_equal(wire_get32(f->out + 12), WIRE_ECA_TOLARGE);
    assert_memory_equal(f->out + f->out_bytes - 16, "\0\x17\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    free(message);
    fix_free(f);
}

static void too_large_a_reply_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->sim->message_limit = 16408;
    fix_say(f, "000fffff 00060000 00000000 00000001 00000000 ffffffff");
    assert_int_equal(wire_get32(f->out + 12), WIRE_ECA_TOLARGE);
    assert_string_equal((const char *)f->out + 40,
                        "server unable to load read (or subscription update) response into protocol buffer PV=\"T:AI\" dbf=6 "
                        "count=4294967295 avail=1 max bytes=16408");
    f->out_bytes = 0;
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    assert_int_equal(wire_get32(f->out + 12), WIRE_ECA_TOLARGE);
    assert_false(sim_circuit_is_over(f->circuit));
    fix_free(f);
}

static void a_claimed_size_reserves_no_memory(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    allocations = 0;
    fix_say(f, "0004ffff 00060000 00000000 00000001 0f000000 00000001 00000000 00000000");
    assert_int_equal(allocations, 0);
    fix_free(f);
}

static void serving_allocates_nothing(void **state)
{
    (void)state;
    struct fixture *f = fix_with_channels();
    f->pv[FIX_IMAGE].value.count = 307200;
    fix_say(f, FIX_SUBSCRIBE_AI);
    fix_say(f, FIX_SUBSCRIBE_IMAGE);
    allocations = 0;
    for (unsigned i = 0; i < 100; i++) {
        fix_post(f, FIX_AI, i, i);
        sim_post(f->sim, &f->pv[FIX_IMAGE], WIRE_MASK_VALUE, f->now_ns, true);
        f->out_bytes = 0;
        f->socket_room = i % 2 ? SIZE_MAX : 5000;
        fix_work(f);
        fix_unblock(f, SIZE_MAX);
        fix_say(f, "000f0000 00140001 00000000 00000001 00130008 00060001 00000000 00000001 | 4000000000000000");
        fix_say(f, "00080000 00000000 00000000 00000000 00090000 00000000 00000000 00000000");
    }
    assert_int_equal(allocations, 0);
    fix_free(f);
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Messages with likely commands, sids and types but wild sizes and counts, then plain noise. */
static void garbage_never_harms(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252;
    for (unsigned round = 0; round < 2000; round++) {
        struct fixture *f = fix_with_channels();
        f->sim->message_limit = 1 << 20;
        f->socket_room = round % 3 ? SIZE_MAX : 64;
        f->delay_ns[SIM_READ] = round % 5 ? 0 : 500;
        for (unsigned i = 0; i < 20 && !sim_circuit_is_over(f->circuit); i++) {
            uint8_t bytes[256];
            for (size_t k = 0; k < sizeof bytes; k += 8)
                wire_put64(bytes + k, next_random(&x) & next_random(&x));
            if (next_random(&x) % 16 != 0) {
                wire_put16(bytes, (uint16_t)(next_random(&x) % 28));
                wire_put16(bytes + 2, (uint16_t)(next_random(&x) % 4 * 8));
                wire_put16(bytes + 4, (uint16_t)(next_random(&x) % 40));
                wire_put32(bytes + 8, (uint32_t)(next_random(&x) % 8));
            }
            fix_feed(f, bytes, next_random(&x) % sizeof bytes);
            f->now_ns += 300;
            fix_unblock(f, f->socket_room);
            f->out_bytes = 0;
        }
        fix_free(f);
    }
}

/* Two puts of a channel, the first of which takes longer than a real server waits (ca-protocol 6.4). */
static void a_put_that_takes_too_long_is_given_up_for_the_next(void **state)
{
    (void)state;
    struct fixture *f = fix_new();
    fix_say(f, "00000000 0000000d 00000000 00000000 | 00120008 00000000 00000001 0000000d | 543a4149 00000000");
    f->out_bytes = 0;
    const uint64_t begin_ns = f->now_ns;
    f->delay_ns[SIM_PUT_CALLBACK] = 100 * CLOCK_NS;
    fix_say(f, "00130008 00060001 00000000 00000001 | 4000000000000000 00130008 00060001 00000000 00000002 | 4008000000000000");
    fix_expect(f, "both wait", "");
    assert_true(sim_circuit_deadline(f->circuit) == begin_ns + CIRCUIT_PUT_NS);
    f->now_ns = begin_ns + CIRCUIT_PUT_NS - 1;
    fix_work(f);
    fix_expect(f, "they still do", "");
    f->now_ns++;
    fix_work(f);
    fix_expect(f, "the first is given up", "00130000 00060001 0000016a 00000001");
    f->now_ns = begin_ns + 200 * CLOCK_NS;
    fix_work(f);
    fix_expect(f, "the second has its own time", "00130000 00060001 00000001 00000002");
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_answered_as_a_real_server_does),
        cmocka_unit_test(segments_may_be_cut_anywhere),
        cmocka_unit_test(each_rule_of_the_circuit_holds),
        cmocka_unit_test(before_its_version_a_client_is_refused),
        cmocka_unit_test(names_of_users_and_hosts_are_checked),
        cmocka_unit_test(a_client_below_4_9_gets_no_long_header),
        cmocka_unit_test(after_end_of_file_replies_are_still_sent),
        cmocka_unit_test(too_large_a_request_is_skipped),
        cmocka_unit_test(too_large_a_reply_is_refused),
        cmocka_unit_test(a_claimed_size_reserves_no_memory),
        cmocka_unit_test(serving_allocates_nothing),
        cmocka_unit_test(garbage_never_harms),
        cmocka_unit_test(a_put_that_takes_too_long_is_given_up_for_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
