#include "replay/unknown.h"

#include <inttypes.h>
#include <stdbool.h>

/* FNV-1a */
static uint32_t hash(const char *name, size_t length)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)name[i]) * 16777619u;
    return (h ^ h >> 16) % UNKNOWN_BITS;
}

static bool is_new(struct unknown *u, const char *name, size_t length)
{
    uint32_t bit = hash(name, length);
    if (u->seen[bit / 8] >> bit % 8 & 1)
        return false;
    u->seen[bit / 8] |= (uint8_t)(1u << bit % 8);
    return true;
}

void unknown_name(void *arg, const char *name, size_t length)
{
    struct unknown *u = arg;
    if (u->policy == UNKNOWN_SILENT || !is_new(u, name, length))
        return;
    if (u->count++ == 0)
        snprintf(u->first, sizeof u->first, "%.*s", (int)(length < sizeof u->first ? length : sizeof u->first - 1), name);
    if (u->policy == UNKNOWN_LOG)
        fprintf(stderr, "caplay: no PV '%.*s' in the recording\n", (int)(length < 200 ? length : 200), name);
}

int unknown_verdict(const struct unknown *u, struct diag *diag)
{
    if (u->policy != UNKNOWN_FAIL || u->count == 0)
        return DIAG_GOOD;
    return diag_fail(diag, DIAG_DIFFERENCE, "clients searched for %" PRIu64 " name%s that the recording does not have: '%s'%s",
                     u->count, u->count == 1 ? "" : "s", u->first, u->count == 1 ? "" : "...");
}
