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
static void parse_slice(struct rest *rest, struct filter_slice *slice)
{
    int32_t number = 0;
    bool is_number = take_number(rest, &slice->start);
    if (is_number && take(rest, "]")) {
        slice->end = slice->start;
        return;
    }
    expect(rest, ":");
    is_number = take_number(rest, &number);
    if (take(rest, "]")) {
        slice->end = is_number ? number : slice->end;
        return;
    }
    slice->step = is_number && number > 0 ? number : slice->step;
    expect(rest, ":");
    if (take_number(rest, &number))
        slice->end = number;
    expect(rest, "]");
}

/* Slices are the PV's, until a stamp stands for its elements. */
static void take_shape(const struct filter *f, struct db_view *view)
{
    if (f->kind == FILTER_STAMP)
        view->shape |= f->stamp.mode == FILTER_STAMP_NOW ? DB_FULL : DB_STAMP;
    if (f->kind != FILTER_SLICE || view->shape & DB_STAMP)
        return;
    view->shape |= DB_SLICE;
    view->slice[view->nslices++] = f->slice;
}

/* What a PV is made for; the filters that remain are the channel's. */
static void split(struct filters *filters, struct db_view *view)
{
    unsigned n = 0;
    filters_settle(filters);
    for (unsigned i = 0; i < filters->n; i++) {
        take_shape(&filters->at[i], view);
        if (filters->at[i].kind != FILTER_SLICE)
            filters->at[n++] = filters->at[i];
    }
    filters->n = n;
    view->show = filters->show;
}

static bool parse_shape(const char *text, struct db_view *view, struct filters *filters)
{
    struct rest rest = {.at = text};
    if (take(&rest, "$"))
        view->shape |= DB_CHARACTERS;
    if (take(&rest, "[")) {
        filters->at[filters->n] = (struct filter){.kind = FILTER_SLICE, .slice = {.start = 0, .step = 1, .end = -1}};
        parse_slice(&rest, &filters->at[filters->n++].slice);
    }
    if (*rest.at == '{')
        rest.err |= !filters_parse(&rest.at, filters);
    split(filters, view);
    return !rest.err && *rest.at == '\0';
}

bool db_view_parse(const struct scenario_type *type, const char *name, size_t length, struct db_view *view,
                   struct filters *filters)
{
    char text[FILTER_NAME_BYTES];
    size_t n = 0;
    *view = (struct db_view){.field = SCENARIO_NOWHERE, .slice = view->slice};
    if (length >= sizeof text)
        return false;
    while (n < length && is_field_character(name[n], n == 0))
        n++;
    view->field = n > 0 ? scenario_field_find(type, name, n) : scenario_field_find(type, "VAL", 3);
    if (view->field == SCENARIO_NOWHERE)
        return false;
    if (filters == NULL)
        return true;
    memcpy(text, name + n, length - n);
    text[length - n] = '\0';
    return parse_shape(text, view, filters);
}
