/* `caplay rename`: other names for PVs, in the tables and in the messages. */
#include "traces/command.h"

#include "base/options.h"
#include "traces/edit.h"

#include <regex.h>
#include <string.h>

struct rename {
    const char *output, *expression;
};

static const struct option rename_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct rename, output), "FILE", NULL, 0, 0, "the trace to write"},
    {"expression", 'e', OPTION_STRING, offsetof(struct rename, expression), "s/RE/TEXT/", NULL, 0, 0,
     "as sed -E has it: \\1 to \\9 and & in TEXT; any sign may stand for /"},
};

static const struct option_command rename_command = {
    .name = "rename",
    .synopsis = "FILE -o FILE -e s/RE/TEXT/",
    .about = "Gives PVs other names: in each name the first match of the regular expression is replaced. Searches and requests\n"
             "for channels are made anew, so a name may become shorter or longer. PVs that get the same name become one.",
    .examples = "caplay rename -e 's/^BL1:/TEST:/' run.catrace -o test.catrace\n"
                "caplay rename -e 's,(.*):([0-9]+)$,\\2:\\1,' run.catrace -o turned.catrace",
    .options = rename_options,
    .noptions = sizeof rename_options / sizeof *rename_options,
    .min_operands = 1,
    .max_operands = 1,
};

struct rule {
    regex_t re;
    char text[COPY_TEXT_BYTES];
};

struct name { /* that is being made; what does not fit is cut */
    char *at;
    size_t used;
};

static void put(struct name *n, const char *text, size_t length)
{
    const size_t left = COPY_TEXT_BYTES - 1 - n->used;
    length = length < left ? length : left;
    memcpy(n->at + n->used, text, length);
    n->used += length;
    n->at[n->used] = '\0';
}

static void replace(void *arg, enum copy_text what, const char *text, char *renamed)
{
    const struct rule *rule = arg;
    regmatch_t m[10];
    struct name n = {.at = renamed};
    *renamed = '\0';
    if (what != COPY_PV || regexec(&rule->re, text, 10, m, 0) != 0) {
        put(&n, text, strlen(text));
        return;
    }
    put(&n, text, (size_t)m[0].rm_so);
    for (const char *c = rule->text; *c != '\0'; c++) {
        int group = *c == '&' ? 0 : -1;
        if (*c == '\\' && c[1] != '\0') {
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

/* s/RE/TEXT/ into a rule; whose regex is to be freed on success. */
static int read_rule(const char *e, struct rule *rule, struct diag *diag)
{
    char re[COPY_TEXT_BYTES], why[100];
    const char *middle = e != NULL && e[0] == 's' && e[1] != '\0' ? strchr(e + 2, e[1]) : NULL;
    const char *end = middle != NULL ? strchr(middle + 1, e[1]) : NULL;
    if (end == NULL || end[1] != '\0' || strlen(e) >= sizeof re)
        return diag_fail(diag, DIAG_USAGE, "-e: '%s' is not of the form s/RE/TEXT/ (example: s/^BL1:/TEST:/)",
                         e != NULL ? e : "");
    snprintf(re, sizeof re, "%.*s", (int)(middle - e - 2), e + 2);
    snprintf(rule->text, sizeof rule->text, "%.*s", (int)(end - middle - 1), middle + 1);
    int status = regcomp(&rule->re, re, REG_EXTENDED);
    if (status == 0)
        return 0;
    regerror(status, &rule->re, why, sizeof why);
    return diag_fail(diag, DIAG_USAGE, "-e: '%s' is no regular expression: %s", re, why);
}

int traces_rename(int argc, char **argv, struct diag *diag)
{
    struct rename rename = {0};
    struct option_result result;
    struct rule rule;
    struct trace t;
    if (options_parse(&rename_command, argc, argv, &rename, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_check("rename", rename.output, result.operands.at, 1, diag) < 0 || read_rule(rename.expression, &rule, diag) < 0)
        return -1;
    int code = trace_open(&t, result.operands.at[0], diag);
    if (code == 0) {
        const struct copy rules = {.to_ns = UINT64_MAX, .rename = replace, .arg = &rule};
        const struct trace_meta meta = edit_meta(&t);
        code = edit_one(&t, &rules, &meta, rename.output, diag);
        trace_close(&t);
    }
    regfree(&rule.re);
    return code;
}
