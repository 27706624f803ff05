#include "base/diag.h"

#include <errno.h>
#include <string.h>

static void fill(struct diag *diag, enum diag_exit code, int sys, const char *format, va_list args)
{
    diag->code = code;
    diag->sys = sys;
    vsnprintf(diag->text, sizeof diag->text, format, args);
}

int diag_fail(struct diag *diag, enum diag_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(diag, code, 0, format, args);
    va_end(args);
    return -1;
}

int diag_errno(struct diag *diag, enum diag_exit code, const char *format, ...)
{
    int sys = errno;
    va_list args;
    va_start(args, format);
    fill(diag, code, sys, format, args);
    va_end(args);
    size_t used = strlen(diag->text);
    snprintf(diag->text + used, sizeof diag->text - used, ": %s", strerror(sys));
    return -1;
}

int diag_report(const struct diag *diag)
{
    fprintf(stderr, "caplay: %s\n", diag->text);
    return (int)diag->code;
}
