/* `caplay rename`: other names for PVs, in the tables and in the messages. */
#include "traces/command.h"

#include "base/options.h"
#include "traces/edit.h"
#include "traces/show.h"
#include "traces/table.h"

#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct rename {
    const char *output, *expression, *map;
};

static const struct option rename_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct rename, output), "FILE", NULL, 0, 0, "the trace to write; -: standard output"},
    {"expression", 'e', OPTION_STRING, offsetof(struct rename, expression), "s/RE/TEXT/", NULL, 0, 0,
     "as sed -E has it: \\1 to \\9 and & in TEXT; any sign may stand for /"},
    {"map", 'm', OPTION_STRING, offsetof(struct rename, map), "FILE", NULL, 0, 0,
     "a line a PV: OLD NEW; the others keep their names (names that the trace does not have are listed)"},
};

static const struct option_command rename_command = {
    .name = "rename",
    .synopsis = "FILE -o FILE -e s/RE/TEXT/ | -m FILE",
    .about =
        "Gives PVs other names: in each name the first match of the regular expression is replaced, or each name that a map\n"
        "has gets the other one there. Searches and requests for channels are made anew, so a name may become shorter or longer. "
        "PVs that get the same name become one.\n\n"
        "Names of a map that no PV has, and an expression that none matches, are told on standard error; the exit code is 0.",
    .examples = "caplay rename -e 's/^BL1:/TEST:/' run.catrace -o test.catrace\n"
                "caplay rename -e 's,(.*):([0-9]+)$,\\2:\\1,' run.catrace -o turned.catrace\n"
                "caplay rename -m names.txt run.catrace -o test.catrace",
    .options = rename_options,
    .noptions = sizeof rename_options / sizeof *rename_options,
    .min_operands = 1,
    .max_operands = 1,
};

enum { UNUSED_SHOWN = 10 };

struct rule {
    regex_t re;
    bool is_used;
    const char *text; /* with what ends it behind it */
    size_t length;
};

struct name { /* that is being made; what does not fit is cut */
    char *at;
    size_t used, room;
};

static void put(struct name *n, const char *text, size_t length)
{
    const size_t left = n->room - 1 - n->used;
    length = length < left ? length : left;
    memcpy(n->at + n->used, text, length);
    n->used += length;
    n->at[n->used] = '\0';
}

static void replace(void *arg, enum copy_text what, const char *text, char *renamed, size_t room)
{
    struct rule *rule = arg;
    regmatch_t m[10];
    struct name n = {.at = renamed, .room = room};
    *renamed = '\0';
    if (what != COPY_PV || regexec(&rule->re, text, 10, m, 0) != 0) {
        put(&n, text, strlen(text));
        return;
    }
    rule->is_used = true;
    put(&n, text, (size_t)m[0].rm_so);
    for (const char *c = rule->text, *end = c + rule->length; c < end; c++) {
        int group = *c == '&' ? 0 : -1;
        if (*c == '\\' && c + 1 < end) {
            c++;
            group = *c >= '0' && *c <= '9' ? *c - '0' : -1;
        }
        if (group < 0)
            put(&n, c, 1);
        else if (m[group].rm_so >= 0)
            put(&n, text + m[group].rm_so, (size_t)(m[group].rm_eo - m[group].rm_so));
    }
    put(&n, text + m[0].rm_eo, strlen(text + m[0].rm_eo));
}

/* s/RE/TEXT/ into a rule, which borrows TEXT; its regex is to be freed on success. */
static int read_rule(const char *e, struct rule *rule, struct diag *diag)
{
    char why[100];
    const char *middle = e != NULL && e[0] == 's' && e[1] != '\0' ? strchr(e + 2, e[1]) : NULL;
    const char *end = middle != NULL ? strchr(middle + 1, e[1]) : NULL;
    if (end == NULL || end[1] != '\0')
        return diag_fail(diag, DIAG_USAGE, "-e: '%s' is not of the form s/RE/TEXT/ (example: s/^BL1:/TEST:/)",
                         e != NULL ? e : "");
    char *re = strndup(e + 2, (size_t)(middle - e - 2));
    if (re == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the expression of -e");
    *rule = (struct rule){.text = middle + 1, .length = (size_t)(end - middle - 1)};
    int status = regcomp(&rule->re, re, REG_EXTENDED);
    if (status != 0) {
        regerror(status, &rule->re, why, sizeof why);
        status = diag_fail(diag, DIAG_USAGE, "-e: '%s' is no regular expression: %s", re, why);
    }
    free(re);
    return status;
}

/* ---- maps ---- */

struct pair {
    UT_hash_handle hh;
    uint64_t line;
    const char *old, *new; /* in text */
    bool is_used;
    char text[];
};

static void replace_mapped(void *arg, enum copy_text what, const char *text, char *renamed, size_t room)
{
    struct pair *const *map = arg, *pair = NULL;
    if (what == COPY_PV)
        HASH_FIND_STR(*map, text, pair);
    if (pair != NULL)
        pair->is_used = true;
    snprintf(renamed, room, "%s", pair != NULL ? pair->new : text);
}

/* One line, without its newline: blank, a comment, or two words. */
static int read_pair(struct pair **map, const char *path, uint64_t number, const char *line, struct diag *diag)
{
    char *rest, *old, *new;
    struct pair *known = NULL, *pair = calloc(1, sizeof *pair + strlen(line) + 1);
    if (pair == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for line %" PRIu64 " of %s", number, path);
    strcpy(pair->text, line);
    old = strtok_r(pair->text, " \t\r", &rest);
    new = old != NULL ? strtok_r(NULL, " \t\r", &rest) : NULL;
    pair->old = old;
    pair->new = new;
    pair->line = number;
    if (old == NULL || *old == '#') {
        free(pair);
        return 0;
    }
    int status = 0;
    if (new == NULL || strtok_r(NULL, " \t\r", &rest) != NULL)
        status = diag_fail(diag, DIAG_USAGE, "%.150s, line %" PRIu64 ": expected OLD NEW, found '%.100s'", path, number, line);
    else if (strlen(new) > COPY_NAME_MAX)
        status = diag_fail(diag, DIAG_USAGE, "%.150s, line %" PRIu64 ": the new name has %zu bytes, at most %u are possible",
                           path, number, strlen(new), COPY_NAME_MAX);
    else
        HASH_FIND_STR(*map, old, known);
    if (known != NULL)
        status = diag_fail(diag, DIAG_USAGE, "%.150s, line %" PRIu64 ": '%.100s' has a new name in line %" PRIu64 " already",
                           path, number, old, known->line);
    if (status == 0)
        HASH_ADD_KEYPTR(hh, *map, pair->old, strlen(pair->old), pair);
    if (status < 0 || pair->hh.tbl == NULL)
        free(pair);
    return status;
}

static int read_map(const char *path, struct pair **map, struct diag *diag)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int status = file != NULL ? 0 : diag_errno(diag, DIAG_USAGE, "-m: cannot read %s", path);
    for (uint64_t number = 1; status == 0 && (n = getline(&line, &room, file)) >= 0; number++) {
        line[n > 0 && line[n - 1] == '\n' ? n - 1 : n] = '\0';
        status = read_pair(map, path, number, line, diag);
    }
    free(line);
    if (file != NULL)
        fclose(file);
    if (status == 0 && *map == NULL)
        return diag_fail(diag, DIAG_USAGE, "-m: %s has no line of the form OLD NEW", path);
    return status;
}

static void free_map(struct pair **map)
{
    struct pair *pair, *next;
    HASH_ITER(hh, *map, pair, next)
    {
        HASH_DEL(*map, pair);
        free(pair);
    }
}

/* A typing error in a map is a PV that keeps its name. In the order of the file. */
static void tell_unused(const char *path, const struct pair *map)
{
    unsigned n = 0, shown = 0;
    for (const struct pair *pair = map; pair != NULL; pair = pair->hh.next)
        n += !pair->is_used;
    if (n == 0)
        return;
    fprintf(stderr, "caplay: warning: %u of the %u names in %s are not in the trace:", n, HASH_COUNT(map), path);
    for (const struct pair *pair = map; pair != NULL && shown < UNUSED_SHOWN; pair = pair->hh.next) {
        if (pair->is_used)
            continue;
        fprintf(stderr, " ");
        show_name(stderr, pair->old);
        shown++;
    }
    fprintf(stderr, n > shown ? " ...\n" : "\n");
}

/* ---- the command ---- */

static int rename_trace(const char *input, const char *output, struct copy *rules, struct diag *diag)
{
    struct trace t;
    rules->to_ns = UINT64_MAX;
    if (edit_open(&t, input, diag) < 0)
        return -1;
    const struct trace_meta meta = edit_meta(&t);
    const int code = edit_one(&t, rules, &meta, output, diag);
    trace_close(&t);
    return code;
}

static int by_expression(const struct rename *r, const char *input, struct diag *diag)
{
    struct rule rule;
    if (read_rule(r->expression, &rule, diag) < 0)
        return -1;
    const int code = rename_trace(input, r->output, &(struct copy){.rename = replace, .arg = &rule}, diag);
    if (code == DIAG_GOOD && !rule.is_used)
        fprintf(stderr, "caplay: warning: no PV's name matches %s: all keep their names\n", r->expression);
    regfree(&rule.re);
    return code;
}

static int by_map(const struct rename *r, const char *input, struct diag *diag)
{
    struct pair *map = NULL;
    int code = read_map(r->map, &map, diag);
    if (code == 0)
        code = rename_trace(input, r->output, &(struct copy){.rename = replace_mapped, .arg = &map}, diag);
    if (code == DIAG_GOOD)
        tell_unused(r->map, map);
    free_map(&map);
    return code;
}

int traces_rename(int argc, char **argv, struct diag *diag)
{
    struct rename rename = {0};
    struct option_result result;
    if (options_parse(&rename_command, argc, argv, &rename, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_check("rename", rename.output, result.operands.at, 1, diag) < 0)
        return -1;
    if (rename.map != NULL && rename.expression != NULL)
        return diag_fail(diag, DIAG_USAGE, "rename: one of -e and -m says the new names, not both");
    return (rename.map != NULL ? by_map : by_expression)(&rename, result.operands.at[0], diag);
}
