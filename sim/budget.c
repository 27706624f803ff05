#include "sim/budget.h"

#include "base/options.h"

#include <string.h>

#define EXAMPLE    "example: p99=1ms,max=20ms; p50, p90, p99, p999 and max can be limited"
#define WORD_BYTES 64u

static const struct {
    const char *name, *shown;
    double fraction;
} lines[BUDGET_LINES] = {
    {"p50", "p50", 0.5}, {"p90", "p90", 0.9}, {"p99", "p99", 0.99}, {"p999", "p99.9", 0.999}, {"max", "max", 1}};

/* One "p99=1ms" of n characters. What is wrong with it, or NULL. */
static const char *parse_line(struct budget *budget, const char *text, size_t n)
{
    char word[WORD_BYTES], *value;
    if (n >= sizeof word)
        return "is too long";
    memcpy(word, text, n);
    word[n] = '\0';
    if ((value = strchr(word, '=')) == NULL)
        return "has no '='";
    *value++ = '\0';
    for (unsigned i = 0; i < BUDGET_LINES; i++) {
        if (strcmp(word, lines[i].name) != 0)
            continue;
        if (budget->most_ns[i] != 0)
            return "comes twice";
        return options_duration(value, &budget->most_ns[i]) == 0 && budget->most_ns[i] > 0
                   ? NULL
                   : "is no duration above 0 with its unit";
    }
    return "limits nothing that is known";
}

int budget_parse(struct budget *budget, const char *text, struct diag *diag)
{
    *budget = (struct budget){.is_given = text != NULL, .text = text};
    for (const char *at = text, *end; at != NULL; at = *end == ',' ? end + 1 : NULL) {
        end = at + strcspn(at, ",");
        const char *wrong = parse_line(budget, at, (size_t)(end - at));
        if (wrong != NULL)
            return diag_fail(diag, DIAG_USAGE, "--late-budget: '%.*s' of '%s' %s (" EXAMPLE ")", (int)(end - at), at, text,
                             wrong);
    }
    return 0;
}

bool budget_is_over(const struct budget *budget, const struct histogram *self, char *why, size_t room)
{
    char is[BUDGET_TEXT], most[BUDGET_TEXT];
    for (unsigned i = 0; i < BUDGET_LINES; i++) {
        uint64_t ns = histogram_quantile(self, lines[i].fraction);
        if (budget->most_ns[i] == 0 || ns <= budget->most_ns[i])
            continue;
        snprintf(why, room, "own lateness %s %s is over the budget of %s", lines[i].shown, budget_show(ns, is),
                 budget_show(budget->most_ns[i], most));
        return true;
    }
    return false;
}

const char *budget_show(uint64_t ns, char text[BUDGET_TEXT])
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
    unsigned i = 0;
    while (i < 3 && (double)ns < units[i].ns)
        i++;
    snprintf(text, BUDGET_TEXT, "%.3g %s", (double)ns / units[i].ns, units[i].unit);
    return text;
}
