/* Processing of the records that hold a value: alarms, deadbands, posts, time stamp, as the record types of EPICS Base 7.0.10
 * do it when a client puts a field that processes the record, and their device support is "Soft Channel" without links. */
#include "sim/database_process.h"

#include <math.h>
#include <string.h>

#define STATES 16u

/* The raw value, if it is not what it was when it was last posted. */
static void post_raw(const struct process *p, unsigned mask)
{
    double value = process_get(p, "RVAL");
    if (process_get(p, "ORAW") == value)
        return;
    process_set(p, "ORAW", value);
    process_post(p, "RVAL", mask);
}

static double within_drive_limits(const struct process *p, double value)
{
    double high = process_get(p, "DRVH"), low = process_get(p, "DRVL");
    if (high > low)
        value = value > high ? high : value < low ? low : value;
    return value;
}

static void process_ai(struct process *p)
{
    double value = process_get(p, "VAL");
    process_set(p, "UDF", isnan(value));
    process_set(p, "INIT", 0);
    process_check_limits(p, value);
    unsigned mask = process_settle_alarms(p) | process_check_deadbands(p, value);
    process_post(p, "VAL", mask);
    if (mask != 0)
        post_raw(p, mask);
}

static double raw_output(const struct process *p, double value)
{
    double slope = process_get(p, "ASLO");
    value -= process_get(p, "AOFF");
    if (slope != 0)
        value /= slope;
    value -= process_get(p, "ROFF");
    if (value >= 0)
        return value >= INT32_MAX - 0.5 ? INT32_MAX : trunc(value + 0.5);
    return value > 0.5 - 2147483648.0 ? trunc(value - 0.5) : INT32_MIN;
}

static double within_rate(const struct process *p, double value)
{
    double most = process_get(p, "OROC"), last = process_get(p, "OVAL");
    if (most == 0)
        return value;
    return value - last > most ? last + most : last - value > most ? last - most : value;
}

static void process_ao(struct process *p)
{
    double value = within_drive_limits(p, process_get(p, "VAL")), output = within_rate(p, value);
    bool is_other = process_get(p, "OVAL") != output;
    process_set(p, "VAL", value);
    process_set(p, "PVAL", value);
    process_set(p, "OVAL", output);
    process_set(p, "RVAL", raw_output(p, output));
    process_set(p, "UDF", isnan(value));
    process_set(p, "INIT", 0);
    process_check_limits(p, value);
    unsigned mask = process_settle_alarms(p) | process_check_deadbands(p, value);
    process_post(p, "VAL", mask);
    if (is_other)
        mask |= WIRE_MASK_VALUE | WIRE_MASK_LOG;
    if (mask == 0)
        return;
    process_post(p, "OVAL", mask);
    post_raw(p, mask | WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

/* An input's value is read anew, and so defined; an output's is what it was. */
static void process_integer_input(struct process *p)
{
    double value = process_get(p, "VAL");
    process_set(p, "UDF", 0);
    process_check_limits(p, value);
    process_post(p, "VAL", process_settle_alarms(p) | process_check_deadbands(p, value));
}

static void process_integer_output(struct process *p)
{
    double value = within_drive_limits(p, process_get(p, "VAL"));
    process_set(p, "VAL", value);
    process_set(p, "PVAL", value);
    process_check_limits(p, value);
    process_post(p, "VAL", process_settle_alarms(p) | process_check_deadbands(p, value));
}

static void post_state(struct process *p, double state)
{
    unsigned mask = process_settle_alarms(p);
    if (process_get(p, "MLST") != state)
        mask |= WIRE_MASK_VALUE | WIRE_MASK_LOG;
    process_set(p, "MLST", state);
    process_post(p, "VAL", mask);
    post_raw(p, mask | WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

static void process_bi(struct process *p)
{
    if (p->record->state != NULL)
        process_set(p, "VAL", *p->record->state);
    double state = process_get(p, "VAL");
    process_set(p, "UDF", 0);
    if (state <= 1)
        process_check_state(p, state, state == 0 ? "ZSV" : "OSV", false);
    post_state(p, state);
}

/* Undefined is 1 alone, and another number than 1 is not. */
static void process_bo(struct process *p)
{
    double state = process_get(p, "VAL"), mask = process_get(p, "MASK");
    process_set(p, "RVAL", state != 0 && mask != 0 ? mask : state);
    if (p->record->state != NULL)
        *p->record->state = state != 0;
    if (process_get(p, "UDF") == 1)
        process_check_undefined(p);
    process_check_state(p, state, state == 0 ? "ZSV" : "OSV", false);
    post_state(p, state);
}

static const char *const state_severities[STATES] = {"ZRSV", "ONSV", "TWSV", "THSV", "FRSV", "FVSV", "SXSV", "SVSV",
                                                     "EISV", "NISV", "TESV", "ELSV", "TVSV", "TTSV", "FTSV", "FFSV"};
static const char *const state_values[STATES] = {"ZRVL", "ONVL", "TWVL", "THVL", "FRVL", "FVVL", "SXVL", "SVVL",
                                                 "EIVL", "NIVL", "TEVL", "ELVL", "TVVL", "TTVL", "FTVL", "FFVL"};

static const char *state_severity(double state)
{
    return state < STATES ? state_severities[(unsigned)state] : "UNSV";
}

static const char *const state_labels[STATES] = {"ZRST", "ONST", "TWST", "THST", "FRST", "FVST", "SXST", "SVST",
                                                 "EIST", "NIST", "TEST", "ELST", "TVST", "TTST", "FTST", "FFST"};

static int state_of(const char *const names[STATES], const char *field)
{
    for (unsigned i = 0; i < STATES; i++)
        if (strcmp(names[i], field) == 0)
            return (int)i;
    return -1;
}

static bool has_states(const struct process *p)
{
    for (unsigned i = 0; i < STATES; i++) {
        int label = scenario_field_find(p->record->is->type, state_labels[i], strlen(state_labels[i]));
        if (process_get(p, state_values[i]) != 0 || *db_text(p->record, label) != '\0')
            return true;
    }
    return false;
}

/* A state's label or raw value was put. */
static void state_was_put(const struct process *p, const char *field)
{
    int label = state_of(state_labels, field);
    if (label < 0 && state_of(state_values, field) < 0)
        return;
    process_set(p, "SDEF", has_states(p));
    if (label >= 0 && process_get(p, "VAL") == label)
        process_post(p, "VAL", WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

static void process_mbbi(struct process *p)
{
    double state = process_get(p, "VAL");
    process_set(p, "UDF", 0);
    process_check_state(p, state, state_severity(state), true);
    post_state(p, state);
}

static void convert_state(struct process *p, double state)
{
    unsigned shift = (unsigned)process_get(p, "SHFT");
    if (process_get(p, "SDEF") == 0)
        process_set(p, "RVAL", state);
    else if (state < STATES)
        process_set(p, "RVAL", process_get(p, state_values[(unsigned)state]));
    else
        process_raise(p, ALARM_SOFT, SEVERITY_INVALID);
    if (shift > 0)
        process_set(p, "RVAL", (uint32_t)process_get(p, "RVAL") << (shift & 31));
}

/* Undefined it stays as it is, without even a time stamp. */
static void process_mbbo(struct process *p)
{
    double state = process_get(p, "VAL");
    if (process_check_undefined(p))
        p->record->stamp = p->before;
    else
        convert_state(p, state);
    process_check_state(p, state, state_severity(state), true);
    post_state(p, state);
}

/* MPST and APST of a text: post on change, or always. */
static unsigned always_mask(const struct process *p)
{
    return (process_get(p, "MPST") == 1 ? WIRE_MASK_VALUE : 0u) | (process_get(p, "APST") == 1 ? WIRE_MASK_LOG : 0u);
}

static void post_text(struct process *p)
{
    const struct db_cell *value = process_cell(p, "VAL");
    struct db_cell *last = process_cell(p, "OVAL");
    unsigned mask = process_settle_alarms(p);
    if (value == NULL || last == NULL)
        return;
    if (strcmp((const char *)value->bytes, (const char *)last->bytes) != 0) {
        mask |= WIRE_MASK_VALUE | WIRE_MASK_LOG;
        memcpy(last->bytes, value->bytes, value->room < last->room ? value->room : last->room);
        last->count = 1;
    }
    process_post(p, "VAL", mask | always_mask(p));
}

static void process_text_output(struct process *p)
{
    process_check_undefined(p);
    post_text(p);
}

/* lsi and lso: the length counts the NUL. */
static void post_long_text(struct process *p)
{
    const struct db_cell *value = process_cell(p, "VAL");
    if (value != NULL)
        process_set(p, "LEN", (double)strlen((const char *)value->bytes) + 1);
    post_text(p);
    if (process_get(p, "OLEN") == process_get(p, "LEN"))
        return;
    process_set(p, "OLEN", process_get(p, "LEN"));
    process_post(p, "LEN", WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

static void process_long_output(struct process *p)
{
    if (process_get(p, "UDF") != 0)
        process_raise(p, ALARM_UDF, SEVERITY_INVALID);
    post_long_text(p);
}

/* A record that does something else with its value: that is left out. */
static void process_other(struct process *p)
{
    process_check_undefined(p);
    process_post(p, "VAL", process_settle_alarms(p) | WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

/* ---- record types ---- */

static const struct {
    const char *type;
    void (*process)(struct process *p);
} types[] = {
    {"ai", process_ai},
    {"ao", process_ao},
    {"longin", process_integer_input},
    {"longout", process_integer_output},
    {"int64in", process_wide_input},
    {"int64out", process_wide_output},
    {"bi", process_bi},
    {"bo", process_bo},
    {"mbbi", process_mbbi},
    {"mbbo", process_mbbo},
    {"stringin", post_text},
    {"stringout", process_text_output},
    {"state", post_text},
    {"lsi", post_long_text},
    {"lso", process_long_output},
    {"waveform", process_array},
    {"aai", process_array},
    {"aao", process_array},
};

static int type_of(const struct db_record *r)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].type, r->is->type->name) == 0)
            return (int)i;
    return -1;
}

static bool is_multi_bit(const struct db_record *r)
{
    return strcmp(r->is->type->name, "mbbi") == 0 || strcmp(r->is->type->name, "mbbo") == 0;
}

void db_process_special(struct db_record *r, const char *field)
{
    const struct process p = {.record = r};
    if (is_multi_bit(r))
        state_was_put(&p, field);
}

void db_process_prepare(struct db_record *r)
{
    static const char *const changed[] = {"STAT", "SEVR", "ACKS", "UDF",  "LALM", "MLST", "ALST", "OVAL", "PVAL", "RVAL",
                                          "ORAW", "INIT", "VAL",  "NORD", "SDEF", "LEN",  "OLEN", "NSTA", "NSEV", "HASH"};
    if (r->is_prepared || type_of(r) < 0)
        return;
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        db_cell_named(r, changed[i]);
    r->is_prepared = true;
}

static void set_new_alarm(struct db_record *r, uint16_t status, uint16_t severity)
{
    const struct process p = {.record = r};
    r->new_status = status;
    r->new_severity = severity;
    process_set(&p, "NSTA", status);
    process_set(&p, "NSEV", severity);
}

void db_process_fault(struct db_record *r)
{
    if (r->new_severity < SEVERITY_INVALID)
        set_new_alarm(r, ALARM_LINK, SEVERITY_INVALID);
}

void db_process(struct db_record *r, struct wire_stamp now)
{
    struct process p = {.record = r, .status = r->new_status, .severity = r->new_severity, .before = r->stamp};
    if (r->new_severity > 0)
        set_new_alarm(r, 0, 0);
    int type = type_of(r);
    r->stamp = now;
    if (type >= 0)
        types[type].process(&p);
    else
        process_other(&p);
}
