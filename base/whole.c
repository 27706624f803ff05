#include "base/whole.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

int whole_open(struct whole *w, const char *path, struct diag *diag)
{
    struct stat status;
    bool is_special = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
    w->file = NULL;
    w->aside[0] = '\0';
    int n = snprintf(w->path, sizeof w->path, "%s", path);
    if (n >= 0 && (size_t)n < sizeof w->path && !is_special)
        n = snprintf(w->aside, sizeof w->aside, "%s.part", path);
    if (n < 0 || (size_t)n >= sizeof w->aside)
        errno = ENAMETOOLONG;
    else
        w->file = fopen(is_special ? path : w->aside, "we");
    return w->file != NULL ? 0 : diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", path);
}

int whole_close(struct whole *w, struct diag *diag)
{
    errno = EIO; /* where a call below sets none */
    bool failed = fflush(w->file) != 0 || ferror(w->file);
    int sys = errno;
    if (fclose(w->file) != 0 && !failed) {
        failed = true;
        sys = errno;
    }
    w->file = NULL;
    if (!failed && (w->aside[0] == '\0' || rename(w->aside, w->path) == 0))
        return 0;
    errno = failed ? sys : errno;
    diag_errno(diag, DIAG_ENVIRONMENT, "cannot write %s", w->path);
    if (w->aside[0] != '\0')
        unlink(w->aside);
    return -1;
}

void whole_abandon(struct whole *w)
{
    if (w->file == NULL)
        return;
    fclose(w->file);
    w->file = NULL;
    if (w->aside[0] != '\0')
        unlink(w->aside);
}
