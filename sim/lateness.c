#include "sim/lateness.h"

const char *const lateness_owners[SIM_OWNERS] = {
    [SIM_LATE_SELF] = "self", [SIM_LATE_ORDER] = "order", [SIM_LATE_PEER] = "peer", [SIM_LATE_CONTENTION] = "contention"};

static void count_self(struct lateness *late, uint64_t ns)
{
    if (!late->is_shared || ns < LATENESS_SUSPECT_NS) {
        histogram_add(&late->of[SIM_LATE_SELF], ns);
        return;
    }
    if (late->suspects == LATENESS_SUSPECTS) /* nobody had time to look */
        lateness_settle(late, 0);
    late->suspect_ns[late->suspects++] = ns;
}

void lateness_count(struct lateness *late, uint64_t due_ns, uint64_t free_ns, uint64_t now_ns)
{
    uint64_t from_ns = free_ns > due_ns ? free_ns : due_ns;
    if (from_ns > due_ns)
        histogram_add(&late->of[SIM_LATE_PEER], from_ns - due_ns);
    count_self(late, now_ns > from_ns ? now_ns - from_ns : 0);
}

void lateness_settle(struct lateness *late, uint64_t contention_ns)
{
    for (unsigned i = 0; i < late->suspects; i++) {
        uint64_t ns = late->suspect_ns[i], contended_ns = ns < contention_ns ? ns : contention_ns;
        if (contended_ns > 0)
            histogram_add(&late->of[SIM_LATE_CONTENTION], contended_ns);
        histogram_add(&late->of[SIM_LATE_SELF], ns - contended_ns);
    }
    late->suspects = 0;
}
