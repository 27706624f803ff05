/* Command lines: one table of options a command drives parsing, range checks and --help.
 * Strict: the whole value is consumed, durations need a unit, an unknown option is an error that names the help. */
#ifndef CAPLAY_BASE_OPTIONS_H
#define CAPLAY_BASE_OPTIONS_H

#include "base/clock.h"
#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What `offset` of an option points to in the command's struct. */
enum option_kind {
    OPTION_FLAG,     /* bool; takes no value */
    OPTION_STRING,   /* const char *, borrowed from argv */
    OPTION_LIST,     /* struct option_list; the option may be repeated */
    OPTION_COUNT,    /* uint64_t; min..max are checked */
    OPTION_NUMBER,   /* double, finite and > 0 */
    OPTION_DURATION, /* uint64_t nanoseconds: 0, 100us, 1.5ms, 10s, 2min */
    OPTION_RATIO,    /* struct clock_rate: 2, 0.5; > 0, with at most seven decimals */
    OPTION_RATE,     /* struct clock_rate: 120Hz, 29.97Hz, 0.1Hz; > 0 */
    OPTION_TIME,     /* uint64_t, ns since 1970: 2026-01-01T12:00:00Z; not before 1990, where EPICS's time begins */
    OPTION_SIZE2D,   /* struct option_size: 640x480 */
    OPTION_CHOICE,   /* unsigned: index into `choices` */
};

#define OPTION_LIST_MAX 64

struct option_list {
    const char *at[OPTION_LIST_MAX];
    unsigned count;
};

struct option_size {
    uint32_t width, height;
};

struct option {
    const char *name; /* long name, without the dashes */
    char letter;      /* short name or 0 */
    enum option_kind kind;
    size_t offset;
    const char *metavar;        /* shown in the help: "HZ"; NULL for flags */
    const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
    uint64_t min, max;          /* OPTION_COUNT; max 0: no limit. OPTION_DURATION: min 1: not 0 */
    const char *help;           /* one line, with the default */
};

struct option_command {
    const char *name;     /* "replay" */
    const char *synopsis; /* "FILE [options] [-- COMMAND]" */
    const char *about;    /* lines; the page indents them */
    const char *examples; /* the same */
    const struct option *options;
    size_t noptions;
    unsigned min_operands, max_operands;
};

struct option_result {
    struct option_list operands;
    char **command; /* argv behind "--", NULL-terminated, or NULL */
    bool help;      /* --help was printed to stdout: the command returns DIAG_GOOD at once */
};

/* Parse argv[1..] into the command's struct `into`, which the caller filled with the defaults.
 * 0, or -1 with a DIAG_USAGE diag that names the option, the value and what was expected. Options and operands may be mixed. */
int options_parse(const struct option_command *command, int argc, char **argv, void *into, struct option_result *result,
                  struct diag *diag);

/* The man-style page, as --help prints it. */
void options_help(const struct option_command *command, FILE *out);

/* Value parsers, also for other text. The whole text must match. 0 or -1. */
int options_duration(const char *text, uint64_t *ns);
int options_ratio(const char *text, struct clock_rate *ratio);
int options_rate(const char *text, struct clock_rate *rate);
int options_time(const char *text, uint64_t *ns);
int options_count(const char *text, uint64_t *count); /* decimal, below 2^64 */
int options_number(const char *text, double *value);  /* finite, at least 0 */

#endif
