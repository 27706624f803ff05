/* The live view without its sockets: the hand-over between two threads, who may ask for what, and the texts. */
#include "base/latest.h"
#include "sim/http.h"
#include "sim/view.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the hand-over ---- */

#define ROUNDS 200000u

static void *write_rounds(void *arg)
{
    struct latest *latest = arg;
    for (uint64_t k = 1; k <= ROUNDS; k++) {
        uint64_t *numbers = latest_writes(latest);
        for (unsigned i = 0; i < 8; i++)
            numbers[i] = k;
        latest_publish(latest);
    }
    return NULL;
}

static void what_is_read_is_whole_and_never_older_than_before(void **state)
{
    struct latest latest;
    pthread_t writer;
    uint64_t seen = 0;
    (void)state;
    assert_int_equal(latest_init(&latest, 8 * sizeof(uint64_t)), 0);
    assert_int_equal(*(const uint64_t *)latest_read(&latest), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_rounds, &latest), 0);
    while (seen < ROUNDS) {
        const uint64_t *numbers = latest_read(&latest);
        for (unsigned i = 1; i < 8; i++)
            assert_int_equal(numbers[i], numbers[0]);
        assert_true(numbers[0] >= seen);
        seen = numbers[0];
    }
    pthread_join(writer, NULL);
    latest_fini(&latest);
}

static void a_histogram_is_spread_over_bounds(void **state)
{
    static const uint64_t bounds[] = {10, 100, 1000, 1000000};
    struct histogram *h = calloc(1, sizeof *h);
    uint64_t upto[4];
    (void)state;
    assert_int_equal(histogram_spread(h, bounds, 4, upto), 0);
    assert_int_equal(upto[3], 0);
    histogram_add(h, 10);
    histogram_add(h, 11);
    histogram_add(h, 1000);
    histogram_add(h, 5000000);
    const uint64_t sum = histogram_spread(h, bounds, 4, upto);
    assert_true(sum >= 5001021 && sum <= 5006022);
    assert_int_equal(upto[0], 1);
    assert_int_equal(upto[1], 2);
    assert_int_equal(upto[2], 3);
    assert_int_equal(upto[3], 3);
    free(h);
}

/* ---- who may ask for what ---- */

#define TOKEN "0123456789abcdef"

static int changes;

static int on_get(void *arg, const char *body, FILE *out)
{
    fprintf(out, "%s%s", (const char *)arg, body);
    return 200;
}

static int on_post(void *arg, const char *body, FILE *out)
{
    (void)arg;
    changes++;
    fprintf(out, "<%s>", body);
    return 202;
}

static const struct route routes[] = {{"/", ROUTE_GET, ROUTE_HTML, on_get}, {"/change", ROUTE_POST, ROUTE_TEXT, on_post}};

static void each_request_has_its_status(void **state)
{
    static const struct {
        struct route_request request;
        int status, changes;
        const char *text;
    } rows[] = {
        {{ROUTE_GET, "/", NULL, "", 0}, 200, 0, "page"},
        {{ROUTE_POST, "/", "Bearer " TOKEN, "", 0}, 405, 0, NULL},
        {{ROUTE_OTHER, "/", NULL, "", 0}, 405, 0, NULL},
        {{ROUTE_GET, "/change", "Bearer " TOKEN, "", 0}, 405, 0, NULL},
        {{ROUTE_GET, "/nothing", NULL, "", 0}, 404, 0, NULL},
        {{ROUTE_POST, "/change/", "Bearer " TOKEN, "", 0}, 404, 0, NULL},
        {{ROUTE_GET, "", NULL, "", 0}, 404, 0, NULL},
        {{ROUTE_POST, "/change", "Bearer " TOKEN, "2", 1}, 202, 1, "<2>"},
        {{ROUTE_POST, "/change", "Bearer " TOKEN, "2\0", 2}, 400, 0, NULL},
        {{ROUTE_POST, "/change", NULL, "2", 1}, 403, 0, NULL},
        {{ROUTE_POST, "/change", TOKEN, "2", 1}, 403, 0, NULL},
        {{ROUTE_POST, "/change", "Bearer ", "2", 1}, 403, 0, NULL},
        {{ROUTE_POST, "/change", "Bearer " TOKEN "0", "2", 1}, 403, 0, NULL},
        {{ROUTE_POST, "/change", "Bearer 0123456789abcdee", "2", 1}, 403, 0, NULL},
        {{ROUTE_POST, "/change", "Bearer " TOKEN, "2", ROUTE_BODY_MOST + 1}, 413, 0, NULL},
        {{ROUTE_POST, "/change", "Bearer ", "2", ROUTE_BODY_MOST + 1}, 403, 0, NULL},
    };
    const struct route_table table = {routes, sizeof routes / sizeof *routes, (char[]){"page"}, TOKEN};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400] = "";
        FILE *out = fmemopen(text, sizeof text, "w");
        changes = 0;
        const struct route_answer answer = route_answer(&table, &rows[i].request, out);
        fclose(out);
        assert_int_equal(answer.status, rows[i].status);
        assert_int_equal(changes, rows[i].changes);
        assert_int_equal(answer.allow != NULL, rows[i].status == 405);
        assert_true(text[0] != '\0');
        if (rows[i].text != NULL)
            assert_string_equal(text, rows[i].text);
    }
}

static void where_to_listen_is_an_address_and_a_port(void **state)
{
    static const struct {
        const char *text, *address;
        uint16_t port;
    } rows[] = {{"0", "127.0.0.1", 0}, {"8080", "127.0.0.1", 8080}, {"0.0.0.0:65535", "0.0.0.0", 65535}};
    static const char *const wrong[] = {"",
                                        ":",
                                        ":80",
                                        "80:",
                                        "65536",
                                        "-1",
                                        "80 ",
                                        "0x50",
                                        "localhost:80",
                                        "1.2.3:80",
                                        "::1:80",
                                        "127.0.0.1:80:90",
                                        "255.255.255.255.255.255.255.255:80"};
    struct sockaddr_in at;
    struct diag diag;
    char address[INET_ADDRSTRLEN];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(http_parse(rows[i].text, &at, &diag), 0);
        assert_string_equal(inet_ntop(AF_INET, &at.sin_addr, address, sizeof address), rows[i].address);
        assert_int_equal(ntohs(at.sin_port), rows[i].port);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(http_parse(wrong[i], &at, &diag), -1);
        assert_int_equal(diag.code, DIAG_USAGE);
        assert_non_null(strstr(diag.text, "examples: 8080, 0.0.0.0:8080"));
    }
}

/* ---- texts ---- */

static struct view *new_view(void)
{
    struct view *view = calloc(1, sizeof *view);
    struct histogram *h = calloc(1, sizeof *h);
    *view = (struct view){.server = "caplay replay",
                          .served_ns = UINT64_C(2500000000),
                          .can_pause = true,
                          .playing = {.is_paused = true, .speed = {1, 2}},
                          .position = "1.000/2.000 s, \"paused\"",
                          .counts = {.sent = 7, .events_off_ns = 250000000},
                          .circuits = 3,
                          .bytes = {160, 320},
                          .is_valid = true};
    histogram_add(h, 15000);
    histogram_add(h, 40000);
    view_lateness(&view->late[SIM_LATE_SELF], h);
    free(h);
    return view;
}

static char *text_of(void (*write)(const struct view *, FILE *), const struct view *view)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    write(view, out);
    fclose(out);
    return text;
}

static void expect_all(char *text, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(text, lines[i]) == NULL)
            fail_msg("'%s' is not in:\n%s", lines[i], text);
    free(text);
}

static void metrics_have_names_with_units(void **state)
{
    static const char *const lines[] = {
        "caplay_info{server=\"caplay replay\",version=\"" CAPLAY_VERSION "\"} 1\n",
        "# TYPE caplay_updates_total counter\ncaplay_updates_total 7\n",
        "caplay_serving_seconds 2.5\n",
        "caplay_flow_control_seconds_total 0.25\n",
        "caplay_open_circuits 3\n",
        "# TYPE caplay_circuit_bytes_total counter\ncaplay_circuit_bytes_total{way=\"in\"} 160\n",
        "caplay_circuit_bytes_total{way=\"out\"} 320\n",
        "caplay_paused 1\n",
        "caplay_speed_ratio 0.5\n",
        "# TYPE caplay_lateness_seconds histogram\n",
        "caplay_lateness_seconds_bucket{owner=\"self\",le=\"1e-05\"} 0\n",
        "caplay_lateness_seconds_bucket{owner=\"self\",le=\"2e-05\"} 1\n",
        "caplay_lateness_seconds_bucket{owner=\"self\",le=\"5e-05\"} 2\n",
        "caplay_lateness_seconds_bucket{owner=\"self\",le=\"1\"} 2\n",
        "caplay_lateness_seconds_bucket{owner=\"self\",le=\"+Inf\"} 2\n",
        "caplay_lateness_seconds_count{owner=\"peer\"} 0\n",
    };
    (void)state;
    struct view *view = new_view();
    expect_all(text_of(view_metrics, view), lines, sizeof lines / sizeof *lines);
    free(view);
}

static void what_cannot_be_paused_has_no_speed(void **state)
{
    (void)state;
    struct view *view = new_view();
    view->can_pause = false;
    char *text = text_of(view_metrics, view);
    assert_null(strstr(text, "caplay_paused"));
    assert_null(strstr(text, "caplay_speed_ratio"));
    free(text);
    free(view);
}

static void the_page_gets_json(void **state)
{
    static const char *const parts[] = {"\"kind\":\"server\"",   "\"position\":\"1.000/2.000 s, \\\"paused\\\"\"",
                                        "\"paused\":true",       "\"speed\":0.5",
                                        "\"updates\":7",         "\"served_ns\":2500000000",
                                        "\"self\":{\"count\":2,"};
    (void)state;
    struct view *view = new_view();
    expect_all(text_of(view_json, view), parts, sizeof parts / sizeof *parts);
    free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_whole_and_never_older_than_before),
        cmocka_unit_test(a_histogram_is_spread_over_bounds),
        cmocka_unit_test(each_request_has_its_status),
        cmocka_unit_test(where_to_listen_is_an_address_and_a_port),
        cmocka_unit_test(metrics_have_names_with_units),
        cmocka_unit_test(what_cannot_be_paused_has_no_speed),
        cmocka_unit_test(the_page_gets_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
