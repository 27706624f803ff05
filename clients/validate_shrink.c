#include "clients/validate.h"
char *validate_shrink(struct validate *v, const char *text, struct diag *diag)
{
    (void)v;
    (void)text;
    (void)diag;
    return NULL;
}
