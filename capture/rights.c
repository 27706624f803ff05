#include "capture/rights.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

int rights_drop(const char *user, struct diag *diag)
{
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL)
        return diag_fail(diag, DIAG_USAGE, "-Z: there is no user '%s'", user);
    if (geteuid() != 0) /* capabilities would stay */
        return diag_fail(diag, DIAG_ENVIRONMENT, "-Z: only root can go on as '%s'", user);
    if (initgroups(entry->pw_name, entry->pw_gid) < 0 || setgid(entry->pw_gid) < 0 || setuid(entry->pw_uid) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "-Z: cannot go on as '%s'", user);
    return 0;
}
