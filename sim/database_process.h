/* What a put of a field does that processes its record. A record of a type that is not known here gets a time stamp, and posts
 * its VAL. Rule: ca-protocol 6.4, 6.5; EPICS Base's record types, where they say more. */
#ifndef CAPLAY_SIM_DATABASE_PROCESS_H
#define CAPLAY_SIM_DATABASE_PROCESS_H

#include "sim/database_parts.h"

/* Make the cells that processing needs: when a field is opened, so that puts allocate nothing. */
void db_process_prepare(struct db_record *r);

/* What the record type does when a field of its own was put (special() of its support). */
void db_process_special(struct db_record *r, const char *field);

/* A LINK alarm for the next processing. */
void db_process_fault(struct db_record *r);

/* The posts are left to db_post_*(). */
void db_process(struct db_record *r, struct wire_stamp now);

/* ---- database_alarm.c: the parts of it ---- */

/* One processing. */
struct process {
    struct db_record *record;
    uint16_t status, severity; /* the worst alarm so far */
    struct wire_stamp before;  /* the record's, until now */
};

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

/* Fields by name. A record type may lack one: it reads as 0, and setting and posting it does nothing. */
double process_get(const struct process *p, const char *field);
void process_set(const struct process *p, const char *field, double number);
struct db_cell *process_cell(const struct process *p, const char *field); /* or NULL */
void process_post(const struct process *p, const char *field, unsigned mask);

/* The worst alarm counts, the first of equals: returns whether this one is it. A severity beyond INVALID is worse still, until it
 * is shown. */
bool process_raise(struct process *p, enum alarm_status status, double severity);

/* The limits of a record's value, the first that it is beyond counts. */
struct process_limit {
    const char *level, *severity; /* fields */
    enum alarm_status status;
    bool is_upper;
};

#define PROCESS_LIMITS 4
extern const struct process_limit process_limits[PROCESS_LIMITS];

bool process_check_undefined(struct process *p);            /* UDF; returns whether it is */
void process_check_limits(struct process *p, double value); /* HIHI, HIGH, LOW, LOLO, or UDF */

/* severity: the field that has the state's. A change of state is an alarm of its own. The multi-bit records take it for the same
 * change again while it is the worst. */
void process_check_state(struct process *p, double state, const char *severity, bool is_multi_bit);

/* STAT, SEVR, ACKS are new (recGblResetAlarms()): returns what is to be posted on the value for it. */
unsigned process_settle_alarms(struct process *p);

/* database_wide.c: the records whose value is an INT64, which no double holds. */
void process_wide_input(struct process *p);
void process_wide_output(struct process *p);

/* database_array.c */
void process_array(struct process *p);

/* MDEL and ADEL: returns what is to be posted on the value. */
unsigned process_check_deadbands(const struct process *p, double value);

#endif
