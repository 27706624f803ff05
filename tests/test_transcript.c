#include "replay/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct turn turn_of(size_t block, uint32_t subid, const char *bytes)
{
    return (struct turn){.block = block,
                         .lane = transcript_lane(0, LANE_UPDATES, subid),
                         .text = "EVENT_ADD",
                         .bytes = (const uint8_t *)bytes,
                         .size = strlen(bytes)};
}

static void a_repeated_turn_is_the_lanes_last_of_its_block(void **state)
{
    (void)state;
    struct transcript t = {.n = 0};
    const struct turn one = turn_of(1, 7, "one"), two = turn_of(1, 7, "two"), other = turn_of(1, 8, "one");
    assert_false(transcript_repeats(&t, &one));
    assert_true(transcript_add(&t, &one));
    assert_true(transcript_repeats(&t, &one));
    assert_false(transcript_repeats(&t, &two));
    assert_false(transcript_repeats(&t, &other));
    assert_true(transcript_add(&t, &other));
    assert_true(transcript_repeats(&t, &one)); /* another lane lies between */
    assert_true(transcript_add(&t, &two));
    assert_false(transcript_repeats(&t, &one));
    const struct turn later = turn_of(2, 7, "two");
    assert_false(transcript_repeats(&t, &later));
    transcript_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeated_turn_is_the_lanes_last_of_its_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
