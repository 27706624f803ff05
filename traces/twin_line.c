#include "traces/twin_line.h"

#include "wire/cursor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void twin_fail(struct twin_line *l, const char *member, const char *expected, const json_t *found)
{
    if (l->failed)
        return;
    char *text = found != NULL ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    diag_fail(l->diag, DIAG_USAGE, "%.150s, line %" PRIu64 ": \"%.40s\": expected %.120s, found %.80s%s", l->file, l->number,
              member, expected, text != NULL ? text : "nothing", text != NULL && strlen(text) > 80 ? "..." : "");
    free(text);
    l->failed = true;
}

json_t *twin_take(struct twin_line *l, const char *member)
{
    json_t *taken = json_incref(json_object_get(l->members, member));
    if (taken != NULL)
        json_object_del(l->members, member);
    return taken;
}

uint64_t twin_take_number(struct twin_line *l, const char *member, uint64_t most, uint64_t otherwise)
{
    json_t *taken = twin_take(l, member);
    char expected[60];
    uint64_t number = otherwise;
    if (json_is_integer(taken) && json_integer_value(taken) >= 0 && (uint64_t)json_integer_value(taken) <= most)
        number = (uint64_t)json_integer_value(taken);
    else if (taken != NULL) {
        snprintf(expected, sizeof expected, "a whole number from 0 to %" PRIu64, most);
        twin_fail(l, member, expected, taken);
    }
    json_decref(taken);
    return number;
}

int twin_take_text(struct twin_line *l, const char *member, char *out, size_t room)
{
    json_t *taken = twin_take(l, member);
    char expected[60];
    const int n = taken != NULL ? twin_text_bytes(taken, out, room) : -1;
    if (taken != NULL && n < 0) {
        snprintf(expected, sizeof expected, "a text of at most %zu bytes", room - 1);
        twin_fail(l, member, expected, taken);
    }
    json_decref(taken);
    if (n < 0)
        *out = '\0';
    return n;
}

char *twin_take_name(struct twin_line *l, const char *member, size_t *n)
{
    json_t *taken = twin_take(l, member);
    char *text = taken != NULL ? twin_text_new(taken, n) : NULL;
    if (taken != NULL && text == NULL)
        twin_fail(l, member, "a text without \\u0000", taken);
    json_decref(taken);
    return text;
}

bool twin_end(struct twin_line *l)
{
    const char *left = json_object_iter_key(json_object_iter(l->members));
    if (left != NULL)
        twin_fail(l, left, "no such member here", json_object_get(l->members, left));
    return !l->failed;
}

/* ---- texts ---- */

/* As ISO 8859-1 has it, a byte is a character. */
static json_t *latin1(const char *text, size_t n)
{
    char *utf8 = malloc(2 * n + 1);
    size_t used = 0;
    for (size_t i = 0; utf8 != NULL && i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x80)
            utf8[used++] = (char)(0xc0 | c >> 6);
        utf8[used++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    json_t *object = utf8 != NULL ? json_pack("{s:s%}", "latin1", utf8, used) : NULL;
    free(utf8);
    return object;
}

json_t *twin_text(const char *text, size_t n)
{
    json_t *string = json_stringn(text, n);
    return string != NULL ? string : latin1(text, n);
}

static int from_latin1(const json_t *string, char *out, size_t room)
{
    const unsigned char *c = (const unsigned char *)json_string_value(string);
    size_t n = 0;
    for (; c != NULL && *c != '\0'; c++) {
        unsigned byte = *c;
        if (byte >= 0x80) {
            if (byte > 0xc3)
                return -1;
            byte = (byte & 3) << 6 | (*++c & 0x3f);
        }
        if (n + 1 >= room)
            return -1;
        out[n++] = (char)byte;
    }
    out[n] = '\0';
    return c != NULL ? (int)n : -1;
}

int twin_text_bytes(const json_t *text, char *out, size_t room)
{
    if (json_is_object(text))
        return json_object_size(text) == 1 ? from_latin1(json_object_get(text, "latin1"), out, room) : -1;
    const size_t n = json_string_length(text);
    if (!json_is_string(text) || n >= room || memchr(json_string_value(text), '\0', n) != NULL)
        return -1;
    memcpy(out, json_string_value(text), n);
    out[n] = '\0';
    return (int)n;
}

char *twin_text_new(const json_t *text, size_t *n)
{
    const json_t *string = json_is_object(text) ? json_object_get(text, "latin1") : text;
    const size_t room = json_string_length(string) + 1;
    char *out = malloc(room);
    const int length = out != NULL ? twin_text_bytes(text, out, room) : -1;
    *n = length > 0 ? (size_t)length : 0;
    if (length >= 0)
        return out;
    free(out);
    return NULL;
}

json_t *twin_hex(const uint8_t *bytes, size_t n)
{
    char *hex = malloc(2 * n + 1);
    for (size_t i = 0; hex != NULL && i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    json_t *string = hex != NULL ? json_stringn(hex, 2 * n) : NULL;
    free(hex);
    return string;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int64_t twin_hex_bytes(const json_t *hex, uint8_t *out, size_t room)
{
    const char *text = json_string_value(hex);
    const size_t n = json_string_length(hex);
    if (text == NULL || n % 2 != 0 || n / 2 > room)
        return -1;
    for (size_t i = 0; i < n / 2; i++) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return (int64_t)(n / 2);
}

/* ---- reals ---- */

union real {
    double d;
    uint64_t u;
};

union single {
    float f;
    uint32_t u;
};

static double number_of(const uint8_t *bits, bool is_float)
{
    const union single s = {.u = wire_get32(bits)};
    if (is_float)
        return (double)s.f;
    return (union real){.u = wire_get64(bits)}.d;
}

static void put_number(uint8_t *bits, bool is_float, double number)
{
    if (is_float)
        wire_put32(bits, (union single){.f = (float)number}.u);
    else
        wire_put64(bits, (union real){.d = number}.u);
}

/* The double that stands for a float: the one with the fewest digits that becomes the same float. */
static double shortest(double number)
{
    char text[40];
    for (int digits = 6; digits < 10; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtof(text, NULL) == (float)number)
            return strtod(text, NULL);
    }
    return number;
}

json_t *twin_real(const uint8_t *bits, bool is_float)
{
    const double number = number_of(bits, is_float);
    uint8_t plain[8];
    if (isfinite(number))
        return json_real(is_float ? shortest(number) : number);
    if (isinf(number))
        return json_string(number > 0 ? "inf" : "-inf");
    put_number(plain, is_float, (double)NAN);
    if (memcmp(plain, bits, is_float ? 4 : 8) == 0)
        return json_string("nan");
    return is_float ? json_sprintf("0x%08" PRIx32, wire_get32(bits)) : json_sprintf("0x%016" PRIx64, wire_get64(bits));
}

static bool special_bits(const char *text, bool is_float, uint8_t *bits)
{
    static const struct {
        const char *name;
        double number;
    } specials[] = {{"nan", (double)NAN}, {"inf", (double)INFINITY}, {"-inf", -(double)INFINITY}};
    char *end;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (strcmp(text, specials[i].name) == 0) {
            put_number(bits, is_float, specials[i].number);
            return true;
        }
    if (text[0] != '0' || text[1] != 'x' || strlen(text) != (is_float ? 10 : 18))
        return false;
    const uint64_t number = strtoull(text, &end, 16);
    if (is_float)
        wire_put32(bits, (uint32_t)number);
    else
        wire_put64(bits, number);
    return *end == '\0';
}

bool twin_real_bits(const json_t *real, bool is_float, uint8_t *bits)
{
    if (json_is_string(real))
        return special_bits(json_string_value(real), is_float, bits);
    if (!json_is_number(real))
        return false;
    put_number(bits, is_float, json_number_value(real));
    return true;
}
