/* The two profiles: which steps, how often, how long. */
#include "clients/bench/bench.h"

#include <inttypes.h>

static const struct bench_step quick_steps[] = {
    {.kind = BENCH_CONNECT, .group = 0, .rounds = 10, .pvs = 1},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 3, .pvs = 10},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 3, .pvs = 100},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 3, .pvs = 1000},
    {.kind = BENCH_CONNECT, .group = 2, .rounds = 5, .pvs = 10000},
    {.kind = BENCH_CONNECT, .group = 3, .rounds = 1, .pvs = 1, .one_by_one = true},
    {.kind = BENCH_CONNECT, .group = 3, .rounds = 1, .pvs = 10, .one_by_one = true},
    {.kind = BENCH_CONNECT, .group = 3, .rounds = 1, .pvs = 100, .one_by_one = true},
    {.kind = BENCH_MONITOR, .group = 4, .rounds = 1, .size = {640, 480}, .hertz = 120, .seconds = 7, .max_bytes = true},
    {.kind = BENCH_MONITOR, .group = 5, .rounds = 1, .size = {640, 480}, .hertz = 120, .seconds = 2},
    {.kind = BENCH_MONITOR,
     .group = 6,
     .rounds = 1,
     .size = {640, 480},
     .hertz = 10,
     .seconds = 5,
     .max_bytes = true,
     .at_once = true},
    {.kind = BENCH_MONITOR, .group = 7, .rounds = 1, .size = {640, 480}, .hertz = 10, .seconds = 5, .at_once = true},
};

static const struct bench_step full_steps[] = {
    {.kind = BENCH_CONNECT, .group = 0, .rounds = 30, .pvs = 1},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 30, .pvs = 10},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 30, .pvs = 100},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 30, .pvs = 1000},
    {.kind = BENCH_CONNECT, .group = 2, .rounds = 30, .pvs = 10000},
    {.kind = BENCH_CONNECT, .group = 3, .rounds = 30, .pvs = 1, .one_by_one = true},
    {.kind = BENCH_CONNECT, .group = 3, .rounds = 30, .pvs = 10, .one_by_one = true},
    {.kind = BENCH_CONNECT, .group = 3, .rounds = 30, .pvs = 100, .one_by_one = true},
    {.kind = BENCH_MONITOR, .group = 4, .rounds = 30, .size = {640, 480}, .hertz = 120, .seconds = 60, .max_bytes = true},
    {.kind = BENCH_MONITOR, .group = 5, .rounds = 30, .size = {640, 480}, .hertz = 120, .seconds = 60},
    {.kind = BENCH_MONITOR, .group = 6, .rounds = 30, .size = {680, 480}, .hertz = 120, .seconds = 60, .max_bytes = true},
    {.kind = BENCH_MONITOR, .group = 7, .rounds = 30, .size = {680, 480}, .hertz = 120, .seconds = 60},
    {.kind = BENCH_MONITOR, .group = 8, .rounds = 30, .size = {640, 480}, .hertz = 10, .seconds = 60, .max_bytes = true},
    {.kind = BENCH_MONITOR, .group = 9, .rounds = 30, .size = {640, 480}, .hertz = 10, .seconds = 60},
};

static const struct bench_step ci_steps[] = {
    {.kind = BENCH_CONNECT, .group = 0, .rounds = 20, .pvs = 1},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 20, .pvs = 100},
    {.kind = BENCH_CONNECT, .group = 1, .rounds = 20, .pvs = 1000},
    {.kind = BENCH_MONITOR, .group = 2, .rounds = 6, .size = {640, 480}, .hertz = 120, .seconds = 3, .max_bytes = true},
};

const struct bench_profile bench_profiles[BENCH_PROFILES] = {
    {"quick",
     "120 Hz: one client after the other, 7 s (2 s where EPICS_CA_MAX_ARRAY_BYTES is unset); 10 Hz: all clients at once, 5 s",
     quick_steps, sizeof quick_steps / sizeof *quick_steps},
    {"full", "30 runs of everything, monitors of 60 s, one client after the other", full_steps,
     sizeof full_steps / sizeof *full_steps},
    {"ci", "20 runs of 1, 100 and 1,000 PVs, 6 of the image at 120 Hz for 3 s", ci_steps, sizeof ci_steps / sizeof *ci_steps},
};

void bench_name_step(const struct bench_step *step, char *name, size_t room)
{
    if (step->kind == BENCH_CONNECT)
        snprintf(name, room, "connect %u PV%s%s", step->pvs, step->pvs > 1 ? "s" : "", step->one_by_one ? " one by one" : "");
    else
        snprintf(name, room, "monitor %" PRIu32 "x%" PRIu32 " at %u Hz, %s", step->size.width, step->size.height, step->hertz,
                 step->max_bytes ? "10 MB arrays" : "default arrays");
}
