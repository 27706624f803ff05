#include "sim/link.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct link gigabit(uint64_t propagation_ns)
{
    return (struct link){.bits_per_s = 1000000000, .propagation_ns = propagation_ns};
}

static size_t take(struct link_pipe *pipe, struct link *link, const void *bytes, size_t n, uint64_t now_ns)
{
    const struct iovec piece = {(void *)(uintptr_t)bytes, n};
    return link_pipe_take(pipe, link, &piece, 1, now_ns);
}

/* All that the pipe shows, up to n bytes, as a socket takes it. */
static size_t deliver(struct link_pipe *pipe, uint8_t *to, size_t n)
{
    struct iovec pieces[2];
    size_t all = 0;
    const int npieces = link_pipe_view(pipe, pieces);
    for (int i = 0; i < npieces; i++) {
        const size_t part = pieces[i].iov_len < n - all ? pieces[i].iov_len : n - all;
        memcpy(to + all, pieces[i].iov_base, part);
        all += part;
    }
    link_pipe_sent(pipe, all);
    return all;
}

static void the_option_is_a_bandwidth_and_a_propagation(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bits_per_s, propagation_ns;
    } rows[] = {{"1Gb/s,50us", 1000000000, 50000}, {"2.5Gb/s", 2500000000, 0}, {"100Mb/s,0", 100000000, 0}, {"9600b/s", 9600, 0}};
    static const char *const bad[] = {"",          "1",          "0Gb/s",       "-1Gb/s",      "1Gb",
                                      "50us",      "1Gb/s,5",    "1Gb/s,-5us",  "1Gb/s,50us,", "1Gb/s,50us,1ms",
                                      "1Gb/s,10s", "1e9999Gb/s", "10000000Gb/s"};
    struct link link;
    struct diag diag = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(link_parse(&link, rows[i].text, &diag), 0);
        assert_int_equal(link.bits_per_s, rows[i].bits_per_s);
        assert_int_equal(link.propagation_ns, rows[i].propagation_ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(link_parse(&link, bad[i], &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
        assert_non_null(strstr(diag.text, "examples: 1Gb/s,50us"));
    }
    assert_int_equal(link_parse(&link, "1Gb/s,100ms", &diag), 0);
    assert_int_equal(link_pipe_bytes(&link), LINK_BUFFER_BYTES + 12500000);
    assert_int_equal(link_parse(&link, NULL, &diag), 0);
    assert_false(link_is_on(&link));
    assert_int_equal(link_time_ns(&link, 1000000), 0);
    assert_int_equal(link_wait_ns(&link, 1), 0);
}

static void an_image_takes_its_time(void **state)
{
    (void)state;
    struct link link = gigabit(50000);
    struct link_pipe *pipe = link_pipe_new(&link);
    uint8_t *image = calloc(1, 614400);
    assert_int_equal(link_time_ns(&link, 614400), 4915200 + 50000);
    assert_int_equal(take(pipe, &link, image, 614400, 1000), 614400);
    assert_int_equal(link_pipe_deadline(pipe), 1000 + 4915200 + 50000);
    free(image);
    link_pipe_free(pipe);
}

/* Two circuits: the second waits for the first, but propagation delays no one twice. */
static void circuits_share_the_link(void **state)
{
    (void)state;
    struct link link = gigabit(50000);
    struct link_pipe *one = link_pipe_new(&link), *other = link_pipe_new(&link);
    const uint8_t bytes[1000] = {0};
    take(one, &link, bytes, 1000, 0);
    assert_int_equal(link_wait_ns(&link, 3000), 50000 + 5000);
    take(other, &link, bytes, 1000, 3000);
    assert_int_equal(link_pipe_deadline(one), 8000 + 50000);
    assert_int_equal(link_pipe_deadline(other), 16000 + 50000);
    take(one, &link, bytes, 1000, 1000000); /* idle in between */
    assert_int_equal(link.free_ns, 1008000);
    assert_int_equal(link.bytes, 3000);
    assert_int_equal(link.longest_ns, 8000 + 50000 + 5000);
    link_pipe_free(one);
    link_pipe_free(other);
}

/* Many sends of odd sizes, taken out in other sizes: the same bytes in the same order, round the end of the buffer. */
static void bytes_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct link link = gigabit(0);
    struct link_pipe *pipe = link_pipe_new(&link);
    static uint8_t in[100003], out[100003];
    uint64_t sent = 0, seen = 0;
    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof in; i++)
            in[i] = (uint8_t)((sent + i) % 251);
        const size_t n = take(pipe, &link, in, sizeof in, round);
        sent += n;
        for (unsigned part = 0; part < 3 && (round > 60 || part == 0); part++) {
            const size_t m = deliver(pipe, out, 40000);
            for (size_t i = 0; i < m; i++)
                assert_int_equal(out[i], (seen + i) % 251);
            seen += m;
            link_pipe_unblock(pipe, 0);
        }
    }
    while (!link_pipe_is_empty(pipe)) {
        seen += deliver(pipe, out, sizeof out);
        link_pipe_unblock(pipe, 0);
    }
    assert_int_equal(seen, sent);
    assert_true(sent > 3 * pipe->room);
    link_pipe_free(pipe);
}

static void a_full_pipe_takes_no_more(void **state)
{
    (void)state;
    struct link link = gigabit(0);
    struct link_pipe *pipe = link_pipe_new(&link);
    uint8_t *bytes = calloc(1, pipe->room);
    assert_int_equal(take(pipe, &link, bytes, 1000, 0), 1000);
    assert_int_equal(take(pipe, &link, bytes, pipe->room, 0), pipe->room - 1000);
    assert_int_equal(take(pipe, &link, bytes, 1, 0), 0);
    assert_false(link_pipe_has_room(pipe));
    assert_int_equal(deliver(pipe, bytes, 400), 400);
    assert_int_equal(link_pipe_deadline(pipe), CLOCK_NEVER); /* the socket is full */
    link_pipe_unblock(pipe, 0);
    assert_int_equal(deliver(pipe, bytes, 4000), 600);
    assert_int_equal(deliver(pipe, bytes, pipe->room), pipe->room - 1000);
    assert_true(link_pipe_is_empty(pipe) && link_pipe_has_room(pipe));
    for (unsigned i = 0; i < LINK_PIPE_SENDS; i++)
        assert_int_equal(take(pipe, &link, bytes, 1, 0), 1);
    assert_int_equal(take(pipe, &link, bytes, 1, 0), 0);
    free(bytes);
    link_pipe_free(pipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_option_is_a_bandwidth_and_a_propagation),
        cmocka_unit_test(an_image_takes_its_time),
        cmocka_unit_test(circuits_share_the_link),
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(a_full_pipe_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
