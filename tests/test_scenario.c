/* Scenarios: what is read from YAML, and what is said of a wrong one. */
#include "traces/scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                                                     \
    "scenario: 1\n"                                                                                                              \
    "menus:\n"                                                                                                                   \
    "  menuYesNo: [\"NO\", \"YES\"]\n"                                                                                           \
    "record-types:\n"                                                                                                            \
    "  ai:\n"                                                                                                                    \
    "    - {name: VAL, type: DOUBLE, process: yes, units-of: EGU, precision: PREC, precision-most: 15,\n"                        \
    "       display: [10, -10], alarm: [HIHI, 8, .nan, -9], alarm-if: [HHSV, ~, ~, ~], value: 1.5}\n"                            \
    "    - {name: EGU, type: STRING, size: 16, property: yes, value: \"mm\"}\n"                                                  \
    "    - {name: PREC, type: SHORT, value: 3}\n"                                                                                \
    "    - {name: HIHI, type: DOUBLE, value: .inf}\n"                                                                            \
    "    - {name: HHSV, type: MENU, menu: menuYesNo, value: 1}\n"                                                                \
    "    - {name: WF, type: UCHAR, count: 4, array: yes, write: no, value: [1, 255]}\n"                                          \
    "    - {name: TIME, type: NOACCESS}\n"

static struct scenario *read_text(const char *text, struct diag *diag)
{
    FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(f);
    struct scenario *s = scenario_read(f, "x.yaml", diag);
    fclose(f);
    return s;
}

static struct scenario *read_good(const char *text)
{
    struct diag diag = {0};
    struct scenario *s = read_text(text, &diag);
    if (s == NULL)
        fail_msg("%s", diag.text);
    return s;
}

static void test_fields_of_a_type(void **state)
{
    (void)state;
    struct scenario *s = read_good(HEAD);
    const struct scenario_type *ai = &s->type[0];
    const struct scenario_meta *meta = &ai->field[0].meta;
    assert_int_equal(ai->nfields, 7);
    assert_int_equal(scenario_field_find(ai, "PREC", 4), 2);
    assert_int_equal(scenario_field_find(ai, "PRE", 3), SCENARIO_NOWHERE);
    assert_int_equal(ai->field[0].flags, SCENARIO_PROCESS);
    assert_int_equal(meta->units_of, 1);
    assert_int_equal(meta->number_of[SCENARIO_PRECISION], 2);
    assert_int_equal(meta->precision_most, 15);
    assert_float_equal(meta->number[SCENARIO_DISPLAY + 1], -10, 0);
    assert_int_equal(meta->number_of[SCENARIO_ALARM], 3);
    assert_int_equal(meta->gate[SCENARIO_ALARM], 4);
    assert_int_equal(meta->gate[SCENARIO_ALARM + 1], SCENARIO_NOWHERE);
    assert_true(isnan(meta->number[SCENARIO_ALARM + 2]));
    assert_string_equal(ai->field[4].menu->choice[1], "YES");
    assert_int_equal(ai->field[6].kind, SCENARIO_NOACCESS);
    scenario_free(s);
}

static void test_values(void **state)
{
    (void)state;
    struct scenario *s = read_good(HEAD);
    const struct scenario_field *field = s->type[0].field;
    assert_float_equal(*(const double *)field[0].value.data, 1.5, 0);
    assert_string_equal(*(const char *const *)field[1].value.data, "mm");
    assert_int_equal(*(const int16_t *)field[2].value.data, 3);
    assert_true(isinf(*(const double *)field[3].value.data));
    assert_int_equal(field[5].value.count, 2);
    assert_int_equal(((const uint8_t *)field[5].value.data)[1], 255);
    scenario_free(s);
}

static void test_a_record_overrides_values_and_descriptions(void **state)
{
    (void)state;
    struct scenario *s = read_good(HEAD "records:\n"
                                        "  - name: \"r\"\n"
                                        "    type: ai\n"
                                        "    live: yes\n"
                                        "    info: {\"archive\": \"monitor\"}\n"
                                        "    own:\n"
                                        "      - {name: WF, type: SHORT, count: 2, array: yes, value: []}\n"
                                        "    values: {PREC: -1, WF: [-300], EGU: !bytes \"b56d\"}\n"
                                        "  - {name: plain, type: ai}\n"
                                        "aliases:\n"
                                        "  \"other\": \"plain\"\n");
    const struct scenario_record *r = &s->record[0];
    assert_int_equal(r->flags, SCENARIO_LIVE);
    assert_string_equal(r->info[0].text, "monitor");
    assert_int_equal(*(const int16_t *)scenario_value_of(r, 2)->data, -1);
    assert_int_equal(scenario_field_of(r, 5)->kind, SCENARIO_SHORT);
    assert_int_equal(*(const int16_t *)scenario_value_of(r, 5)->data, -300);
    assert_string_equal(*(const char *const *)scenario_value_of(r, 1)->data, "\xb5m");
    assert_string_equal(*(const char *const *)scenario_value_of(&s->record[1], 1)->data, "mm");
    assert_string_equal(s->record[s->alias[0].record].name, "plain");
    scenario_free(s);
}

static const struct {
    const char *text, *said;
} wrong[] = {
    {"", "x.yaml: it is empty"},
    {"scenario: 2\n", "x.yaml:1: a whole number from 1 to 1 is expected, not '2'"},
    {"scenario: 1\nrecords: {}\n", "x.yaml:2: records must be a list"},
    {"scenario: 1\nrecord: []\n", "x.yaml:2: unknown key 'record' in a scenario"},
    {"scenario: 1\nscenario: 1\n", "x.yaml:2: key 'scenario' comes twice in a scenario"},
    {HEAD "records:\n  - {name: r, type: ao}\n", "x.yaml:15: there is no record type 'ao' above"},
    {HEAD "records:\n  - {name: r}\n", "x.yaml:15: a record needs a name and a type"},
    {HEAD "records:\n  - {name: r, type: ai, values: {EGO: 1}}\n", "x.yaml:15: record type ai has no field 'EGO'"},
    {HEAD "records:\n  - {name: r, type: ai, values: {VAL: 1 mm}}\n", "x.yaml:15: a number is expected, not '1 mm'"},
    {HEAD "records:\n  - {name: r, type: ai, values: {WF: [256]}}\n",
     "x.yaml:15: a whole number from 0 to 255 is expected, not '256'"},
    {HEAD "records:\n  - {name: r, type: ai, values: {WF: [1, 2, 3, 4, 5]}}\n",
     "x.yaml:15: 5 elements are too many: WF has room for 4"},
    {HEAD "records:\n  - {name: r, type: ai, values: {TIME: 1}}\n", "x.yaml:15: TIME is NOACCESS: it has no value"},
    {HEAD "aliases: {a: r}\n", "x.yaml:14: there is no record 'r' above"},
    {"record-types:\n  ai:\n    - {name: A, units-of: B}\n", "x.yaml:3: 'B' is neither a number nor a field here"},
    {"record-types:\n  ai:\n    - {name: A, display: [1]}\n", "x.yaml:3: 2 items are expected, not 1"},
    {"record-types:\n  ai:\n    - {name: A, type: REAL}\n", "x.yaml:3: 'REAL' is no type of a field (DOUBLE, LONG, STRING...)"},
    {"record-types:\n  ai:\n    - {type: LONG}\n", "x.yaml:3: a field has no name"},
    {"record-types:\n  ai:\n    - {name: A, menu: m}\n", "x.yaml:3: there is no menu 'm' above"},
    {"record-types:\n  ai:\n    - {name: A, type: STRING, value: !bytes \"c\"}\n", "x.yaml:3: 'c' is no list of bytes in hex"},
};

static void test_what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct diag diag = {0};
        assert_null(read_text(wrong[i].text, &diag));
        assert_string_equal(diag.text, wrong[i].said);
        assert_int_equal(diag.code, DIAG_USAGE);
    }
}

/* A file that ends anywhere is refused or read, and never more than that. */
static void test_every_prefix(void **state)
{
    static const char text[] = HEAD "records:\n  - {name: r, type: ai, info: {a: b}, values: {WF: [1]}}\naliases: {a: r}\n";
    (void)state;
    for (size_t n = 1; n < sizeof text; n++) {
        char part[sizeof text];
        struct diag diag = {0};
        memcpy(part, text, n);
        part[n] = '\0';
        scenario_free(read_text(part, &diag));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_of_a_type),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_a_record_overrides_values_and_descriptions),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(test_every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
