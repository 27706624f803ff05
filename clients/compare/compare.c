/* `caplay compare`: is the new result slower than the base? */
#include "clients/compare/compare.h"

#include "base/whole.h"
#include "clients/command.h"

#include <stdlib.h>

struct settings {
    struct option_list gates;
    const char *junit, *markdown;
    bool force;
};

static const struct option options[] = {
    {"gate", 'g', OPTION_LIST, offsetof(struct settings, gates), "GATE", NULL, 0, 0,
     "counts, ratio:R, interval[:R] or field-rule; may be repeated (default counts and interval)"},
    {"junit", 0, OPTION_STRING, offsetof(struct settings, junit), "FILE", NULL, 0, 0, "the rows as JUnit's XML"},
    {"markdown", 0, OPTION_STRING, offsetof(struct settings, markdown), "FILE", NULL, 0, 0,
     "for a comment on a pull request: the verdict in the first line"},
    {"force", 0, OPTION_FLAG, offsetof(struct settings, force), NULL, NULL, 0, 0,
     "also with different servers or clients: the first with the first and so on"},
};

static const struct option_command command = {
    .name = "compare",
    .synopsis = "BASE.json NEW.json [options]",
    .about =
        "Compares two results of `caplay bench --save` and ends with the answer: slower or not.\n"
        "\n"
        "  counts      what repeats exactly from run to run must be equal, what repeats within 1% within 1%; the tool finds\n"
        "              out itself which counts do; noisy ones are shown and not judged. They are there where our server served\n"
        "              each run alone: one client and one connect step (--client libca --pvs 1000), or monitors\n"
        "  interval    the 95% interval of the ratio of medians, of times and instructions (CPU time where either result has\n"
        "              none, or they were counted in another way; see caplay bench --count): slower if all of it lies above R\n"
        "              (1.10), the rank test agrees after Holm's correction over all rows, and the first deciles agree, or, "
        "where\n"
        "              the medians do not decide it, if the first deciles do; equivalent if it lies inside; of times also if "
        "the\n"
        "              difference is below 3 ms (a slice of the scheduler) or our own lateness, or, undecided otherwise, within\n"
        "              the field's rule\n"
        "  ratio:R     the ratio of medians alone\n"
        "  field-rule  the difference: 1e-4 s a PV to connect, 1e-2 s a PV to read\n"
        "\n"
        "Exit code: 0 faster or equivalent, 1 slower, 3 undecided or a run is invalid, 4 a client is broken, 5 a client that "
        "was\n"
        "asked for is not installed; of several 5 before 3 before 4 before 1.",
    .examples = "caplay bench ten-thousand --client pyepics,caproto --save base.json\n"
                "caplay compare base.json new.json --junit compare.xml --markdown compare.md\n"
                "caplay compare base.json new.json --gate ratio:1.25 --gate field-rule\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 2,
    .max_operands = 2,
};

static int write_file(const struct compare *c, const char *path, void (*write)(const struct compare *, FILE *), struct diag *diag)
{
    struct whole file;
    if (path == NULL)
        return 0;
    if (whole_open(&file, path, diag) < 0)
        return -1;
    write(c, file.file);
    return whole_close(&file, diag);
}

static int compare(const struct result *base, const struct result *fresh, const struct settings *s, struct diag *diag)
{
    struct compare *c = calloc(1, sizeof *c);
    if (c == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot start");
    c->base = base;
    c->fresh = fresh;
    int code = gates_parse(&s->gates, &c->gates, diag);
    if (code == 0)
        code = compare_make(c, s->force, diag);
    if (code == 0) {
        compare_print(c, stdout);
        code = write_file(c, s->junit, compare_junit, diag) < 0 || write_file(c, s->markdown, compare_markdown, diag) < 0
                   ? -1
                   : (int)compare_exit(c);
    }
    compare_free(c);
    free(c);
    return code;
}

int clients_compare(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {.force = false};
    struct option_result parsed;
    struct result base, fresh;
    if (options_parse(&command, argc, argv, &settings, &parsed, diag) < 0)
        return -1;
    if (parsed.help)
        return DIAG_GOOD;
    if (result_read(&base, parsed.operands.at[0], diag) < 0)
        return -1;
    int code = result_read(&fresh, parsed.operands.at[1], diag);
    if (code == 0) {
        code = compare(&base, &fresh, &settings, diag);
        result_free(&fresh);
    }
    result_free(&base);
    return code;
}
