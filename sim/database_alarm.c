/* What all record types share when they are processed: fields, alarms, deadbands. As EPICS Base's recGbl and the record types'
 * checkAlarms() do it. */
#include "sim/database_process.h"

#include "sim/deadband.h"

#include <string.h>

/* ---- fields ---- */

double process_get(const struct process *p, const char *field)
{
    int found = scenario_field_find(p->record->is->type, field, strlen(field));
    return found != SCENARIO_NOWHERE ? db_number(p->record, found) : 0;
}

void process_set(const struct process *p, const char *field, double number)
{
    struct db_cell *cell = db_cell_named(p->record, field);
    if (cell != NULL)
        db_cell_set(cell, number);
}

struct db_cell *process_cell(const struct process *p, const char *field)
{
    return db_cell_named(p->record, field);
}

void process_post(const struct process *p, const char *field, unsigned mask)
{
    if (mask != 0)
        db_post_named(p->record, field, mask);
}

/* ---- alarms ---- */

bool process_raise(struct process *p, enum alarm_status status, double severity)
{
    if (severity <= p->severity)
        return false;
    p->status = (uint16_t)status;
    p->severity = (uint16_t)severity;
    return true;
}

bool process_check_undefined(struct process *p)
{
    bool is = process_get(p, "UDF") != 0;
    if (is)
        process_raise(p, ALARM_UDF, process_get(p, "UDFS"));
    return is;
}

const struct process_limit process_limits[PROCESS_LIMITS] = {
    {"HIHI", "HHSV", ALARM_HIHI, true},
    {"LOLO", "LLSV", ALARM_LOLO, false},
    {"HIGH", "HSV", ALARM_HIGH, true},
    {"LOW", "LSV", ALARM_LOW, false},
};

/* A LONG record's sum overflows as its C does. */
static double sum(const struct process *p, double a, double b)
{
    int found = scenario_field_find(p->record->is->type, "VAL", 3);
    bool is_long = scenario_field_of(p->record->is, found)->kind == SCENARIO_LONG;
    return is_long ? (int32_t)(uint32_t)((int64_t)a + (int64_t)b) : a + b;
}

static bool is_beyond(const struct process *p, const struct process_limit *limit, double value)
{
    double level = process_get(p, limit->level), hysteresis = process_get(p, "HYST");
    if (limit->is_upper ? value >= level : value <= level)
        return true;
    bool was = process_get(p, "LALM") == level;
    return was && (limit->is_upper ? value >= sum(p, level, -hysteresis) : value <= sum(p, level, hysteresis));
}

void process_check_limits(struct process *p, double value)
{
    if (process_check_undefined(p))
        return;
    for (size_t i = 0; i < PROCESS_LIMITS; i++) {
        double severity = process_get(p, process_limits[i].severity);
        if (severity == 0 || !is_beyond(p, &process_limits[i], value))
            continue;
        if (process_raise(p, process_limits[i].status, severity))
            process_set(p, "LALM", process_get(p, process_limits[i].level));
        return;
    }
    process_set(p, "LALM", value);
}

void process_check_state(struct process *p, double state, const char *severity, bool is_multi_bit)
{
    process_raise(p, ALARM_STATE, process_get(p, severity));
    if (process_get(p, "LALM") == state)
        return;
    bool is_raised = process_raise(p, ALARM_COS, process_get(p, "COSV"));
    if (!is_raised || !is_multi_bit)
        process_set(p, "LALM", state);
}

unsigned process_settle_alarms(struct process *p)
{
    struct db_record *r = p->record;
    if (p->severity > SEVERITY_INVALID)
        p->severity = SEVERITY_INVALID;
    unsigned mask = (r->severity != p->severity ? WIRE_MASK_ALARM : 0u) | (r->status != p->status ? WIRE_MASK_VALUE : 0u);
    r->status = p->status;
    r->severity = p->severity;
    process_set(p, "STAT", p->status);
    process_set(p, "SEVR", p->severity);
    if (mask == 0)
        return 0;
    if (mask & WIRE_MASK_ALARM)
        process_post(p, "SEVR", WIRE_MASK_VALUE);
    process_post(p, "STAT", mask);
    process_post(p, "AMSG", mask);
    if (r->ackt == 0 || p->severity >= r->acks) {
        r->acks = p->severity;
        process_set(p, "ACKS", r->acks);
        process_post(p, "ACKS", WIRE_MASK_VALUE);
    }
    return WIRE_MASK_ALARM;
}

/* ---- values ---- */

static unsigned check_deadband(const struct process *p, const char *last, const char *deadband, double value, unsigned bit)
{
    if (!(deadband_distance(process_get(p, last), value) > process_get(p, deadband)))
        return 0;
    process_set(p, last, value);
    return bit;
}

unsigned process_check_deadbands(const struct process *p, double value)
{
    return check_deadband(p, "MLST", "MDEL", value, WIRE_MASK_VALUE) | check_deadband(p, "ALST", "ADEL", value, WIRE_MASK_LOG);
}
