/* A PV's value, alarm, stamp and metadata, and the two ways between them and DBR payloads, with the real server's conversions.
 * Pure: no malloc. Rule: ca-protocol 6.1, 6.4, 7.2, 7.4. Values stay big endian, as they travel: an array that is asked for in
 * its own type is copied, never converted. */
#ifndef CAPLAY_WIRE_VALUE_H
#define CAPLAY_WIRE_VALUE_H

#include "wire/dbr.h"

/* ECA statuses that a server sends (ca-protocol 8.3). */
enum wire_status {
    WIRE_ECA_NORMAL = 0x001,
    WIRE_ECA_ALLOCMEM = 0x030,
    WIRE_ECA_TOLARGE = 0x048,
    WIRE_ECA_BADTYPE = 0x072,
    WIRE_ECA_INTERNAL = 0x08e,
    WIRE_ECA_GETFAIL = 0x098,
    WIRE_ECA_PUTFAIL = 0x0a0,
    WIRE_ECA_BADMONID = 0x0f2,
    WIRE_ECA_DEFUNCT = 0x116,
    WIRE_ECA_PUTCBINPROG = 0x16a,
    WIRE_ECA_NORDACCESS = 0x170,
    WIRE_ECA_NOWTACCESS = 0x178,
    WIRE_ECA_16KARRAYCLIENT = 0x1d0,
};

/* "ECA_NORMAL", "ECA_GETFAIL"...; "ECA_<number>" is never made: unknown statuses give NULL. */
const char *wire_status_name(uint32_t status);

struct wire_stamp { /* since 1990-01-01 UTC (CLOCK_EPICS_EPOCH) */
    uint32_t seconds, nanoseconds;
};

/* What the wire does not tell of a record's field, and its conversions need: for a server that knows it. */
enum wire_field {
    WIRE_FIELD_PLAIN,
    WIRE_FIELD_UCHAR, /* a CHAR is 0 to 255 towards wider types */
    WIRE_FIELD_WHOLE, /* a DOUBLE is a ULONG: no decimals as text, low bits in narrower types */
    WIRE_FIELD_INT64, /* the same of an INT64, and a DOUBLE's data are the integers, for no double holds all of them */
    WIRE_FIELD_UINT64,
    WIRE_FIELD_TEXT,      /* CHARs are all bytes of a STRING field that was asked for with `$` */
    WIRE_FIELD_LINK,      /* a link: only STRING, CHAR, and for DOUBLE a NaN. data is its text, NUL-terminated */
    WIRE_FIELD_ATTRIBUTE, /* a pseudo field: only STRING and CHAR. data as a link's */
};

/* One value with its alarm and stamp. `data` is borrowed. */
struct wire_value {
    const uint8_t *data;       /* count elements of `base`, big endian, no padding; of INT64 and UINT64 fields the integers */
    uint32_t count;            /* elements that there are */
    uint8_t base;              /* enum wire_base */
    uint8_t field;             /* enum wire_field */
    bool has_alarm, has_stamp; /* what a decoded payload told; encoding takes 0 for what is missing */
    uint16_t status, severity;
    uint16_t ackt, acks; /* a record's ackt is 1 unless somebody has changed it; wire_decode() sets 1 where it was not told */
    struct wire_stamp stamp;
};

/* Integer fields whose range is not that of the type that they have on the wire. */
enum wire_whole { WIRE_WHOLE_NATIVE, WIRE_WHOLE_UCHAR, WIRE_WHOLE_USHORT, WIRE_WHOLE_ULONG, WIRE_WHOLE_INT64, WIRE_WHOLE_UINT64 };

/* What GR_ and CTRL_ types carry. Unset members: 0, empty; alarm limits NaN. */
enum wire_meta_bits {
    WIRE_META_PRECISION = 1,
    WIRE_META_UNITS = 2,
    WIRE_META_DISPLAY = 4, /* display and alarm limits travel together */
    WIRE_META_CONTROL = 8,
    WIRE_META_LABELS = 16,
    WIRE_META_CLASS = 32,
    WIRE_META_TEXT_PRECISION = 64, /* numbers have text_precision decimals as text, not precision */
    WIRE_META_ARRAY = 128,         /* an array even if it has room for one element: an IOC converts puts as an array's */
};

struct wire_meta {
    uint32_t has; /* enum wire_meta_bits: what is known */
    int16_t precision;
    uint8_t units[WIRE_UNITS_BYTES];
    double display[2]; /* upper, lower */
    double alarm[4];   /* HIHI, HIGH, LOW, LOLO */
    double control[2]; /* upper, lower */
    uint16_t nlabels;
    uint8_t labels[WIRE_LABELS][WIRE_LABEL_BYTES];
    char record_type[WIRE_STRING_BYTES]; /* for CLASS_NAME: "ai" */
    int16_t text_precision;
    uint8_t whole;           /* enum wire_whole: which numbers a text may be that is put */
    bool is_menu;            /* an ENUM is a menu's choice, not a state of the record type: the labels are its first ones */
    const char *const *menu; /* all of its choices, borrowed */
    uint16_t nmenu;
};

/* Metadata of which nothing is known: all 0, alarm limits NaN. */
void wire_meta_init(struct wire_meta *meta);

/* Take a DBR structure apart. head: the bytes before the first value (wire_types[type].offset of them); data: the values,
 * data_bytes long. OK: *value set (count = min(count, what data_bytes holds)); known metadata merged into *meta if it is not
 * NULL. A limit in a narrow type replaces a known one only if that one would read otherwise in the narrow type: what a DOUBLE
 * told stays exact when a SHORT is asked for later, and 0 of an integer type leaves an alarm limit unset. MALFORMED: type > 38 or
 * head_bytes too few; nothing touched. */
enum wire_err wire_decode(unsigned type, uint32_t count, const uint8_t *head, size_t head_bytes, const uint8_t *data,
                          size_t data_bytes, struct wire_value *value, struct wire_meta *meta);

/* The conversions are those of an IOC's record whose field is of the value's base. What the wire does not tell apart, and
 * value->field does not either, reads as the first of each: CHAR and UCHAR fields (towards wider types a CHAR is signed); LONG
 * and USHORT; DOUBLE and ULONG (beyond LONG's range); `$` and plain text. An ENUM's state without a label reads as the
 * record type has it if that is known
 * ("Illegal_Value" of a bo), else as its number.
 *
 * Write the structure of `type` with exactly `count` elements (zeros beyond value->count) into out, which holds
 * wire_dbr_padded(type, count) bytes; padding is zeros. Returns ECA_NORMAL, or ECA_GETFAIL for what has no conversion: then
 * everything is zeros. type < WIRE_TYPES; value and meta not NULL. A server's count for a dynamic request (0) is
 * wire_value_count(). */
uint32_t wire_encode(unsigned type, uint32_t count, const struct wire_value *value, const struct wire_meta *meta, uint8_t *out);

/* Elements of a dynamic answer (count 0) in this type. channel_count: the channel's, which rsrv takes for CLASS_NAME. */
uint32_t wire_value_count(unsigned type, const struct wire_value *value, uint32_t channel_count);

/* Only the part before the first value: wire_types[type].offset bytes. For arrays whose values are sent from elsewhere,
 * unconverted. */
void wire_encode_head(unsigned type, const struct wire_value *value, const struct wire_meta *meta, uint8_t *out);

/* A put's values -> elements of the PV's native base. type/count/size: as received, hostile; missing bytes are zeros. Types 7
 * to 34 have their values at their offset, as WRITE takes them; a server refuses them in WRITE_NOTIFY, and sees to PUT_ACKT and
 * PUT_ACKS itself. Empty text is 0 in a put of one element where there is room for one, and fails in others.
 * Where meta->whole says that the PV is an INT64 or UINT64, elements are such integers, not doubles.
 * "inf" and "nan" that are put into a ULONG leave its element of out as it was.
 * out holds out_count elements of `base`; *written is how many were made, at most out_count. Returns ECA_NORMAL or ECA_PUTFAIL
 * (out may be partly written then). */
uint32_t wire_put_convert(unsigned type, uint32_t count, const uint8_t *payload, uint32_t size, uint8_t base,
                          const struct wire_meta *meta, uint8_t *out, uint32_t out_count, uint32_t *written);

/* The state of a record of type bi, bo, mbbi or mbbo that a text names, as EPICS Base looks it up (and then takes for the
 * record's VAL) where a text field of the record is read as ENUM. */
bool wire_state_of(const struct wire_meta *meta, const char *text, uint16_t *state);

/* The first element as a number, for people and tests; strings are parsed, NaN if they are none; a CHAR is 0 to 255, as clients
 * show it. */
double wire_value_number(const struct wire_value *value);

/* Append the first `most` elements as text ("1.5 2 3", strings quoted and escaped); returns what snprintf would. */
int wire_value_text(const struct wire_value *value, uint32_t most, char *out, size_t room);

#endif
