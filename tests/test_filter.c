/* Channel filters: which names are filters, which posts pass, what a time stamp looks like as a value. What a real IOC does with
 * them is compared in tests/dialogues/filter-*.dlg. */
#include "sim/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---- names ---- */

static const struct {
    const char *text;
    bool is_good;
    unsigned n; /* filters in it */
} names[] = {
    {"{}", true, 0},
    {"{\"dbnd\":{\"d\":1.5}}", true, 1},
    {"{dbnd:{d:1.5},}", true, 1},
    {"{'dbnd':{'d':-0x10,},dec:{n:+2}}", true, 2},
    {" {\"dbnd\":{}}", false, 0},
    {"{ /* a comment */ \"dbnd\" : { \"d\" : .5 } } ", true, 1},
    {"{\"dbnd\":{\"d\":1}//a comment without end}", false, 0},
    {"{\"dbnd\":{\"d\":1}/*a comment without end}", false, 0},
    {"{\"\\x64bn\\u0064\":{\"d\":1}}", true, 1},
    {"{\"\\x6g\":{\"d\":1}}", false, 0},
    {"{\"dbnd\\", false, 0},
    {"{\"dbnd", false, 0},
    {"{\"dbnd\"", false, 0},
    {"{\"dbnd\":", false, 0},
    {"{\"dbnd\":{", false, 0},
    {"{\"dbnd\":{\"d\"", false, 0},
    {"{\"dbnd\":{\"d\":", false, 0},
    {"{\"dbnd\":{\"d\":1", false, 0},
    {"{\"dbnd\":{\"d\":1}", false, 0},
    {"{\"dbnd\":{\"d\":{\"abs\":2}}}", true, 1},
    {"{\"dbnd\":{\"d\":{\"abs\":2}}", false, 0},
    {"{\"dbnd\":{\"d\":01}}", false, 0},
    {"{\"dbnd\":{\"d\":1e}}", false, 0},
    {"{\"dbnd\":{\"d\":.}}", false, 0},
    {"{\"dbnd\":{\"d\":0x}}", false, 0},
    {"{\"dbnd\":{\"d\":99999999999999999999}}", false, 0},
    {"{\"dbnd\":{\"d\":null}}", false, 0},
    {"{\"dbnd\":{\"d\":[1]}}", false, 0},
    {"{\"dbnd\":{\"d\":\"1.5 mm\"}}", true, 1},
    {"{\"dbnd\":{\"d\":\"mm\"}}", false, 0},
    {"{\"dbnd\":{\"m\":\"re\"}}", true, 1},
    {"{\"dbnd\":{\"m\":\"relative\"}}", false, 0},
    {"{\"dec\":{\"n\":true}}", false, 0},
    {"{\"dec\":{}}", false, 0},
    {"{\"sync\":{\"while\":\"red\"}}", true, 1},
    {"{\"sync\":{\"s\":\"red\"}}", false, 0},
    {"{\"arr\":{\"s\":1.9,\"i\":\"2\",\"e\":false}}", true, 1},
    {"{\"utag\":{\"M\":3,\"V\":1}}", true, 1},
    {"{\"ts\":{\"num\":2}}", false, 0},
    {"{\"nope\":{}}", false, 0},
    {"{\"dec\":{\"n\":1},\"dec\":{\"n\":1},\"dec\":{\"n\":1},\"dec\":{\"n\":1},\"dec\":{\"n\":1},\"dec\":{\"n\":1},"
     "\"dec\":{\"n\":1},\"dec\":{\"n\":1}}",
     true, 8},
};

static void names_are_taken_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct filters filters = {.n = 0};
        const char *at = names[i].text;
        bool is_good = filters_parse(&at, &filters) && *at == '\0';
        if (is_good != names[i].is_good || (is_good && filters.n != names[i].n))
            fail_msg("%s: %s, %u filters", names[i].text, is_good ? "taken" : "refused", filters.n);
    }
}

/* The list is full before the shortest text that fills it ends. */
static void more_filters_than_a_name_holds_are_refused(void **state)
{
    (void)state;
    for (unsigned n = FILTERS_MOST; n <= FILTERS_MOST + 1; n++) {
        char text[FILTER_NAME_BYTES + 16] = "{";
        for (unsigned i = 0; i < n; i++)
            memcpy(text + 1 + (size_t)i * 6, "ts:{},", 7);
        memcpy(text + 1 + (size_t)n * 6, "}", 2);
        struct filters filters = {.n = 0};
        const char *at = text;
        assert_int_equal(filters_parse(&at, &filters), n == FILTERS_MOST);
        assert_int_equal(filters.n, FILTERS_MOST);
    }
}

/* Every prefix of every name, in memory of its own, so that a sanitizer sees what is read beyond it. */
static void no_prefix_of_a_name_is_read_beyond_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t n = 0; n <= strlen(names[i].text); n++) {
            struct filters filters = {.n = 0};
            char *text = calloc(1, n + 1);
            const char *at = text;
            assert_non_null(text);
            memcpy(text, names[i].text, n);
            filters_parse(&at, &filters);
            assert_true(at >= text && at <= text + n);
            free(text);
        }
}

/* ---- posts ---- */

static struct filters parsed(const char *text)
{
    struct filters filters = {.is_number = true};
    const char *at = text;
    if (!filters_parse(&at, &filters))
        fail_msg("%s is refused", text);
    filters_settle(&filters);
    return filters;
}

/* Posts a number; returns what passes, or -99. */
static double post(struct filters *filters, double number, unsigned mask)
{
    uint8_t bytes[sizeof number];
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    wire_put64(bytes, bits);
    struct filter_event event = {
        .value = {.data = bytes, .count = 1, .base = WIRE_DOUBLE}, .mask = mask, .is_read = mask == 0, .now_ns = 1};
    return filters_pass(filters, &event) ? wire_value_number(&event.value) : -99;
}

#define DROPPED -99.0

static const struct {
    const char *filters;
    struct {
        double number;
        unsigned mask; /* 0: a read */
        double passes;
    } posts[6];
} sequences[] = {
    {"{dbnd:{d:1}}", {{0, 1, 0}, {1, 1, DROPPED}, {1.5, 3, 1.5}, {1.6, 5, 1.6}, {2.6, 1, 2.6}, {2.7, 9, 2.7}}},
    {"{dbnd:{rel:50}}", {{10, 1, 10}, {15, 1, DROPPED}, {15.5, 1, 15.5}, {20, 1, DROPPED}, {23.5, 1, 23.5}, {23.5, 1, DROPPED}}},
    {"{dbnd:{}}", {{0, 0, DROPPED}, {0, 1, DROPPED}, {0, 2, DROPPED}, {1, 1, 1}, {1, 1, DROPPED}, {0, 4, 0}}},
    {"{dec:{n:3}}", {{1, 1, 1}, {2, 1, DROPPED}, {3, 0, 3}, {4, 8, 4}, {5, 1, DROPPED}, {6, 1, 6}}},
    {"{utag:{M:1,V:0}}", {{1, 0, 1}, {2, 1, 2}, {3, 1, DROPPED}, {4, 9, 4}, {5, 0, 5}, {6, 1, DROPPED}}},
    {"{dec:{n:2},dbnd:{d:1}}", {{1, 1, 1}, {9, 1, DROPPED}, {2, 1, DROPPED}, {9, 1, DROPPED}, {3, 1, 3}, {3, 1, DROPPED}}},
};

static void posts_pass_as_their_filters_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        struct filters filters = parsed(sequences[i].filters);
        if (filters.at[0].kind == FILTER_TAG)
            filters.at[0].tag.tag = 5;
        for (size_t k = 0; k < 6; k++) {
            double passes = post(&filters, sequences[i].posts[k].number, sequences[i].posts[k].mask);
            if (passes != sequences[i].posts[k].passes)
                fail_msg("%s: post %zu gives %g", sequences[i].filters, k, passes);
        }
    }
}

/* The state is false, false, true, true, false, false while 1 to 6 are posted. */
static const struct {
    const char *mode;
    double passes[6];
} syncs[] = {
    {"before", {DROPPED, DROPPED, 2, DROPPED, DROPPED, DROPPED}}, {"first", {DROPPED, DROPPED, 3, DROPPED, DROPPED, DROPPED}},
    {"last", {DROPPED, DROPPED, DROPPED, DROPPED, 4, DROPPED}},   {"after", {DROPPED, DROPPED, DROPPED, DROPPED, 5, DROPPED}},
    {"while", {DROPPED, DROPPED, 3, 4, DROPPED, DROPPED}},        {"unless", {1, 2, DROPPED, DROPPED, 5, 6}},
};

static void posts_pass_as_a_state_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof syncs / sizeof *syncs; i++) {
        char text[40];
        bool is = false;
        snprintf(text, sizeof text, "{sync:{m:'%s',s:'red'}}", syncs[i].mode);
        struct filters filters = parsed(text);
        assert_string_equal(filters.at[0].sync.name, "red");
        filters.at[0].sync.state = &is;
        for (unsigned k = 0; k < 6; k++) {
            is = k == 2 || k == 3;
            assert_true(post(&filters, k + 1, 0) == k + 1);
            double passes = post(&filters, k + 1, 1);
            if (passes != syncs[i].passes[k])
                fail_msg("%s: post %u gives %g", syncs[i].mode, k + 1, passes);
        }
    }
}

/* ---- stamps ---- */

static const struct {
    const char *filters;
    struct wire_stamp stamp;
    const char *shown;
} stamps[] = {
    {"{ts:{}}", {5, 6}, "1.5"},
    {"{ts:{num:'dbl'}}", {1000, 500000000}, "1000.5"},
    {"{ts:{num:'dbl',epoch:'unix'}}", {0, 0}, "631152000"},
    {"{ts:{num:'sec',epoch:'unix'}}", {3663815295, 0}, "4294967295"},
    {"{ts:{num:'nsec'}}", {1000, 999999999}, "999999999"},
    {"{ts:{num:'ts'}}", {1000, 7}, "1000 7"},
    {"{ts:{num:'ts'},arr:{s:-1}}", {1000, 7}, "7"},
    {"{ts:{num:'ts'},arr:{i:2}}", {1000, 7}, "1000"},
    {"{ts:{str:'epics'}}", {1164429790, 798204995}, "\"2026-11-25 04:43:10.798204\""},
    {"{ts:{str:'iso',num:'sec'}}", {1164429790, 798204195}, "\"2026-11-25T04:43:10.798204+0000\""},
    {"{ts:{str:'iso'}}", {0, 0}, "\"<undefined>\""},
};

static void stamps_are_shown_as_values(void **state)
{
    (void)state;
    const uint8_t number[] = {0x3f, 0xf8, 0, 0, 0, 0, 0, 0};
    for (size_t i = 0; i < sizeof stamps / sizeof *stamps; i++) {
        struct filters filters = parsed(stamps[i].filters);
        struct wire_value value = {.data = number, .count = 1, .base = WIRE_DOUBLE, .has_stamp = true, .stamp = stamps[i].stamp};
        struct filter_room room;
        char text[80];
        filter_show(&filters.show, &value, &room);
        wire_value_text(&value, 2, text, sizeof text);
        assert_string_equal(text, stamps[i].shown);
    }
}

static void a_read_shows_the_time_of_now_or_the_stamp(void **state)
{
    (void)state;
    const uint8_t number[] = {0x3f, 0xf8, 0, 0, 0, 0, 0, 0};
    const struct wire_value value = {.data = number, .count = 1, .base = WIRE_DOUBLE, .has_stamp = true, .stamp = {7, 0}};
    struct filters now = parsed("{ts:{}}"), seconds = parsed("{ts:{num:'sec'}}"), dropped = parsed("{dbnd:{},ts:{num:'sec'}}");
    now.at[0].stamp.realtime_ns = UINT64_C(631152000) * 1000000000;
    struct filter_show show = filters_read(&now, &value, 3000000005);
    assert_true(show.has_stamp && show.stamp.seconds == 3 && show.stamp.nanoseconds == 5 && filters_copy(&now));
    show = filters_read(&seconds, &value, 0);
    assert_true(!show.has_stamp && show.mode == FILTER_STAMP_SECONDS && !filters_copy(&seconds));
    show = filters_read(&dropped, &value, 0);
    assert_true(show.mode == 0); /* dbnd lets no read pass: the value is shown */
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_filters_than_a_name_holds_are_refused),
        cmocka_unit_test(names_are_taken_or_refused),
        cmocka_unit_test(no_prefix_of_a_name_is_read_beyond_its_end),
        cmocka_unit_test(posts_pass_as_their_filters_say),
        cmocka_unit_test(posts_pass_as_a_state_says),
        cmocka_unit_test(stamps_are_shown_as_values),
        cmocka_unit_test(a_read_shows_the_time_of_now_or_the_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
