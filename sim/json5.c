#include "sim/json5.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool take_word(struct json5 *in, const char *word)
{
    size_t n = strlen(word);
    bool is = strncmp(in->at, word, n) == 0;
    if (is)
        in->at += n;
    return is;
}

/* Behind the end of a comment; one that has none is an error. */
static void skip_comment(struct json5 *in, const char *end)
{
    const char *found = strstr(in->at, end);
    in->err |= found == NULL;
    in->at = found != NULL ? found + strlen(end) : in->at + strlen(in->at);
}

void json5_blanks(struct json5 *in)
{
    for (;;) {
        in->at += strspn(in->at, " \t\n\r\v\f");
        if (take_word(in, "/*"))
            skip_comment(in, "*/");
        else if (take_word(in, "//"))
            skip_comment(in, "\n");
        else
            return;
    }
}

bool json5_take(struct json5 *in, char character)
{
    bool is = *in->at == character && character != '\0';
    in->at += is;
    return is;
}

static bool is_name_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

static void add(struct json5 *in, struct json5_value *value, char character)
{
    if (value->length + 1 < sizeof value->text)
        value->text[value->length++] = character;
    else
        in->err = true;
}

/* ---- strings ---- */

/* \xHH, \uHHHH: what is no ASCII has no use here. */
static char hex_escape(struct json5 *in, unsigned digits)
{
    unsigned code = 0;
    for (; digits > 0; digits--, in->at++) {
        static const char hex[] = "0123456789abcdefABCDEF";
        const char *found = *in->at != '\0' ? strchr(hex, *in->at) : NULL;
        if (found == NULL) {
            in->err = true;
            return 0;
        }
        unsigned digit = (unsigned)(found - hex);
        code = code * 16 + (digit < 16 ? digit : digit - 6);
    }
    in->err |= code > 0x7f;
    return (char)code;
}

static void take_escape(struct json5 *in, struct json5_value *value)
{
    static const char letters[] = "bfnrtv0", means[] = "\b\f\n\r\t\v";
    if (*in->at == '\0') {
        in->err = true;
        return;
    }
    char c = *in->at++;
    const char *letter = strchr(letters, c);
    if (c == 'x' || c == 'u')
        add(in, value, hex_escape(in, c == 'x' ? 2 : 4));
    else if (c != '\n')
        add(in, value, letter != NULL ? means[letter - letters] : c);
}

static void take_string(struct json5 *in, struct json5_value *value, char quote)
{
    value->kind = JSON5_TEXT_VALUE;
    while (!in->err && !json5_take(in, quote)) {
        if (*in->at == '\0' || *in->at == '\n')
            in->err = true;
        else if (json5_take(in, '\\'))
            take_escape(in, value);
        else
            add(in, value, *in->at++);
    }
}

static bool take_quoted(struct json5 *in, struct json5_value *value)
{
    if (json5_take(in, '"'))
        take_string(in, value, '"');
    else if (json5_take(in, '\''))
        take_string(in, value, '\'');
    else
        return false;
    return true;
}

void json5_key(struct json5 *in, struct json5_value *key)
{
    *key = (struct json5_value){.kind = JSON5_TEXT_VALUE};
    json5_blanks(in);
    if (!take_quoted(in, key)) {
        in->err |= !is_name_character(*in->at) || (*in->at >= '0' && *in->at <= '9');
        while (!in->err && is_name_character(*in->at))
            add(in, key, *in->at++);
    }
    json5_blanks(in);
    in->err |= !json5_take(in, ':');
}

/* ---- numbers ---- */

static size_t digits(const char *at)
{
    return strspn(at, "0123456789");
}

/* How many characters of a decimal number, and is it a real one? */
static size_t decimal_length(const char *at, bool *is_real)
{
    size_t whole = digits(at), n = whole, fraction = 0;
    if (at[n] == '.') {
        *is_real = true;
        fraction = digits(at + ++n);
        n += fraction;
    }
    if (whole + fraction == 0 || (whole > 1 && *at == '0'))
        return 0;
    if (at[n] == 'e' || at[n] == 'E') {
        size_t sign = at[n + 1] == '+' || at[n + 1] == '-', exponent = digits(at + n + 1 + sign);
        *is_real = true;
        n = exponent > 0 ? n + 1 + sign + exponent : 0;
    }
    return n;
}

/* Behind its sign. */
static void take_unsigned(struct json5 *in, struct json5_value *value, double sign)
{
    bool is_hex = in->at[0] == '0' && (in->at[1] == 'x' || in->at[1] == 'X'), is_real = false;
    size_t n = is_hex ? 2 + strspn(in->at + 2, "0123456789abcdefABCDEF") : decimal_length(in->at, &is_real);
    errno = 0;
    if (n == 0 || (is_hex && n == 2))
        in->err = true;
    else if (is_real)
        value->real = sign * strtod(in->at, NULL);
    else
        value->integer = (int64_t)sign * (int64_t)strtoll(in->at, NULL, is_hex ? 16 : 10);
    in->err |= errno == ERANGE;
    value->kind = is_real ? JSON5_REAL : JSON5_INTEGER;
    in->at += n;
}

static void take_number(struct json5 *in, struct json5_value *value)
{
    double sign = json5_take(in, '-') ? -1 : 1;
    if (sign > 0)
        json5_take(in, '+');
    value->kind = JSON5_REAL;
    if (take_word(in, "Infinity"))
        value->real = sign * (double)INFINITY;
    else if (take_word(in, "NaN"))
        value->real = (double)NAN;
    else
        take_unsigned(in, value, sign);
}

void json5_value(struct json5 *in, struct json5_value *value)
{
    *value = (struct json5_value){.kind = JSON5_OTHER};
    json5_blanks(in);
    if (take_quoted(in, value))
        return;
    if (json5_take(in, '{')) {
        value->kind = JSON5_MAP;
    } else if (take_word(in, "true")) {
        value->kind = JSON5_BOOLEAN;
        value->integer = 1;
    } else if (take_word(in, "false")) {
        value->kind = JSON5_BOOLEAN;
    } else if (*in->at != '[' && *in->at != 'n') {
        take_number(in, value);
    }
}

bool json5_map_ends(struct json5 *in, bool is_first)
{
    json5_blanks(in);
    bool has_comma = !is_first && json5_take(in, ',');
    if (has_comma)
        json5_blanks(in);
    if (json5_take(in, '}'))
        return true;
    in->err |= !is_first && !has_comma;
    return false;
}
