#include "clients/db/field.h"

#include <epicsMath.h>
#include <recSup.h>
#include <special.h>
#include <string.h>

const char *db_type_name(short type)
{
    return dbGetFieldTypeString(type) + strlen("DBF_");
}

bool db_is_array(const DBADDR *address)
{
    return address->special == SPC_DBADDR && address->precord->rset->get_array_info != NULL;
}

bool db_is_long(const DBADDR *address)
{
    bool is_text = address->pfldDes->field_type == DBF_NOACCESS && address->field_type == DBF_STRING;
    return is_text && (!db_is_array(address) || address->field_size != MAX_STRING_SIZE);
}

bool db_address(DBENTRY *entry, DBADDR *address)
{
    return dbEntryToAddr(entry, address) == 0;
}

double db_number_of(const struct dbCommon *record, const dbFldDes *field)
{
    const void *at = (const char *)record + field->offset;
    switch (field->field_type) {
    case DBF_SHORT:
        return *(const epicsInt16 *)at;
    case DBF_USHORT:
    case DBF_ENUM:
    case DBF_MENU:
    case DBF_DEVICE:
        return *(const epicsUInt16 *)at;
    case DBF_LONG:
        return *(const epicsInt32 *)at;
    case DBF_ULONG:
        return *(const epicsUInt32 *)at;
    case DBF_INT64:
        return (double)*(const epicsInt64 *)at;
    case DBF_UINT64:
        return (double)*(const epicsUInt64 *)at;
    case DBF_FLOAT:
        return (double)*(const epicsFloat32 *)at;
    case DBF_DOUBLE:
        return *(const epicsFloat64 *)at;
    default:
        return epicsNAN;
    }
}

#define TEXT_PRECISION 6 /* dbConvert.c's, unless the record support puts another in its place */

/* 0 where nothing is told; then text has decimals of its own. Of others than real numbers: those that text has which a real
 * number is made into: by a put to a STRING, by the filter ts for all. */
static long ask_precision(DBADDR *address, struct db_said *said)
{
    const rset *support = address->precord->rset;
    long precision = 0, text = TEXT_PRECISION;
    said->text_precision = -1;
    if (support->get_precision != NULL) {
        support->get_precision(address, &precision);
        support->get_precision(address, &text);
    }
    if (text != precision)
        said->text_precision = (short)text;
    return precision;
}

static void ask_numbers(DBADDR *address, struct db_said *said)
{
    const rset *support = address->precord->rset;
    struct dbr_grDouble display = {0};
    struct dbr_alDouble alarm = {epicsNAN, epicsNAN, epicsNAN, epicsNAN};
    struct dbr_ctrlDouble control = {0};
    if (support->get_graphic_double != NULL)
        support->get_graphic_double(address, &display);
    if (support->get_alarm_double != NULL)
        support->get_alarm_double(address, &alarm);
    if (support->get_control_double != NULL)
        support->get_control_double(address, &control);
    const double numbers[DB_NUMBERS] = {
        (double)ask_precision(address, said),
        display.upper_disp_limit,
        display.lower_disp_limit,
        alarm.upper_alarm_limit,
        alarm.upper_warning_limit,
        alarm.lower_warning_limit,
        alarm.lower_alarm_limit,
        control.upper_ctrl_limit,
        control.lower_ctrl_limit,
    };
    memcpy(said->number, numbers, sizeof numbers);
}

static void ask_states(DBADDR *address, struct db_said *said)
{
    const rset *support = address->precord->rset;
    struct dbr_enumStrs strings = {0};
    if (address->field_type != DBF_ENUM || support->get_enum_strs == NULL)
        return;
    if (support->get_enum_strs(address, &strings) != 0)
        return;
    said->nstates = strings.no_str < DB_STATES ? strings.no_str : DB_STATES;
    for (unsigned i = 0; i < said->nstates; i++)
        memcpy(said->state[i], strings.strs[i], DB_STATE_BYTES - 1);
}

void db_ask(DBADDR *address, struct db_said *said)
{
    const rset *support = address->precord->rset;
    memset(said, 0, sizeof *said);
    said->type = address->field_type;
    said->bytes = address->field_size;
    said->count = address->no_elements;
    said->is_array = db_is_array(address);
    said->by_reference = address->special == SPC_DBADDR;
    said->is_long = db_is_long(address);
    said->is_readonly = address->special == SPC_NOMOD;
    if (address->dbr_field_type == DBR_NOACCESS)
        return;
    if (support->get_units != NULL)
        support->get_units(address, said->units);
    said->units[sizeof said->units - 1] = '\0';
    ask_numbers(address, said);
    ask_states(address, said);
}
