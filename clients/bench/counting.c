#include "clients/bench/counting.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const counting_names[COUNTING_TOOLS] = {"none", "callgrind", "syscalls"};
const char *const counting_figures[COUNTING_TOOLS] = {"", "instructions", "system_calls"};
const char *const counting_programs[COUNTING_TOOLS] = {"", "valgrind", "strace"};
const char *const counting_by[COUNTING_TOOLS] = {"", "callgrind", "strace"};

/* ---- which ---- */

#define RUNS_MAX 1000u

/* "callgrind", "callgrind:10" */
static int parse_one(const char *text, unsigned runs[COUNTING_TOOLS])
{
    const size_t length = strcspn(text, ":");
    uint64_t n = COUNTING_RUNS;
    if (text[length] == ':' && (options_count(text + length + 1, &n) < 0 || n < 1 || n > RUNS_MAX))
        return -1;
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        if (strlen(counting_names[tool]) == length && memcmp(counting_names[tool], text, length) == 0) {
            runs[tool] = (unsigned)n;
            return 0;
        }
    return -1;
}

/* In PATH, as execvp() looks it up. */
static bool is_installed(const char *program)
{
    const char *path = getenv("PATH");
    char file[4096];
    for (size_t length; path != NULL && *path != '\0'; path += length + (path[length] == ':')) {
        length = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)length, path, program);
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

int counting_parse(const struct option_list *list, unsigned runs[COUNTING_TOOLS], struct diag *diag)
{
    memset(runs, 0, COUNTING_TOOLS * sizeof *runs);
    for (unsigned i = 0; i < list->count; i++)
        if (parse_one(list->at[i], runs) < 0)
            return diag_fail(diag, DIAG_USAGE,
                             "--count: '%s' is none of callgrind, callgrind:N, syscalls, syscalls:N with N from 1 to %u, as in "
                             "--count callgrind:6",
                             list->at[i], RUNS_MAX);
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        if (runs[tool] > 0 && !is_installed(counting_programs[tool]))
            return diag_fail(diag, DIAG_ENVIRONMENT, "--count %s: no %s in PATH; Debian: apt-get install %s",
                             counting_names[tool], counting_programs[tool], counting_programs[tool]);
    return 0;
}

/* ---- the command line ---- */

static void add_word(struct counting_words *words, const char *word)
{
    words->at[words->n++] = word;
}

/* Several dumps in one file, a dump at each mark; a file a process. What a command becomes by exec() is counted, too. A process
 * that was forked goes on from its parent's counts: dumped before, these are 0. */
static void add_callgrind(struct counting_words *words, const char *path, bool by_section)
{
    static const char *const fixed[] = {"valgrind",           "-q", "--vgdb=no", "--tool=callgrind", "--trace-children=yes",
                                        "--combine-dumps=yes"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        add_word(words, fixed[i]);
    add_word(words, by_section ? "--dump-before=*getrusage*" : "--dump-before=*fork*");
    snprintf(words->file, sizeof words->file, "--callgrind-out-file=%s.%%p", path);
    add_word(words, words->file);
}

/* A line a call, of all threads and children; arguments stay numbers, so that nothing is read from the client's memory. */
static void add_strace(struct counting_words *words, const char *path)
{
    static const char *const fixed[] = {"strace", "-f", "-qqq", "-e", "raw=all", "-e", "signal=none", "-o"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        add_word(words, fixed[i]);
    snprintf(words->file, sizeof words->file, "%s", path);
    add_word(words, words->file);
}

void counting_words(enum counting_tool tool, const char *path, bool by_section, struct counting_words *words)
{
    words->n = 0;
    if (tool == COUNTING_CALLGRIND)
        add_callgrind(words, path, by_section);
    else if (tool == COUNTING_SYSCALLS)
        add_strace(words, path);
}

/* ---- what it wrote ---- */

static void add_section(struct counted *c)
{
    if (c->n < COUNTING_SECTIONS)
        c->section[c->n] = 0;
    c->n++;
}

static void add_count(struct counted *c, double count)
{
    if (c->n >= 1 && c->n <= COUNTING_SECTIONS)
        c->section[c->n - 1] += count;
    c->total = (isnan(c->total) ? 0 : c->total) + count;
}

/* Each dump of callgrind ends with "totals: N". */
static void read_dump_line(struct counted *c, const char *line)
{
    double n;
    if (sscanf(line, "totals: %lf", &n) != 1)
        return;
    add_section(c);
    add_count(c, n);
}

/* "4711 read(0x3, 0x7f..., 0x40) = 0x40": not "4711 <... read resumed>) = 0x40", which is the end of a call. */
static void read_call_line(struct counted *c, const char *line)
{
    static const char mark[] = "getrusage(";
    const char *call = line + strspn(line, "0123456789 ");
    if (c->n == 0)
        add_section(c);
    if (strncmp(call, mark, sizeof mark - 1) == 0)
        add_section(c);
    else if (islower((unsigned char)*call) || *call == '_')
        add_count(c, 1);
}

/* Only the begin of a line matters, and lines of any length may come. */
void counting_read(enum counting_tool tool, FILE *file, struct counted *counted)
{
    char line[256];
    bool begins = true;
    *counted = (struct counted){.total = NAN};
    while (fgets(line, sizeof line, file) != NULL) {
        if (begins && tool == COUNTING_CALLGRIND)
            read_dump_line(counted, line);
        else if (begins && tool == COUNTING_SYSCALLS)
            read_call_line(counted, line);
        begins = strchr(line, '\n') != NULL;
    }
}

/* Two marks a stage. */
static bool is_marked(const struct counted *counted, const struct bench_stages *stages)
{
    return stages->marked > 0 && counted->n == 2 * stages->marked + 1 && counted->n <= COUNTING_SECTIONS;
}

double counting_stage(const struct counted *counted, const struct bench_stages *stages, enum bench_stage stage)
{
    const unsigned order = stages->order[stage];
    return order > 0 && is_marked(counted, stages) ? counted->section[2 * order - 1] : NAN;
}

double counting_start(const struct counted *counted, const struct bench_stages *stages)
{
    return is_marked(counted, stages) ? counted->section[0] : NAN;
}
