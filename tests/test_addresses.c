/* Lists of addresses in EPICS's environment variables, in a row each. */
#include "sim/addresses.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAME "CAPLAY_TEST_ADDRESSES"

static void show(const struct addresses *list, char *text)
{
    char address[INET_ADDRSTRLEN];
    *text = '\0';
    for (unsigned i = 0; i < list->n; i++) {
        inet_ntop(AF_INET, &list->at[i].sin_addr, address, sizeof address);
        sprintf(text + strlen(text), "%s%s:%u", i > 0 ? " " : "", address, ntohs(list->at[i].sin_port));
    }
}

static const struct {
    const char *text, *list, *fault;
} rows[] = {
    {"", "", NULL},
    {" \t ", "", NULL},
    {"127.0.0.1", "127.0.0.1:5065", NULL},
    {"  10.0.0.1:7000\t10.0.0.255 ", "10.0.0.1:7000 10.0.0.255:5065", NULL},
    {"10.0.0.1 10.0.0.1 10.0.0.1:5065 10.0.0.1:5066", "10.0.0.1:5065 10.0.0.1:5066", NULL},
    {"localhost:1", "127.0.0.1:1", NULL},
    {"10.0.0.1:", "", "'10.0.0.1:' is no IPv4 address"},
    {"10.0.0.1:x", "", "'10.0.0.1:x' is no IPv4 address"},
    {"10.0.0.1:65536", "", "'10.0.0.1:65536' is no IPv4 address"},
    {":5065", "", "':5065' is no IPv4 address"},
    {"10.0.0.1 10.0.0.256 10.0.0.2", "10.0.0.1:5065", "what: '10.0.0.256' is no IPv4 address"},
    {"10.0.0.1,10.0.0.2", "", "'10.0.0.1,10.0.0.2' is no IPv4 address"},
};

static void a_list_is_parsed_up_to_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct addresses list = {.n = 0};
        struct diag diag = {0};
        char text[512];
        int result = addresses_parse(&list, "what", rows[i].text, 5065, &diag);
        show(&list, text);
        assert_string_equal(text, rows[i].list);
        assert_int_equal(result, rows[i].fault != NULL ? -1 : 0);
        if (rows[i].fault != NULL && strstr(diag.text, rows[i].fault) == NULL)
            fail_msg("%s: %s", rows[i].text, diag.text);
    }
}

static void a_wrong_entry_of_a_variable_is_left_out(void **state)
{
    (void)state;
    struct addresses list = {.n = 0};
    char text[512];
    setenv(NAME, "10.0.0.1 10.0.0.256 10.0.0.2", 1);
    addresses_from_environment(&list, NAME, 7);
    show(&list, text);
    assert_string_equal(text, "10.0.0.1:7 10.0.0.2:7");
    unsetenv(NAME);
    addresses_from_environment(&list, NAME, 7);
    assert_int_equal(list.n, 2);
}

static void more_addresses_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct addresses list = {.n = 0};
    struct diag diag = {0};
    char text[64 * ADDRESSES_MOST] = "";
    for (unsigned i = 0; i <= ADDRESSES_MOST; i++)
        sprintf(text + strlen(text), "10.0.0.%u ", i);
    assert_int_equal(addresses_parse(&list, "what", text, 5065, &diag), -1);
    assert_non_null(strstr(diag.text, "'10.0.0.32' is one too many: 32 addresses at most"));
    assert_int_equal(list.n, ADDRESSES_MOST);
}

static void groups_are_found_among_other_entries(void **state)
{
    (void)state;
    struct addresses list = {.n = 0};
    char text[512];
    setenv(NAME, "10.0.0.1 224.0.0.5 no.such.host 239.255.0.1:5000 240.0.0.1 224.0.0.5", 1);
    addresses_groups(&list, NAME);
    show(&list, text);
    assert_string_equal(text, "224.0.0.5:0 239.255.0.1:0");
    unsetenv(NAME);
    addresses_groups(&list, NAME);
    assert_int_equal(list.n, 2);
}

static void the_loopback_interface_has_itself_for_a_broadcast_address(void **state)
{
    (void)state;
    struct addresses list = {.n = 0};
    char text[512];
    addresses_add_broadcasts(&list, (struct in_addr){htonl(INADDR_LOOPBACK)}, 5065);
    addresses_add_broadcasts(&list, (struct in_addr){htonl(INADDR_LOOPBACK + 4)}, 5065);
    show(&list, text);
    assert_string_equal(text, "127.0.0.1:5065");
}

static const struct {
    const char *text;
    bool otherwise, flag;
} flags[] = {
    {NULL, true, true},   {NULL, false, false}, {"", true, true},    {"", false, false}, {"yes", false, true},
    {"YES", false, true}, {"Yes", false, true}, {"no", true, false}, {"1", true, false}, {"yes ", true, false},
};

static void only_yes_is_true(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (flags[i].text != NULL)
            setenv(NAME, flags[i].text, 1);
        else
            unsetenv(NAME);
        assert_int_equal(environment_flag(NAME, flags[i].otherwise), flags[i].flag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_parsed_up_to_what_is_wrong),
        cmocka_unit_test(a_wrong_entry_of_a_variable_is_left_out),
        cmocka_unit_test(more_addresses_than_there_is_room_for_are_refused),
        cmocka_unit_test(groups_are_found_among_other_entries),
        cmocka_unit_test(the_loopback_interface_has_itself_for_a_broadcast_address),
        cmocka_unit_test(only_yes_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
