/* Each thing that a trace lacks has its place: what its losses add up to is what its report says. */
#ifndef CAPLAY_TESTS_PLACED_H
#define CAPLAY_TESTS_PLACED_H

#include "traces/losses.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static inline void assert_placed(const struct trace *t)
{
    const struct trace_missing sum = losses_sum(t->losses, t->nlosses), *m = &t->missing;
    assert_int_equal(sum.kernel_drops, m->kernel_drops);
    assert_int_equal(sum.cut_packets, m->cut_packets);
    assert_int_equal(sum.gaps, m->gaps);
    assert_int_equal(sum.gap_bytes, m->gap_bytes);
    assert_int_equal(sum.midway, m->midway);
    assert_int_equal(sum.malformed, m->malformed);
}

#endif
