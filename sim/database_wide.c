/* Processing of int64in and int64out, in integers. As EPICS Base's record types do it. */
#include "sim/database_process.h"

#include <string.h>

static int64_t get(const struct process *p, const char *field)
{
    const struct db_cell *cell = process_cell(p, field);
    return cell != NULL && cell->count > 0 ? (int64_t)wire_get64((const uint8_t *)cell->bytes) : 0;
}

static void set(const struct process *p, const char *field, int64_t number)
{
    struct db_cell *cell = process_cell(p, field);
    if (cell == NULL)
        return;
    wire_put64((uint8_t *)cell->bytes, (uint64_t)number);
    cell->count = 1;
}

/* Sums overflow as their C does. */
static int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t negative(int64_t a)
{
    return (int64_t)(UINT64_C(0) - (uint64_t)a);
}

static bool is_beyond(const struct process *p, const struct process_limit *limit, int64_t value)
{
    int64_t level = get(p, limit->level), hysteresis = get(p, "HYST");
    if (limit->is_upper ? value >= level : value <= level)
        return true;
    bool was = get(p, "LALM") == level;
    return was && (limit->is_upper ? value >= sum(level, negative(hysteresis)) : value <= sum(level, hysteresis));
}

static void check_limits(struct process *p, int64_t value)
{
    if (process_check_undefined(p))
        return;
    for (size_t i = 0; i < PROCESS_LIMITS; i++) {
        double severity = process_get(p, process_limits[i].severity);
        if (severity == 0 || !is_beyond(p, &process_limits[i], value))
            continue;
        if (process_raise(p, process_limits[i].status, severity))
            set(p, "LALM", get(p, process_limits[i].level));
        return;
    }
    set(p, "LALM", value);
}

static unsigned check_deadband(const struct process *p, const char *field, const char *deadband, int64_t value, unsigned bit)
{
    int64_t last = get(p, field), most = get(p, deadband);
    uint64_t distance = value > last ? (uint64_t)value - (uint64_t)last : (uint64_t)last - (uint64_t)value;
    if (most >= 0 && distance <= (uint64_t)most)
        return 0;
    set(p, field, value);
    return bit;
}

static void post_value(struct process *p, int64_t value)
{
    unsigned mask = process_settle_alarms(p);
    mask |= check_deadband(p, "MLST", "MDEL", value, WIRE_MASK_VALUE);
    process_post(p, "VAL", mask | check_deadband(p, "ALST", "ADEL", value, WIRE_MASK_LOG));
}

/* An input's value is read anew, and so defined; an output's is what it was. */
void process_wide_input(struct process *p)
{
    int64_t value = get(p, "VAL");
    process_set(p, "UDF", 0);
    check_limits(p, value);
    post_value(p, value);
}

static int64_t within_drive_limits(const struct process *p, int64_t value)
{
    int64_t high = get(p, "DRVH"), low = get(p, "DRVL");
    if (high > low)
        value = value > high ? high : value < low ? low : value;
    return value;
}

void process_wide_output(struct process *p)
{
    int64_t value = within_drive_limits(p, get(p, "VAL"));
    set(p, "VAL", value);
    set(p, "PVAL", value);
    check_limits(p, value);
    post_value(p, value);
}
