/* Changes of access rights in a recording: which PV, when, what. What each client was told when it connected is no change: users
 * may have rights of their own. Rule: ca-protocol 9.5. */
#ifndef CAPLAY_REPLAY_RIGHTS_H
#define CAPLAY_REPLAY_RIGHTS_H

#include "replay/samples.h"

#define RIGHTS_ROUND_END UINT64_MAX /* a change back, when the recording begins anew */

struct rights_change {
    uint64_t due_ns; /* since time 0, or RIGHTS_ROUND_END */
    uint32_t pv;     /* of the samples */
    uint8_t rights;
};

struct rights {
    uint8_t *first; /* of each of the samples' PVs at time 0; 0xff: not known */
    struct rights_change *changes;
    uint32_t nchanges;
};

/* Collect; time 0 is zero_ns after the trace's first packet. 0, or -1 without memory. rights_fini() also after a failure. */
int rights_init(struct rights *rights, const struct samples *samples, uint64_t zero_ns);
void rights_fini(struct rights *rights);

/* Time 0 moves to from_ns, and nothing comes at to_ns or later. first: the rights of each of npvs PVs at time 0, which move
 * along; the changes' PVs are indices in it. 0, or -1 without memory. */
int rights_cut(struct rights *rights, uint8_t *first, uint32_t npvs, uint64_t from_ns, uint64_t to_ns);

#endif
