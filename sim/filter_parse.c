/* Filters from JSON5, with the arguments that EPICS Base's plugins know and its conversions of them. */
#include "sim/filter.h"
#include "sim/json5.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct word {
    const char *name;
    int32_t value;
};

enum argument_kind { ARGUMENT_INTEGER, ARGUMENT_REAL, ARGUMENT_STATE, ARGUMENT_WORD };

struct argument {
    const char *name;
    enum argument_kind kind;
    size_t offset;
    bool is_needed, converts; /* converts: takes other kinds of values, too */
    const struct word *words;
    size_t tag_offset; /* naming it sets that member, too; 0: none */
    int32_t tag;
};

#define ARGUMENTS_MOST 9

struct plugin {
    const char *name;
    enum filter_kind kind;
    struct argument argument[ARGUMENTS_MOST];
    bool (*finish)(struct filter *f);
};

#define AT(member) offsetof(struct filter, member)

static const struct word deadband_modes[] = {{"abs", 0}, {"rel", 1}, {NULL, 0}};
static const struct word sync_modes[] = {{"before", FILTER_BEFORE},
                                         {"first", FILTER_FIRST},
                                         {"last", FILTER_LAST},
                                         {"after", FILTER_AFTER},
                                         {"while", FILTER_WHILE},
                                         {"unless", FILTER_UNLESS},
                                         {NULL, 0}};
static const struct word stamp_numbers[] = {{"dbl", FILTER_STAMP_DOUBLE},
                                            {"sec", FILTER_STAMP_SECONDS},
                                            {"nsec", FILTER_STAMP_NANOSECONDS},
                                            {"ts", FILTER_STAMP_PAIR},
                                            {NULL, 0}};
static const struct word stamp_epochs[] = {{"epics", 0}, {"unix", 1}, {NULL, 0}};
static const struct word stamp_texts[] = {{"epics", FILTER_TEXT_EPICS}, {"iso", FILTER_TEXT_ISO}, {NULL, 0}};

static bool finish_deadband(struct filter *f)
{
    f->deadband.deadband = f->deadband.size;
    f->deadband.last = (double)NAN;
    return true;
}

static bool finish_decimate(struct filter *f)
{
    return f->decimate.n >= 1;
}

static bool finish_stamp(struct filter *f)
{
    if (f->stamp.text != FILTER_TEXT_NONE)
        f->stamp.mode = FILTER_STAMP_TEXT;
    else if (f->stamp.mode == 0)
        f->stamp.mode = FILTER_STAMP_NOW;
    return true;
}

static bool finish_slice(struct filter *f)
{
    if (f->slice.step <= 0)
        f->slice.step = 1;
    return true;
}

#define SYNC(text, mode_)                                                                                                        \
    {                                                                                                                            \
        .name = (text), .kind = ARGUMENT_STATE, .offset = AT(sync.name), .tag_offset = AT(sync.mode), .tag = (mode_)             \
    }

static const struct plugin plugins[] = {
    {"dbnd",
     FILTER_DEADBAND,
     {{"d", ARGUMENT_REAL, AT(deadband.size), .converts = true},
      {"m", ARGUMENT_WORD, AT(deadband.is_relative), .converts = true, .words = deadband_modes},
      {"abs", ARGUMENT_REAL, AT(deadband.size), .converts = true, .tag_offset = AT(deadband.is_relative), .tag = 0},
      {"rel", ARGUMENT_REAL, AT(deadband.size), .converts = true, .tag_offset = AT(deadband.is_relative), .tag = 1}},
     finish_deadband},
    {"dec", FILTER_DECIMATE, {{"n", ARGUMENT_INTEGER, AT(decimate.n), .is_needed = true}}, finish_decimate},
    {"sync",
     FILTER_SYNC,
     {{"m", ARGUMENT_WORD, AT(sync.mode), .is_needed = true, .converts = true, .words = sync_modes},
      {"s", ARGUMENT_STATE, AT(sync.name), .is_needed = true},
      SYNC("before", FILTER_BEFORE),
      SYNC("first", FILTER_FIRST),
      SYNC("last", FILTER_LAST),
      SYNC("after", FILTER_AFTER),
      SYNC("while", FILTER_WHILE),
      SYNC("unless", FILTER_UNLESS)},
     NULL},
    {"ts",
     FILTER_STAMP,
     {{"num", ARGUMENT_WORD, AT(stamp.mode), .words = stamp_numbers},
      {"epoch", ARGUMENT_WORD, AT(stamp.is_unix), .words = stamp_epochs},
      {"str", ARGUMENT_WORD, AT(stamp.text), .words = stamp_texts}},
     finish_stamp},
    {"utag",
     FILTER_TAG,
     {{"M", ARGUMENT_INTEGER, AT(tag.mask), .converts = true}, {"V", ARGUMENT_INTEGER, AT(tag.value), .converts = true}},
     NULL},
    {"arr",
     FILTER_SLICE,
     {{"s", ARGUMENT_INTEGER, AT(slice.start), .converts = true},
      {"i", ARGUMENT_INTEGER, AT(slice.step), .converts = true},
      {"e", ARGUMENT_INTEGER, AT(slice.end), .converts = true}},
     finish_slice},
};

/* ---- arguments ---- */

struct parse {
    struct json5 in;
    const struct plugin *plugin;
    struct filter *filter;
    const struct argument *argument; /* whose value comes */
    uint32_t named;                  /* bits: which were */
};

static void set_integer(struct filter *f, size_t offset, int32_t value)
{
    memcpy((char *)f + offset, &value, sizeof value);
}

static bool set_real(struct filter *f, size_t offset, double value)
{
    memcpy((char *)f + offset, &value, sizeof value);
    return true;
}

static bool set_word(struct filter *f, const struct argument *a, const struct word *word)
{
    if (word->name != NULL)
        set_integer(f, a->offset, word->value);
    return word->name != NULL;
}

static bool store_integer(struct filter *f, const struct argument *a, int64_t value)
{
    const struct word *word = a->words;
    if (value < INT32_MIN || value > INT32_MAX || (!a->converts && a->kind != ARGUMENT_INTEGER))
        return false;
    switch (a->kind) {
    case ARGUMENT_INTEGER:
        set_integer(f, a->offset, (int32_t)value);
        return true;
    case ARGUMENT_REAL:
        return set_real(f, a->offset, (double)value);
    case ARGUMENT_WORD:
        while (word->name != NULL && word->value != value)
            word++;
        return set_word(f, a, word);
    case ARGUMENT_STATE:
        break;
    }
    return false;
}

static bool store_real(struct filter *f, const struct argument *a, double value)
{
    if (a->kind == ARGUMENT_REAL)
        return set_real(f, a->offset, value);
    if (a->kind != ARGUMENT_INTEGER || !a->converts || !(value >= INT32_MIN && value <= INT32_MAX))
        return false;
    set_integer(f, a->offset, (int32_t)value);
    return true;
}

static bool store_boolean(struct filter *f, const struct argument *a, int64_t value)
{
    return a->converts && a->kind != ARGUMENT_WORD && store_integer(f, a, value);
}

/* A number at the start of a text; what follows it is let alone. */
static bool store_text_number(struct filter *f, const struct argument *a, const char *text)
{
    char *end;
    errno = 0;
    if (a->kind == ARGUMENT_REAL) {
        double real = strtod(text, &end);
        return end != text && errno != ERANGE && set_real(f, a->offset, real);
    }
    long integer = strtol(text, &end, 0);
    return end != text && errno != ERANGE && store_integer(f, a, integer);
}

/* A word may be cut short: the first that begins so is taken. */
static bool store_text(struct filter *f, const struct argument *a, const struct json5_value *value)
{
    const struct word *word = a->words;
    switch (a->kind) {
    case ARGUMENT_STATE:
        memset(f->sync.name, 0, sizeof f->sync.name);
        memcpy(f->sync.name, value->text, value->length < sizeof f->sync.name ? value->length : sizeof f->sync.name - 1);
        return true;
    case ARGUMENT_WORD:
        while (word->name != NULL && strncmp(word->name, value->text, value->length) != 0)
            word++;
        return set_word(f, a, word);
    default:
        return a->converts && store_text_number(f, a, value->text);
    }
}

/* A name may be cut short, too. */
static void name_argument(struct parse *p, const struct json5_value *key)
{
    const struct argument *a = p->plugin->argument;
    while (a->name != NULL && strncmp(a->name, key->text, key->length) != 0)
        a++;
    p->in.err |= a->name == NULL;
    if (p->in.err)
        return;
    p->argument = a;
    p->named |= 1u << (a - p->plugin->argument);
    if (a->tag_offset != 0)
        set_integer(p->filter, a->tag_offset, a->tag);
}

static bool store(struct parse *p, const struct json5_value *value)
{
    switch (value->kind) {
    case JSON5_INTEGER:
        return store_integer(p->filter, p->argument, value->integer);
    case JSON5_REAL:
        return store_real(p->filter, p->argument, value->real);
    case JSON5_BOOLEAN:
        return store_boolean(p->filter, p->argument, value->integer);
    case JSON5_TEXT_VALUE:
        return store_text(p->filter, p->argument, value);
    default:
        return false;
    }
}

/* Returns whether a map came for its value. */
static bool parse_argument(struct parse *p)
{
    struct json5_value key, value;
    json5_key(&p->in, &key);
    name_argument(p, &key);
    if (p->in.err)
        return false;
    json5_value(&p->in, &value);
    p->in.err |= value.kind != JSON5_MAP && !store(p, &value);
    return value.kind == JSON5_MAP;
}

/* Behind the brace. Maps within maps are one to a real server. */
static void parse_arguments(struct parse *p)
{
    unsigned depth = 1;
    bool is_first = true;
    while (!p->in.err && depth > 0) {
        if (json5_map_ends(&p->in, is_first)) {
            depth--;
            is_first = false;
        } else if (!p->in.err) {
            is_first = parse_argument(p);
            depth += is_first;
        }
    }
}

/* An argument counts as given if its member was set through another. */
static bool is_given(const struct parse *p, const struct argument *wanted)
{
    bool is = false;
    for (unsigned i = 0; i < ARGUMENTS_MOST; i++) {
        const struct argument *a = &p->plugin->argument[i];
        if (p->named & 1u << i)
            is |= a->offset == wanted->offset || a->tag_offset == wanted->offset;
    }
    return is;
}

static bool has_all(const struct parse *p)
{
    bool has = true;
    for (const struct argument *a = p->plugin->argument; a->name != NULL; a++)
        has &= !a->is_needed || is_given(p, a);
    return has;
}

/* ---- filters ---- */

static const struct plugin *find_plugin(const struct json5_value *name)
{
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (strlen(plugins[i].name) == name->length && memcmp(plugins[i].name, name->text, name->length) == 0)
            return &plugins[i];
    return NULL;
}

static void filter_init(struct filter *f, enum filter_kind kind)
{
    *f = (struct filter){.kind = kind};
    if (kind == FILTER_TAG)
        f->tag.mask = -1;
    if (kind == FILTER_SLICE)
        f->slice = (struct filter_slice){.start = 0, .step = 1, .end = -1};
}

static void parse_filter(struct json5 *in, struct filters *filters)
{
    struct json5_value name, value;
    struct parse p = {0};
    json5_key(in, &name);
    p.plugin = in->err || filters->n == FILTERS_MOST ? NULL : find_plugin(&name);
    json5_value(in, &value);
    if (p.plugin == NULL || value.kind != JSON5_MAP) {
        in->err = true;
        return;
    }
    p.filter = &filters->at[filters->n++];
    filter_init(p.filter, p.plugin->kind);
    p.in = *in;
    parse_arguments(&p);
    *in = p.in;
    in->err |= !has_all(&p) || (p.plugin->finish != NULL && !p.plugin->finish(p.filter));
}

bool filters_parse(const char **text, struct filters *filters)
{
    struct json5 in = {.at = *text};
    in.err |= !json5_take(&in, '{');
    for (bool is_first = true; !in.err && !json5_map_ends(&in, is_first); is_first = false)
        parse_filter(&in, filters);
    json5_blanks(&in);
    *text = in.at;
    return !in.err;
}
