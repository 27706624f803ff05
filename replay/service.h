/* Service times of a recording: from a request's last byte to its reply's first byte, at the capture. Where the reply before, of
 * the same circuit and lane, came later than the request, the time runs from that reply: a client that asks for 10,000 values at
 * once waits for its own queue, and another that asks for one must not.
 *
 * The k-th request of a class for a PV gets the k-th recorded time of that PV; what goes on longer than the recording draws from
 * the recorded times of its class that were not behind another (from all, if there are none). Draws depend on the PV, the class
 * and k alone, so that the order in which clients ask changes nothing. */
#ifndef CAPLAY_REPLAY_SERVICE_H
#define CAPLAY_REPLAY_SERVICE_H

#include "replay/timeline.h"
#include "sim/source.h"

#define SERVICE_NO_PV UINT32_MAX /* ECHO */

/* All recorded times of one class. */
struct service_class {
    uint64_t *sorted_ns; /* those to draw from */
    uint32_t nsorted;
    uint32_t n;      /* all */
    uint32_t *start; /* of each PV's times in `times_ns`; one more at the end, and one PV for SERVICE_NO_PV */
    uint64_t *times_ns;
    uint32_t *next; /* how many of a PV's times were given out; grows beyond them */
};

struct service {
    struct service_class classes[SIM_CLASSES];
    uint32_t npvs;
};

/* Collect. pv numbers below are the timeline's. 0, or -1 with DIAG_ENVIRONMENT; service_fini() also after a failure. */
int service_init(struct service *service, const struct trace *trace, const struct timeline *timeline, struct diag *diag);
void service_fini(struct service *service);

/* ns for the next request of this class and PV; 0 if the recording has no such request. Allocates nothing. */
uint64_t service_next(struct service *service, uint32_t pv, enum sim_class class);

/* The time that a fraction of those to draw from does not exceed; 0 if there is none. */
uint64_t service_quantile(const struct service *service, enum sim_class class, double fraction);

const char *service_class_name(enum sim_class class);

#endif
