/* `caplay diff`: what is different in two traces. */
#include "replay/command.h"

#include "base/options.h"
#include "replay/differ.h"
#include "traces/show.h"
#include "traces/standard.h"

#include <inttypes.h>

#define SHORT_LIST 10u

struct settings {
    bool all;
};

static const struct option options[] = {
    {"all", 0, OPTION_FLAG, offsetof(struct settings, all), NULL, NULL, 0, 0, "all lines (default: the first 10 of a kind)"},
};

static const struct option_command command = {
    .name = "diff",
    .synopsis = "A.catrace B.catrace [--all]",
    .about =
        "Tells what is different in two traces (-: standard input), a line each: a word that says of what kind, a name, then A "
        "-> B (- where there "
        "is\n"
        "none): completeness, circuits, clients; PVs in one only, types, rights, metadata, number of updates, rates, the first\n"
        "value or alarm that is another; messages by kind, service times (median, quartiles) by class. PVs, values and metadata\n"
        "are what a replay serves: what several subscribers saw counts once. Time stamps and addresses are not compared.\n\n"
        "Rates are the same up to 10%. Service times are the same unless their distributions are more than 0.1 apart\n"
        "(Kolmogorov-Smirnov), and more than chance explains at 1%.\n\n"
        "Exit code: 0 nothing is different, 1 something is, 2 a file cannot be read.",
    .examples = "caplay diff monday.catrace tuesday.catrace\n"
                "caplay diff --all a.catrace b.catrace | grep '^value '",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 2,
    .max_operands = 2,
};

/* One opened recording. */
struct input {
    struct trace trace;
    struct timeline timeline;
    struct survey *survey;
};

/* file: -: standard input */
static int input_open(struct input *in, const char *file, struct diag *diag)
{
    *in = (struct input){0};
    const char *path = standard_input(file, diag);
    if (path == NULL || trace_open(&in->trace, path, diag) < 0 || timeline_init(&in->timeline, &in->trace, diag) < 0)
        return -1;
    in->survey = survey_new(&in->trace);
    return in->survey != NULL ? 0 : diag_fail(diag, DIAG_ENVIRONMENT, "no memory to count the messages of %s", file);
}

static void input_close(struct input *in)
{
    survey_free(in->survey);
    timeline_fini(&in->timeline);
    trace_close(&in->trace);
}

static void print_row(const struct differ_row *row)
{
    printf("%-9s %-32s %s -> %s\n", differ_kind_names[row->kind], row->name, *row->text[0] != '\0' ? row->text[0] : "-",
           *row->text[1] != '\0' ? row->text[1] : "-");
}

static void print_rows(const struct differ *d, bool all)
{
    for (size_t i = 0, shown = 0; i < d->nrows && !show_is_closed(); i++) {
        const bool is_first = i == 0 || d->rows[i].kind != d->rows[i - 1].kind;
        const bool is_last = i + 1 == d->nrows || d->rows[i].kind != d->rows[i + 1].kind;
        shown = is_first ? 1 : shown + 1;
        if (all || shown <= SHORT_LIST)
            print_row(&d->rows[i]);
        else if (is_last)
            printf("%-9s ... and %zu more (--all lists them)\n", differ_kind_names[d->rows[i].kind], shown - SHORT_LIST);
    }
}

static int compare(const struct input in[2], bool all, struct diag *diag)
{
    struct differ d;
    struct differ_side sides[2];
    for (unsigned s = 0; s < 2; s++)
        sides[s] = (struct differ_side){&in[s].trace, &in[s].timeline, in[s].survey};
    differ_init(&d, sides);
    if (d.failed) {
        differ_fini(&d);
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory to compare the two");
    }
    show_begin();
    print_rows(&d, all);
    const int code = d.nrows > 0 ? DIAG_DIFFERENCE : DIAG_GOOD;
    differ_fini(&d);
    return show_end(diag) < 0 ? -1 : code;
}

int diff_command(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {0};
    struct option_result result;
    struct input in[2] = {0};
    if (options_parse(&command, argc, argv, &settings, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    int code = 0;
    for (unsigned s = 0; s < 2 && code == 0; s++)
        code = input_open(&in[s], result.operands.at[s], diag);
    if (code == 0)
        code = compare(in, settings.all, diag);
    for (unsigned s = 0; s < 2; s++)
        input_close(&in[s]);
    return code;
}
