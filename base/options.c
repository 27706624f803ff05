#include "base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int parse_number(const char *text, const char **end, double *value)
{
    if ((*text < '0' || *text > '9') && *text != '.') /* no sign, no blank, no "nan" */
        return -1;
    char *stop;
    *value = strtod(text, &stop);
    *end = stop;
    return stop == text || !isfinite(*value) || *value < 0 ? -1 : 0;
}

int options_duration(const char *text, uint64_t *ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}};
    const char *unit;
    double value;
    if (parse_number(text, &unit, &value) < 0)
        return -1;
    if (*unit == '\0' && value == 0) {
        *ns = 0;
        return 0;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].unit) == 0 && value * units[i].ns < 1e18) {
            *ns = (uint64_t)llround(value * units[i].ns);
            return 0;
        }
    return -1;
}

int options_number(const char *text, double *value)
{
    const char *end;
    return parse_number(text, &end, value) == 0 && *end == '\0' ? 0 : -1;
}

/* Decimal digits become a fraction over a power of ten: 29.97 is 2997/100, exactly. */
static int parse_fraction(const char *text, const char **end, struct clock_rate *rate)
{
    uint64_t num = 0, den = 1;
    bool point = false, digits = false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        digits = true;
        if (num > UINT64_C(1000000000) || den > UINT64_C(1000000))
            return -1;
        num = num * 10 + (uint64_t)(*text - '0');
        den *= point ? 10 : 1;
    }
    if (!digits || num == 0)
        return -1;
    *end = text;
    *rate = (struct clock_rate){num, den};
    return 0;
}

static int parse_unit(const char *text, const char *unit, struct clock_rate *rate)
{
    struct clock_rate parsed;
    const char *end;
    if (parse_fraction(text, &end, &parsed) < 0 || strcmp(end, unit) != 0)
        return -1;
    *rate = parsed;
    return 0;
}

int options_rate(const char *text, struct clock_rate *rate)
{
    return parse_unit(text, "Hz", rate);
}

int options_ratio(const char *text, struct clock_rate *ratio)
{
    return parse_unit(text, "", ratio);
}

/* ".25" is 250 ms. Moves *text to behind it. */
static uint64_t parse_decimals(const char **text)
{
    uint64_t ns = 0, unit = CLOCK_NS / 10;
    const char *c = *text;
    for (c++; *c >= '0' && *c <= '9' && unit > 0; c++, unit /= 10)
        ns += (uint64_t)(*c - '0') * unit;
    if (c > *text + 1)
        *text = c;
    return ns;
}

/* strptime() takes more than it should (blanks, one digit for two, the 31st of June): what it read must be what is written. */
int options_time(const char *text, uint64_t *ns)
{
    static const char form[] = "%Y-%m-%dT%H:%M:%S";
    enum { LENGTH = sizeof "2026-01-01T00:00:00" - 1 };
    const int64_t first = CLOCK_EPICS_EPOCH, last = first + UINT32_MAX; /* a stamp's seconds have 32 bits */
    struct tm tm = {0};
    char again[LENGTH + 1];
    const char *end = strptime(text, form, &tm);
    if (end == NULL || end - text != LENGTH)
        return -1;
    const int64_t seconds = timegm(&tm);
    const uint64_t fraction = *end == '.' ? parse_decimals(&end) : 0;
    bool is_same = strftime(again, sizeof again, form, &tm) == LENGTH && memcmp(again, text, LENGTH) == 0;
    if (!is_same || strcmp(end, "Z") != 0 || seconds < first || seconds > last)
        return -1;
    *ns = (uint64_t)seconds * CLOCK_NS + fraction;
    return 0;
}

static int parse_size2d(const char *text, struct option_size *size)
{
    char *end;
    unsigned long width = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 'x' || end[1] < '0' || end[1] > '9')
        return -1;
    unsigned long height = strtoul(end + 1, &end, 10);
    if (*end != '\0' || width == 0 || height == 0 || width > 65536 || height > 65536)
        return -1;
    *size = (struct option_size){(uint32_t)width, (uint32_t)height};
    return 0;
}

int options_count(const char *text, uint64_t *count)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    *count = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 ? 0 : -1;
}

static int bad_value(const struct option *o, const char *text, const char *expected, struct diag *diag)
{
    return diag_fail(diag, DIAG_USAGE, "--%s: '%s' is not %s", o->name, text, expected);
}

static int store_choice(const struct option *o, const char *text, unsigned *value, struct diag *diag)
{
    char all[200] = "";
    for (unsigned i = 0; o->choices[i] != NULL; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            *value = i;
            return 0;
        }
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "one of ", o->choices[i]);
    }
    return bad_value(o, text, all, diag);
}

static int store_count(const struct option *o, const char *text, uint64_t *value, struct diag *diag)
{
    uint64_t count;
    if (options_count(text, &count) < 0)
        return bad_value(o, text, "a whole number below 2^64 (example: 3)", diag);
    if (o->max == 0 && count < o->min)
        return diag_fail(diag, DIAG_USAGE, "--%s: %" PRIu64 " is less than %" PRIu64, o->name, count, o->min);
    if (o->max != 0 && (count < o->min || count > o->max))
        return diag_fail(diag, DIAG_USAGE, "--%s: %" PRIu64 " is outside %" PRIu64 " to %" PRIu64, o->name, count, o->min,
                         o->max);
    *value = count;
    return 0;
}

static int store_duration(const struct option *o, const char *text, uint64_t *value, struct diag *diag)
{
    uint64_t ns;
    if (options_duration(text, &ns) < 0)
        return bad_value(o, text, "a duration with its unit (examples: 100us, 1.5s, 0)", diag);
    if (ns < o->min)
        return bad_value(o, text, "a duration above 0", diag);
    *value = ns;
    return 0;
}

static int list_add(struct option_list *list, const char *text, const char *what, struct diag *diag)
{
    if (list->count == OPTION_LIST_MAX)
        return diag_fail(diag, DIAG_USAGE, "more than %d %s", OPTION_LIST_MAX, what);
    list->at[list->count++] = text;
    return 0;
}

static int store(const struct option *o, const char *text, void *into, struct diag *diag)
{
    void *at = (char *)into + o->offset;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return 0;
    case OPTION_STRING:
        *(const char **)at = text;
        return 0;
    case OPTION_LIST:
        return list_add(at, text, o->name, diag);
    case OPTION_COUNT:
        return store_count(o, text, at, diag);
    case OPTION_NUMBER: {
        const char *end;
        double value;
        if (parse_number(text, &end, &value) < 0 || *end != '\0' || value <= 0)
            return bad_value(o, text, "a number above 0 (example: 2.5)", diag);
        *(double *)at = value;
        return 0;
    }
    case OPTION_DURATION:
        return store_duration(o, text, at, diag);
    case OPTION_RATIO:
        return options_ratio(text, at) == 0 ? 0 : bad_value(o, text, "a number above 0 (examples: 2, 0.5)", diag);
    case OPTION_RATE:
        return options_rate(text, at) == 0 ? 0 : bad_value(o, text, "a rate above 0 (examples: 120Hz, 0.1Hz)", diag);
    case OPTION_TIME:
        return options_time(text, at) == 0 ? 0 : bad_value(o, text, "a time in UTC (example: 2026-01-01T12:00:00Z)", diag);
    case OPTION_SIZE2D:
        return parse_size2d(text, at) == 0 ? 0 : bad_value(o, text, "a size from 1x1 to 65536x65536 (example: 640x480)", diag);
    case OPTION_CHOICE:
        return store_choice(o, text, at, diag);
    }
    return 0;
}

static const struct option *find_option(const struct option_command *c, const char *arg, size_t length)
{
    for (size_t i = 0; i < c->noptions; i++) {
        const struct option *o = &c->options[i];
        if (arg[1] == '-' ? strlen(o->name) == length - 2 && memcmp(o->name, arg + 2, length - 2) == 0
                          : length == 2 && o->letter != 0 && o->letter == arg[1])
            return o;
    }
    return NULL;
}

static int parse_option(const struct option_command *c, char **argv, int *i, void *into, struct diag *diag)
{
    const char *arg = argv[*i], *value = arg[1] == '-' ? strchr(arg, '=') : NULL;
    size_t length = value != NULL ? (size_t)(value - arg) : strlen(arg);
    const struct option *o = find_option(c, arg, length);
    if (o == NULL)
        return diag_fail(diag, DIAG_USAGE, "%s: unknown option '%.*s': `caplay %s --help` lists them", c->name, (int)length, arg,
                         c->name);
    if (o->kind == OPTION_FLAG)
        return value == NULL ? store(o, NULL, into, diag) : diag_fail(diag, DIAG_USAGE, "--%s takes no value", o->name);
    if (value == NULL && (argv[*i + 1] == NULL || strcmp(argv[*i + 1], "--") == 0))
        return diag_fail(diag, DIAG_USAGE, "--%s needs a value: %s", o->name, o->metavar);
    return store(o, value != NULL ? value + 1 : argv[++*i], into, diag);
}

static int check_operands(const struct option_command *c, unsigned n, struct diag *diag)
{
    if (n >= c->min_operands && n <= c->max_operands)
        return 0;
    char expected[32];
    int used = snprintf(expected, sizeof expected, "%u", c->min_operands);
    if (c->max_operands > c->min_operands)
        snprintf(expected + used, sizeof expected - (size_t)used, " to %u", c->max_operands);
    return diag_fail(diag, DIAG_USAGE, "%s: %u operands given, %s expected: caplay %s %s", c->name, n, expected, c->name,
                     c->synopsis);
}

int options_parse(const struct option_command *c, int argc, char **argv, void *into, struct option_result *result,
                  struct diag *diag)
{
    memset(result, 0, sizeof *result);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            options_help(c, stdout);
            result->help = true;
            return 0;
        }
        if (strcmp(argv[i], "--") == 0) {
            if (argv[i + 1] == NULL)
                return diag_fail(diag, DIAG_USAGE, "%s: a command must follow --", c->name);
            result->command = argv + i + 1;
            break;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (parse_option(c, argv, &i, into, diag) < 0)
                return -1;
        } else if (list_add(&result->operands, argv[i], "operands", diag) < 0)
            return -1;
    }
    return check_operands(c, result->operands.count, diag);
}

/* Lines of the page, two blanks in; the text may end without a newline. */
static void print_lines(const char *heading, const char *text, FILE *out)
{
    fprintf(out, "%s\n", heading);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        fprintf(out, "%s%.*s\n", length > 0 ? "  " : "", (int)length, text);
        text += length + (text[length] == '\n');
    }
    fputc('\n', out);
}

static void print_option(const struct option *o, FILE *out)
{
    char left[80];
    snprintf(left, sizeof left, "%s%.1s%s--%s%s%s", o->letter ? "-" : "", o->letter ? &o->letter : "", o->letter ? ", " : "",
             o->name, o->metavar ? " " : "", o->metavar ? o->metavar : "");
    fprintf(out, "  %-30s %s\n", left, o->help);
}

void options_help(const struct option_command *c, FILE *out)
{
    const char *caplay = strncmp(c->name, "caplay", 6) == 0 ? "" : "caplay "; /* a helper program bears its own name */
    fprintf(out, "NAME\n  %s%s\n\nSYNOPSIS\n  %s%s %s\n\n", caplay, c->name, caplay, c->name, c->synopsis);
    print_lines("DESCRIPTION", c->about, out);
    fprintf(out, "OPTIONS\n");
    for (size_t i = 0; i < c->noptions; i++)
        print_option(&c->options[i], out);
    fprintf(out, "  %-30s %s\n\n", "--help", "this page");
    print_lines("EXAMPLES", c->examples, out);
    fprintf(out, "EXIT CODES\n"
                 "  0 good, 1 difference, 2 usage or unreadable file, 3 measurement invalid,\n"
                 "  4 a client failed, 5 environment (port, permission, missing part), 77 skipped\n");
}
