#include "sim/notices.h"

#include "base/clock.h"

bool notices_may(struct notices *n, uint64_t now_ns, uint64_t *left_out)
{
    uint64_t seconds = (now_ns - n->since_ns) / CLOCK_NS;
    unsigned forgotten = seconds < n->said ? (unsigned)seconds : n->said;
    n->said -= forgotten;
    n->since_ns = n->said == 0 ? now_ns : n->since_ns + forgotten * CLOCK_NS;
    if (n->said >= NOTICES_AT_ONCE) {
        n->left_out++;
        return false;
    }
    n->said++;
    *left_out = n->left_out;
    n->left_out = 0;
    return true;
}
