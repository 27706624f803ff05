#include "capture/ask.h"

#include "base/child.h"
#include "traces/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct asking {
    char names[PATH_MAX + 16], snapshot[PATH_MAX + 16];
};

/* A list of names has one a line, and # begins a comment. */
static bool is_listable(const char *name)
{
    return *name != '\0' && name[strcspn(name, " \t\r\n#")] == '\0';
}

/* Names of PVs that lack something, one a line. How many, or -1 with diag. */
static int64_t write_names(const struct asking *a, const struct trace *t, struct diag *diag)
{
    int64_t n = 0;
    uint8_t *lacks = fill_lacks(t);
    FILE *file = fopen(a->names, "we");
    for (uint32_t i = 0; lacks != NULL && file != NULL && i < t->npvs; i++)
        if (lacks[i] != 0 && is_listable(trace_pv_name(t, i)))
            n += fprintf(file, "%s\n", trace_pv_name(t, i)) > 0;
    const bool is_written = lacks != NULL && file != NULL && !ferror(file);
    free(lacks);
    if ((file == NULL || fclose(file) == 0) && is_written)
        return n;
    return diag_errno(diag, DIAG_ENVIRONMENT, "--ask: %s", a->names);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return child_exit_code(status);
}

static int take_snapshot(struct asking *a, struct diag *diag)
{
    char program[] = "/proc/self/exe", command[] = "snapshot", list[] = "-l", write[] = "-w";
    char *argv[] = {program, command, list, a->names, write, a->snapshot, NULL};
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const pid_t pid = child_spawn(&(struct child_spec){.argv = argv, .in = nothing, .out = -1, .err = -1}, diag);
    close(nothing);
    if (pid < 0)
        return -1;
    const int code = wait_for(pid);
    if (code == DIAG_GOOD || code == DIAG_DIFFERENCE)
        return 0;
    return diag_fail(diag, DIAG_ENVIRONMENT, "--ask: nothing was asked: `caplay snapshot` ended with %d", code);
}

static int fill(const struct asking *a, struct trace_writer *w, struct diag *diag)
{
    struct trace snapshot;
    if (trace_open(&snapshot, a->snapshot, diag) < 0)
        return -1;
    int result = fill_trace(&snapshot, w, diag);
    trace_close(&snapshot);
    const struct trace t = trace_writer_view(w);
    return result < 0 ? -1 : fill_print_lacks(stderr, &t, diag);
}

int ask_fill(struct trace_writer *w, const char *path, struct diag *diag)
{
    struct asking a;
    snprintf(a.names, sizeof a.names, "%s.names", path);
    snprintf(a.snapshot, sizeof a.snapshot, "%s.asked", path);
    const struct trace t = trace_writer_view(w);
    const int64_t n = write_names(&a, &t, diag);
    int result = n < 0 ? -1 : 0;
    if (n > 0) {
        fprintf(stderr, "asking for what nobody read of %" PRId64 " PVs\n", n);
        result = take_snapshot(&a, diag) < 0 ? -1 : fill(&a, w, diag);
    }
    unlink(a.names);
    unlink(a.snapshot);
    return result;
}
