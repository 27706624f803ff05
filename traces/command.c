#include "traces/command.h"

int traces_dump(int argc, char **argv, struct diag *diag)
{
    (void)argc;
    return diag_fail(diag, DIAG_ENVIRONMENT, "%s: not built into this tree yet", argv[0]);
}
