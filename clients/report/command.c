/* `caplay report`: results of `caplay bench` as a page that people look at. The page is made by report.py, in Python, which has
 * the charts' library; here are only the options. */
#include "clients/command.h"
#include "base/child.h"
#include "base/options.h"

#include <limits.h>
#include <stdlib.h>

struct settings {
    const char *output, *doctor;
};

static const struct option options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct settings, output), "DIR|FILE", NULL, 0, 0,
     "a folder for index.html, or FILE.html, FILE.csv, FILE.json or FILE.md (default report)"},
    {"doctor", 0, OPTION_STRING, offsetof(struct settings, doctor), "FILE", NULL, 0, 0,
     "what `caplay doctor --json` found on the machine, for the page"},
};

static const struct option_command command = {
    .name = "report",
    .synopsis = "RESULT.json [MORE.json ...] [options]",
    .about =
        "Makes one page of a result of `caplay bench`, with everything in it, for a browser without a network: distributions of\n"
        "each stage, time against the number of PVs, CPU and memory over time, the servers' own lateness, the verdicts, what\n"
        "was invalid or failed and why, the machine, the versions and the command to repeat it. Light and dark.\n"
        "\n"
        "Several results become a history, oldest first; the rest of the page is of the newest one.\n"
        "What is not in a file is not shown, and said. docs/report.md explains the charts.",
    .examples = "caplay report report/bench.json -o report\n"
                "caplay report monday.json tuesday.json -o history.html\n"
                "caplay report report/bench.json -o figures.csv\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = OPTION_LIST_MAX,
};

int clients_report(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {.output = "report"};
    struct option_result parsed;
    char program[PATH_MAX];
    const char *python = getenv("CAPLAY_PYTHON");
    if (options_parse(&command, argc, argv, &settings, &parsed, diag) < 0)
        return -1;
    if (parsed.help)
        return DIAG_GOOD;
    if (child_libexec("report.py", program, sizeof program, diag) < 0)
        return -1;
    const char *arguments[OPTION_LIST_MAX + 8] = {python != NULL ? python : CAPLAY_PYTHON, program, "--output", settings.output};
    unsigned n = 4;
    if (settings.doctor != NULL) {
        arguments[n++] = "--doctor";
        arguments[n++] = settings.doctor;
    }
    arguments[n++] = "--"; /* a result may begin with a dash */
    for (unsigned i = 0; i < parsed.operands.count; i++)
        arguments[n++] = parsed.operands.at[i];
    return child_run(arguments, -1, diag);
}
