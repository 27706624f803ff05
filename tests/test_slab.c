/* Records from blocks. */
#include "traces/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

enum { RECORDS = 5000 };

struct record {
    uint64_t number, words[3];
};

static bool is_zeroed(const struct record *r)
{
    return (r->number | r->words[0] | r->words[1] | r->words[2]) == 0;
}

static void each_record_is_zeroed_and_nobody_elses(void **state)
{
    static struct record *all[RECORDS];
    struct slab slab = {0};
    (void)state;
    for (uint64_t i = 0; i < RECORDS; i++) {
        all[i] = slab_take(&slab, sizeof(struct record));
        assert_true(all[i] != NULL && is_zeroed(all[i]));
        *all[i] = (struct record){i, {i, i, i}};
    }
    for (uint64_t i = 0; i < RECORDS; i++)
        assert_true(all[i]->number == i && all[i]->words[0] == i && all[i]->words[2] == i);
    slab_fini(&slab);
}

static void what_is_given_back_is_taken_next_and_zeroed_again(void **state)
{
    struct slab slab = {0};
    (void)state;
    struct record *first = slab_take(&slab, sizeof *first), *second = slab_take(&slab, sizeof *second);
    *first = *second = (struct record){7, {7, 7, 7}};
    slab_give_back(&slab, first);
    slab_give_back(&slab, second);
    assert_ptr_equal(slab_take(&slab, sizeof *second), second);
    assert_ptr_equal(slab_take(&slab, sizeof *first), first);
    assert_true(is_zeroed(first) && is_zeroed(second));
    slab_fini(&slab);
}

static void a_slab_that_has_none_can_be_ended_and_begun_again(void **state)
{
    struct slab slab = {0};
    (void)state;
    slab_fini(&slab);
    assert_non_null(slab_take(&slab, sizeof(struct record)));
    slab_fini(&slab);
    slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_record_is_zeroed_and_nobody_elses),
        cmocka_unit_test(what_is_given_back_is_taken_next_and_zeroed_again),
        cmocka_unit_test(a_slab_that_has_none_can_be_ended_and_begun_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
