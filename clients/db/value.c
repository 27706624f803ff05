#include "clients/db/value.h"

#include <dbLock.h>
#include <epicsMath.h>
#include <inttypes.h>
#include <special.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of one character of UTF-8; 0 if these bytes are none. */
static size_t character_bytes(const unsigned char *at)
{
    size_t n = *at < 0x80 ? 1 : (*at & 0xe0) == 0xc0 && *at >= 0xc2 ? 2 : (*at & 0xf0) == 0xe0 ? 3 : (*at & 0xf8) == 0xf0 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    for (size_t n; *at != 0; at += n)
        if ((n = character_bytes(at)) == 0)
            return false;
    return true;
}

void db_print_text(FILE *out, const char *text)
{
    bool is_text = is_utf8(text);
    fputs(is_text ? "\"" : "!bytes \"", out);
    for (const unsigned char *at = (const unsigned char *)text; *at != 0; at++)
        if (!is_text)
            fprintf(out, "%02x", *at);
        else if (*at < ' ' || *at == 0x7f)
            fprintf(out, "\\x%02x", *at);
        else
            fprintf(out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    fputc('"', out);
}

/* The shortest text of up to `most` digits that reads as the same number. */
static void print_real(FILE *out, double number, int least, int most)
{
    char text[32];
    int digits = least;
    if (isnan(number))
        fputs(".nan", out);
    else if (isinf(number))
        fputs(number < 0 ? "-.inf" : ".inf", out);
    else {
        do
            snprintf(text, sizeof text, "%.*g", digits, number);
        while (digits++ < most && strtod(text, NULL) != number);
        fputs(text, out);
    }
}

void db_print_number(FILE *out, double number)
{
    print_real(out, number, 15, 17);
}

static void print_element(FILE *out, short type, const void *at)
{
    switch (type) {
    case DBR_STRING:
        db_print_text(out, at);
        break;
    case DBR_CHAR:
        fprintf(out, "%d", *(const epicsInt8 *)at);
        break;
    case DBR_UCHAR:
        fprintf(out, "%u", *(const epicsUInt8 *)at);
        break;
    case DBR_SHORT:
        fprintf(out, "%d", *(const epicsInt16 *)at);
        break;
    case DBR_USHORT:
    case DBR_ENUM:
        fprintf(out, "%u", *(const epicsUInt16 *)at);
        break;
    case DBR_LONG:
        fprintf(out, "%d", *(const epicsInt32 *)at);
        break;
    case DBR_ULONG:
        fprintf(out, "%u", *(const epicsUInt32 *)at);
        break;
    case DBR_INT64:
        fprintf(out, "%" PRId64, (int64_t) * (const epicsInt64 *)at);
        break;
    case DBR_UINT64:
        fprintf(out, "%" PRIu64, (uint64_t) * (const epicsUInt64 *)at);
        break;
    case DBR_FLOAT:
        print_real(out, (double)*(const epicsFloat32 *)at, 6, 9);
        break;
    case DBR_DOUBLE:
        db_print_number(out, *(const epicsFloat64 *)at);
        break;
    default:
        break;
    }
}

/* What a client asks for with "$": the whole text as characters. */
static void as_characters(DBADDR *address)
{
    if (db_is_link(address->field_type)) {
        address->no_elements = PVLINK_STRINGSZ;
    } else {
        address->no_elements = address->field_size;
        address->field_type = DBF_CHAR;
    }
    address->field_size = 1;
    address->dbr_field_type = DBR_CHAR;
}

void db_print_value(FILE *out, DBADDR *whole)
{
    DBADDR address = *whole;
    bool is_list = db_is_array(whole);
    bool is_text = db_is_link(address.field_type) || (address.field_type == DBF_STRING && !is_list) || db_is_long(whole);
    if (is_text)
        as_characters(&address);
    long n = address.no_elements;
    short type = address.dbr_field_type;
    size_t size = (size_t)dbValueSize(type);
    char *values = calloc((size_t)n + 1, size);
    if (values == NULL)
        abort();
    dbScanLock(address.precord);
    long status = dbGet(&address, type, values, NULL, &n, NULL);
    dbScanUnlock(address.precord);
    if (status != 0)
        n = 0;
    if (is_text && (n > 0 || !is_list)) {
        fputs(is_list ? "[" : "", out);
        db_print_text(out, values);
        fputs(is_list ? "]" : "", out);
    } else if (!is_list && n == 1)
        print_element(out, type, values);
    else {
        for (long i = 0; i < n; i++) {
            fputs(i == 0 ? "[" : ", ", out);
            print_element(out, type, values + (size_t)i * size);
        }
        fputs(n == 0 ? "[]" : "]", out);
    }
    free(values);
}
