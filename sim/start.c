#include "sim/start.h"

#include <stdlib.h>
#include <string.h>

static int parse_count(const char *text, uint64_t *count)
{
    char *end;
    if (*text < '1' || *text > '9')
        return -1;
    *count = strtoull(text, &end, 10);
    return *end == '\0' ? 0 : -1;
}

int sim_start_parse(struct sim_start *start, const char *text, struct diag *diag)
{
    static const char *const names[] = {"ready", "search", "subscriptions", "signal"};
    static const char prefix[] = "subscriptions=";
    *start = (struct sim_start){.kind = SIM_START_SUBSCRIPTIONS, .subscriptions = 1};
    if (text == NULL)
        return 0;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0 && parse_count(text + sizeof prefix - 1, &start->subscriptions) == 0)
        return 0;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            start->kind = (enum sim_start_kind)i;
            return 0;
        }
    return diag_fail(diag, DIAG_USAGE, "--start-when: '%s' is not one of ready, search, subscriptions=N, signal", text);
}
