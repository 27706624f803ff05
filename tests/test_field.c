/* Words of the field's rule: which side of the limit, how surely, and how near. */
#include "clients/bench/field.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct infer_band limit = {-100, 100};

/* n words of differences that are known as e[] has it, all from five runs. */
static void decide(const struct infer_estimate *e, unsigned n, struct field_word *words)
{
    struct field_word *at[FIELD_WORDS_MAX];
    struct infer_band bands[FIELD_WORDS_MAX];
    size_t runs[FIELD_WORDS_MAX];
    for (unsigned i = 0; i < n; i++) {
        words[i] = (struct field_word){.estimate = e[i]};
        at[i] = &words[i];
        bands[i] = limit;
        runs[i] = 5;
    }
    field_decide(at, bands, runs, n);
}

static void a_word_tells_the_side_of_the_limit(void **state)
{
    static const struct {
        const char *name;
        struct infer_estimate e;
        enum infer_verdict word;
        bool near;
    } rows[] = {
        {"far over", {150, 5, 8}, INFER_SLOWER, false},
        {"far under", {-150, 5, 8}, INFER_FASTER, false},
        {"little difference", {10, 5, 8}, INFER_EQUIVALENT, false},
        {"a tenth over, however sure", {109, 0.1, 100}, INFER_UNDECIDED, true},
        {"a tenth below, however sure", {-92, 0.1, 100}, INFER_UNDECIDED, true},
        {"over by more than a tenth, and sure", {112, 0.1, 100}, INFER_SLOWER, false},
        {"over by more than a tenth, and not sure", {120, 20, 8}, INFER_UNDECIDED, false},
        {"well below, from too few runs", {50, 10, 1}, INFER_UNDECIDED, false},
        {"nothing is known", {50, INFINITY, 1}, INFER_UNDECIDED, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field_word word;
        print_message("%s\n", rows[i].name);
        decide(&rows[i].e, 1, &word);
        assert_int_equal(word.word, rows[i].word);
        assert_int_equal(word.near, rows[i].near);
        assert_int_equal(word.more > 0, rows[i].word == INFER_UNDECIDED && !rows[i].near);
    }
}

/* Each alone at p = 0.036: one look decides, twenty do not, and that holds for "equivalent", too. */
static void of_several_looks_each_is_worth_less(void **state)
{
    enum { LOOKS = 20 };
    struct infer_estimate e[LOOKS];
    struct field_word words[LOOKS];
    (void)state;
    for (int i = 0; i < LOOKS; i++)
        e[i] = (struct infer_estimate){i % 2 == 0 ? 150 : 50, 50 / 2.1, INFINITY};
    decide(e, 1, words);
    assert_int_equal(words[0].word, INFER_SLOWER);
    decide(e + 1, 1, words);
    assert_int_equal(words[0].word, INFER_EQUIVALENT);
    decide(e, LOOKS, words);
    for (int i = 0; i < LOOKS; i++) {
        assert_int_equal(words[i].word, INFER_UNDECIDED);
        assert_in_range(words[i].more, 5, 8); /* from 2.1 to 3.0 sigma: twice the runs */
    }
}

static void the_faster_is_taken_where_a_word_says_so_and_the_simpler_where_none_can(void **state)
{
    static const struct {
        enum infer_verdict connect, get, application;
        enum field_choice choice;
    } rows[] = {
        {INFER_SLOWER, INFER_EQUIVALENT, INFER_SLOWER, FIELD_FIRST},
        {INFER_FASTER, INFER_EQUIVALENT, INFER_UNDECIDED, FIELD_SECOND},
        {INFER_SLOWER, INFER_FASTER, INFER_FASTER, FIELD_SECOND}, /* against each other: the whole counts */
        {INFER_EQUIVALENT, INFER_EQUIVALENT, INFER_EQUIVALENT, FIELD_EITHER},
        {INFER_EQUIVALENT, INFER_EQUIVALENT, INFER_UNDECIDED, FIELD_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field_pair pair = {.first = 0, .second = 1};
        pair.figure[FIELD_CONNECT].word = rows[i].connect;
        pair.figure[FIELD_GET].word = rows[i].get;
        pair.figure[FIELD_APPLICATION].word = rows[i].application;
        assert_int_equal(field_choose(&pair), rows[i].choice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_tells_the_side_of_the_limit),
        cmocka_unit_test(of_several_looks_each_is_worth_less),
        cmocka_unit_test(the_faster_is_taken_where_a_word_says_so_and_the_simpler_where_none_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
