/* Names that clients search for and the recording does not have: one policy for the whole run. */
#ifndef CAPLAY_REPLAY_UNKNOWN_H
#define CAPLAY_REPLAY_UNKNOWN_H

#include "base/diag.h"

#include <stddef.h>
#include <stdint.h>

enum unknown_policy { UNKNOWN_SILENT, UNKNOWN_LOG, UNKNOWN_FAIL };

#define UNKNOWN_BITS (1u << 16)

/* policy is the user's; the rest starts zeroed. */
struct unknown {
    unsigned policy; /* enum unknown_policy */
    uint64_t count;  /* different ones, about */
    char first[64];
    uint8_t seen[UNKNOWN_BITS / 8]; /* by hash: libca searches for a name for ever, it is logged once */
};

/* A search for it came; arg is a struct unknown. Allocates nothing. */
void unknown_name(void *arg, const char *name, size_t length);

/* DIAG_GOOD, or -1 with DIAG_DIFFERENCE where the policy is to fail and a name was unknown. */
int unknown_verdict(const struct unknown *unknown, struct diag *diag);

#endif
