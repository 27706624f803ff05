/* What stands behind a record in a channel's name. Rule: ca-protocol 3.4. */
#include "sim/database_parts.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* The name's rest; all functions move it on. It ends in NUL. */
struct rest {
    const char *at;
    bool err;
};

static bool is_field_character(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool take(struct rest *rest, const char *text)
{
    size_t n = strlen(text);
    bool is = strncmp(rest->at, text, n) == 0;
    if (is)
        rest->at += n;
    return is;
}

static void expect(struct rest *rest, const char *text)
{
    rest->err |= !take(rest, text);
}

/* A number if there is one, with what strtol() takes in front of it. */
static bool take_number(struct rest *rest, int32_t *number)
{
    char *end;
    errno = 0;
    long value = strtol(rest->at, &end, 0);
    if (end == rest->at)
        return false;
    rest->err |= errno != 0 || value < INT32_MIN || value > INT32_MAX;
    rest->at = end;
    *number = (int32_t)value;
    return true;
}

/* [a], [a:b] or [a:i:b] behind its bracket. */
static void parse_slice(struct rest *rest, struct db_view *view)
{
    int32_t number = 0;
    bool is_number = take_number(rest, &view->start);
    if (is_number && take(rest, "]")) {
        view->end = view->start;
        return;
    }
    expect(rest, ":");
    is_number = take_number(rest, &number);
    if (take(rest, "]")) {
        view->end = is_number ? number : view->end;
        return;
    }
    view->step = is_number ? number : view->step;
    expect(rest, ":");
    if (take_number(rest, &number))
        view->end = number;
    expect(rest, "]");
}

static void skip_blanks(struct rest *rest)
{
    rest->at += strspn(rest->at, " \t\n\r");
}

/* A number may be quoted. */
static void parse_arr_member(struct rest *rest, struct db_view *view)
{
    int32_t *into = take(rest, "\"s\"")   ? &view->start
                    : take(rest, "\"i\"") ? &view->step
                    : take(rest, "\"e\"") ? &view->end
                                          : NULL;
    skip_blanks(rest);
    expect(rest, ":");
    skip_blanks(rest);
    bool is_quoted = take(rest, "\"");
    rest->err |= into == NULL || !take_number(rest, into);
    if (is_quoted)
        expect(rest, "\"");
    skip_blanks(rest);
}

/* {"arr":{"s":1,"i":1,"e":5}}: the one filter that is known here. */
static void parse_arr(struct rest *rest, struct db_view *view)
{
    view->shape |= DB_SLICE;
    expect(rest, "\"arr\"");
    skip_blanks(rest);
    expect(rest, ":");
    skip_blanks(rest);
    expect(rest, "{");
    skip_blanks(rest);
    while (!rest->err && *rest->at == '"') {
        parse_arr_member(rest, view);
        if (*rest->at != '}')
            expect(rest, ",");
        skip_blanks(rest);
    }
    expect(rest, "}");
    skip_blanks(rest);
}

/* Behind a slice only {}: it is a filter itself. */
static void parse_filters(struct rest *rest, struct db_view *view)
{
    skip_blanks(rest);
    if (*rest->at != '}' && !(view->shape & DB_SLICE))
        parse_arr(rest, view);
    expect(rest, "}");
    skip_blanks(rest);
}

static bool parse_shape(const char *text, struct db_view *view)
{
    struct rest rest = {.at = text};
    *view = (struct db_view){.field = view->field, .start = 0, .step = 1, .end = -1};
    if (take(&rest, "$"))
        view->shape |= DB_CHARACTERS;
    if (take(&rest, "[")) {
        view->shape |= DB_SLICE;
        parse_slice(&rest, view);
    }
    if (take(&rest, "{"))
        parse_filters(&rest, view);
    if (view->step <= 0)
        view->step = 1;
    return !rest.err && *rest.at == '\0';
}

bool db_view_parse(const struct scenario_type *type, const char *name, size_t length, bool whole, struct db_view *view)
{
    char text[512];
    size_t n = 0;
    if (length >= sizeof text)
        return false;
    while (n < length && is_field_character(name[n], n == 0))
        n++;
    view->field = n > 0 ? scenario_field_find(type, name, n) : scenario_field_find(type, "VAL", 3);
    if (view->field == SCENARIO_NOWHERE)
        return false;
    if (!whole)
        return true;
    memcpy(text, name + n, length - n);
    text[length - n] = '\0';
    return parse_shape(text, view);
}
