/* `caplay compile`: a trace of a capture file, or of a trace's text twin. */
#include "capture/command.h"

#include "base/options.h"
#include "capture/file.h"
#include "traces/edit.h"
#include "traces/standard.h"
#include "traces/twin.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct compiling {
    const char *output;
    struct option_list ports;
};

static const struct option compile_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct compiling, output), "FILE", NULL, 0, 0,
     "the trace to write; -: standard output"},
    {"port", 0, OPTION_LIST, offsetof(struct compiling, ports), "N", NULL, 0, 0,
     "TCP port of a CA server whose search was not captured (repeatable); of a capture only"},
};

static const struct option_command compile_command = {
    .name = "compile",
    .synopsis = "FILE -o FILE.catrace [--port N]",
    .about =
        "Makes a trace of a capture (pcap or pcapng, also gzipped), as `caplay capture -r` does, or of the text of a trace, as\n"
        "`caplay dump --format twin` writes it and docs/twin.md describes it: the trace that the text was made of comes back\n"
        "byte by byte. FILE - is standard input. Text that is no such trace is refused with its line.",
    .examples = "caplay compile evidence.pcapng -o evidence.catrace\n"
                "caplay dump --format twin run.catrace > run.jsonl; edit run.jsonl; caplay compile run.jsonl -o edited.catrace\n"
                "zcat run.jsonl.gz | caplay compile - -o run.catrace",
    .options = compile_options,
    .noptions = sizeof compile_options / sizeof *compile_options,
    .min_operands = 1,
    .max_operands = 1,
};

/* Text begins with a brace, which no capture does. */
static bool is_text(FILE *in)
{
    int c = fgetc(in);
    while (c != EOF && isspace(c))
        c = fgetc(in);
    rewind(in);
    return c == '{';
}

static int compile_text(FILE *in, const char *name, const struct compiling *c, struct diag *diag)
{
    struct trace_counts counts;
    if (c->ports.count > 0)
        return diag_fail(diag, DIAG_USAGE, "--port: %s is no capture: its text says which port is whose", name);
    if (twin_read(in, name, c->output, &counts, diag) < 0)
        return -1;
    fprintf(stderr, "%s: %" PRIu32 " messages, %" PRIu32 " circuits, %" PRIu32 " PVs\n", c->output, counts.events,
            counts.circuits, counts.pvs);
    return DIAG_GOOD;
}

static bool is_same(FILE *in, const char *output)
{
    struct stat a, b;
    return fstat(fileno(in), &a) == 0 && stat(output, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int compile_file(const char *file, const struct compiling *c, struct diag *diag)
{
    const bool is_stdin = strcmp(file, "-") == 0;
    /* a twin is read twice, and a capture begins where it begins */
    if (is_stdin && standard_rewindable(diag) < 0)
        return -1;
    FILE *in = is_stdin ? fdopen(dup(STDIN_FILENO), "r") : fopen(file, "re");
    if (in == NULL)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", file);
    int code;
    if (is_same(in, c->output))
        code = diag_fail(diag, DIAG_USAGE, "compile: -o %s is the input: take another name", c->output);
    else if (is_text(in))
        code = compile_text(in, is_stdin ? "standard input" : file, c, diag);
    else {
        lseek(fileno(in), 0, SEEK_SET); /* standard input shares its place */
        code = capture_file(file, c->output, &c->ports, diag);
    }
    fclose(in);
    return code;
}

int capture_compile(int argc, char **argv, struct diag *diag)
{
    struct compiling c = {0};
    struct option_result result;
    if (options_parse(&compile_command, argc, argv, &c, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_output("compile", c.output, "run.catrace", diag) < 0)
        return -1;
    struct standard_output standard;
    c.output = standard_output(&standard, c.output, diag);
    return standard_deliver(&standard, c.output != NULL ? compile_file(result.operands.at[0], &c, diag) : -1, diag);
}
