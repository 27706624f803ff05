#include "clients/bench/stage.h"

#include <math.h>
#include <string.h>

const char *const bench_stage_names[BENCH_STAGES] = {
    [BENCH_STAGE_SETUP] = "setup", [BENCH_STAGE_CONNECT] = "connect", [BENCH_STAGE_GET1] = "get_1",
    [BENCH_STAGE_GET2] = "get_2",  [BENCH_STAGE_PUT] = "put",
};

/* As in a line and in the result file; in a line CPU time is in nanoseconds. */
static const char *const used_names[BENCH_USED] = {
    [BENCH_USED_CPU] = "cpu_s",          [BENCH_USED_WAITING] = "switches_waiting", [BENCH_USED_FORCED] = "switches_forced",
    [BENCH_USED_MINOR] = "faults_minor", [BENCH_USED_MAJOR] = "faults_major",
};

static void clear(struct bench_stages *stages)
{
    *stages = (struct bench_stages){.marked = 0};
    for (unsigned s = 0; s < BENCH_STAGES; s++)
        for (unsigned u = 0; u < BENCH_USED; u++)
            stages->used[s][u] = NAN;
}

static double number_of(const json_t *value, double unit)
{
    return json_is_number(value) && json_number_value(value) >= 0 ? json_number_value(value) * unit : NAN;
}

static bool find_stage(const char *name, unsigned *stage)
{
    for (*stage = 0; name != NULL && *stage < BENCH_STAGES; (*stage)++)
        if (strcmp(bench_stage_names[*stage], name) == 0)
            return true;
    return false;
}

static void take_one(struct bench_stages *stages, unsigned stage, const json_t *told)
{
    stages->order[stage] = stages->marked;
    stages->used[stage][BENCH_USED_CPU] = number_of(json_object_get(told, "cpu_ns"), 1e-9);
    for (unsigned u = BENCH_USED_CPU + 1; u < BENCH_USED; u++)
        stages->used[stage][u] = number_of(json_object_get(told, used_names[u]), 1);
}

void bench_stages_take(struct bench_stages *stages, const json_t *used)
{
    clear(stages);
    for (size_t i = 0; i < json_array_size(used); i++) {
        const json_t *told = json_array_get(used, i);
        unsigned stage;
        stages->marked++;
        if (find_stage(json_string_value(json_object_get(told, "stage")), &stage))
            take_one(stages, stage, told);
    }
}

static json_t *number_json(enum bench_used used, double value)
{
    if (isnan(value))
        return json_null();
    return used == BENCH_USED_CPU ? json_real(value) : json_integer((json_int_t)value);
}

json_t *bench_stages_write(const struct bench_stages *stages)
{
    json_t *json = stages->marked > 0 ? json_object() : NULL;
    for (unsigned s = 0; s < BENCH_STAGES && json != NULL; s++) {
        if (stages->order[s] == 0)
            continue;
        json_t *one = json_object();
        for (unsigned u = 0; u < BENCH_USED; u++)
            json_object_set_new(one, used_names[u], number_json((enum bench_used)u, stages->used[s][u]));
        json_object_set_new(json, bench_stage_names[s], one);
    }
    return json;
}

void bench_stages_read(struct bench_stages *stages, const json_t *json)
{
    clear(stages);
    for (unsigned s = 0; s < BENCH_STAGES; s++) {
        const json_t *one = json_object_get(json, bench_stage_names[s]);
        if (one == NULL)
            continue;
        stages->order[s] = ++stages->marked;
        for (unsigned u = 0; u < BENCH_USED; u++)
            stages->used[s][u] = number_of(json_object_get(one, used_names[u]), 1);
    }
}
