/* The front door: one table of subcommands, nothing else. */
#include "base/diag.h"
#include "capture/command.h"
#include "clients/command.h"
#include "replay/command.h"
#include "sim/command.h"
#include "traces/command.h"

#include <fcntl.h>
#include <string.h>

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv, struct diag *diag); /* exit code, or -1 with diag set */
    const char *about;
};

static const struct subcommand subcommands[] = {
    {"ioc", clients_ioc, "run a real EPICS Base IOC in the foreground"},
    {"capture", capture_command, "record CA traffic from an interface or a capture file"},
    {"compile", capture_compile, "a trace from a capture file, or from the text that `dump --format twin` writes"},
    {"info", traces_info, "what a trace holds, and what it lacks"},
    {"dump", traces_dump, "one line a message"},
    {"cut", traces_cut, "a part of a trace, by time and by PV"},
    {"merge", traces_merge, "several traces as one, on one clock"},
    {"rename", traces_rename, "other names for the PVs of a trace"},
    {"anonymise", traces_anonymise, "a trace without names, hosts, users and texts, to give away"},
    {"diff", diff_command, "what is different in two traces"},
    {"stats", clients_stats, "updates a second and service times of a trace, as a table and a picture"},
    {"export", capture_export, "a trace as a capture that other programs decode"},
    {"recover", traces_recover, "a trace from what a capture left that was killed"},
    {"replay", replay_command, "serve a recording from a fake CA server"},
    {"sim", sim_command, "serve a synthesized scenario"},
    {"proxy", proxy_command, "stand before an IOC and record what passes, without privileges"},
    {"snapshot", clients_snapshot, "record what PVs of live IOCs are now"},
    {"validate", clients_validate, "compare two CA servers, message by message"},
    {"doctor", clients_doctor, "what on this machine spoils timing, and the floor that is left"},
    {"clients", clients_list, "which CA clients can be measured, and which run here"},
    {"bench", clients_bench, "measure CA clients against these servers"},
    {"compare", clients_compare, "is a client slower than it was? two results of bench, with gates for CI"},
    {"report", clients_report, "results of bench as a page for a browser, or as CSV, JSON, Markdown"},
};

static const size_t nsubcommands = sizeof subcommands / sizeof *subcommands;

static void help(FILE *out)
{
    fprintf(out, "usage: caplay COMMAND [options]\n\n"
                 "Records EPICS Channel Access traffic, replays it, synthesizes it, and measures clients against it.\n\n");
    for (size_t i = 0; i < nsubcommands; i++)
        fprintf(out, "  %-9s %s\n", subcommands[i].name, subcommands[i].about);
    fprintf(out, "\n`caplay COMMAND --help` explains a command, with examples.\n");
}

/* A file that is opened later must not become 0, 1 or 2 and get our messages. Ours are useless on purpose: writing to them fails.
 */
static void fill_standard_descriptors(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", modes[fd]);
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    struct diag diag = {0};
    if (argc < 2) {
        help(stderr);
        return DIAG_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return DIAG_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("caplay %s\n", CAPLAY_VERSION);
        return DIAG_GOOD;
    }
    for (size_t i = 0; i < nsubcommands; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0) {
            int code = subcommands[i].run(argc - 1, argv + 1, &diag);
            return code < 0 ? diag_report(&diag) : code;
        }
    diag_fail(&diag, DIAG_USAGE, "unknown command '%s': `caplay --help` lists them", argv[1]);
    return diag_report(&diag);
}
