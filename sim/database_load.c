#include "sim/database_load.h"

#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), n = strlen(end);
    return length > n && strcmp(name + length - n, end) == 0;
}

bool database_is_yaml(const char *name)
{
    return ends_in(name, ".yaml") || ends_in(name, ".yml");
}

bool database_is_file(const char *name)
{
    return database_is_yaml(name) || ends_in(name, ".db") || ends_in(name, ".template");
}

static struct scenario *load_yaml(const char *file, struct diag *diag)
{
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        diag_errno(diag, DIAG_USAGE, "cannot read %s", file);
        return NULL;
    }
    struct scenario *s = scenario_read(f, file, diag);
    fclose(f);
    return s;
}

/* caplay-db with its stdout in a pipe. */
static pid_t start(const char *file, const char *macros, FILE **out, struct diag *diag)
{
    char program[PATH_MAX];
    int ends[2];
    if (access(file, R_OK) != 0)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", file);
    if (child_libexec("caplay-db", program, sizeof program, diag) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "pipe");
    const char *argv[] = {program, file, macros != NULL ? "--macros" : NULL, macros, NULL};
    const struct child_spec spec = {.argv = (char *const *)argv, .in = -1, .out = ends[1], .err = -1};
    pid_t pid = child_spawn(&spec, diag);
    close(ends[1]);
    *out = pid > 0 ? fdopen(ends[0], "r") : NULL;
    if (*out == NULL)
        close(ends[0]);
    return pid;
}

/* What it ended with counts before what is wrong with its output. EPICS Base 7.0.10 crashes on a file that ends within a
 * record. */
static int explain(int status, const char *file, struct diag *diag)
{
    int code = child_exit_code(status);
    if (code == DIAG_GOOD)
        return 0;
    if (WIFSIGNALED(status))
        return diag_fail(diag, DIAG_USAGE, "EPICS Base crashed (signal %d) while it loaded %s: does it end within a record?",
                         WTERMSIG(status), file);
    return diag_fail(diag, code == DIAG_USAGE ? DIAG_USAGE : DIAG_ENVIRONMENT, "%s: not served", file);
}

struct scenario *database_load(const char *file, const char *macros, struct diag *diag)
{
    FILE *out = NULL;
    int status = 0;
    if (database_is_yaml(file))
        return load_yaml(file, diag);
    pid_t pid = start(file, macros, &out, diag);
    if (pid < 0)
        return NULL;
    struct scenario *s = out != NULL ? scenario_read(out, file, diag) : NULL;
    if (out != NULL)
        fclose(out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (explain(status, file, diag) < 0) {
        scenario_free(s);
        return NULL;
    }
    return s;
}
