/* Processing of the records that hold a value: alarms, deadbands, posts, time stamp, as the record types of EPICS Base 7.0.10
 * do it when a client puts a field that processes the record, and their device support is "Soft Channel" without links. */
#include "sim/database_process.h"

#include <math.h>
#include <string.h>

enum alarm_status {
    ALARM_HIHI = 3,
    ALARM_HIGH = 4,
    ALARM_LOLO = 5,
    ALARM_LOW = 6,
    ALARM_STATE = 7,
    ALARM_COS = 8,
    ALARM_LINK = 14,
    ALARM_SOFT = 15,
    ALARM_UDF = 17,
};

#define SEVERITY_INVALID 3
#define STATES           16u

/* ---- fields ---- */

static double get(const struct process *p, const char *field)
{
    int found = scenario_field_find(p->record->is->type, field, strlen(field));
    return found != SCENARIO_NOWHERE ? db_number(p->record, found) : 0;
}

static void set(const struct process *p, const char *field, double number)
{
    struct db_cell *cell = db_cell_named(p->record, field);
    if (cell != NULL)
        db_cell_set(cell, number);
}

static struct db_cell *cell_of(const struct process *p, const char *field)
{
    return db_cell_named(p->record, field);
}

static void post(const struct process *p, const char *field, unsigned mask)
{
    if (mask != 0)
        db_post_named(p->record, field, mask);
}

/* ---- alarms ---- */

/* The worst one counts, the first of equals. A number beyond INVALID is worse still, until it is shown. */
static bool raise_alarm(struct process *p, enum alarm_status status, double severity)
{
    if (severity <= p->severity)
        return false;
    p->status = (uint16_t)status;
    p->severity = (uint16_t)severity;
    return true;
}

static bool check_undefined(struct process *p)
{
    bool is = get(p, "UDF") != 0;
    if (is)
        raise_alarm(p, ALARM_UDF, get(p, "UDFS"));
    return is;
}

struct limit {
    const char *level, *severity;
    enum alarm_status status;
    bool is_upper;
};

/* A LONG record's sum overflows as its C does. */
static double sum(const struct process *p, double a, double b)
{
    int found = scenario_field_find(p->record->is->type, "VAL", 3);
    bool is_long = scenario_field_of(p->record->is, found)->kind == SCENARIO_LONG;
    return is_long ? (int32_t)(uint32_t)((int64_t)a + (int64_t)b) : a + b;
}

static bool is_beyond(const struct process *p, const struct limit *limit, double value)
{
    double level = get(p, limit->level), hysteresis = get(p, "HYST");
    if (limit->is_upper ? value >= level : value <= level)
        return true;
    bool was = get(p, "LALM") == level;
    return was && (limit->is_upper ? value >= sum(p, level, -hysteresis) : value <= sum(p, level, hysteresis));
}

static void check_limits(struct process *p, double value)
{
    static const struct limit limits[] = {
        {"HIHI", "HHSV", ALARM_HIHI, true},
        {"LOLO", "LLSV", ALARM_LOLO, false},
        {"HIGH", "HSV", ALARM_HIGH, true},
        {"LOW", "LSV", ALARM_LOW, false},
    };
    if (check_undefined(p))
        return;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        double severity = get(p, limits[i].severity);
        if (severity == 0 || !is_beyond(p, &limits[i], value))
            continue;
        if (raise_alarm(p, limits[i].status, severity))
            set(p, "LALM", get(p, limits[i].level));
        return;
    }
    set(p, "LALM", value);
}

/* A change of state is an alarm of its own. The multi-bit records take it for the same change again while it is the worst. */
static void check_state(struct process *p, double state, const char *severity, bool is_multi_bit)
{
    raise_alarm(p, ALARM_STATE, get(p, severity));
    if (get(p, "LALM") == state)
        return;
    bool is_raised = raise_alarm(p, ALARM_COS, get(p, "COSV"));
    if (!is_raised || !is_multi_bit)
        set(p, "LALM", state);
}

/* recGblResetAlarms(): returns what is to be posted on the value for it. */
static unsigned settle_alarms(struct process *p)
{
    struct db_record *r = p->record;
    if (p->severity > SEVERITY_INVALID)
        p->severity = SEVERITY_INVALID;
    unsigned mask = (r->severity != p->severity ? WIRE_MASK_ALARM : 0u) | (r->status != p->status ? WIRE_MASK_VALUE : 0u);
    r->status = p->status;
    r->severity = p->severity;
    set(p, "STAT", p->status);
    set(p, "SEVR", p->severity);
    if (mask == 0)
        return 0;
    if (mask & WIRE_MASK_ALARM)
        post(p, "SEVR", WIRE_MASK_VALUE);
    post(p, "STAT", mask);
    post(p, "AMSG", mask);
    if (r->ackt == 0 || p->severity >= r->acks) {
        r->acks = p->severity;
        set(p, "ACKS", r->acks);
        post(p, "ACKS", WIRE_MASK_VALUE);
    }
    return WIRE_MASK_ALARM;
}

/* ---- values ---- */

/* recGblCheckDeadband(). */
static double distance(double a, double b)
{
    if (isfinite(a) && isfinite(b))
        return fabs(a - b);
    bool is_other_kind = !isnan(a) != !isnan(b) || !isinf(a) != !isinf(b);
    return is_other_kind || (isinf(a) && a != b) ? HUGE_VAL : 0;
}

static unsigned check_deadband(const struct process *p, const char *last, const char *deadband, double value, unsigned bit)
{
    if (!(distance(get(p, last), value) > get(p, deadband)))
        return 0;
    set(p, last, value);
    return bit;
}

static unsigned check_deadbands(const struct process *p, double value)
{
    return check_deadband(p, "MLST", "MDEL", value, WIRE_MASK_VALUE) | check_deadband(p, "ALST", "ADEL", value, WIRE_MASK_LOG);
}

/* The raw value, if it is not what it was when it was last posted. */
static void post_raw(const struct process *p, unsigned mask)
{
    double value = get(p, "RVAL");
    if (get(p, "ORAW") == value)
        return;
    set(p, "ORAW", value);
    post(p, "RVAL", mask);
}

static double within_drive_limits(const struct process *p, double value)
{
    double high = get(p, "DRVH"), low = get(p, "DRVL");
    if (high > low)
        value = value > high ? high : value < low ? low : value;
    return value;
}

static void process_ai(struct process *p)
{
    double value = get(p, "VAL");
    set(p, "UDF", isnan(value));
    set(p, "INIT", 0);
    check_limits(p, value);
    unsigned mask = settle_alarms(p) | check_deadbands(p, value);
    post(p, "VAL", mask);
    if (mask != 0)
        post_raw(p, mask);
}

static double raw_output(const struct process *p, double value)
{
    double slope = get(p, "ASLO");
    value -= get(p, "AOFF");
    if (slope != 0)
        value /= slope;
    value -= get(p, "ROFF");
    if (value >= 0)
        return value >= INT32_MAX - 0.5 ? INT32_MAX : trunc(value + 0.5);
    return value > 0.5 - 2147483648.0 ? trunc(value - 0.5) : INT32_MIN;
}

static double within_rate(const struct process *p, double value)
{
    double most = get(p, "OROC"), last = get(p, "OVAL");
    if (most == 0)
        return value;
    return value - last > most ? last + most : last - value > most ? last - most : value;
}

static void process_ao(struct process *p)
{
    double value = within_drive_limits(p, get(p, "VAL")), output = within_rate(p, value);
    bool is_other = get(p, "OVAL") != output;
    set(p, "VAL", value);
    set(p, "PVAL", value);
    set(p, "OVAL", output);
    set(p, "RVAL", raw_output(p, output));
    set(p, "UDF", isnan(value));
    set(p, "INIT", 0);
    check_limits(p, value);
    unsigned mask = settle_alarms(p) | check_deadbands(p, value);
    post(p, "VAL", mask);
    if (is_other)
        mask |= WIRE_MASK_VALUE | WIRE_MASK_LOG;
    if (mask == 0)
        return;
    post(p, "OVAL", mask);
    post_raw(p, mask | WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

/* An input's value is read anew, and so defined; an output's is what it was. */
static void process_integer_input(struct process *p)
{
    double value = get(p, "VAL");
    set(p, "UDF", 0);
    check_limits(p, value);
    post(p, "VAL", settle_alarms(p) | check_deadbands(p, value));
}

static void process_integer_output(struct process *p)
{
    double value = within_drive_limits(p, get(p, "VAL"));
    set(p, "VAL", value);
    set(p, "PVAL", value);
    check_limits(p, value);
    post(p, "VAL", settle_alarms(p) | check_deadbands(p, value));
}

static void post_state(struct process *p, double state)
{
    unsigned mask = settle_alarms(p);
    if (get(p, "MLST") != state)
        mask |= WIRE_MASK_VALUE | WIRE_MASK_LOG;
    set(p, "MLST", state);
    post(p, "VAL", mask);
    post_raw(p, mask | WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

static void process_bi(struct process *p)
{
    double state = get(p, "VAL");
    set(p, "UDF", 0);
    if (state <= 1)
        check_state(p, state, state == 0 ? "ZSV" : "OSV", false);
    post_state(p, state);
}

/* Undefined is 1 alone, and another number than 1 is not. */
static void process_bo(struct process *p)
{
    double state = get(p, "VAL"), mask = get(p, "MASK");
    set(p, "RVAL", state != 0 && mask != 0 ? mask : state);
    if (get(p, "UDF") == 1)
        check_undefined(p);
    check_state(p, state, state == 0 ? "ZSV" : "OSV", false);
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
        if (get(p, state_values[i]) != 0 || *db_text(p->record, label) != '\0')
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
    set(p, "SDEF", has_states(p));
    if (label >= 0 && get(p, "VAL") == label)
        post(p, "VAL", WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

static void process_mbbi(struct process *p)
{
    double state = get(p, "VAL");
    set(p, "UDF", 0);
    check_state(p, state, state_severity(state), true);
    post_state(p, state);
}

static void convert_state(struct process *p, double state)
{
    unsigned shift = (unsigned)get(p, "SHFT");
    if (get(p, "SDEF") == 0)
        set(p, "RVAL", state);
    else if (state < STATES)
        set(p, "RVAL", get(p, state_values[(unsigned)state]));
    else
        raise_alarm(p, ALARM_SOFT, SEVERITY_INVALID);
    if (shift > 0)
        set(p, "RVAL", (uint32_t)get(p, "RVAL") << (shift & 31));
}

/* Undefined it stays as it is, without even a time stamp. */
static void process_mbbo(struct process *p)
{
    double state = get(p, "VAL");
    if (check_undefined(p))
        p->record->stamp = p->before;
    else
        convert_state(p, state);
    check_state(p, state, state_severity(state), true);
    post_state(p, state);
}

/* MPST and APST: post on change (0 for texts, 1 for arrays) or always. */
static unsigned always_mask(const struct process *p, double always)
{
    return (get(p, "MPST") == always ? WIRE_MASK_VALUE : 0u) | (get(p, "APST") == always ? WIRE_MASK_LOG : 0u);
}

static void post_text(struct process *p)
{
    const struct db_cell *value = cell_of(p, "VAL");
    struct db_cell *last = cell_of(p, "OVAL");
    unsigned mask = settle_alarms(p);
    if (value == NULL || last == NULL)
        return;
    if (strcmp((const char *)value->bytes, (const char *)last->bytes) != 0) {
        mask |= WIRE_MASK_VALUE | WIRE_MASK_LOG;
        memcpy(last->bytes, value->bytes, value->room < last->room ? value->room : last->room);
    }
    post(p, "VAL", mask | always_mask(p, 1));
}

static void process_text_input(struct process *p)
{
    set(p, "UDF", 0);
    post_text(p);
}

static void process_text_output(struct process *p)
{
    check_undefined(p);
    post_text(p);
}

static void process_array(struct process *p)
{
    unsigned mask = settle_alarms(p);
    set(p, "UDF", 0);
    post(p, "VAL", mask | always_mask(p, 0));
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
    {"int64in", process_integer_input},
    {"int64out", process_integer_output},
    {"bi", process_bi},
    {"bo", process_bo},
    {"mbbi", process_mbbi},
    {"mbbo", process_mbbo},
    {"stringin", process_text_input},
    {"stringout", process_text_output},
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
    static const char *const changed[] = {"STAT", "SEVR", "ACKS", "UDF", "LALM", "MLST", "ALST", "OVAL", "PVAL",
                                          "RVAL", "ORAW", "INIT", "VAL", "NORD", "SDEF", "NSTA", "NSEV"};
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
    set(&p, "NSTA", status);
    set(&p, "NSEV", severity);
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
        db_post_named(r, "VAL", WIRE_MASK_VALUE | WIRE_MASK_LOG);
}
