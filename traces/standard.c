#include "traces/standard.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int standard_rewindable(struct diag *diag)
{
    char bytes[1 << 16];
    ssize_t n;
    if (lseek(STDIN_FILENO, 0, SEEK_SET) == 0)
        return 0;
    FILE *copy = tmpfile();
    if (copy == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "no temporary file for standard input");
    while ((n = read(STDIN_FILENO, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && fwrite(bytes, (size_t)n, 1, copy) != 1)
            break;
    bool is_good =
        n == 0 && fflush(copy) == 0 && dup2(fileno(copy), STDIN_FILENO) == STDIN_FILENO && lseek(STDIN_FILENO, 0, SEEK_SET) == 0;
    if (!is_good)
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot copy standard input to a temporary file");
    fclose(copy);
    return is_good ? 0 : -1;
}

const char *standard_input(const char *path, struct diag *diag)
{
    if (strcmp(path, "-") != 0)
        return path;
    return standard_rewindable(diag) == 0 ? "/dev/stdin" : NULL;
}

const char *standard_output(struct standard_output *o, const char *path, struct diag *diag)
{
    const char *folder = getenv("TMPDIR");
    *o = (struct standard_output){0};
    if (strcmp(path, "-") != 0)
        return path;
    if (isatty(STDOUT_FILENO)) {
        diag_fail(diag, DIAG_USAGE, "-o -: standard output is a terminal, and a trace is no text");
        return NULL;
    }
    const bool fits = folder != NULL && *folder != '\0' && strlen(folder) < sizeof o->folder - sizeof "/caplay-XXXXXX";
    snprintf(o->folder, sizeof o->folder, "%.48s/caplay-XXXXXX", fits ? folder : "/tmp");
    if (mkdtemp(o->folder) == NULL) {
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot make a temporary folder %s", o->folder);
        o->folder[0] = '\0';
        return NULL;
    }
    snprintf(o->file, sizeof o->file, "%.63s/trace", o->folder);
    return o->file;
}

static int copy_out(const char *path, struct diag *diag)
{
    char bytes[1 << 16];
    size_t n;
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot read %s", path);
    signal(SIGPIPE, SIG_IGN); /* a reader that goes makes a failed write, and the temporary file goes, too */
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0 && fwrite(bytes, 1, n, stdout) == n)
        ;
    const bool is_read = n == 0 && ferror(in) == 0;
    fclose(in);
    return is_read && fflush(stdout) == 0 ? 0 : diag_errno(diag, DIAG_ENVIRONMENT, "cannot write the trace to standard output");
}

int standard_deliver(struct standard_output *o, int code, struct diag *diag)
{
    if (o->folder[0] == '\0')
        return code;
    if (code == DIAG_GOOD && copy_out(o->file, diag) < 0)
        code = -1;
    unlink(o->file);
    rmdir(o->folder);
    return code;
}
