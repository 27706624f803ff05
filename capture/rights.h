/* Giving up root once it is not needed any more. */
#ifndef CAPLAY_CAPTURE_RIGHTS_H
#define CAPLAY_CAPTURE_RIGHTS_H

#include "base/diag.h"

/* Go on as `user`, for good: groups, then the user, which also takes all capabilities. 0, or -1 with DIAG_USAGE (no such user) or
 * DIAG_ENVIRONMENT (not root). */
int rights_drop(const char *user, struct diag *diag);

#endif
