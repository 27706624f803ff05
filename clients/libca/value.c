#include "clients/libca/value.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define SHOWN 16 /* elements of an array; as the other adapters do */

uint64_t value_serial(const dbr_short_t *elements, long count)
{
    uint64_t serial = 0;
    for (long i = 0; i < 4 && i < count; i++)
        serial = serial << 16 | (uint16_t)elements[i];
    return serial;
}

int64_t value_sum(const dbr_short_t *elements, long count)
{
    int64_t sum = 0;
    for (long i = 0; i < count; i++)
        sum += elements[i];
    return sum;
}

/* ---- elements ---- */

/* Where things lie in a DBR_CTRL structure; 0: not there. Indexed by the native type. */
static const struct {
    const char *name;
    size_t size, units, precision, limits;
} kinds[] = {
    [DBF_STRING] = {"STRING", MAX_STRING_SIZE, 0, 0, 0},
    [DBF_SHORT] = {"SHORT", sizeof(dbr_short_t), offsetof(struct dbr_ctrl_short, units), 0,
                   offsetof(struct dbr_ctrl_short, upper_disp_limit)},
    [DBF_FLOAT] = {"FLOAT", sizeof(dbr_float_t), offsetof(struct dbr_ctrl_float, units),
                   offsetof(struct dbr_ctrl_float, precision), offsetof(struct dbr_ctrl_float, upper_disp_limit)},
    [DBF_ENUM] = {"ENUM", sizeof(dbr_enum_t), 0, 0, 0},
    [DBF_CHAR] = {"CHAR", sizeof(dbr_char_t), offsetof(struct dbr_ctrl_char, units), 0,
                  offsetof(struct dbr_ctrl_char, upper_disp_limit)},
    [DBF_LONG] = {"LONG", sizeof(dbr_long_t), offsetof(struct dbr_ctrl_long, units), 0,
                  offsetof(struct dbr_ctrl_long, upper_disp_limit)},
    [DBF_DOUBLE] = {"DOUBLE", sizeof(dbr_double_t), offsetof(struct dbr_ctrl_double, units),
                    offsetof(struct dbr_ctrl_double, precision), offsetof(struct dbr_ctrl_double, upper_disp_limit)},
};

#define NKINDS (sizeof kinds / sizeof *kinds)

static size_t native_of(long type)
{
    return (size_t)type % NKINDS; /* DBR types are the native ones, again for STS, TIME, GR and CTRL */
}

const char *value_type_name(short native)
{
    return native >= 0 && (size_t)native < NKINDS ? kinds[native].name : NULL;
}

/* Text of at most `room` bytes; what is not UTF-8 is taken as Latin-1, as other clients do ("\xb0C" of old displays). */
static json_t *text(const char *bytes, size_t room)
{
    size_t n = strnlen(bytes, room);
    json_t *utf8 = json_stringn(bytes, n);
    if (utf8 != NULL)
        return utf8;
    char wide[2 * MAX_STRING_SIZE];
    size_t used = 0;
    for (size_t i = 0; i < n && used + 2 <= sizeof wide; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x80)
            wide[used++] = (char)(0xc0 | c >> 6);
        wide[used++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    return json_stringn(wide, used);
}

static double number_at(const void *elements, size_t native, long i)
{
    switch (native) {
    case DBF_SHORT:
        return ((const dbr_short_t *)elements)[i];
    case DBF_ENUM:
        return ((const dbr_enum_t *)elements)[i];
    case DBF_CHAR:
        return ((const dbr_char_t *)elements)[i];
    case DBF_LONG:
        return ((const dbr_long_t *)elements)[i];
    case DBF_FLOAT:
        return (double)((const dbr_float_t *)elements)[i];
    default:
        return ((const dbr_double_t *)elements)[i];
    }
}

/* Integers stay integers; what JSON cannot say is null. */
static json_t *number(double value, size_t native)
{
    if (native == DBF_FLOAT || native == DBF_DOUBLE)
        return isfinite(value) ? json_real(value) : json_null();
    return json_integer((json_int_t)value);
}

static json_t *element(const void *elements, size_t native, long i)
{
    if (native == DBF_STRING)
        return text((const char *)elements + MAX_STRING_SIZE * i, MAX_STRING_SIZE);
    return number(number_at(elements, native, i), native);
}

/* ---- structures ---- */

static const void *elements_of(const void *data, long type)
{
    return (const char *)data + dbr_value_offset[type];
}

json_t *value_short(const void *data, long type, long count)
{
    const void *elements = elements_of(data, type);
    if (count > 1 && native_of(type) == DBF_SHORT)
        return json_integer((json_int_t)value_serial(elements, count));
    return count > 0 ? element(elements, native_of(type), 0) : json_null();
}

void value_add_value(json_t *into, const void *data, long type, long count)
{
    const void *elements = elements_of(data, type);
    size_t native = native_of(type);
    if (count == 1) {
        json_object_set_new(into, "value", element(elements, native, 0));
        return;
    }
    json_t *shown = json_array();
    double sum = 0; /* exact for integers: 2^53 */
    for (long i = 0; i < count; i++) {
        if (i < SHOWN)
            json_array_append_new(shown, element(elements, native, i));
        if (native != DBF_STRING)
            sum += number_at(elements, native, i);
    }
    json_object_set_new(into, "value", shown);
    if (native != DBF_STRING)
        json_object_set_new(into, "sum", number(sum, native));
}

void value_add_stamp(json_t *into, const void *data)
{
    const struct dbr_time_double *time = data; /* all DBR_TIME structures begin alike */
    json_object_set_new(into, "status", json_integer(time->status));
    json_object_set_new(into, "severity", json_integer(time->severity));
    json_object_set_new(into, "seconds", json_integer(time->stamp.secPastEpoch));
    json_object_set_new(into, "nanoseconds", json_integer(time->stamp.nsec));
}

static json_t *limits(const void *first, size_t native)
{
    static const char *const names[] = {"upper_disp",    "lower_disp",  "upper_alarm", "upper_warning",
                                        "lower_warning", "lower_alarm", "upper_ctrl",  "lower_ctrl"};
    json_t *into = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_object_set_new(into, names[i], element(first, native, (long)i));
    return into;
}

static json_t *labels(const struct dbr_ctrl_enum *states)
{
    json_t *into = json_array();
    for (int i = 0; i < states->no_str && i < MAX_ENUM_STATES; i++)
        json_array_append_new(into, text(states->strs[i], MAX_ENUM_STRING_SIZE));
    return into;
}

void value_add_metadata(json_t *into, const void *data, long type)
{
    const char *bytes = data;
    size_t native = native_of(type);
    if (native == DBF_ENUM)
        json_object_set_new(into, "labels", labels(data));
    if (kinds[native].units != 0)
        json_object_set_new(into, "units", text(bytes + kinds[native].units, MAX_UNITS_SIZE));
    if (kinds[native].precision != 0) {
        dbr_short_t precision;
        memcpy(&precision, bytes + kinds[native].precision, sizeof precision);
        json_object_set_new(into, "precision", json_integer(precision));
    }
    if (kinds[native].limits != 0)
        json_object_set_new(into, "limits", limits(bytes + kinds[native].limits, native));
}
